//! The settings of a host and its plugin: plain data with lookups, shared by all requests.
//!
//! Their source (files, flags, environment) is the configuration's business.

mod builder;
mod declared;
mod model_index;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    contract::{
        DiscoveryMode, Extra,
        settings::{CredentialState, Snapshot},
    },
    egress::Proxies,
    limits::Limits,
    secret::Secret,
};

pub use declared::{Declared, DeclaredSettings};
pub use did_you_mean::nearest;
pub(crate) use model_index::Listed;
pub use model_index::ModelSettings;

/// All settings of one provider.
///
/// ```
/// use model_provider_host::Settings;
///
/// let mut settings = Settings::default().with_base_url("http://127.0.0.1:8000/v1".parse()?);
/// settings.set("idle-timeout-ms", "5000")?;
/// settings.set("bill-to", "my-org")?; // unknown to the host: for the plugin, as JSON
/// assert_eq!(settings.extras["bill-to"], r#""my-org""#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The operator's own base URL; `None` for the plugin's.
    pub base_url: Option<url::Url>,
    /// The connect timeout.
    pub connect_timeout: Duration,
    /// The timeout of a response's first byte.
    pub first_byte_timeout: Duration,
    /// The idle timeout within a response.
    pub idle_timeout: Duration,
    /// The timeout of a complete model list.
    pub list_timeout: Duration,
    /// The most retries before the first event.
    pub max_retries: u32,
    /// Whether lists may query the upstream.
    pub discovery: DiscoveryMode,
    /// How long an old generation may finish its responses after a swap.
    pub drain_deadline: Duration,
    /// Whether names may resolve to private addresses.
    pub allow_private: bool,
    /// Whether plugins that import the rest of WASI get it, empty.
    pub empty_wasi: bool,
    /// Additional certificate authorities, a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The limits of one request of the guest.
    pub limits: Limits,
    /// The operator's headers for every request; their values are secrets, except for those of public headers.
    pub headers: Vec<(String, Secret)>,
    /// Names of this provider's headers whose values are no secrets. Those of any service (`accept`, `user-agent` and
    /// the like) are known.
    pub public_headers: Vec<String>,
    /// The proxies.
    pub proxies: Proxies,
    /// The plugin's own settings: name and JSON text.
    pub extras: BTreeMap<String, String>,
    /// The user's model entries and aliases.
    pub models: Arc<ModelSettings>,
    /// The settings that crates on top of the host declare.
    pub declared: Declared,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: None,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(120),
            idle_timeout: Duration::from_secs(60),
            list_timeout: Duration::from_secs(30),
            max_retries: 2,
            discovery: DiscoveryMode::Authenticated,
            drain_deadline: Duration::from_secs(30),
            allow_private: false,
            empty_wasi: false,
            ca_file: None,
            limits: Limits::default(),
            headers: Vec::new(),
            public_headers: Vec::new(),
            proxies: Proxies::default(),
            extras: BTreeMap::new(),
            models: Arc::default(),
            declared: Declared::default(),
        }
    }
}

/// An invalid setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingError {
    /// Similar to a name of the host's, and unknown.
    #[error("there is no setting `{name}`; did you mean `{meant}`?")]
    Misspelt {
        /// The written name.
        name: String,
        /// The probable name.
        meant: &'static str,
    },
    /// An invalid value. The error does not show it: it may be a secret in the wrong place.
    #[error("invalid value of `{name}`: expected {wants}")]
    Value {
        /// The setting.
        name: String,
        /// The accepted values.
        wants: &'static str,
    },
}

const NAMES: [&str; 11] = [
    "connect-timeout-ms",
    "first-byte-timeout-ms",
    "idle-timeout-ms",
    "list-timeout-ms",
    "max-retries",
    "discovery",
    "drain-deadline-ms",
    "allow-private",
    "empty-wasi",
    "ca-file",
    "base-url",
];

impl Settings {
    /// The defaults, with the declarations of crates on top of the host.
    #[must_use]
    pub fn declaring(declared: DeclaredSettings) -> Self {
        Self {
            declared: Declared::new(declared),
            ..Self::default()
        }
    }

