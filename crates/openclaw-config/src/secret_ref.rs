//! Credentials as OpenClaw writes them: text, or a reference `{ source, provider, id }`.
//! Resolves references to variables, files and OpenClaw's own store; runs no program.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use super::{Configuration, interpolation, state_database::Database};

/// A credential in a file: the text itself, or a reference.
#[derive(Clone)]
pub(super) enum SecretInput {
    Text(Zeroizing<String>),
    Ref(SecretRef),
    /// An object that is no known reference. It is skipped, and does not invalidate the file.
    Wrong,
}

/// A reference to a credential.
#[derive(Clone, Deserialize)]
#[serde(expecting = "a reference { source, provider, id }")]
pub(super) struct SecretRef {
    source: Source,
    #[serde(default)]
    provider: Option<String>,
    id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", expecting = "env, file, exec or store")]
enum Source {
    Env,
    File,
    Exec,
    Store,
    /// A source of a newer OpenClaw.
    #[serde(other)]
    Other,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
            Self::Exec => "exec",
            Self::Store => "store",
            Self::Other => "other",
        }
    }
}

/// `secrets`, as far as references need it.
#[derive(Default, Deserialize)]
#[serde(default, expecting = "an object in braces")]
struct Secrets {
    providers: BTreeMap<String, SecretProvider>,
    defaults: BTreeMap<String, String>,
}

/// `secrets.providers.<alias>`.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object in braces")]
struct SecretProvider {
    source: Source,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    max_bytes: Option<u64>,
    #[serde(default)]
    allowlist: Option<Vec<String>>,
}

/// The default size limit of a secrets file.
const LARGEST: u64 = 1024 * 1024;

/// A credential, and the variable that it comes from, if any.
pub(super) type Found = interpolation::Resolved;

