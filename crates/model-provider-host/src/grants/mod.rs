//! Grants: what a provider may have. What a component says of itself is a wish; this is the answer.
//!
//! An id may have several grants: that of this build, and those that the operator wrote. A plugin gets the first that
//! covers all that it asks for. A grant more never narrows or replaces one that is there, so that a file which claims
//! another's id takes nothing from the other.

mod endpoints;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

pub use endpoints::GrantedEndpoint;
pub use endpoints::{AllowedEndpoints, words as endpoint_words};

use crate::{
    contract::ProviderInfo,
    egress::Origin,
    error::{Error, Kind, Result},
    files,
    files::trust,
};

/// What one provider may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Where the credential may go: `https://host[:port]`.
    pub origin: String,
    /// The path of the base URL there, which `endpoints` are below of; the operator's own base URL has one of its own.
    #[serde(default)]
    pub base_path: String,
    /// What may be asked for there. A grant without any, as earlier versions wrote it, allows no request.
    #[serde(default)]
    pub endpoints: Vec<GrantedEndpoint>,
    /// The header that carries it.
    pub header: String,
    /// What stands before it in the header.
    pub prefix: String,
    /// The variables that may be read for it.
    pub env_vars: Vec<String>,
}

impl Grant {
    /// What a plugin asks for; `None` if its base URL is no URL.
    #[must_use]
    pub fn asked_by(info: &ProviderInfo) -> Option<Self> {
        let url = Url::parse(info.default_base_url.trim()).ok()?;
        let origin = Origin::of(&url)?;
        let credential = info.credential.as_ref();
        Some(Self {
            origin: origin.to_string(),
            base_path: url.path().trim_end_matches('/').to_owned(),
            endpoints: asked_endpoints(info),
            header: credential
                .map(|c| c.header.to_ascii_lowercase())
                .unwrap_or_default(),
            prefix: credential.map(|c| c.prefix.clone()).unwrap_or_default(),
            env_vars: credential.map(|c| c.env_vars.clone()).unwrap_or_default(),
        })
    }

    /// Whether all that is asked for is allowed.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        self.beyond(asked).is_empty()
    }

    /// Refuses a plugin that asks for more.
    ///
    /// # Errors
    /// It does; all of it is named, with what is granted.
    pub(crate) fn check(&self, info: &ProviderInfo) -> Result<()> {
        let beyond = self.beyond(&asked(info)?);
        if beyond.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the plugin `{}` asks for more than it is granted: {}",
            info.id,
            beyond.join("; ")
        );
        Err(Error::new(Kind::NotGranted, message)
            .with_hint("if that is right, allow it with `grant FILE.wasm`; if not, do not use this file"))
    }

    /// The variables that may be read for a plugin, in its order.
    pub fn readable<'a>(&'a self, info: &'a ProviderInfo) -> impl Iterator<Item = &'a str> {
        let named = info.credential.iter().flat_map(|credential| &credential.env_vars);
        named
            .map(String::as_str)
            .filter(|name| self.env_vars.iter().any(|granted| granted == name))
    }

    /// What is asked for beyond this grant, in words; empty if nothing is.
    fn beyond(&self, asked: &Self) -> Vec<String> {
        let mut beyond = Vec::new();
        if Origin::parse(&self.origin) != Origin::parse(&asked.origin) {
            beyond.push(format!("the origin {} (granted: {})", asked.origin, self.origin));
        }
        if self.base_path != asked.base_path && !self.endpoints.is_empty() {
            beyond.push(format!(
                "requests below `{}/` (granted: `{}/`)",
                asked.base_path, self.base_path
            ));
        }
        let granted_endpoints = endpoint_words(&self.endpoints);
        let wanted = asked.endpoints.iter();
        let wanted = wanted.filter(|wanted| !self.endpoints.iter().any(|granted| granted.covers(wanted)));
        beyond.extend(wanted.map(|wanted| format!("the request `{wanted}` (granted: {granted_endpoints})")));
        if !asked.header.is_empty() && !asked.header.eq_ignore_ascii_case(&self.header) {
            beyond.push(format!(
                "the header `{}` (granted: `{}`)",
                asked.header, self.header
            ));
        }
        if !asked.header.is_empty() && asked.prefix != self.prefix {
            beyond.push(format!(
                "the prefix `{}` (granted: `{}`)",
                asked.prefix, self.prefix
            ));
        }
        let granted = if self.env_vars.is_empty() {
            "none".to_owned()
        } else {
            self.env_vars.join(", ")
        };
        beyond.extend(
            asked
                .env_vars
                .iter()
                .filter(|name| !self.env_vars.contains(name))
                .map(|name| format!("the variable `{name}` (granted: {granted})")),
        );
        beyond
    }
}

