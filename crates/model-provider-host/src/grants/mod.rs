//! Grants: what a provider is allowed. A component's description is a request; the grant is the decision.
//!
//! A grant is bound to holders: digests of files, and signers. Only a plugin with such a digest or signer gets it,
//! whatever id it claims. An id may have several grants: the built-in one, and those that the operator wrote. A
//! plugin gets the first of its grants that covers its request; another grant never narrows or replaces an existing
//! one.

mod endpoints;
mod grant;
mod held;

use std::path::{Path, PathBuf};

use grant::requested;
use held::{ById, EARLIER, Held, add, parse, print, written};

pub use endpoints::GrantedEndpoint;
pub use endpoints::{AllowedEndpoints, words as format_endpoints};
pub use grant::Grant;
pub(crate) use grant::requested_endpoints;
pub use held::GrantHolder;

use crate::{
    error::{Error, ErrorKind, Result},
    files,
    files::trust,
};

/// All grants: built-in ones and those that the operator wrote.
///
/// ```
/// use model_provider_host::Grants;
///
/// let grants = Grants::parse(
///     r#"{"acme": {
///         "for": ["sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"],
///         "origin": "https://api.acme.example",
///         "basePath": "/v1",
///         "endpoints": [{"method": "POST", "path": "/chat/completions"}],
///         "header": "authorization",
///         "prefix": "Bearer ",
///         "envVars": ["ACME_API_KEY"]
///     }}"#,
/// )?;
/// assert_eq!(grants.of("acme").count(), 1);
/// assert_eq!(grants.of("other").count(), 0);
/// # Ok::<(), model_provider_host::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Grants {
    by_id: ById,
    file: Option<PathBuf>,
}

impl Grants {
    /// Parses grants from JSON: an object with the grants of each plugin id, as in `grants.json` and a release. The
    /// member `for` lists the digests and signers that hold a grant. One without it is for every plugin of the id;
    /// the caller then vouches for the loaded file.
    ///
    /// # Errors
    /// `configuration` if it is not such JSON.
    pub fn parse(json: &str) -> Result<Self> {
        let by_id = parse(json)
            .map_err(|error| Error::new(ErrorKind::Configuration, format!("the grants: {error}")))?;
        Ok(Self { by_id, file: None })
    }

    /// The same, with these holders for every grant without any.
    ///
    /// # Errors
    /// As of [`parse`](Self::parse).
    pub fn parse_for(json: &str, holders: &[&str]) -> Result<Self> {
        let mut all = Self::parse(json)?;
        for held in all
            .by_id
            .values_mut()
            .flatten()
            .filter(|held| held.holders.is_empty())
        {
            held.holders = holders.iter().map(|&holder| holder.to_owned()).collect();
        }
        Ok(all)
    }

