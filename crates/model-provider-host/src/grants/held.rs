//! Grants with their holders, as stored in `grants.json`. Knows no plugin's requests.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::grant::Grant;
use crate::{
    contract::ProviderInfo,
    error::{Error, ErrorKind, Result},
    files,
    files::trust,
};

/// The holder of a grant without one in `grants.json`: no plugin has this name.
pub(super) const EARLIER: &str = "an earlier version";

/// A plugin, as grants see it.
pub trait GrantHolder {
    /// Its description.
    fn info(&self) -> &ProviderInfo;
    /// Its holders: its digest, and the signers that vouch for it.
    fn holders(&self) -> &[String];
    /// Its digest.
    fn digest(&self) -> &str;
    /// Its origin.
    fn path(&self) -> &Path;
}

pub(super) type ById = BTreeMap<String, Vec<Held>>;

/// The JSON member of a grant with its holders.
const HOLDERS: &str = "for";

/// A grant and its holders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// Digests and signers; empty for every plugin of the id.
    pub(super) holders: Vec<String>,
    pub(super) grant: Grant,
}

impl Held {
    pub(super) fn by(&self, plugin: &impl GrantHolder) -> bool {
        self.holders.is_empty()
            || self
                .holders
                .iter()
                .any(|holder| plugin.holders().contains(holder))
    }

    fn read(mut value: Value) -> Result<Self, serde_json::Error> {
        let holders = value.as_object_mut().and_then(|members| members.remove(HOLDERS));
        Ok(Self {
            holders: holders
                .map(serde_json::from_value)
                .transpose()?
                .unwrap_or_default(),
            grant: serde_json::from_value(value)?,
        })
    }

    fn print(&self) -> Result<Value, serde_json::Error> {
        let mut value = serde_json::to_value(&self.grant)?;
        if let Some(members) = value.as_object_mut().filter(|_| !self.holders.is_empty()) {
            members.insert(HOLDERS.to_owned(), serde_json::to_value(&self.holders)?);
        }
        Ok(value)
    }
}

/// Parses grants: for each id one, or a list.
pub(super) fn parse(text: &str) -> Result<ById, String> {
    let all: BTreeMap<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let mut by_id = ById::new();
    for (id, value) in all {
        let list = match value {
            Value::Array(list) => list,
            one => vec![one],
        };
        let read = list.into_iter().map(Held::read).collect::<Result<_, _>>();
        let grants = read.map_err(|error| format!("`{id}`: {error}"))?;
        by_id.insert(id, grants);
    }
    Ok(by_id)
}

/// The grants in a file, which need not exist. One without a holder was written by an earlier version, for an id
/// that any file may claim: no plugin gets it.
pub(super) fn written(file: &Path) -> Result<ById> {
    let failure = |message: String| Error::new(ErrorKind::Configuration, message);
    if let Some(exposure) = trust::changeable(file) {
        let message = format!(
            "the grants in {} are not trusted: {}",
            file.display(),
            exposure.message
        );
        return Err(failure(message).with_hint(format!(
            "a user who can change them decides where credentials are sent; review the file, then `{}`",
            exposure.fix
        )));
    }
    match files::read_input_text(file, files::MAX_BYTES) {
        Ok(text) => parse(&text).map_err(|error| {
            failure(format!("the grants in {}: {error}", file.display()))
                .with_hint("fix it, or remove it and write new grants with `grant FILE.wasm`")
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ById::new()),
        Err(error) => Err(failure(format!(
            "the grants in {} cannot be read: {error}",
            file.display()
        ))),
    }
}

/// Serializes them for [`parse`].
pub(super) fn print(by_id: &ById) -> Result<String> {
    let values = by_id.iter().map(|(id, grants)| {
        let printed: Result<Vec<_>, _> = grants.iter().map(Held::print).collect();
        let value = printed.map(|mut all| if all.len() == 1 { all.remove(0) } else { all.into() });
        value.map(|value| (id, value))
    });
    values
        .collect::<Result<BTreeMap<_, _>, _>>()
        .and_then(|values| serde_json::to_string_pretty(&values))
        .map_err(|error| Error::new(ErrorKind::Configuration, format!("the grants: {error}")))
}

/// Adds a grant of an id, if it is new; holders of equal grants are merged.
pub(super) fn add(by_id: &mut ById, id: &str, held: Held) {
    let grants = by_id.entry(id.to_owned()).or_default();
    let is_same =
        |known: &&mut Held| known.grant == held.grant && known.holders.is_empty() == held.holders.is_empty();
    match grants.iter_mut().find(is_same) {
        Some(known) => {
            for holder in held.holders {
                if !known.holders.contains(&holder) {
                    known.holders.push(holder);
                }
            }
        }
        None => grants.push(held),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::grant, *};

    #[test]
    fn an_invalid_grant_is_reported_with_its_id() {
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
        let held = |origin: &str, holders: &[&str]| Held {
            holders: holders.iter().map(|&holder| holder.to_owned()).collect(),
            grant: grant(origin),
        };
        let mut by_id = ById::new();
        add(&mut by_id, "one", held("https://a.test", &[]));
        add(&mut by_id, "two", held("https://a.test", &["sha256:1"]));
        add(&mut by_id, "two", held("https://b.test", &["minisign:RW"]));
        add(
            &mut by_id,
            "two",
            held("https://a.test", &["sha256:2", "sha256:1"]),
        );
        assert_eq!(by_id["two"].len(), 2);
        assert_eq!(by_id["two"][0].holders, ["sha256:1", "sha256:2"]);
        assert_eq!(parse(&print(&by_id).unwrap()).unwrap(), by_id);
    }
}
