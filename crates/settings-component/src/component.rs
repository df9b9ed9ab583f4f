//! The exports: settings of the provider and of the gateway. Read once per instance.

use std::cell::OnceCell;

use crate::{
    bindings::{
        configuration::{self, DiscoveryMode, Options},
        settings::{self, ConfiguredModel, CredentialState, Extra, Model, ModelAlias, Price, Snapshot},
    },
    read::{self, Credential, Discovery, Settings},
};

thread_local! {
    static READ: OnceCell<Result<Settings, String>> = const { OnceCell::new() };
}

fn with<T>(use_them: impl FnOnce(&Result<Settings, String>) -> T) -> T {
    READ.with(|cell| use_them(cell.get_or_init(load)))
}

/// The settings; where they cannot be read every request fails, and these are blank.
fn with_settings<T>(use_them: impl FnOnce(&Settings) -> T) -> T {
    with(|read| match read {
        Ok(settings) => use_them(settings),
        Err(_) => use_them(&Settings {
            credential: Credential::Missing,
            ..Settings::default()
        }),
    })
}

fn load() -> Result<Settings, String> {
    let mut settings = stored()?;
    // Over what the store says: who starts the engine has the last word.
    if let Ok(key) = std::env::var(read::KEY_VARIABLE) {
        let invalid = |_| {
            format!(
                "the variable `{}` takes at least 16 visible ASCII characters",
                read::KEY_VARIABLE
            )
        };
        settings.set_access_key(key.trim()).map_err(invalid)?;
    }
    Ok(settings)
}

#[cfg(built_in)]
fn stored() -> Result<Settings, String> {
    Settings::from_json(include_str!(concat!(env!("OUT_DIR"), "/settings.json")))
        .map_err(|error| error.to_string())
}

#[cfg(not(built_in))]
fn stored() -> Result<Settings, String> {
    use crate::bindings::store;
    let pairs = store::get_all().map_err(|error| {
        let (store::Error::Upstream(what) | store::Error::Io(what)) = error;
        // What a store says of itself may repeat what it holds.
        eprintln!("the store of settings failed: {what}");
        "the engine's store of settings (wasi:config) failed; its log says why".to_owned()
    })?;
    Settings::from_pairs(&pairs).map_err(|error| error.to_string())
}

struct Component;

impl configuration::Guest for Component {
    fn load() -> Result<Options, String> {
        with(|read| {
            let settings = read.as_ref().map_err(String::clone)?;
            Ok(Options {
                access_key: settings.access_key.clone(),
                allowed_hosts: settings.allowed_hosts.clone(),
                default_model: settings.default_model.clone(),
                discovery: match settings.discovery {
                    Discovery::ConfiguredOnly => DiscoveryMode::ConfiguredOnly,
                    Discovery::Off => DiscoveryMode::Off,
                    Discovery::Authenticated => DiscoveryMode::Authenticated,
                    Discovery::Always => DiscoveryMode::Always,
                },
                max_body_bytes: settings.max_body_bytes,
            })
        })
    }
}

impl settings::Guest for Component {
    fn get() -> Snapshot {
        with_settings(|settings| Snapshot {
            base_url: settings.base_url.clone(),
            credential: match settings.credential {
                Credential::AddedOutside => CredentialState::AttachedByHost,
                Credential::NotRequired => CredentialState::NotRequired,
                Credential::Missing => CredentialState::Missing,
            },
            connect_timeout_ms: settings.connect_timeout_ms,
            first_byte_timeout_ms: settings.first_byte_timeout_ms,
            idle_timeout_ms: settings.idle_timeout_ms,
            list_timeout_ms: settings.list_timeout_ms,
            max_retries: settings.max_retries,
            extras: settings.extras.iter().map(extra).collect(),
        })
    }

    fn list_configured() -> Vec<ConfiguredModel> {
        with_settings(|settings| settings.models.iter().map(configured).collect())
    }

    fn find_configured(id: String) -> Option<ConfiguredModel> {
        with_settings(|settings| settings.find_model(&id).map(configured))
    }

    fn list_aliases() -> Vec<ModelAlias> {
        with_settings(|settings| settings.aliases.iter().map(alias).collect())
    }

    fn find_alias(text: String) -> Vec<ModelAlias> {
        with_settings(|settings| settings.find_alias(&text).into_iter().map(alias).collect())
    }

    fn find_aliases_of(reference: String) -> Vec<ModelAlias> {
        with_settings(|settings| {
            settings
                .find_aliases_of(&reference)
                .into_iter()
                .map(alias)
                .collect()
        })
    }

    /// No list outlives the request that it was made for.
    fn find_listed(_: String) -> Option<Model> {
        None
    }

    fn listed_ids() -> Vec<String> {
        Vec::new()
    }
}

fn extra((key, json): (&String, &String)) -> Extra {
    Extra {
        key: key.clone(),
        value_json: json.clone(),
    }
}

fn alias((alias, reference): &(String, String)) -> ModelAlias {
    ModelAlias {
        alias: alias.clone(),
        reference: reference.clone(),
    }
}

fn configured(model: &read::Model) -> ConfiguredModel {
    ConfiguredModel {
        id: model.id.clone(),
        display_name: model.name.clone(),
        reasoning: model.reasoning,
        input: model.input.clone(),
        context_window: model.context_window,
        max_output_tokens: model.max_tokens,
        price: model.price.clone().map(|(input, output, cached_input)| Price {
            input,
            output,
            cached_input,
        }),
        extras: model
            .extras
            .iter()
            .map(|(key, json)| extra((key, json)))
            .collect(),
    }
}

#[allow(
    unsafe_code,
    unreachable_pub,
    reason = "the exported symbols of the component, generated"
)]
mod exported {
    use super::Component;
    use crate::bindings::{export, generated};
    export!(Component with_types_in generated);
}
