//! `onboard`: key, default model and what belongs to it, asked for or taken from options, written at the end.

mod ask;
pub(super) mod flags;
mod interactive;
pub(super) mod key;
mod pick;

use std::io::{IsTerminal as _, stderr, stdin};

use serde::Serialize;

use super::{
    Outcome, ahead::Loaded, args::OnboardArgs, chat, mode::Kept, session::Ground, signals, terminal::Terminal,
};
use crate::{
    Host, Plugin, Secret,
    config::{Alias, FoundSecret, Onboarded, Onboarding, SecretSource},
    contract::{ErrorKind, ProviderInfo},
    error::{Error, Kind, Result},
    sanitize,
};

use self::{ask::Entry, interactive::Talk};

/// The provider that is set up, and the key that the options give for it.
struct Provider {
    plugin: Plugin,
    key: Option<Secret>,
}

/// What was written, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OnboardedJson {
    provider: String,
    model: String,
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
    if args.non_interactive {
        let provider = named(&plugins, args)?;
        let decided = decided(&ground, &provider).await?;
        return finish(terminal, &ground, &provider, &decided).await;
    }
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let error = Error::new(
            Kind::Configuration,
            "onboarding asks questions, and there is no terminal to ask on",
        );
        return Err(error.with_hint("run it with `--non-interactive`").into());
    }
    terminal.err.rule_questions();
    let (_mode, mut ending) = (Kept::now(), signals::Ending::watched());
    let (provider, decided) = tokio::select! {
        talked = async {
            let provider = asked(&plugins, args).await?;
            granted(&ground, provider.plugin.info())?;
            let checks = !args.skip_health;
            let decided = Talk { terminal, ground: &ground, provider: &provider, checks }.hold().await?;
            Ok::<_, Error>((provider, decided))
        } => talked?,
        () = signals::interrupted() => return Err(ask::given_up().into()),
        () = ending.told() => return Err(ask::given_up().into()),
    };
    finish(terminal, &ground, &provider, &decided.onboarding).await?;
    if decided.wants_test {
        test(terminal, &decided.host, &decided.onboarding.model).await?;
    }
    Ok(())
}

/// The provider that the options name; for one who asks nothing.
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
            "Multiple API key flags were provided for non-interactive onboarding.\nUse a single provider flag or \
             pass --auth-choice explicitly.\nFlags: {flags}"
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

/// The provider that a person chooses, unless the options name it.
async fn asked(plugins: &[Plugin], args: &OnboardArgs) -> Result<Provider> {
    if let Some(provider) = by_option(plugins, args)? {
        return Ok(provider);
    }
    if let [(id, _)] = args.keys.as_slice() {
        return provider(plugins, id, args);
    }
    let entries = plugins.iter().map(|plugin| Choice::of(plugin.info())).collect();
    let choice = ask::one_of("Provider".to_owned(), entries, 0).await?;
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
        // What was given is not repeated: it may be the key.
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
        .and_then(|token| key::pasted(token, info.credential.as_ref()));
    Ok(Provider {
        plugin: plugin.clone(),
        key: own.or(token),
    })
}

fn wrong(message: &str) -> Error {
    Error::new(Kind::Configuration, message)
}

/// A provider in the list.
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

/// A key that nobody may use is not worth storing.
fn granted(ground: &Ground, info: &ProviderInfo) -> Result<()> {
    if ground.grants.check(info)?.is_some() || info.credential.is_none() {
        return Ok(());
    }
    let message = format!(
        "`{}` is granted no credential, so that a key would be of no use",
        info.id
    );
    Err(Error::new(Kind::NotGranted, message)
        .with_hint("`grant FILE.wasm` shows what it asks for, and allows it if you agree"))
}

/// Looks for a key where every command looks for it.
async fn found(ground: &Ground, info: &ProviderInfo, flag: Option<&Secret>) -> Result<Option<FoundSecret>> {
    let grant = ground.grants.check(info)?;
    let flag = flag.map(Secret::expose);
    ground
        .configuration
        .secret(info, grant, flag, &ground.environment)
        .await
}

/// Whether a key has to be stored, and the profile that it comes from if it is one. What stands in a file of the
/// person's is found there again.
fn to_store(key: Option<Secret>, source: Option<&SecretSource>) -> (Option<Secret>, Option<String>) {
    match source {
        Some(SecretSource::Flag | SecretSource::Environment(_)) => (key, None),
        Some(SecretSource::Profile(profile)) => (None, Some(profile.clone())),
        _ => (None, None),
    }
}

/// What there is to decide when nobody is asked.
async fn decided(ground: &Ground, provider: &Provider) -> Result<Onboarding> {
    let info = provider.plugin.info();
    granted(ground, info)?;
    let found = found(ground, info, provider.key.as_ref()).await?;
    if let (None, Some(spec)) = (&found, &info.credential) {
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
    // What cannot be used, such as characters that no header carries, is not worth storing.
    let secret = found.as_ref().map(|found| found.secret.clone());
    ground.start(provider.plugin.clone(), ground.settings(info)?, secret)?;
    let Some(model) = info.default_model.clone() else {
        let message = format!("`{}` names no default model", info.id);
        return Err(wrong(&message).with_hint("choose one interactively: leave out `--non-interactive`"));
    };
    let (secret, source) = found.map(|found| (found.secret, found.source)).unzip();
    let (key, profile) = to_store(secret, source.as_ref());
    Ok(Onboarding {
        key,
        profile,
        model,
        alias: Alias::IfNone(info.name.clone()),
        fallbacks: None,
    })
}

/// Writes what was decided and says what that was.
async fn finish(terminal: &Terminal, ground: &Ground, provider: &Provider, decided: &Onboarding) -> Outcome {
    let info = provider.plugin.info();
    let configuration = &ground.configuration;
    let Onboarded {
        profile,
        configuration_changed,
        profiles_changed,
    } = configuration.onboard(info, decided)?;
    let changed = configuration_changed || profiles_changed;
    if !terminal.is_text() {
        terminal.json(&OnboardedJson {
            provider: info.id.clone(),
            model: decided.model.clone(),
            profile,
            configuration: configuration.path().display().to_string(),
            changed,
        })?;
    } else if !changed {
        terminal.line(&format!(
            "Default model is {}; nothing had to be changed",
            sanitize::name(&decided.model)
        ))?;
    } else {
        terminal.line(&format!(
            "Default model set to {}",
            sanitize::name(&decided.model)
        ))?;
        terminal.line(&format!("configuration  {}", configuration.path().display()))?;
        if let Some(profile) = profile {
            let file = configuration.profiles_path();
            terminal.line(&format!("key            {profile} in {}", file.display()))?;
        }
    }
    if let Some(key) = &decided.key
        && let Some(first) = found(ground, info, None).await?
        && first.secret.expose() != key.expose()
    {
        terminal.warn(&format!(
            "another key is found before the stored one and is used: {}",
            first.source
        ));
    }
    Ok(())
}

/// A question of a few words, to see an answer.
async fn test(terminal: &Terminal, host: &Host, model: &str) -> Outcome {
    terminal.note("");
    chat::once(terminal, host, model, "Say hello in one short sentence.").await
}
