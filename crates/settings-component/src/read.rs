//! Settings by name and value, read and checked. Knows neither their source nor the component that reads them.

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use http::Uri;
use serde_json::{Map, Value};

/// The variable of the environment that may hold the access key, so that it need not stand among the settings.
pub(crate) const KEY_VARIABLE: &str = "GATEWAY_ACCESS_KEY";
/// The shortest access key; anything shorter can be tried out.
const SHORTEST_KEY: usize = 16;

/// What is said of the credential: it is added outside, or there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    AddedOutside,
    NotRequired,
    Missing,
}

/// When a list is requested from the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discovery {
    ConfiguredOnly,
    Off,
    Authenticated,
    Always,
}

/// A model that a person has described.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) reasoning: Option<bool>,
    pub(crate) input: Vec<String>,
    pub(crate) context_window: Option<u32>,
    pub(crate) max_tokens: Option<u32>,
    /// Input, output, input that was cached.
    pub(crate) price: Option<(String, String, Option<String>)>,
    /// Unknown fields, as JSON.
    pub(crate) extras: Vec<(String, String)>,
}

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) base_url: Option<String>,
    pub(crate) credential: Credential,
    pub(crate) connect_timeout_ms: u32,
    pub(crate) first_byte_timeout_ms: u32,
    pub(crate) idle_timeout_ms: u32,
    pub(crate) list_timeout_ms: u32,
    pub(crate) max_retries: u32,
    pub(crate) discovery: Discovery,
    pub(crate) access_key: Option<String>,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) default_model: Option<String>,
    pub(crate) max_body_bytes: u32,
    pub(crate) aliases: Vec<(String, String)>,
    pub(crate) models: Vec<Model>,
    /// The plugin's own, as JSON.
    pub(crate) extras: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: None,
            credential: Credential::AddedOutside,
            connect_timeout_ms: 10_000,
            first_byte_timeout_ms: 120_000,
            idle_timeout_ms: 60_000,
            list_timeout_ms: 30_000,
            // Clients retry as well: two that retry twice each make nine requests of one.
            max_retries: 1,
            discovery: Discovery::Authenticated,
            access_key: None,
            allowed_hosts: Vec::new(),
            default_model: None,
            max_body_bytes: 32 * 1024 * 1024,
            aliases: Vec::new(),
            models: Vec::new(),
            extras: BTreeMap::new(),
        }
    }
}

const NAMES: [&str; 14] = [
    "base-url",
    "credential",
    "connect-timeout-ms",
    "first-byte-timeout-ms",
    "idle-timeout-ms",
    "list-timeout-ms",
    "max-retries",
    "discovery",
    "access-key",
    "allowed-hosts",
    "default-model",
    "max-body-bytes",
    "aliases",
    "models",
];

/// Why settings cannot be taken. Says no value: it may be a secret in the wrong place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SettingError {
    /// Not a value that this setting takes.
    Value { name: String, wants: &'static str },
    /// Close to a known name, but not one.
    Misspelt { name: String, meant: &'static str },
    /// The settings as a whole are not what they have to be.
    Whole(String),
}

impl Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { name, wants } => write!(f, "the setting `{name}` takes {wants}"),
            Self::Misspelt { name, meant } => {
                write!(f, "there is no setting `{name}`; did you mean `{meant}`?")
            }
            Self::Whole(what) => f.write_str(what),
        }
    }
}

