//! The provider: grant, key, plugin, models and the upstream service.

use super::report::{Level, Report};
use crate::{
    format,
    onboard::key::{self, Verdict},
    session::Ground,
};
use model_provider_host::{
    Grant, Host, Plugin, Result, Settings,
    contract::{DiscoveryMode, ModelCatalog, ModelRef, ModelSource, ProviderInfo, is_credential_optional},
    redact::MIN_REDACTED_LEN,
};
use openclaw_config::{FoundSecret, SecretSource};

/// Clocks that are further apart than this make dates and certificates fail.
const CLOCK_TOLERANCE_SECONDS: u64 = 120;

/// The grant and the credential that it allows.
pub(super) async fn credential(report: &mut Report, ground: &Ground, plugin: &Plugin) -> Option<FoundSecret> {
    let info = plugin.info();
    let grant = match ground.grant_of(plugin) {
        Ok(Some(grant)) => {
            report.ok(
                "grant",
                format!("`{}` may use a credential at {}", info.id, grant.origin),
            );
            Some(grant)
        }
        Ok(None) if is_credential_optional(info) => {
            let message = format!("`{}` is granted nothing: it works without a key only", info.id);
            report.note("grant", message);
            None
        }
        Ok(None) => {
            let message = format!("`{}` is granted nothing: no credential is read for it", info.id);
            report.warn(
                "grant",
                message,
                "`grant FILE.wasm` shows what it requests, and allows it if you agree",
            );
            None
        }
        Err(error) => {
            report.fail("grant", &error);
            None
        }
    };
    let search = ground
        .configuration
        .search_secret(info, grant, None, &ground.environment)
        .await;
    let found = search.map(|search| {
        for passed in &search.passed {
            report.warn("key", passed.message(), &passed.fix);
        }
        search.found
    });
    match found {
        Ok(Some(found)) => {
            report.ok("key", format!("found: {}", found.source));
            other_key_there(report, ground, info, &found);
            if found.secret.expose().len() < MIN_REDACTED_LEN {
                let message = format!(
                    "the key has fewer than {MIN_REDACTED_LEN} bytes: it is too short to be redacted from responses"
                );
                report.warn("key", message, "check that it was copied whole");
            }
            Some(found)
        }
        Ok(None) => {
            missing_key(report, info, grant);
            None
        }
        Err(error) => {
            report.fail("key", &error);
            None
        }
    }
}

/// Where OpenClaw would use another key, or the found one differently.
fn other_key_there(report: &mut Report, ground: &Ground, info: &ProviderInfo, found: &FoundSecret) {
    if let SecretSource::Environment(_)
    | SecretSource::DotEnv(_)
    | SecretSource::ConfigVariable(_)
    | SecretSource::Shell(_) = found.source
        // A broken store is reported where it is searched.
        && let Ok(Some(stored)) = ground.configuration.stored_secret(info)
        && stored.secret.expose() != found.secret.expose()
    {
        let message = format!(
            "OpenClaw uses another key, that of the profile {}; here variables come first",
            stored.profile
        );
        report.note("key", message);
    }
    if let SecretSource::ApiKey {
        provider,
        variable: Some(name),
    } = &found.source
        && ground.configuration.is_bare_name(info, name)
    {
        let message = format!(
            "`models.providers.{provider}.apiKey` names the variable {name}; OpenClaw sends such a name as the key \
             itself, unless one of its providers uses that variable. `${{{name}}}` works in both"
        );
        report.note("key", message);
    }
}

fn missing_key(report: &mut Report, info: &ProviderInfo, grant: Option<&Grant>) {
    match (&info.credential, grant) {
        (None, _) => report.ok("key", "none is needed"),
        (Some(_), None) => report.note("key", "not looked for: there is no grant"),
        (Some(_), Some(_)) if is_credential_optional(info) => {
            report.note("key", "there is none; this provider works without one too");
        }
        (Some(spec), Some(_)) => {
            let message = format!(
                "there is none in {}, the files or the stored profiles",
                spec.env_vars.join(", ")
            );
            report.add(
                "key",
                Level::Error,
                message,
                Some("`onboard` prompts for one and stores it".to_owned()),
            );
        }
    }
}