    /// These grants, and those of a state directory, whose file need not exist.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn with_state_dir(self, dir: impl AsRef<Path>) -> Result<Self> {
        let mut all = self;
        all.file = Some(dir.as_ref().join("grants.json"));
        all.reread()
    }

    /// The same grants, with the state directory's file read again.
    pub(crate) fn reread(&self) -> Result<Self> {
        let mut all = self.clone();
        for (id, grants) in self.file.as_deref().map(written).transpose()?.unwrap_or_default() {
            for mut held in grants {
                if held.holders.is_empty() {
                    held.holders.push(EARLIER.to_owned());
                }
                add(&mut all.by_id, &id, held);
            }
        }
        Ok(all)
    }

    /// The grants of an id, of all holders; the built-in one first.
    pub fn of(&self, id: &str) -> impl Iterator<Item = &Grant> {
        self.by_id.get(id).into_iter().flatten().map(|held| &held.grant)
    }

    /// Adds a grant in this process only, for every plugin of the id: the caller vouches for the loaded file.
    pub fn insert(&mut self, id: impl Into<String>, grant: Grant) {
        let holders = Vec::new();
        add(&mut self.by_id, &id.into(), Held { holders, grant });
    }

    /// Adds a grant in this process only, for plugins with this holder: `sha256:…`, or a signer.
    pub fn insert_for(&mut self, holder: impl Into<String>, id: impl Into<String>, grant: Grant) {
        let holders = vec![holder.into()];
        add(&mut self.by_id, &id.into(), Held { holders, grant });
    }

    /// Adds a grant for these holders to the state directory's file.
    ///
    /// # Errors
    /// There is no state directory, or its file cannot be read or written.
    pub fn write(&mut self, id: &str, holders: &[String], grant: Grant) -> Result<&Path> {
        let file = self.file.as_deref().ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                "grants need a state directory to be written to",
            )
        })?;
        let held = Held {
            holders: holders.to_vec(),
            grant,
        };
        let _lock = files::lock(file)?;
        let mut own = written(file)?;
        add(&mut own, id, held.clone());
        files::write_private(file, format!("{}\n", print(&own)?).as_bytes())?;
        add(&mut self.by_id, id, held);
        Ok(file)
    }

    /// Compares a plugin's request with its grants, and returns the first that covers it. An id without a grant
    /// gets `None`, which is no error.
    ///
    /// # Errors
    /// The request exceeds all of its grants (the error names what exceeds the nearest), or all grants of its id
    /// are for other files.
    pub fn check(&self, plugin: &impl GrantHolder) -> Result<Option<&Grant>> {
        let info = plugin.info();
        let Some(all) = self.by_id.get(&info.id).filter(|all| !all.is_empty()) else {
            return Ok(None);
        };
        let own: Vec<_> = all
            .iter()
            .filter(|held| held.by(plugin))
            .map(|held| &held.grant)
            .collect();
        if own.is_empty() {
            return Err(not_for(plugin, all));
        }
        let requested = requested(info)?;
        let nearest = own.into_iter().min_by_key(|grant| grant.beyond(&requested).len());
        match nearest {
            Some(grant) => grant.check(info).map(|()| Some(grant)),
            None => Ok(None),
        }
    }
}

fn not_for(plugin: &impl GrantHolder, all: &[Held]) -> Error {
    let path = plugin.path().display();
    let is_earlier = all
        .iter()
        .any(|held| held.holders.iter().any(|holder| holder == EARLIER));
    let found = if is_earlier {
        "an earlier version granted something to its id, which any file may claim"
    } else {
        "its id's grants are for other files"
    };
    let message = format!(
        "the plugin `{}` with the digest {} is granted nothing: {found}",
        plugin.info().id,
        plugin.digest()
    );
    let quoted = trust::quoted(plugin.path());
    let command = if path.to_string().starts_with("oci://") {
        "accept"
    } else {
        "grant"
    };
    Error::new(ErrorKind::NotGranted, message).with_hint(format!(
        "`host-harness {command} {quoted}` shows what it requests, and allows it for this file if you agree"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn grant(origin: &str) -> Grant {
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
            grants.write(id, &["sha256:1".to_owned()], grant(origin)).unwrap();
            assert_eq!(
                grants.by_id[id][..own.len()],
                own[..],
                "that of the build stays, and stays the first"
            );
            assert_eq!(
                built_in.clone().with_state_dir(dir.path()).unwrap().by_id,
                grants.by_id
            );
        }
        assert_eq!(
            built_in
                .clone()
                .with_state_dir(dir.path())
                .unwrap()
                .of(id)
                .count(),
            own.len() + 2
        );
    }

    #[test]
    fn a_grant_of_an_earlier_version_allows_no_request() {
        let old = r#"{"acme": {"origin": "https://a.test", "header": "authorization", "prefix": "", "envVars": []}}"#;
        let read = parse(old).unwrap();
        let read = &read["acme"][0].grant;
        assert!(read.endpoints.is_empty());
        let mut requested = grant("https://a.test");
        requested.prefix = String::new();
        requested.env_vars.clear();
        assert_eq!(
            read.beyond(&requested),
            ["the request `GET /models` (granted: none)"]
        );
    }

    #[test]
    fn a_grant_of_the_file_that_names_no_holder_is_nobodys() {
        let dir = tempfile::tempdir().unwrap();
        let mut by_id = ById::new();
        let holders = Vec::new();
        add(
            &mut by_id,
            "acme",
            Held {
                holders,
                grant: grant("https://a.test"),
            },
        );
        files::write_private(dir.path().join("grants.json"), print(&by_id).unwrap().as_bytes()).unwrap();
        let read = Grants::default().with_state_dir(dir.path()).unwrap();
        assert_eq!(read.by_id["acme"][0].holders, [EARLIER]);
    }
}
