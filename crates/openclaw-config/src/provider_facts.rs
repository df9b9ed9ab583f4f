//! Facts about single providers, as data by provider id (`provider_facts.json`): OpenClaw's name of the API, headers
//! without secrets, and the token files and variables of the provider's own tools, the last sources of a credential.

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Configuration, interpolation, report::Unresolved};
use model_provider_host::{Settings, contract::ProviderInfo, files};

/// The size limit of a token file.
const LARGEST: u64 = 1024 * 1024;

static FACTS: LazyLock<BTreeMap<String, Facts>> = LazyLock::new(|| {
    // A test makes sure that the file parses.
    serde_json::from_str(include_str!("provider_facts.json")).unwrap_or_default()
});

/// The facts about one provider.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Facts {
    /// OpenClaw's name of the API.
    api: Option<String>,
    /// Candidates for the token file; the first that applies is the location.
    #[serde(default)]
    token_file: Vec<Place>,
    /// The file beside it that holds tokens by name.
    named_tokens: Option<Named>,
    /// The variable that stops these tools from using the token implicitly.
    token_disabled_by: Option<String>,
    #[serde(default)]
    settings: Vec<FromVariable>,
    /// Headers whose values are no secrets: the name of an app, or of the organisation that pays.
    #[serde(default)]
    public_headers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    variable: Option<String>,
    #[serde(default)]
    home: bool,
    /// The path below the variable's folder, or the home directory; empty if the variable names the file itself.
    below: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    file: String,
    key: String,
}

/// A setting that a variable provides if neither a setting nor a header does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromVariable {
    setting: String,
    variable: String,
    header: String,
}

/// The headers of a provider whose values are no secrets.
pub(super) fn public_headers(info: &ProviderInfo) -> Vec<String> {
    FACTS
        .get(&info.id)
        .map_or_else(Vec::new, |facts| facts.public_headers.clone())
}

/// OpenClaw's name of a provider's API.
pub(super) fn api(info: &ProviderInfo) -> Option<&'static str> {
    FACTS.get(&info.id)?.api.as_deref()
}

impl Configuration {
    /// The token of the provider's own tools, and its file.
    pub(super) fn token_of_tools(
        &self,
        info: &ProviderInfo,
        passed: &mut Vec<Unresolved>,
    ) -> Option<(PathBuf, Zeroizing<String>)> {
        let facts = FACTS.get(&info.id)?;
        let path = self.token_file(facts)?;
        if let Some(name) = facts
            .token_disabled_by
            .as_deref()
            .filter(|name| self.is_switched_on(name))
        {
            if path.is_file() {
                let why = format!("`{name}` is set");
                passed.push(Unresolved::new(
                    path.display().to_string(),
                    why,
                    "unset it, or store a key",
                ));
            }
            return None;
        }
        match text_of(&path) {
            Ok(Some(text)) if !text.trim().is_empty() => return Some((path, text)),
            Ok(_) => {}
            Err(why) => passed.push(Unresolved::new(
                path.display().to_string(),
                why,
                "make it readable",
            )),
        }
        let named = facts.named_tokens.as_ref()?;
        let path = path.with_file_name(&named.file);
        let text = match text_of(&path) {
            Ok(text) => text?,
            Err(why) => {
                passed.push(Unresolved::new(
                    path.display().to_string(),
                    why,
                    "make it readable",
                ));
                return None;
            }
        };
        match tokens(&text, &named.key).as_slice() {
            [] => None,
            [token] => Some((path, token.clone())),
            many => {
                let why = format!("it holds {} tokens, and none is chosen", many.len());
                let fix = "choose one with the tool that wrote it, or set a variable";
                passed.push(Unresolved::new(path.display().to_string(), why, fix));
                None
            }
        }
    }

    /// The files of the provider's own tools that may hold its token, existing or not; none if they are not used.
    pub(super) fn files_of_tools(&self, info: &ProviderInfo) -> Vec<PathBuf> {
        let Some(facts) = FACTS.get(&info.id) else {
            return Vec::new();
        };
        let name = facts.token_disabled_by.as_deref();
        let is_off = name.is_some_and(|name| self.is_switched_on(name));
        let Some(path) = self.token_file(facts).filter(|_| !is_off) else {
            return Vec::new();
        };
        let named = facts.named_tokens.as_ref();
        let named = named.map(|named| path.with_file_name(&named.file));
        std::iter::once(path).chain(named).collect()
    }

    fn token_file(&self, facts: &Facts) -> Option<PathBuf> {
        facts.token_file.iter().find_map(|place| self.file_of(place))
    }

    /// Settings that only variables of the provider's own tools provide.
    pub(super) fn settings_of_tools(
        &self,
        info: &ProviderInfo,
        settings: &mut Settings,
        unresolved: &mut Vec<Unresolved>,
    ) {
        let dotenv = self.dotenv().unwrap_or_default();
        let look_up = |name: &str| self.variable(name, &self.environment, &dotenv);
        for from in FACTS.get(&info.id).iter().flat_map(|facts| &facts.settings) {
            let mut headers = settings.headers.iter();
            let is_given = settings.extras.contains_key(&from.setting)
                || headers.any(|(name, _)| name.eq_ignore_ascii_case(&from.header));
            if is_given {
                continue;
            }
            let Some(value) = look_up(&from.variable) else {
                continue;
            };
            match interpolation::plain(&value, &look_up) {
                Ok(value) => {
                    let json = serde_json::Value::from(value.trim());
                    settings.extras.insert(from.setting.clone(), json.to_string());
                }
                Err(why) => unresolved.push(Unresolved::new(&from.variable, why, "write the value itself")),
            }
        }
    }

    /// Whether a variable of those tools is set to a value that they treat as true.
    fn is_switched_on(&self, name: &str) -> bool {
        let value = self.environment.get(name);
        value.is_some_and(|value| {
            let value = value.trim();
            ["1", "on", "yes", "true"]
                .iter()
                .any(|yes| value.eq_ignore_ascii_case(yes))
        })
    }

    fn file_of(&self, place: &Place) -> Option<PathBuf> {
        let folder = match &place.variable {
            Some(name) => self.environment.path(name)?,
            None if place.home => self.environment.home()?.to_owned(),
            None => return None,
        };
        Some(if place.below.is_empty() {
            folder
        } else {
            folder.join(&place.below)
        })
    }
}

fn text_of(path: &std::path::Path) -> Result<Option<Zeroizing<String>>, String> {
    use std::io::Read as _;
    let read = || -> std::io::Result<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::new());
        files::open(path)?.take(LARGEST).read_to_string(&mut text)?;
        Ok(text)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("it cannot be read: {error}")),
    }
}

/// The values of a key in all sections of an INI file.
fn tokens(text: &str, key: &str) -> Vec<Zeroizing<String>> {
    let mut found: Vec<Zeroizing<String>> = Vec::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let value = value.trim();
        if name.trim().eq_ignore_ascii_case(key)
            && !value.is_empty()
            && found.iter().all(|known| **known != value)
        {
            found.push(Zeroizing::new(value.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_places_are_readable_and_named_tokens_are_found() {
        let read: Result<BTreeMap<String, Facts>, _> =
            serde_json::from_str(include_str!("provider_facts.json"));
        assert!(!read.unwrap().is_empty());
        let text = "[a]\nhf_token = hf_1\nother = x\n\n[b]\nhf_token: hf_2\n[c]\nhf_token = hf_1\n";
        let found: Vec<String> = tokens(text, "hf_token")
            .iter()
            .map(|token| token.to_string())
            .collect();
        assert_eq!(found, ["hf_1", "hf_2"]);
    }
}