impl Configuration {
    /// Resolves a credential; blank is `None`.
    ///
    /// # Errors
    /// Why the reference does not resolve.
    pub(super) fn secret_of(
        &self,
        input: &SecretInput,
        is_variable: impl Fn(&str) -> bool,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Found>, String> {
        let reference = match input {
            SecretInput::Text(text) => return interpolation::credential(text, is_variable, look_up),
            SecretInput::Wrong => {
                return Err("it is not a reference { source, provider, id }, each in quotes".to_owned());
            }
            SecretInput::Ref(reference) if reference.source == Source::Other => {
                return Err("its `source` is not env, file, exec or store".to_owned());
            }
            SecretInput::Ref(reference) => reference,
        };
        let secrets = self.root().get("secrets").and_then(|node| node.read::<Secrets>());
        let secrets = secrets.map_err(|error| error.message().to_owned())?;
        let value = self.look_behind(reference, &secrets.unwrap_or_default(), &look_up)?;
        // Content of a file or a store follows the same rule as inline text.
        let mut found = interpolation::credential(&value, |_| false, look_up)?;
        if let (Some(found), Source::Env) = (&mut found, reference.source) {
            found.variable = Some(reference.id.clone());
        }
        Ok(found)
    }

    /// The alias that OpenClaw writes into a reference to a variable: `secrets.defaults.env`, else the first of
    /// `secrets.providers` with that source, else `default`.
    pub(super) fn variables_alias(&self) -> String {
        let secrets = self.value().get("secrets");
        let default = secrets.and_then(|secrets| secrets.pointer("/defaults/env")?.as_str());
        let providers = secrets.and_then(|secrets| secrets.get("providers")?.as_object());
        let is_env = |provider: &serde_json::Value| {
            provider.get("source").and_then(serde_json::Value::as_str) == Some(Source::Env.name())
        };
        let first = || {
            let mut entries = providers.into_iter().flatten();
            entries.find_map(|(alias, provider)| is_env(provider).then_some(alias.as_str()))
        };
        let default = default.map(str::trim).filter(|alias| !alias.is_empty());
        default.or_else(first).unwrap_or("default").to_owned()
    }

    /// The files of secrets that `secrets.providers` names.
    pub(super) fn secret_files(&self) -> Vec<PathBuf> {
        let secrets = self.root().get("secrets").and_then(|node| node.read::<Secrets>());
        let providers = secrets.ok().flatten().unwrap_or_default().providers;
        let files = providers
            .values()
            .filter(|provider| provider.source == Source::File);
        files.filter_map(|provider| self.secret_file(provider)).collect()
    }

    fn secret_file(&self, provider: &SecretProvider) -> Option<PathBuf> {
        let path = provider
            .path
            .as_deref()
            .map(str::trim)
            .filter(|path| !path.is_empty())?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        Some(folder.join(self.environment.expand_home(path)))
    }

    fn look_behind(
        &self,
        reference: &SecretRef,
        secrets: &Secrets,
        look_up: &impl Fn(&str) -> Option<String>,
    ) -> Result<Zeroizing<String>, String> {
        let SecretRef { source, provider, id } = reference;
        let default = secrets
            .defaults
            .get(source.name())
            .map(|alias| alias.trim())
            .filter(|alias| !alias.is_empty())
            .unwrap_or("default");
        let alias = provider.as_deref().map(str::trim).unwrap_or(default);
        let registered = secrets
            .providers
            .get(alias)
            .filter(|provider| provider.source == *source);
        let is_built_in = matches!(source, Source::Env | Source::Store) && alias == default;
        if registered.is_none() && !is_built_in {
            return Err(format!("`secrets.providers` has no `{alias}` of this source"));
        }
        match source {
            Source::Env => {
                let allowed = registered.and_then(|provider| provider.allowlist.as_ref());
                if !interpolation::is_name(id) {
                    return Err("its `id` names no variable".to_owned());
                }
                if allowed.is_some_and(|allowed| !allowed.contains(id)) {
                    return Err(format!(
                        "`secrets.providers.{alias}.allowlist` does not have `{id}`"
                    ));
                }
                let value = look_up(id).ok_or_else(|| format!("the variable `{id}` is not set"))?;
                Ok(Zeroizing::new(value))
            }
            Source::File => {
                let provider = registered.ok_or_else(|| format!("there is no `{alias}`"))?;
                self.in_file(provider, id)
            }
            Source::Exec | Source::Other => Err(format!(
                "a program resolves it (`secrets.providers.{alias}`), and none is run here"
            )),
            Source::Store => {
                let database = Database::of_state(&self.state_dir)
                    .and_then(|database| database.ok_or_else(|| "there is no store".to_owned()))
                    .map_err(|why| format!("OpenClaw's store of secrets: {why}"))?;
                let value = database.secret(id)?;
                value
                    .map(Zeroizing::new)
                    .ok_or_else(|| format!("OpenClaw's store of secrets has no `{id}`"))
            }
        }
    }

    fn in_file(&self, provider: &SecretProvider, id: &str) -> Result<Zeroizing<String>, String> {
        let path = self
            .secret_file(provider)
            .ok_or_else(|| "its provider names no `path`".to_owned())?;
        let text = private_text(&path, provider.max_bytes.unwrap_or(LARGEST))?;
        if provider.mode.as_deref() == Some("singleValue") {
            if id != "value" {
                return Err("its `id` has to be \"value\" for a file with a single value".to_owned());
            }
            return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
        }
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|_| format!("{} is not JSON", path.display()))?;
        match value.pointer(id) {
            Some(serde_json::Value::String(text)) => Ok(Zeroizing::new(text.clone())),
            Some(_) => Err(format!("the value in {} at its `id` is not text", path.display())),
            None => Err(format!("{} has nothing at its `id`", path.display())),
        }
    }
}

/// Reads a file that only the user may access.
fn private_text(path: &Path, largest: u64) -> Result<Zeroizing<String>, String> {
    use std::io::Read as _;
    let invalid = |what: &dyn fmt::Display| format!("{} {what}", path.display());
    let cannot = |error: std::io::Error| invalid(&format_args!("cannot be read: {error}"));
    let meta = std::fs::symlink_metadata(path).map_err(cannot)?;
    if !meta.is_file() {
        return Err(invalid(&"is a link or not a regular file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(invalid(&"belongs to another user"));
        }
        if meta.nlink() > 1 {
            return Err(invalid(&"has a second name (a hard link)"));
        }
        if meta.mode() & 0o077 != 0 {
            return Err(invalid(&"is accessible to other users; chmod 600 it"));
        }
    }
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(largest + 1).read_to_string(&mut text).map_err(cannot)?;
    if text.len() as u64 > largest {
        return Err(invalid(&format_args!("is larger than {largest} bytes")));
    }
    Ok(text)
}

impl<'de> Deserialize<'de> for SecretInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = SecretInput;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes, or a reference { source, provider, id }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(SecretInput::Text(Zeroizing::new(text.to_owned())))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let value = serde_json::Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(SecretRef::deserialize(value).map_or(SecretInput::Wrong, SecretInput::Ref))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
