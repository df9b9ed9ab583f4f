//! `onboard`: sets up key, default model and fallbacks, from prompts or options; all is written at the end.

pub(super) mod flags;
mod interactive;
pub(super) mod key;
mod model_picker;
mod prompt;

use std::io::{IsTerminal as _, stderr, stdin};

use serde::Serialize;

use super::{
    Outcome,
    args::{OnboardArgs, SecretInputMode},
    chat,
    plugin_args::Loaded,
    session::Ground,
    signals,
    terminal::Terminal,
    termios::Kept,
};
use model_provider_host::{
    Error, Host, Kind, Plugin, Result, Secret,
    contract::{DiscoveryMode, ErrorKind, ProviderInfo, is_credential_optional},
    sanitize,
};
use openclaw_config::{Alias, FoundSecret, Onboarded, Onboarding, SecretSource, StoredKey};

use self::{interactive::Talk, key::Verdict, prompt::Entry};

/// The provider being set up, and the key that the options give for it.
struct Provider {
    plugin: Plugin,
    key: Option<Secret>,
}

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

pub(super) async fn run(terminal: &Terminal, loaded: Loaded, args: &OnboardArgs) -> Outcome {
    let Loaded { mut ground, plugins } = loaded;
    ground.warn_of_exposed(terminal);
    for plugin in &plugins {
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
        let provider = named(&plugins, args)?;
        let decided = decided(terminal, &ground, &provider, args).await?;
        return finish(terminal, &ground, &provider, &decided).await;
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let error = Error::new(
            Kind::Configuration,
            "onboarding prompts for input, and there is no terminal to prompt on",
        );
        return Err(error.with_hint("run it with `--non-interactive`").into());
    }
    terminal.err.rule_questions();
    let (_mode, mut ending) = (Kept::now(), signals::Ending::watched());
    let (provider, decided) = tokio::select! {
        talked = async {
            let provider = asked(&plugins, args).await?;
            granted(&ground, &provider)?;
            let checks = !args.skip_health;
            let talk = Talk { terminal, ground: &ground, provider: &provider, checks, args };
            let decided = talk.hold().await?;
            Ok::<_, Error>((provider, decided))
        } => talked?,
        () = signals::interrupted() => return Err(prompt::given_up().into()),
        () = ending.told() => return Err(prompt::given_up().into()),
    };
    finish(terminal, &ground, &provider, &decided.onboarding).await?;
    if decided.wants_test {
        test(terminal, &decided.host, &decided.onboarding.model).await?;
    }
    Ok(())
}

/// The provider that the options name; for non-interactive onboarding.
fn named(plugins: &[Plugin], args: &OnboardArgs) -> Result<Provider> {
    if let Some(provider) = by_option(plugins, args)? {
        return Ok(provider);
    }
    if let [(first, _), (second, _), ..] = args.keys.as_slice() {
        let mut flags = format!("--{}, --{}", flags::choice(first), flags::choice(second));
        for (id, _) in args.keys.iter().skip(2) {
            flags += &format!(", --{}", flags::choice(id));
        }
        return Err(wrong(&format!(
            "Multiple API key flags were provided for non-interactive onboarding. Use a single provider flag or \
             pass --auth-choice explicitly. Flags: {flags}"
        )));
    }
    match (args.keys.as_slice(), plugins) {
        ([(id, _)], _) => provider(plugins, id, args),
        (_, [plugin]) => provider(plugins, &plugin.info().id, args),
        _ => Err(
            wrong("several plugins are loaded, and nothing says which one is meant")
                .with_hint("name it with `--auth-choice`, or give its key"),
        ),
    }
}

/// The provider that the user chooses, unless the options name it.
async fn asked(plugins: &[Plugin], args: &OnboardArgs) -> Result<Provider> {
    if let Some(provider) = by_option(plugins, args)? {
        return Ok(provider);
    }
    if let [(id, _)] = args.keys.as_slice() {
        return provider(plugins, id, args);
    }
    let entries = plugins.iter().map(|plugin| Choice::of(plugin.info())).collect();
    let choice = prompt::one_of("Provider".to_owned(), entries, 0).await?;
    provider(plugins, &choice.id, args)
}