/// What a plugin asks for.
fn asked(info: &ProviderInfo) -> Result<Grant> {
    Grant::asked_by(info).ok_or_else(|| {
        let message = format!("`{}` names `{}` as its base URL", info.id, info.default_base_url);
        Error::new(
            Kind::NotGranted,
            format!("{message}, which is no http or https URL"),
        )
    })
}

/// The requests that a plugin says that it needs.
pub(crate) fn asked_endpoints(info: &ProviderInfo) -> Vec<GrantedEndpoint> {
    let named = info.endpoints.iter();
    named
        .map(|endpoint| GrantedEndpoint::new(&endpoint.method, &endpoint.path))
        .collect()
}

/// All grants: those of this build and those that the operator wrote.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    by_id: ById,
    file: Option<PathBuf>,
}

type ById = BTreeMap<String, Vec<Grant>>;

/// Reads grants: for each id one, or several in a list.
fn parse(text: &str) -> Result<ById, String> {
    let all: BTreeMap<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut by_id = ById::new();
    for (id, value) in all {
        let list = match value {
            Value::Array(list) => list,
            one => vec![one],
        };
        let read = list
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<_, _>>();
        let grants = read.map_err(|error| format!("`{id}`: {error}"))?;
        by_id.insert(id, grants);
    }
    Ok(by_id)
}