impl Settings {
    /// Reads a file: one JSON object.
    pub(crate) fn from_json(text: &str) -> Result<Self, SettingError> {
        let all: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            SettingError::Whole(format!(
                "the settings are no JSON object: line {}, column {}",
                error.line(),
                error.column()
            ))
        })?;
        let mut settings = Self::default();
        for (name, value) in &all {
            match value.as_str() {
                // Text for the plugin stays text.
                Some(text) if NAMES.contains(&name.as_str()) => settings.set(name, text)?,
                _ => settings.set(name, &value.to_string())?,
            }
        }
        Ok(settings)
    }

    /// Reads names and values, as a store of settings has them.
    pub(crate) fn from_pairs(pairs: &[(String, String)]) -> Result<Self, SettingError> {
        let mut settings = Self::default();
        pairs
            .iter()
            .try_for_each(|(name, value)| settings.set(name, value))?;
        Ok(settings)
    }

    /// Sets one by its name. A name that is not known is the plugin's own.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
        let value = value.trim();
        let invalid = |wants| SettingError::Value {
            name: name.to_owned(),
            wants,
        };
        let millis = || value.parse().map_err(|_| invalid("milliseconds, a whole number"));
        match name {
            "base-url" => {
                let is_good = is_base_url(value);
                self.base_url = Some(value.to_owned());
                is_good.then_some(()).ok_or_else(|| {
                    invalid("an http or https URL with a host, without user name, query and fragment")
                })?;
            }
            "credential" => {
                self.credential = match value {
                    "attached-by-host" => Credential::AddedOutside,
                    "not-required" => Credential::NotRequired,
                    "missing" => Credential::Missing,
                    _ => {
                        return Err(invalid(
                            "`attached-by-host`, `not-required` or `missing`, and never the credential",
                        ));
                    }
                }
            }
            "connect-timeout-ms" => self.connect_timeout_ms = millis()?,
            "first-byte-timeout-ms" => self.first_byte_timeout_ms = millis()?,
            "idle-timeout-ms" => self.idle_timeout_ms = millis()?,
            "list-timeout-ms" => self.list_timeout_ms = millis()?,
            "max-retries" => {
                let number = value.parse().ok().filter(|number| *number <= 10);
                self.max_retries = number.ok_or_else(|| invalid("a whole number from 0 to 10"))?;
            }
            "discovery" => {
                self.discovery = match value {
                    "configured-only" => Discovery::ConfiguredOnly,
                    "off" | "false" => Discovery::Off,
                    "authenticated" | "true" => Discovery::Authenticated,
                    "always" => Discovery::Always,
                    _ => return Err(invalid("`configured-only`, `off`, `authenticated` or `always`")),
                }
            }
            "access-key" | KEY_VARIABLE => self.set_access_key(value)?,
            "allowed-hosts" => {
                let hosts = value.split(',').map(str::trim).filter(|host| !host.is_empty());
                let hosts: Vec<String> = hosts.map(str::to_ascii_lowercase).collect();
                if !hosts.iter().all(|host| is_host(host)) {
                    return Err(invalid(
                        "a list of host names without scheme and port, separated by commas; never `*`",
                    ));
                }
                self.allowed_hosts = hosts;
            }
            "default-model" => self.default_model = Some(value.to_owned()).filter(|name| !name.is_empty()),
            "max-body-bytes" => {
                let number = value.parse().ok().filter(|number| *number > 0);
                self.max_body_bytes = number.ok_or_else(|| invalid("a whole number above 0"))?;
            }
            "aliases" => {
                let aliases = aliases(value);
                self.aliases = aliases.ok_or_else(|| invalid("a JSON object: alias to model reference"))?;
            }
            "models" => {
                self.models = models(value).ok_or_else(|| {
                    invalid("a JSON list of models, each with an `id`, as OpenClaw's configuration has them")
                })?;
            }
            // Some engines list the variables of the environment in the store as well. Settings have other names.
            _ if !name.bytes().any(|byte| byte.is_ascii_lowercase()) => {}
            _ => {
                if let Some(meant) = did_you_mean::nearest(name, NAMES) {
                    return Err(SettingError::Misspelt {
                        name: name.to_owned(),
                        meant,
                    });
                }
                self.extras.insert(name.to_owned(), as_json(value));
            }
        }
        Ok(())
    }

    /// Sets the access key, wherever it comes from.
    pub(crate) fn set_access_key(&mut self, key: &str) -> Result<(), SettingError> {
        let is_good = key.len() >= SHORTEST_KEY && key.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_good {
            return Err(SettingError::Value {
                name: "access-key".to_owned(),
                wants: "at least 16 visible ASCII characters; make one with `openssl rand -hex 32`",
            });
        }
        self.access_key = Some(key.to_owned());
        Ok(())
    }

    /// The model of this id; an id's suffix is compared in any case.
    pub(crate) fn find_model(&self, id: &str) -> Option<&Model> {
        let wanted = id_key(id);
        self.models.iter().find(|model| id_key(&model.id) == wanted)
    }

    /// The aliases that a text means: trimmed, in any case, runs of white space as one.
    pub(crate) fn find_alias(&self, text: &str) -> Vec<&(String, String)> {
        let wanted = alias_key(text);
        let found = self
            .aliases
            .iter()
            .filter(|(alias, _)| alias_key(alias) == wanted);
        found.collect()
    }

    /// The aliases of a reference: as text, trimmed, in any case.
    pub(crate) fn find_aliases_of(&self, reference: &str) -> Vec<&(String, String)> {
        let key = |text: &str| text.trim().to_lowercase();
        let wanted = key(reference);
        let found = self.aliases.iter().filter(|(_, of)| key(of) == wanted);
        found.collect()
    }
}

