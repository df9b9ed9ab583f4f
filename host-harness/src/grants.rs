//! Grants: what a provider of this id may have. What a component says of itself is a wish; this is the answer.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    contract::ProviderInfo,
    edge::Origin,
    error::{Error, Kind, Result},
    files::{self, trust},
};

/// What one provider may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    /// Where the credential may go: `https://host[:port]`.
    pub origin: String,
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
        let origin = Origin::parse(&info.default_base_url)?;
        let credential = info.credential.as_ref();
        Some(Self {
            origin: origin.to_string(),
            header: credential
                .map(|c| c.header.to_ascii_lowercase())
                .unwrap_or_default(),
            prefix: credential.map(|c| c.prefix.clone()).unwrap_or_default(),
            env_vars: credential.map(|c| c.env_vars.clone()).unwrap_or_default(),
        })
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

/// All grants: those of this build and those that the operator wrote.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    by_id: BTreeMap<String, Grant>,
    file: Option<PathBuf>,
}

/// The grants in a file, which need not be there.
fn written(file: &Path) -> Result<BTreeMap<String, Grant>> {
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
        Ok(text) => serde_json::from_str(&text).map_err(|error| {
            fault(format!("the grants in {}: {error}", file.display()))
                .with_hint("mend it, or remove it and write what is needed with `grant FILE.wasm`")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(fault(format!(
            "the grants in {} cannot be read: {error}",
            file.display()
        ))),
    }
}

/// The grant that the workspace gives its own component.
const BUILT_IN: &str = include_str!("../../src/grant.json");

impl Grants {
    /// The grants of this build.
    ///
    /// # Errors
    /// Never in a build that passed its tests.
    pub fn built_in() -> Result<Self> {
        let by_id = serde_json::from_str(BUILT_IN)
            .map_err(|error| Error::new(Kind::Configuration, format!("the built-in grants: {error}")))?;
        Ok(Self { by_id, file: None })
    }

    /// The grants of this build and of a state directory, whose file need not be there.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn of_state_dir(dir: &Path) -> Result<Self> {
        let mut all = Self::built_in()?;
        let file = dir.join("grants.json");
        all.by_id.extend(written(&file)?);
        all.file = Some(file);
        Ok(all)
    }

    /// The grant of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Grant> {
        self.by_id.get(id)
    }

    /// Adds one for this process alone.
    pub fn insert(&mut self, id: impl Into<String>, grant: Grant) {
        self.by_id.insert(id.into(), grant);
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
        own.insert(id.to_owned(), grant.clone());
        let text = serde_json::to_string_pretty(&own)
            .map_err(|error| Error::new(Kind::Configuration, format!("the grants: {error}")))?;
        files::write_private(file, format!("{text}\n").as_bytes())?;
        self.by_id.insert(id.to_owned(), grant);
        Ok(file)
    }

    /// Compares what a plugin asks for with the grant of its id; without one it gets none, which is no fault.
    ///
    /// # Errors
    /// It asks for more than it is granted; both are named.
    pub fn check(&self, info: &ProviderInfo) -> Result<Option<&Grant>> {
        let Some(grant) = self.get(&info.id) else {
            return Ok(None);
        };
        let Some(asked) = Grant::asked_by(info) else {
            let message = format!("`{}` names `{}` as its base URL", info.id, info.default_base_url);
            return Err(Error::new(
                Kind::NotGranted,
                format!("{message}, which is no http or https URL"),
            ));
        };
        let beyond = grant.beyond(&asked);
        if beyond.is_empty() {
            return Ok(Some(grant));
        }
        let message = format!(
            "the plugin `{}` asks for more than it is granted: {}",
            info.id,
            beyond.join("; ")
        );
        Err(Error::new(Kind::NotGranted, message)
            .with_hint("if that is right, allow it with `grant FILE.wasm`; if not, do not use this file"))
    }
}
