//! The parts of OpenClaw's configuration that are used here, as types, and the known keys beside them.
//! The known keys are derived from the types, so that the parser and `doctor` cannot drift apart.

mod values;

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::{Map, Value};

use super::secret_ref::SecretInput;
use model_provider_host::contract::Price;
pub(super) use values::{Members, Text};
use values::{amount, count, flag, list, or_default, word};

/// `models.providers.<id>`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object in braces")]
pub(super) struct Provider {
    #[serde(deserialize_with = "word")]
    pub(super) base_url: Option<String>,
    pub(super) api_key: Option<SecretInput>,
    #[serde(deserialize_with = "or_default")]
    pub(super) headers: Members<SecretInput>,
    #[serde(deserialize_with = "list")]
    pub(super) models: Vec<Value>,
    #[serde(deserialize_with = "count")]
    pub(super) timeout_seconds: Option<u32>,
    #[serde(deserialize_with = "count")]
    pub(super) max_tokens: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    pub(super) params: Members<Value>,
    #[serde(deserialize_with = "or_default")]
    pub(super) request: Request,
}

/// `models.providers.<id>.request`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object in braces")]
pub(super) struct Request {
    #[serde(deserialize_with = "or_default")]
    pub(super) headers: Members<SecretInput>,
    #[serde(deserialize_with = "flag")]
    pub(super) allow_private_network: Option<bool>,
}

/// An entry of `models.providers.<id>.models`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object in braces")]
pub(super) struct Model {
    #[serde(deserialize_with = "word")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "word")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "word")]
    pub(super) alias: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    pub(super) reasoning: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) input: Vec<Text>,
    #[serde(default, deserialize_with = "count")]
    pub(super) context_window: Option<u32>,
    #[serde(default, deserialize_with = "count")]
    pub(super) max_tokens: Option<u32>,
    #[serde(default)]
    pub(super) cost: Option<Cost>,
    /// The endpoint's capabilities; passed to the plugin unchanged.
    #[serde(default, deserialize_with = "or_default")]
    pub(super) compat: Map<String, Value>,
    #[serde(default, deserialize_with = "or_default")]
    #[allow(dead_code, reason = "read elsewhere; here it says that the key is known")]
    params: Members<Value>,
    /// Marks an entry of `models.json` that discovery wrote.
    #[serde(default)]
    #[allow(dead_code, reason = "read elsewhere; here it says that the key is known")]
    source: de::IgnoredAny,
}

/// `cost` of a model.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object in braces")]
pub(super) struct Cost {
    #[serde(deserialize_with = "amount")]
    input: Option<String>,
    #[serde(deserialize_with = "amount")]
    output: Option<String>,
    #[serde(deserialize_with = "amount")]
    cache_read: Option<String>,
}

impl Cost {
    /// A price needs both directions; one alone does not give the cost of a response.
    pub(super) fn price(self) -> Option<Price> {
        let (input, output) = self.input.zip(self.output)?;
        Some(Price {
            input,
            output,
            cached_input: self.cache_read,
        })
    }
}

/// `agents.defaults.model`, where it is an object.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object in braces")]
pub(super) struct AgentModel {
    #[serde(deserialize_with = "word")]
    pub(super) primary: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) fallbacks: Vec<Text>,
}

/// An entry of `agents.defaults.models`.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object in braces")]
pub(super) struct ModelEntry {
    #[serde(deserialize_with = "word")]
    pub(super) alias: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) params: Members<Value>,
}

/// `env.shellEnv`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object in braces")]
pub(super) struct ShellEnv {
    #[serde(deserialize_with = "flag")]
    pub(super) enabled: Option<bool>,
    #[serde(deserialize_with = "count")]
    pub(super) timeout_ms: Option<u32>,
}

/// `plugins.entries.<id>`.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object in braces")]
pub(super) struct PluginEntry {
    #[serde(deserialize_with = "or_default")]
    pub(super) config: Members<Value>,
    #[serde(deserialize_with = "flag")]
    pub(super) enabled: Option<bool>,
}

