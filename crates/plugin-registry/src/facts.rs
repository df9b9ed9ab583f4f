//! A plugin's description and requested access, and the differences between two versions. Differences that widen
//! the access are marked.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The access that a plugin is granted or requests, as in `grants.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The origin that the credential may be sent to.
    pub origin: String,
    /// The path of the base URL.
    #[serde(default)]
    pub base_path: String,
    /// The endpoints.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// The header that carries the credential.
    #[serde(default)]
    pub header: String,
    /// The prefix of the credential in the header.
    #[serde(default)]
    pub prefix: String,
    /// The environment variables that may be read for it.
    #[serde(default)]
    pub env_vars: Vec<String>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// `GET`.
    pub method: String,
    /// The path below the base URL.
    pub path: String,
}

/// A plugin's description of itself, and properties of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Its version.
    pub version: String,
    /// The contract's version.
    pub contract: String,
    /// Its size in bytes.
    pub size: u64,
    /// The memory in bytes that an instance begins with; locks of earlier versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The access that it requests.
    #[serde(rename = "asks")]
    pub requests: Access,
}

/// One difference between two versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The subject: `origin`.
    pub what: &'static str,
    /// The old value.
    pub old: String,
    /// The new value.
    pub new: String,
    /// Whether the new version may do more.
    pub widens: bool,
}

impl Facts {
    /// The differences of a newer version, in reading order.
    #[must_use]
    pub fn changes(&self, newer: &Self) -> Vec<Change> {
        let mut all = self.compared(newer);
        all.retain(|one| one.old != one.new);
        all
    }

    /// What is the same in a newer one.
    #[must_use]
    pub fn unchanged(&self, newer: &Self) -> Vec<&'static str> {
        let all = self.compared(newer).into_iter();
        all.filter(|one| one.old == one.new).map(|one| one.what).collect()
    }

    fn compared(&self, newer: &Self) -> Vec<Change> {
        let mut all = Vec::new();
        let mut one = |what, old: &str, new: &str, widens: bool| {
            all.push(Change {
                what,
                old: old.to_owned(),
                new: new.to_owned(),
                widens: widens && old != new,
            });
        };
        let bytes = |number: u64| format!("{number} bytes");
        let memory = |facts: &Self| facts.memory.map_or_else(|| "not known".to_owned(), bytes);
        one("version", &self.version, &newer.version, false);
        one("contract", &self.contract, &newer.contract, true);
        one("size", &bytes(self.size), &bytes(newer.size), false);
        // No right: what it may use is the operator's `max-memory-bytes`, whatever it begins with.
        one("memory", &memory(self), &memory(newer), false);
        let (old, new) = (&self.requests, &newer.requests);
        one("origin", &old.origin, &new.origin, true);
        one("base path", &old.base_path, &new.base_path, true);
        one("header", &old.header, &new.header, !new.header.is_empty());
        one("prefix", &old.prefix, &new.prefix, !new.header.is_empty());
        let mut list = |what, old: BTreeSet<String>, new: BTreeSet<String>| {
            let (joined_old, joined_new) = (join(&old), join(&new));
            one(what, &joined_old, &joined_new, !new.is_subset(&old));
        };
        list("imports", interfaces(&self.imports), interfaces(&newer.imports));
        list("requests", requests(old), requests(new));
        let variables = |access: &Access| access.env_vars.iter().cloned().collect();
        list("variables", variables(old), variables(new));
        all
    }

    /// Whether a newer one has a lower version. Invalid versions are not compared.
    #[must_use]
    pub fn is_downgrade(&self, newer: &Self) -> bool {
        let parse = |text: &str| semver::Version::parse(text).ok();
        matches!((parse(&self.version), parse(&newer.version)), (Some(old), Some(new)) if new.cmp_precedence(&old).is_lt())
    }
}

