//! The credential of the provider being set up: its grant, its lookup and how it is stored. Prompts for nothing.

use super::{key, providers::Provider, wrong};
use crate::{args::SecretInputMode, session::Ground};
use model_provider_host::{Error, ErrorKind, Plugin, Result, Secret, contract::is_credential_optional};
use openclaw_config::{FoundSecret, SecretSource, StoredKey};

/// A key without a grant is not worth storing.
pub(super) fn granted(ground: &Ground, provider: &Provider) -> Result<()> {
    let info = provider.plugin.info();
    let needs_none = info.credential.is_none() || is_credential_optional(info) && provider.key.is_none();
    if ground.grant_of(&provider.plugin)?.is_some() || needs_none {
        return Ok(());
    }
    let message = format!(
        "`{}` is granted no credential, so that a key would be of no use",
        info.id
    );
    Err(Error::new(ErrorKind::NotGranted, message)
        .with_hint("`grant FILE.wasm` shows what it requests, and allows it if you agree"))
}

/// Whether a key could be used at all.
pub(super) fn granted_any(ground: &Ground, plugin: &Plugin) -> Result<bool> {
    Ok(ground.grant_of(plugin)?.is_some())
}

/// Looks a key up as every command does.
pub(super) async fn found(
    ground: &Ground,
    plugin: &Plugin,
    flag: Option<&Secret>,
) -> Result<Option<FoundSecret>> {
    let (info, grant) = (plugin.info(), ground.grant_of(plugin)?);
    let flag = flag.map(Secret::expose);
    ground
        .configuration
        .secret(info, grant, flag, &ground.environment)
        .await
}

/// Looks it up again with the files as they are now, after a write.
pub(super) async fn found_now(ground: &Ground, plugin: &Plugin) -> Result<Option<FoundSecret>> {
    let (info, grant) = (plugin.info(), ground.grant_of(plugin)?);
    let configuration = ground.configuration.reread()?;
    configuration.secret(info, grant, None, &ground.environment).await
}

/// What is stored of a key, and the profile that it comes from if it is one. A key in a file of the user's own is found
/// there again.
pub(super) fn to_store(
    ground: &Ground,
    plugin: &Plugin,
    mode: SecretInputMode,
    key: Option<Secret>,
    source: Option<&SecretSource>,
) -> Result<(Option<StoredKey>, Option<String>)> {
    match (source, key) {
        (Some(SecretSource::Profile { name, .. }), _) => Ok((None, Some(name.clone()))),
        (Some(SecretSource::Flag | SecretSource::Environment(_)), Some(key)) => Ok((
            Some(match mode {
                SecretInputMode::Plaintext => StoredKey::Plain(key),
                SecretInputMode::Ref => StoredKey::Variable(variable_of(ground, plugin, &key)?),
            }),
            None,
        )),
        _ => Ok((None, None)),
    }
}

/// The environment variable that holds a key.
fn variable_of(ground: &Ground, plugin: &Plugin, key: &Secret) -> Result<String> {
    let (info, grant) = (plugin.info(), ground.grant_of(plugin)?);
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