/// The plugin's self-test, which a swap runs too.
pub(super) async fn sound(report: &mut Report, host: &Host, plugin: &Plugin) -> Result<()> {
    let info = plugin.info();
    if let Some(model) = &info.default_model {
        host.resolve(model).await?;
    }
    let bundled = host.list_models(DiscoveryMode::Off).await?;
    report.ok(
        "plugin",
        format!(
            "{} {}, {}, {} without any request",
            info.id,
            info.version,
            plugin.path().display(),
            format::counted(bundled.models.len(), "model")
        ),
    );
    Ok(())
}

/// A configured header that replaces the credential's.
pub(super) fn header(report: &mut Report, settings: &Settings, info: &ProviderInfo, has_key: bool) {
    let Some(spec) = &info.credential else {
        return;
    };
    let mut headers = settings.headers.iter();
    let Some((name, _)) = headers.find(|(name, _)| name.eq_ignore_ascii_case(&spec.header)) else {
        return;
    };
    let message = if has_key {
        format!("the configured header `{name}` is left out: the key is sent in it")
    } else {
        format!("the configured header `{name}` is sent as the credential, as it is")
    };
    let fix = "put the key itself where keys are looked for, and remove the header";
    report.warn("key", message, fix);
}

/// A configured model, and where it is configured.
pub(super) struct ConfiguredModel {
    place: &'static str,
    found: ModelRef,
}

/// The configured models: whether they resolve, and aliases of two models. Returns those that resolve.
pub(super) async fn models(
    report: &mut Report,
    ground: &Ground,
    host: &Host,
    settings: &Settings,
) -> Result<Vec<ConfiguredModel>> {
    let info = host.info();
    let configured = ground.configuration.default_model(&info)?;
    let configured_models = configured.primary.iter().map(|primary| ("default", primary));
    let configured_models = configured_models.chain(
        configured
            .fallbacks
            .iter()
            .map(|reference| ("fallback", reference)),
    );
    let mut resolved = Vec::new();
    for (place, reference) in configured_models {
        match host.resolve(reference).await {
            Ok(found) => {
                let mut message = format!("{place}: {reference}");
                if found.canonical != *reference {
                    message += &format!(", which is {}", found.canonical);
                }
                report.ok("models", message);
                for warning in &found.warnings {
                    report.warn(
                        "models",
                        warning.message.as_str(),
                        "check the spelling of the suffix",
                    );
                }
                resolved.push(ConfiguredModel { place, found });
            }
            Err(error) => report.fail("models", &error),
        }
    }
    for reference in &configured.elsewhere {
        report.note("models", format!("{reference} is not one of `{}`", info.id));
    }
    if configured.chain().is_empty() {
        let message = match info.default_model {
            Some(default) => format!("none is configured; {default} is used"),
            None => "none is configured; name one with `-m`, or `models set REF`".to_owned(),
        };
        report.note("models", message);
    }
    for (alias, references) in equal_aliases(settings) {
        let message = format!(
            "the alias `{alias}` means {}; it fails when it is used here, and OpenClaw silently uses the last one",
            references.join(" and ")
        );
        report.warn(
            "aliases",
            message,
            "rename one of them under `agents.defaults.models`",
        );
    }
    for alias in settings.models.aliases() {
        if let Some(other) = ground
            .configuration
            .reference_elsewhere(&host.info(), &alias.alias)?
        {
            let message = format!(
                "the alias `{}` means {} here, and {other} too; OpenClaw silently uses the last one",
                alias.alias,
                alias.reference.trim()
            );
            report.warn(
                "aliases",
                message,
                "rename one of them under `agents.defaults.models`",
            );
        }
    }
    for key in ground.configuration.params(&host.info())?.unknown {
        let message = format!("`{key}` is not used here: it is not a known request parameter");
        report.note("configuration", message);
    }
    for alias in settings.models.aliases() {
        if !openclaw_config::is_plain_alias(alias.alias.trim()) {
            let mut message = format!(
                "`{}` works here; OpenClaw's own commands take letters, digits and `._:-` only",
                alias.alias
            );
            let plain = openclaw_config::plain_alias(&alias.alias);
            if !plain.is_empty() {
                message += &format!(", such as `{plain}`");
            }
            report.note("aliases", message);
        }
    }
    Ok(resolved)
}

