//! `onboard`: sets up key, default model and fallbacks, from prompts or options; all is written at the end.

mod credential;
pub(super) mod flags;
mod interactive;
pub(super) mod key;
mod model_dialogue;
mod model_picker;
mod prompt;
mod providers;

use std::io::{IsTerminal as _, stderr, stdin};

use serde::Serialize;

use super::{
    Outcome, args::OnboardArgs, chat, plugin_args::Loaded, session::Ground, signals, terminal::Terminal,
    termios::SavedMode,
};
use model_provider_host::{
    Error, ErrorKind, Host, Result,
    contract::{DiscoveryMode, ProviderErrorKind, ProviderInfo, is_credential_optional},
    sanitize,
};
use openclaw_config::{Alias, FoundSecret, Onboarded, Onboarding, StoredKey};

use self::{interactive::Wizard, key::Verdict, providers::Provider};

/// What was written, as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnboardedJson {
    provider: String,
    /// The provider's configuration.
    model: String,
    /// The model that is used if none is named.
    default_model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
    configuration: String,
    changed: bool,
}

pub(super) async fn run(terminal: Terminal, loaded: Loaded, args: &OnboardArgs) -> Outcome {
    let Loaded { mut ground, plugins } = loaded;
    ground.warn_of_exposed(terminal);
    for plugin in &plugins {
        ground.warn_of_exposed_tools(terminal, plugin.info());
        ground.warn_of_broken_list(terminal, plugin.info());
    }
    if !args.foreign.is_empty() {
        let (what, is) = (
            args.foreign.join(", "),
            if args.foreign.len() == 1 { "is" } else { "are" },
        );
        terminal.note(&format!(
            "{} {what} {is} OpenClaw's own and set nothing up here",
            terminal.err.cyan("note:")
        ));
    }
    if args.non_interactive {
        let provider = providers::named(&plugins, args)?;
        let decided = decided(terminal, &ground, &provider, args).await?;
        return finish(terminal, &ground, &provider, &decided).await;
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let error = Error::new(
            ErrorKind::Configuration,
            "onboarding prompts for input, and there is no terminal to prompt on",
        );
        return Err(error.with_hint("run it with `--non-interactive`").into());
    }
    terminal.err.rule_questions();
    let (_mode, mut ending) = (SavedMode::now(), signals::Ending::watched());
    let (provider, decided) = tokio::select! {
        talked = async {
            let provider = providers::choose(&plugins, args).await?;
            credential::granted(&ground, &provider)?;
            let checks = !args.skip_health;
            let talk = Wizard { terminal, ground: &ground, provider: &provider, checks, args };
            let decided = talk.hold().await?;
            Ok::<_, Error>((provider, decided))
        } => talked?,
        () = signals::interrupted() => return Err(prompt::given_up().into()),
        () = ending.arrived() => return Err(prompt::given_up().into()),
    };
    finish(terminal, &ground, &provider, &decided.onboarding).await?;
    if decided.wants_test {
        test(terminal, &decided.host, &decided.onboarding.model).await?;
    }
    Ok(())
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

/// The choices of non-interactive onboarding.
async fn decided(
    terminal: Terminal,
    ground: &Ground,
    provider: &Provider,
    args: &OnboardArgs,
) -> Result<Onboarding> {
    let info = provider.plugin.info();
    credential::granted(ground, provider)?;
    let found = credential::found(ground, &provider.plugin, provider.key.as_ref()).await?;
    if let (None, Some(spec)) = (&found, &info.credential)
        && !is_credential_optional(info)
    {
        let variable = spec
            .env_vars
            .last()
            .map_or_else(String::new, |name| format!("{name} in env, or "));
        let message = format!(
            "Missing --{} (or {variable}existing {} API-key profile).",
            flags::choice(&info.id),
            info.id
        );
        return Err(Error::new(
            ErrorKind::Provider(ProviderErrorKind::Unauthenticated),
            message,
        ));
    }
    // A key with characters that no header carries is not worth storing.
    let secret = found.clone().map(FoundSecret::named);
    let has_key = secret.is_some();
    let settings = ground.settings(info)?;
    let discovery = settings.discovery;
    let host = ground.start(provider.plugin.clone(), settings, secret)?;
    if has_key && !args.skip_health {
        check(terminal, &host, info).await?;
    }
    let model = match &info.default_model {
        Some(model) => model.clone(),
        None => first_listed(terminal, &host, discovery).await?,
    };
    let (secret, source) = found.map(|found| (found.secret, found.source)).unzip();
    let (key, profile) = credential::to_store(
        ground,
        &provider.plugin,
        args.secret_input_mode,
        secret,
        source.as_ref(),
    )?;
    Ok(Onboarding {
        key,
        profile,
        base_url: ground.named_base_url().map(str::to_owned),
        model,
        replaces_default: args.set_default,
        alias: Alias::IfNone(openclaw_config::plain_alias(&info.name)),
        fallbacks: None,
    })
}

/// The default where the provider names none: the first model that its service lists.
async fn first_listed(terminal: Terminal, host: &Host, discovery: DiscoveryMode) -> Result<String> {
    let catalog = host.list_models(discovery).await?;
    let Some(first) = catalog.models.first() else {
        let why = catalog
            .warnings
            .first()
            .map_or("it lists none", |warning| &warning.message);
        let message = format!(
            "`{}` names no default model, and none is listed: {why}",
            host.info().id
        );
        return Err(wrong(&message).with_hint("check the base URL, and whether the server runs"));
    };
    terminal.warn_of(catalog.warnings.iter().map(|warning| warning.message.as_str()));
    host.resolve(&first.id).await.map(|found| found.canonical)
}

/// Refuses a key that the service rejects; one that could not be checked is stored, with a warning.
async fn check(terminal: Terminal, host: &Host, info: &ProviderInfo) -> Result<()> {
    let verdict = {
        let _turning = terminal.spinner("checking the key");
        key::check(host, info).await
    };
    match verdict {
        Verdict::Good => Ok(()),
        Verdict::Bad(error) => {
            let hint = error.hint().unwrap_or_default().to_owned();
            Err(error.with_hint(format!("{hint} `--skip-health` stores the key unchecked.").trim_start()))
        }
        Verdict::Unknown { why, .. } => {
            terminal.warn(&format!("the key could not be checked: {why}"));
            Ok(())
        }
    }
}

/// Writes the choices and reports them.
async fn finish(terminal: Terminal, ground: &Ground, provider: &Provider, decided: &Onboarding) -> Outcome {
    let info = provider.plugin.info();
    let configuration = &ground.configuration;
    let Onboarded {
        profile,
        default,
        configuration_changed,
        profiles_changed,
        ..
    } = configuration.onboard(info, decided)?;
    let changed = configuration_changed || profiles_changed;
    let is_default = default == decided.model;
    if !terminal.is_text() {
        terminal.json(&OnboardedJson {
            provider: info.id.clone(),
            model: decided.model.clone(),
            default_model: default,
            profile,
            configuration: configuration.path().display().to_string(),
            changed,
        })?;
    } else {
        let shown = sanitize::name(&default).into_owned();
        match (is_default, changed) {
            (true, true) => terminal.line(&format!("Default model set to {shown}"))?,
            (true, false) => {
                terminal.line(&format!("Default model is {shown}; nothing had to be changed"))?;
            }
            (false, _) => {
                terminal.line(&format!("Default model stays {shown}"))?;
                let wanted = sanitize::name(&decided.model);
                terminal.line(&format!(
                    "               `--set-default`, or `models set {wanted}`, makes it {wanted}"
                ))?;
            }
        }
        if changed {
            terminal.line(&format!("configuration  {}", configuration.path().display()))?;
            if let Some(profile) = profile {
                let file = configuration.profiles_path();
                terminal.line(&format!("key            {profile} in {}", file.display()))?;
            }
            if profiles_changed && configuration.openclaw_imports_keys() {
                terminal.note(&format!(
                    "{} `openclaw doctor --fix` imports the key into OpenClaw's own store",
                    terminal.err.cyan("hint:")
                ));
            }
        }
    }
    let key = match &decided.key {
        Some(StoredKey::Plain(key)) => Some(key),
        _ => None,
    };
    if let Some(key) = key
        && let Some(first) = credential::found_now(ground, &provider.plugin).await?
        && first.secret.expose() != key.expose()
    {
        terminal.warn(&format!(
            "another key is found before the stored one and is used: {}",
            first.source
        ));
    }
    Ok(())
}

/// A short prompt, to see a response.
async fn test(terminal: Terminal, host: &Host, model: &str) -> Outcome {
    terminal.note("");
    chat::once(terminal, host, model, "Say hello in one short sentence.").await
}