fn by_option(plugins: &[Plugin], args: &OnboardArgs) -> Result<Option<Provider>> {
    let token_provider = args.token_provider.as_ref().map(|id| id.trim().to_lowercase());
    match (args.auth_choice.as_deref(), token_provider) {
        (Some(flags::ANY) | None, Some(id)) => provider(plugins, &id, args).map(Some),
        (Some(flags::ANY), None) if plugins.len() > 1 => {
            let error = wrong("`--auth-choice apiKey` does not say for which provider");
            Err(error.with_hint("add `--token-provider ID`"))
        }
        (Some(flags::ANY) | None, None) => Ok(None),
        (Some(choice), id) => {
            let named = plugins
                .iter()
                .map(|plugin| &plugin.info().id)
                .find(|id| flags::choice(id) == choice);
            if let (Some(named), Some(id)) = (named, &id)
                && named != id
            {
                return Err(wrong(&format!(
                    "`--auth-choice {choice}` and `--token-provider` name two providers"
                )));
            }
            provider(plugins, named.map_or(choice, String::as_str), args).map(Some)
        }
    }
}

fn provider(plugins: &[Plugin], id: &str, args: &OnboardArgs) -> Result<Provider> {
    let Some(plugin) = plugins.iter().find(|plugin| plugin.info().id == id) else {
        let ids: Vec<_> = plugins.iter().map(|plugin| plugin.info().id.as_str()).collect();
        // The given value is not repeated in the error: it may be the key.
        let error = wrong("no plugin of the provider that `--token-provider` names is loaded");
        return Err(error.with_hint(format!(
            "loaded: {}; `--plugin FILE.wasm` loads another",
            ids.join(", ")
        )));
    };
    let info = plugin.info();
    let own = args
        .keys
        .iter()
        .find(|(owner, _)| *owner == info.id)
        .map(|(_, key)| key.clone());
    let token = args
        .token
        .as_deref()
        // A value that cannot be a key is refused, with the reason, by the credential lookup.
        .and_then(|token| key::pasted(token, info.credential.as_ref()).or_else(|| Secret::new(token)));
    Ok(Provider {
        plugin: plugin.clone(),
        key: own.or(token),
    })
}

fn wrong(message: &str) -> Error {
    Error::new(Kind::Configuration, message)
}

/// An entry in the list of providers.
#[derive(Clone)]
struct Choice {
    id: String,
    name: String,
    line: String,
    searched: String,
}