fn id_key(id: &str) -> String {
    match id.rsplit_once(':') {
        Some((model, suffix)) => format!("{model}:{}", suffix.to_ascii_lowercase()),
        None => id.to_owned(),
    }
}

fn alias_key(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    words.join(" ")
}

fn is_base_url(text: &str) -> bool {
    let Ok(url) = text.parse::<Uri>() else {
        return false;
    };
    let has_scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let has_host = url
        .authority()
        .is_some_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    has_scheme && has_host && url.query().is_none() && !text.contains('#')
}

fn is_host(text: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.bytes().all(of_a_name)
}

/// A value for the plugin: JSON as it is, anything else as text.
fn as_json(value: &str) -> String {
    match serde_json::from_str::<Value>(value) {
        Ok(_) => value.trim().to_owned(),
        Err(_) => Value::from(value).to_string(),
    }
}

fn aliases(json: &str) -> Option<Vec<(String, String)>> {
    let all: Map<String, Value> = serde_json::from_str(json).ok()?;
    let each = all.into_iter();
    each.map(|(alias, reference)| Some((alias, reference.as_str()?.to_owned())))
        .collect()
}

fn models(json: &str) -> Option<Vec<Model>> {
    let all: Vec<Map<String, Value>> = serde_json::from_str(json).ok()?;
    all.into_iter().map(model).collect()
}

/// A model in the words of OpenClaw's configuration.
fn model(members: Map<String, Value>) -> Option<Model> {
    let mut model = Model::default();
    for (name, value) in members {
        let number = || value.as_u64().and_then(|number| u32::try_from(number).ok());
        match name.as_str() {
            "id" => model.id = value.as_str()?.trim().to_owned(),
            "name" => model.name = Some(value.as_str()?.to_owned()),
            "reasoning" => model.reasoning = Some(value.as_bool()?),
            "input" => {
                let words = value.as_array()?.iter();
                model.input = words
                    .map(|word| word.as_str().map(str::to_owned))
                    .collect::<Option<_>>()?;
            }
            "contextWindow" => model.context_window = Some(number()?),
            "maxTokens" => model.max_tokens = Some(number()?),
            "cost" => {
                let dollars = |name: &str| {
                    value
                        .get(name)
                        .filter(|cost| cost.is_number())
                        .map(Value::to_string)
                };
                model.price = Some((dollars("input")?, dollars("output")?, dollars("cacheRead")));
            }
            _ => model.extras.push((name, value.to_string())),
        }
    }
    (!model.id.is_empty()).then_some(model)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