/// `plugins`, as far as it decides whether OpenClaw loads one.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object in braces")]
pub(super) struct Plugins {
    #[serde(deserialize_with = "flag")]
    pub(super) enabled: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    pub(super) allow: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) deny: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    pub(super) load: PluginLoad,
}

/// `plugins.load`.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object in braces")]
pub(super) struct PluginLoad {
    #[serde(deserialize_with = "or_default")]
    pub(super) paths: Vec<Text>,
}

/// The profile of a stored credential.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object in braces")]
pub(super) struct Profile {
    #[serde(rename = "type", deserialize_with = "word")]
    pub(super) kind: Option<String>,
    #[serde(deserialize_with = "word")]
    pub(super) provider: Option<String>,
    pub(super) key: Option<SecretInput>,
    pub(super) key_ref: Option<SecretInput>,
    pub(super) token: Option<SecretInput>,
    pub(super) token_ref: Option<SecretInput>,
    /// From the oldest files, in which a profile is named by its provider alone.
    pub(super) api_key: Option<SecretInput>,
    pub(super) expires: Option<Value>,
    /// A replacement that is not active yet.
    pub(super) setup: Option<Value>,
}

/// The keys of an object that are used here.
pub(super) fn keys_of<T: DeserializeOwned>() -> &'static [&'static str] {
    struct Names<'n>(&'n mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = de::value::Error;

        fn deserialize_any<V: de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
            Err(de::Error::custom("only names are looked at"))
        }

        fn deserialize_struct<V: de::Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            self.deserialize_any(visitor)
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
    let mut names: &'static [&'static str] = &[];
    let _ = T::deserialize(Names(&mut names));
    names
}

/// An object of the configuration: its path, the keys that are used here, and OpenClaw's unused ones.
#[derive(Clone, Debug)]
pub struct KnownKeys {
    /// Its path.
    pub way: Vec<String>,
    /// Used here.
    pub used: &'static [&'static str],
    /// OpenClaw's keys that are not used here.
    pub unused: &'static [&'static str],
}

/// The objects whose keys are all known, for a provider that the file spells `id` and a plugin of this id.
pub(super) fn known_keys(provider: &str, plugin: &str, models: usize, entries: &[&str]) -> Vec<KnownKeys> {
    let place = |way: &[&str], used, unused| KnownKeys {
        way: way.iter().map(|name| (*name).to_owned()).collect(),
        used,
        unused,
    };
    let mut places = vec![
        place(
            &["models", "providers", provider],
            keys_of::<Provider>(),
            &[
                "auth",
                "api",
                "authHeader",
                "region",
                "injectNumCtxForOpenAICompat",
                "agentRuntime",
                "localService",
            ],
        ),
        place(
            &["models", "providers", provider, "request"],
            keys_of::<Request>(),
            &["auth", "proxy", "tls"],
        ),
        place(
            &["agents", "defaults", "model"],
            keys_of::<AgentModel>(),
            &["timeoutMs"],
        ),
        place(&["env", "shellEnv"], keys_of::<ShellEnv>(), &[]),
        place(
            &["plugins", "entries", plugin],
            keys_of::<PluginEntry>(),
            &["hooks", "subagent", "llm", "apiKey", "env"],
        ),
    ];
    for index in 0..models {
        places.push(place(
            &["models", "providers", provider, "models", &index.to_string()],
            keys_of::<Model>(),
            &[
                "api",
                "baseUrl",
                "contextTokens",
                "thinkingLevelMap",
                "agentRuntime",
                "headers",
                "mediaInput",
                "metadataSource",
            ],
        ));
    }
    for reference in entries {
        places.push(place(
            &["agents", "defaults", "models", reference],
            keys_of::<ModelEntry>(),
            &["agentRuntime", "pickerRuntimes", "codeMode", "streaming"],
        ));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_keys_of_an_object_are_those_of_its_type() {
        assert!(keys_of::<Provider>().contains(&"timeoutSeconds"));
        assert!(keys_of::<Model>().contains(&"contextWindow"));
        for place in known_keys("a", "a", 1, &["a/b"]) {
            assert!(!place.used.is_empty(), "{place:?}");
            assert!(
                place.unused.iter().all(|key| !place.used.contains(key)),
                "{place:?}"
            );
        }
    }
}