/// The grants in a file, which need not be there.
fn written(file: &Path) -> Result<ById> {
    let fault = |message: String| Error::new(Kind::Configuration, message);
    if let Some(exposure) = trust::changeable(file) {
        let message = format!(
            "the grants in {} are not believed: {}",
            file.display(),
            exposure.message
        );
        return Err(fault(message).with_hint(format!(
            "whoever may change them decides where credentials go; look at what stands there, then `{}`",
            exposure.fix
        )));
    }
    match files::read_input_text(file, files::LARGEST) {
        Ok(text) => parse(&text).map_err(|error| {
            fault(format!("the grants in {}: {error}", file.display()))
                .with_hint("mend it, or remove it and write what is needed with `grant FILE.wasm`")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ById::new()),
        Err(error) => Err(fault(format!(
            "the grants in {} cannot be read: {error}",
            file.display()
        ))),
    }
}

/// Writes them as [`parse`] reads them.
fn print(by_id: &ById) -> Result<String> {
    let values = by_id.iter().map(|(id, grants)| {
        let value = match grants.as_slice() {
            [one] => serde_json::to_value(one),
            several => serde_json::to_value(several),
        };
        value.map(|value| (id, value))
    });
    values
        .collect::<Result<BTreeMap<_, _>, _>>()
        .and_then(|values| serde_json::to_string_pretty(&values))
        .map_err(|error| Error::new(Kind::Configuration, format!("the grants: {error}")))
}

/// Puts one behind the others of its id, if it is not there.
fn add(by_id: &mut ById, id: &str, grant: Grant) {
    let grants = by_id.entry(id.to_owned()).or_default();
    if !grants.contains(&grant) {
        grants.push(grant);
    }
}

impl Grants {
    /// Reads grants from JSON: an object with the grants of each plugin id, as the file `grants.json` and a release hold
    /// them.
    ///
    /// # Errors
    /// `configuration` if it is no such JSON.
    pub fn parse(json: &str) -> Result<Self> {
        let by_id =
            parse(json).map_err(|error| Error::new(Kind::Configuration, format!("the grants: {error}")))?;
        Ok(Self { by_id, file: None })
    }

    /// These, and those of a state directory, whose file need not be there.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn with_state_dir(self, dir: &Path) -> Result<Self> {
        let mut all = self;
        let file = dir.join("grants.json");
        for (id, grants) in written(&file)? {
            for grant in grants {
                add(&mut all.by_id, &id, grant);
            }
        }
        all.file = Some(file);
        Ok(all)
    }

    /// The grants of an id, that of this build first.
    #[must_use]
    pub fn of(&self, id: &str) -> &[Grant] {
        self.by_id.get(id).map_or(&[], Vec::as_slice)
    }

    /// Adds one for this process alone, beside those of its id.
    pub fn insert(&mut self, id: impl Into<String>, grant: Grant) {
        add(&mut self.by_id, &id.into(), grant);
    }

    /// Writes one to the state directory's file, beside those that are there.
    ///
    /// # Errors
    /// There is no state directory, or its file cannot be read or written.
    pub fn write(&mut self, id: &str, grant: Grant) -> Result<&Path> {
        let file = self.file.as_deref().ok_or_else(|| {
            Error::new(
                Kind::Configuration,
                "grants need a state directory to be written to",
            )
        })?;
        let _lock = files::lock(file)?;
        let mut own = written(file)?;
        add(&mut own, id, grant.clone());
        files::write_private(file, format!("{}\n", print(&own)?).as_bytes())?;
        add(&mut self.by_id, id, grant);
        Ok(file)
    }

    /// Compares what a plugin asks for with the grants of its id, and gives the first that covers it. An id without a
    /// grant gets none, which is no fault.
    ///
    /// # Errors
    /// It asks for more than any of them; what is more than the nearest is named.
    pub fn check(&self, info: &ProviderInfo) -> Result<Option<&Grant>> {
        let grants = self.of(&info.id);
        if grants.is_empty() {
            return Ok(None);
        }
        let asked = asked(info)?;
        let nearest = grants.iter().min_by_key(|grant| grant.beyond(&asked).len());
        match nearest {
            Some(grant) => grant.check(info).map(|()| Some(grant)),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(origin: &str) -> Grant {
        Grant {
            origin: origin.to_owned(),
            base_path: "/v1".to_owned(),
            endpoints: vec![GrantedEndpoint::new("GET", "/models")],
            header: "authorization".to_owned(),
            prefix: "Bearer ".to_owned(),
            env_vars: vec!["ACME_KEY".to_owned()],
        }
    }

    #[test]
    fn a_grant_more_replaces_none_and_narrows_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut built_in = Grants::default();
        built_in.insert("acme", grant("https://acme.example"));
        let (id, own) = built_in.by_id.iter().next().unwrap();
        for origin in [
            "https://evil.example",
            "https://other.example",
            "https://evil.example",
        ] {
            let mut grants = built_in.clone().with_state_dir(dir.path()).unwrap();
            grants.write(id, grant(origin)).unwrap();
            assert_eq!(
                grants.of(id)[..own.len()],
                own[..],
                "that of the build stays, and stays the first"
            );
            assert_eq!(
                built_in.clone().with_state_dir(dir.path()).unwrap().of(id),
                grants.of(id)
            );
        }
        assert_eq!(
            built_in.clone().with_state_dir(dir.path()).unwrap().of(id).len(),
            own.len() + 2
        );
    }

    #[test]
    fn a_grant_of_an_earlier_version_allows_no_request() {
        let old = r#"{"acme": {"origin": "https://a.test", "header": "authorization", "prefix": "", "envVars": []}}"#;
        let read = parse(old).unwrap();
        assert!(read["acme"][0].endpoints.is_empty());
        let mut asked = grant("https://a.test");
        asked.prefix = String::new();
        asked.env_vars.clear();
        assert_eq!(
            read["acme"][0].beyond(&asked),
            ["the request `GET /models` (granted: none)"]
        );
    }

    #[test]
    fn what_is_wrong_with_a_grant_is_said_with_its_id() {
        for (text, says) in [
            ("[]", "expected a map"),
            (r#"{"acme": 7}"#, "`acme`"),
            (
                r#"{"acme": [{"origin": "https://a.test"}]}"#,
                "`acme`: missing field",
            ),
            (
                r#"{"acme": {"origin": "", "header": "", "prefix": "", "envVars": [], "else": 1}}"#,
                "unknown field `else`",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let mut by_id = ById::new();
        add(&mut by_id, "one", grant("https://a.test"));
        add(&mut by_id, "two", grant("https://a.test"));
        add(&mut by_id, "two", grant("https://b.test"));
        assert_eq!(parse(&print(&by_id).unwrap()).unwrap(), by_id);
    }
}