    /// The known names.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .chain(Limits::NAMES)
            .chain(self.declared.names())
    }

    /// Sets one by name and text, as `--set NAME=VALUE` and a plugin's `config` do. Names that the host does not
    /// know belong to the plugin.
    ///
    /// # Errors
    /// The value is invalid, or the name is a misspelling of one of the host's.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let value = value.trim();
        let invalid = |wants| SettingError::Value {
            name: name.into(),
            wants,
        };
        let millis = || {
            value
                .parse::<u32>()
                .map(|ms| Duration::from_millis(ms.into()))
                .map_err(|_| invalid("milliseconds, a whole number"))
        };
        let flag = || match value {
            "true" | "on" | "yes" | "1" => Ok(true),
            "false" | "off" | "no" | "0" => Ok(false),
            _ => Err(invalid("true or false")),
        };
        match name {
            "connect-timeout-ms" => self.connect_timeout = millis()?,
            "first-byte-timeout-ms" => self.first_byte_timeout = millis()?,
            "idle-timeout-ms" => self.idle_timeout = millis()?,
            "list-timeout-ms" => self.list_timeout = millis()?,
            "drain-deadline-ms" => self.drain_deadline = millis()?,
            "max-retries" => {
                self.max_retries = value
                    .parse()
                    .ok()
                    .filter(|n| *n <= 10)
                    .ok_or_else(|| invalid("a whole number from 0 to 10"))?;
            }
            "discovery" => {
                self.discovery = match value {
                    "configured-only" => DiscoveryMode::ConfiguredOnly,
                    "off" | "false" => DiscoveryMode::Off,
                    "authenticated" | "true" => DiscoveryMode::Authenticated,
                    "always" => DiscoveryMode::Always,
                    _ => return Err(invalid("`configured-only`, `off`, `authenticated` or `always`")),
                };
            }
            "allow-private" => self.allow_private = flag()?,
            "empty-wasi" => self.empty_wasi = flag()?,
            "ca-file" => self.ca_file = Some(value.into()),
            "base-url" => self.base_url = Some(base_url(value).map_err(|_| invalid("an http or https URL"))?),
            _ if Limits::NAMES.contains(&name) => {
                let number = value.parse().map_err(|_| invalid("a whole number"))?;
                let known = self.limits.set(name, number);
                debug_assert!(known.is_some(), "Limits::NAMES and Limits::set agree");
            }
            _ if self.declared.set(name, value).map_err(invalid)? => {}
            _ => {
                if let Some(meant) = nearest(name, self.names()) {
                    return Err(SettingError::Misspelt {
                        name: name.into(),
                        meant,
                    });
                }
                let json = match serde_json::from_str::<&serde_json::value::RawValue>(value) {
                    Ok(json) => json.get().to_owned(),
                    Err(_) => serde_json::Value::from(value).to_string(),
                };
                self.extras.insert(name.to_owned(), json);
            }
        }
        Ok(())
    }

    /// Sets one by name and JSON value, as a configuration file holds it: text for the plugin stays text.
    ///
    /// # Errors
    /// As of [`set`](Self::set).
    pub fn set_json(&mut self, name: &str, value: &serde_json::Value) -> Result<(), SettingError> {
        let is_ours = self.names().any(|known| known == name);
        match value.as_str() {
            Some(text) if is_ours => self.set(name, text),
            _ => self.set(name, &value.to_string()),
        }
    }

    /// The settings as the guest gets them.
    pub(crate) fn snapshot(&self, credential: CredentialState) -> Snapshot {
        let millis = |d: Duration| u32::try_from(d.as_millis()).unwrap_or(u32::MAX);
        Snapshot {
            base_url: self.base_url.as_ref().map(|url| url.as_str().to_owned()),
            credential,
            connect_timeout_ms: millis(self.connect_timeout),
            first_byte_timeout_ms: millis(self.first_byte_timeout),
            idle_timeout_ms: millis(self.idle_timeout),
            list_timeout_ms: millis(self.list_timeout),
            max_retries: self.max_retries,
            extras: self
                .extras
                .iter()
                .map(|(key, json)| Extra {
                    key: key.clone(),
                    value_json: json.clone(),
                })
                .collect(),
        }
    }
}

/// Parses a base URL: http or https, with a host, without user, query or fragment.
///
/// # Errors
/// What is wrong with it, for a user; without the text itself, which may hold a secret.
pub fn base_url(text: &str) -> Result<url::Url, String> {
    let text = text.trim();
    let url = url::Url::parse(text).map_err(|error| format!("it is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it begins with neither `http://` nor `https://`".to_owned());
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or a password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment; give the address of the API alone".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::settings::ModelAlias;

    #[test]
    fn a_misspelt_setting_is_named_with_what_was_meant() {
        let mut settings = Settings::default();
        assert_eq!(
            settings.set("max-retrys", "1"),
            Err(SettingError::Misspelt {
                name: "max-retrys".into(),
                meant: "max-retries"
            })
        );
    }

    #[test]
    fn a_name_that_the_host_does_not_know_goes_to_the_plugin_as_json() {
        let mut settings = Settings::default();
        settings.set("bill-to", "my-org").unwrap();
        settings.set("level", "3").unwrap();
        assert_eq!(settings.extras["bill-to"], "\"my-org\"");
        assert_eq!(settings.extras["level"], "3");
    }

    #[test]
    fn a_declared_setting_is_checked_when_it_is_set_and_stored_for_its_owner() {
        const DECLARED: DeclaredSettings = DeclaredSettings {
            names: &["serve-workers"],
            check: |_, value| value.parse::<u8>().map(drop).map_err(|_| "a number"),
        };
        let mut settings = Settings::declaring(DECLARED);
        let invalid = SettingError::Value {
            name: "serve-workers".into(),
            wants: "a number",
        };
        assert_eq!(settings.set("serve-workers", "many"), Err(invalid));
        settings.set("serve-workers", " 3 ").unwrap();
        assert_eq!(
            settings.declared.iter().collect::<Vec<_>>(),
            [("serve-workers", "3")]
        );
        assert!(settings.set("serve-worker", "3").is_err(), "one letter away");
        assert!(settings.extras.is_empty());
    }

    #[test]
    fn aliases_are_found_in_any_case_and_spacing() {
        let alias = ModelAlias {
            alias: " Big  Model ".into(),
            reference: "x/a/b".into(),
        };
        let models = ModelSettings::new(Vec::new(), vec![alias]);
        assert_eq!(models.find_alias("big model").count(), 1);
        assert_eq!(models.find_alias("bigmodel").count(), 0);
    }

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let mut limits = Limits::default();
        assert!(Limits::NAMES.iter().all(|name| limits.set(name, 1).is_some()));
    }
}
