//! Choice of the provider to set up, by options or by the user. Knows no credential beyond whether the options give one.

use super::{
    flags, key,
    prompt::{self, Entry},
    wrong,
};
use crate::args::OnboardArgs;
use model_provider_host::{Plugin, Result, Secret, contract::ProviderInfo, sanitize};

/// The provider being set up, and the key that the options give for it.
pub(super) struct Provider {
    pub(super) plugin: Plugin,
    pub(super) key: Option<Secret>,
}

/// The provider that the options name; for non-interactive onboarding.
pub(super) fn named(plugins: &[Plugin], args: &OnboardArgs) -> Result<Provider> {
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
pub(super) async fn choose(plugins: &[Plugin], args: &OnboardArgs) -> Result<Provider> {
    if let Some(provider) = by_option(plugins, args)? {
        return Ok(provider);
    }
    if let [(id, _)] = args.keys.as_slice() {
        return provider(plugins, id, args);
    }
    let entries = plugins
        .iter()
        .map(|plugin| ProviderChoice::of(plugin.info()))
        .collect();
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

/// An entry in the list of providers.
#[derive(Clone)]
struct ProviderChoice {
    id: String,
    name: String,
    line: String,
    searched: String,
}

impl ProviderChoice {
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

impl std::fmt::Display for ProviderChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

impl Entry for ProviderChoice {
    fn searched(&self) -> &str {
        &self.searched
    }

    fn chosen(&self) -> &str {
        &self.name
    }
}