impl Choice {
    fn of(info: &ProviderInfo) -> Self {
        let label = info
            .credential
            .as_ref()
            .map_or("no key needed", |spec| spec.label.as_str());
        let name = sanitize::name(&info.name).into_owned();
        let line = format!("{name}  ({})", sanitize::name(label));
        Self {
            id: info.id.clone(),
            name,
            searched: format!("{} {line}", info.id).to_lowercase(),
            line,
        }
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

impl Entry for Choice {
    fn searched(&self) -> &str {
        &self.searched
    }

    fn chosen(&self) -> &str {
        &self.name
    }
}

/// A key without a grant is not worth storing.
fn granted(ground: &Ground, provider: &Provider) -> Result<()> {
    let info = provider.plugin.info();
    let needs_none = info.credential.is_none() || is_credential_optional(info) && provider.key.is_none();
    if ground.grant_of(info)?.is_some() || needs_none {
        return Ok(());
    }
    let message = format!(
        "`{}` is granted no credential, so that a key would be of no use",
        info.id
    );
    Err(Error::new(Kind::NotGranted, message)
        .with_hint("`grant FILE.wasm` shows what it requests, and allows it if you agree"))
}

/// Whether a key could be used at all.
fn granted_any(ground: &Ground, info: &ProviderInfo) -> Result<bool> {
    Ok(ground.grant_of(info)?.is_some())
}

/// Looks a key up as every command does.
async fn found(ground: &Ground, info: &ProviderInfo, flag: Option<&Secret>) -> Result<Option<FoundSecret>> {
    let grant = ground.grant_of(info)?;
    let flag = flag.map(Secret::expose);
    ground
        .configuration
        .secret(info, grant, flag, &ground.environment)
        .await
}

/// Looks it up again with the files as they are now, after a write.
async fn found_now(ground: &Ground, info: &ProviderInfo) -> Result<Option<FoundSecret>> {
    let grant = ground.grant_of(info)?;
    let configuration = ground.configuration.reread()?;
    configuration.secret(info, grant, None, &ground.environment).await
}

/// What is stored of a key, and the profile that it comes from if it is one. A key in a file of the user's own is found
/// there again.
fn to_store(
    ground: &Ground,
    info: &ProviderInfo,
    mode: SecretInputMode,
    key: Option<Secret>,
    source: Option<&SecretSource>,
) -> Result<(Option<StoredKey>, Option<String>)> {
    match (source, key) {
        (Some(SecretSource::Profile { name, .. }), _) => Ok((None, Some(name.clone()))),
        (Some(SecretSource::Flag | SecretSource::Environment(_)), Some(key)) => Ok((
            Some(match mode {
                SecretInputMode::Plaintext => StoredKey::Plain(key),
                SecretInputMode::Ref => StoredKey::Variable(variable_of(ground, info, &key)?),
            }),
            None,
        )),
        _ => Ok((None, None)),
    }
}

/// The environment variable that holds a key.
fn variable_of(ground: &Ground, info: &ProviderInfo, key: &Secret) -> Result<String> {
    let grant = ground.grant_of(info)?;
    let mut names = grant.into_iter().flat_map(|grant| grant.readable(info));
    let holds = |name: &&str| {
        let value = ground.environment.get(name);
        let held = value.and_then(|value| key::pasted(&value, info.credential.as_ref()));
        held.is_some_and(|held| held.expose() == key.expose())
    };
    if let Some(name) = names.find(holds) {
        return Ok(name.to_owned());
    }
    let names = info.credential.as_ref().map(|spec| spec.env_vars.join(" or "));
    let message =
        "`--secret-input-mode ref` stores the name of a variable, and none of this provider's holds the key";
    Err(wrong(message).with_hint(format!(
        "set {} to the key, or leave the option out",
        names.unwrap_or_default()
    )))
}

/// The choices of non-interactive onboarding.
async fn decided(
    terminal: &Terminal,
    ground: &Ground,
    provider: &Provider,
    args: &OnboardArgs,
) -> Result<Onboarding> {
    let info = provider.plugin.info();
    granted(ground, provider)?;
    let found = found(ground, info, provider.key.as_ref()).await?;
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
        return Err(Error::new(Kind::Provider(ErrorKind::Unauthenticated), message));
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
    let (key, profile) = to_store(ground, info, args.secret_input_mode, secret, source.as_ref())?;
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
async fn first_listed(terminal: &Terminal, host: &Host, discovery: DiscoveryMode) -> Result<String> {
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
        return Err(
            wrong(&message).with_hint("check the base URL (`--base-url`), and whether the server runs")
        );
    };
    terminal.warn_of(catalog.warnings.iter().map(|warning| warning.message.as_str()));
    host.resolve(&first.id).await.map(|found| found.canonical)
}

/// Refuses a key that the service rejects; one that could not be checked is stored, with a warning.
async fn check(terminal: &Terminal, host: &Host, info: &ProviderInfo) -> Result<()> {
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
async fn finish(terminal: &Terminal, ground: &Ground, provider: &Provider, decided: &Onboarding) -> Outcome {
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
                terminal.line(&format!(
                    "               `--set-default`, or `models set {}`, makes it {}",
                    decided.model, decided.model
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
        && let Some(first) = found_now(ground, info).await?
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
async fn test(terminal: &Terminal, host: &Host, model: &str) -> Outcome {
    terminal.note("");
    chat::once(terminal, host, model, "Say hello in one short sentence.").await
}