/// Whether a list contains a model.
pub(crate) fn is_listed(catalog: &ModelCatalog, found: &ModelRef) -> bool {
    let mut models = catalog.models.iter();
    models.any(|model| {
        model.id.eq_ignore_ascii_case(&found.model) || model.id.eq_ignore_ascii_case(&found.wire_id)
    })
}

/// Compares the configured models with the list that the service has just returned.
fn unlisted(report: &mut Report, catalog: &ModelCatalog, configured_models: &[ConfiguredModel]) {
    for ConfiguredModel { place, found } in configured_models
        .iter()
        .filter(|model| !is_listed(catalog, &model.found))
    {
        report.warn(
            "models",
            format!("{place}: the service does not list {}", found.canonical),
            "`models list` shows what it lists, and `models set REF` chooses one",
        );
    }
}

fn equal_aliases(settings: &Settings) -> Vec<(String, Vec<String>)> {
    let mut equal: Vec<(String, Vec<String>)> = Vec::new();
    for alias in settings.models.aliases() {
        let mut references: Vec<String> = Vec::new();
        for other in settings.models.find_alias(&alias.alias) {
            if references
                .iter()
                .all(|known| !known.eq_ignore_ascii_case(other.reference.trim()))
            {
                references.push(other.reference.trim().to_owned());
            }
        }
        if references.len() > 1 && equal.iter().all(|(_, known)| *known != references) {
            equal.push((alias.alias.clone(), references));
        }
    }
    equal
}

pub(super) fn proxy(report: &mut Report, ground: &Ground) {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        if ground
            .environment
            .get(name)
            .is_some_and(|value| !value.trim().is_empty())
        {
            report.note("proxy", format!("{name} is set"));
        }
    }
}

/// The service itself: whether it responds, accepts the key, and agrees on the time.
pub(super) async fn service(
    report: &mut Report,
    host: &Host,
    info: &ProviderInfo,
    has_key: bool,
    configured_models: &[ConfiguredModel],
) {
    match host.list_models(DiscoveryMode::Always).await {
        Ok(catalog) if catalog.source == ModelSource::Live => {
            report.ok(
                "service",
                format!("it lists {}", format::counted(catalog.models.len(), "model")),
            );
            unlisted(report, &catalog, configured_models);
        }
        Ok(catalog) => {
            let why = catalog
                .warnings
                .first()
                .map_or("it returned no list", |warning| &warning.message);
            let fix =
                "check the network, the base URL and proxies; a list that is built in is used meanwhile";
            report.add("service", Level::Error, why, Some(fix.to_owned()));
        }
        Err(error) => report.fail("service", &error),
    }
    if has_key {
        match key::check(host, info).await {
            Verdict::Good => report.ok("key", "the service takes it"),
            Verdict::Bad(error) => report.fail("key", &error),
            Verdict::Unknown { why, hint } => {
                let message = format!("it could not be checked: {why}");
                let hint = hint.as_deref();
                report.warn(
                    "key",
                    message,
                    hint.unwrap_or("try again later, or send a prompt with `chat`"),
                );
            }
        }
    }
    match host.clock_skew() {
        None => {}
        Some(ahead) if ahead.unsigned_abs() <= CLOCK_TOLERANCE_SECONDS => {
            report.ok("clock", "agrees with the service's");
        }
        Some(ahead) => {
            let side = if ahead > 0 { "behind" } else { "ahead of" };
            let apart = format::duration(std::time::Duration::from_secs(ahead.unsigned_abs()));
            let message = format!("this machine is {apart} {side} the service");
            report.warn(
                "clock",
                message,
                "set the clock; certificates and waiting times depend on it",
            );
        }
    }
}