fn join(set: &BTreeSet<String>) -> String {
    if set.is_empty() {
        return "none".to_owned();
    }
    set.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Without versions: the contract's version is compared separately.
fn interfaces(names: &[String]) -> BTreeSet<String> {
    let bare = |name: &String| name.split('@').next().unwrap_or_default().to_owned();
    names.iter().map(bare).collect()
}

fn requests(access: &Access) -> BTreeSet<String> {
    access
        .endpoints
        .iter()
        .map(|one| format!("{} {}", one.method, one.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            version: "0.2.0".to_owned(),
            contract: "0.2.0".to_owned(),
            size: 100,
            memory: Some(65_536),
            imports: vec!["wasi:http/types@0.2.3".to_owned()],
            requests: Access {
                origin: "https://a.example".to_owned(),
                base_path: "/v1".to_owned(),
                endpoints: vec![Endpoint {
                    method: "GET".to_owned(),
                    path: "/models".to_owned(),
                }],
                header: "authorization".to_owned(),
                prefix: "Bearer ".to_owned(),
                env_vars: vec!["A_KEY".to_owned(), "B_KEY".to_owned()],
            },
        }
    }

    fn changed(change: impl FnOnce(&mut Facts)) -> Vec<(&'static str, bool)> {
        let mut newer = facts();
        change(&mut newer);
        let changes = facts().changes(&newer);
        changes
            .iter()
            .map(|change| (change.what, change.widens))
            .collect()
    }

    #[test]
    fn wider_access_is_marked_and_narrower_access_is_not() {
        assert_eq!(changed(|_| {}), []);
        assert_eq!(changed(|f| f.version = "0.3.0".into()), [("version", false)]);
        assert_eq!(changed(|f| f.size = 1_000_000), [("size", false)]);
        assert_eq!(changed(|f| f.memory = Some(131_072)), [("memory", false)]);
        assert_eq!(changed(|f| f.contract = "0.3.0".into()), [("contract", true)]);
        assert_eq!(
            changed(|f| f.requests.origin = "https://b.example".into()),
            [("origin", true)]
        );
        assert_eq!(
            changed(|f| f.requests.base_path = String::new()),
            [("base path", true)]
        );
        assert_eq!(
            changed(|f| f.requests.header = "x-key".into()),
            [("header", true)]
        );
        assert_eq!(changed(|f| f.requests.prefix = String::new()), [("prefix", true)]);
        assert_eq!(
            changed(|f| f.requests.env_vars.push("C_KEY".into())),
            [("variables", true)]
        );
        assert_eq!(
            changed(|f| f.requests.env_vars.truncate(1)),
            [("variables", false)]
        );
        assert_eq!(changed(|f| f.requests.endpoints.clear()), [("requests", false)]);
        assert_eq!(
            changed(|f| f.requests.endpoints[0].path = "/".into()),
            [("requests", true)]
        );
        assert_eq!(
            changed(|f| f.imports.push("wasi:sockets/tcp@0.2.3".into())),
            [("imports", true)]
        );
        assert_eq!(changed(|f| f.imports[0] = "wasi:http/types@0.2.6".into()), []);
    }

    #[test]
    fn each_part_is_either_changed_or_unchanged() {
        let mut newer = facts();
        newer.size = 101;
        newer.requests.env_vars.clear();
        let same = [
            "version",
            "contract",
            "memory",
            "origin",
            "base path",
            "header",
            "prefix",
            "imports",
            "requests",
        ];
        assert_eq!(facts().unchanged(&newer), same);
        let changes = facts().changes(&newer);
        let told: Vec<_> = changes
            .iter()
            .map(|one| (one.what, one.old.as_str(), one.new.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("size", "100 bytes", "101 bytes"),
                ("variables", "A_KEY, B_KEY", "none")
            ]
        );
    }

    #[test]
    fn only_a_lower_version_is_a_downgrade() {
        for (version, expected) in [
            ("0.1.9", true),
            ("0.2.0", false),
            ("0.2.0-next", true),
            ("0.10.0", false),
            ("old", false),
        ] {
            let mut newer = facts();
            newer.version = version.to_owned();
            assert_eq!(facts().is_downgrade(&newer), expected, "{version}");
        }
    }
}
