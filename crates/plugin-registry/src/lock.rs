//! The lock file: the pinned digest of each plugin, its source, its grant and its signers.
//!
//! JSON, sorted and indented, for reading, comparing and version control. Does no file access.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result},
    facts::{Access, Facts},
    reference::Reference,
};

/// The format version.
const FORM: u32 = 1;
/// The most earlier versions that are stored for each plugin.
const EARLIER: usize = 5;

/// The pinned plugins by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    version: u32,
    /// By id.
    #[serde(default)]
    pub plugins: BTreeMap<String, Entry>,
}

/// One pinned plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The current version.
    #[serde(flatten)]
    pub pin: Pin,
    /// Earlier versions, newest first, for `rollback`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Pin>,
    /// Digests that a rollback left: a followed tag does not restore them automatically.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Digest>,
}

/// One version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// The component's digest.
    pub digest: Digest,
    /// The manifest's digest; a plain file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// Its source: `oci://…`, or the path of a file.
    pub source: String,
    /// Its facts.
    #[serde(flatten)]
    pub facts: Facts,
    /// Its grant; `None` if nobody accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Access>,
    /// Its signers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
}

impl Pin {
    /// Its reference; `None` for a plain file.
    #[must_use]
    pub fn reference(&self) -> Option<Reference> {
        self.source.parse().ok()
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self {
            version: FORM,
            plugins: BTreeMap::new(),
        }
    }
}

impl Lock {
    /// Parses a lock file.
    ///
    /// # Errors
    /// It is not valid JSON of this format.
    pub fn parse(text: &str) -> Result<Self> {
        let failure = |what: String| {
            Error::new(ErrorKind::File, format!("the lock file plugins.lock: {what}"))
                .hint("bring it back from version control, or remove it and accept the plugins again")
        };
        let lock: Self = serde_json::from_str(text).map_err(|error| failure(error.to_string()))?;
        if lock.version != FORM {
            return Err(failure(format!(
                "expected version {FORM}, found {}",
                lock.version
            )));
        }
        Ok(lock)
    }

    /// Serializes it for [`parse`](Self::parse).
    #[must_use]
    pub fn print(&self) -> String {
        // Maps with string keys, lists and strings: serialization cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The current pin of a component.
    #[must_use]
    pub fn by_digest(&self, digest: &Digest) -> Option<(&str, &Pin)> {
        let pins = self.plugins.iter().map(|(id, entry)| (id.as_str(), &entry.pin));
        pins.into_iter().find(|(_, pin)| pin.digest == *digest)
    }

    /// The plugin with the same source: the same repository and tag.
    #[must_use]
    pub fn by_source(&self, reference: &Reference) -> Option<(&str, &Entry)> {
        let is_same = |entry: &Entry| {
            let source = entry.pin.reference();
            source.is_some_and(|source| source.name() == reference.name() && source.tag() == reference.tag())
        };
        let mut found = self.plugins.iter().filter(|(_, entry)| is_same(entry));
        found.next().map(|(id, entry)| (id.as_str(), entry))
    }

    /// Pins a version. The previous one is stored for a rollback.
    pub fn put(&mut self, id: &str, pin: Pin) {
        match self.plugins.get_mut(id) {
            None => {
                let entry = Entry {
                    pin,
                    earlier: Vec::new(),
                    left: Vec::new(),
                };
                self.plugins.insert(id.to_owned(), entry);
            }
            Some(entry) => {
                entry.left.retain(|left| *left != pin.digest);
                entry.earlier.retain(|earlier| earlier.digest != pin.digest);
                let before = std::mem::replace(&mut entry.pin, pin);
                if before.digest != entry.pin.digest {
                    entry.earlier.insert(0, before);
                    entry.earlier.truncate(EARLIER);
                }
            }
        }
    }

    /// Rolls back to the previous version. Returns the version that was left and the current one.
    ///
    /// # Errors
    /// There is no such plugin, or no previous version.
    pub fn roll_back(&mut self, id: &str) -> Result<(Pin, Pin)> {
        let failure = |what: String| Error::new(ErrorKind::Locked, what);
        let known: Vec<_> = self.plugins.keys().cloned().collect();
        let entry = self.plugins.get_mut(id).ok_or_else(|| {
            failure(format!(
                "no plugin `{id}` is pinned (pinned: {})",
                known.join(", ")
            ))
        })?;
        if entry.earlier.is_empty() {
            return Err(failure(format!(
                "nothing was pinned before {} of `{id}`",
                entry.pin.digest
            ))
            .hint("`host-harness accept PLUGIN` pins another version"));
        }
        let before = entry.earlier.remove(0);
        let left = std::mem::replace(&mut entry.pin, before.clone());
        if !entry.left.contains(&left.digest) {
            entry.left.push(left.digest.clone());
        }
        Ok((left, before))
    }

    /// Whether it names a digest: of a component or a manifest, current or earlier.
    #[must_use]
    pub fn names(&self, digest: &Digest) -> bool {
        let pins = self
            .plugins
            .values()
            .flat_map(|entry| std::iter::once(&entry.pin).chain(&entry.earlier));
        pins.into_iter()
            .any(|pin| pin.digest == *digest || pin.manifest.as_ref() == Some(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn pin(content: &str, source: &str) -> Pin {
        Pin {
            digest: Digest::of(content.as_bytes()),
            manifest: None,
            source: source.to_owned(),
            facts: Facts {
                version: content.to_owned(),
                contract: "0.2.0".to_owned(),
                size: 1,
                memory: None,
                imports: vec!["wasi:http/types@0.2.3".to_owned()],
                requests: Access::default(),
            },
            granted: Some(Access::default()),
            signers: vec!["minisign:RW".to_owned()],
        }
    }

    #[test]
    fn what_is_printed_is_read_again_and_sorted() {
        let mut lock = Lock::default();
        for id in ["tiny", "acme", "huggingface"] {
            lock.put(id, pin(id, "oci://ghcr.io/a/b:1"));
        }
        lock.put("acme", pin("acme 2", "oci://ghcr.io/a/b:1"));
        let text = lock.print();
        assert_eq!(Lock::parse(&text).unwrap(), lock);
        let at = |id: &str| text.find(&format!("\"{id}\": {{")).unwrap();
        assert!(
            at("acme") < at("huggingface") && at("huggingface") < at("tiny"),
            "{text}"
        );
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn a_rollback_brings_one_after_the_other_back_and_remembers_what_it_left() {
        let mut lock = Lock::default();
        for version in ["1", "2", "3"] {
            lock.put("acme", pin(version, "x.wasm"));
        }
        let digest = |text: &str| Digest::of(text.as_bytes());
        let (left, now) = lock.roll_back("acme").unwrap();
        assert_eq!((left.digest, now.digest), (digest("3"), digest("2")));
        lock.roll_back("acme").unwrap();
        assert_eq!(lock.plugins["acme"].pin.digest, digest("1"));
        assert_eq!(lock.plugins["acme"].left, [digest("3"), digest("2")]);
        assert_eq!(lock.roll_back("acme").unwrap_err().kind(), ErrorKind::Locked);
        assert!(
            lock.roll_back("other")
                .unwrap_err()
                .message()
                .contains("pinned: acme")
        );
        // Accepting it again clears the mark.
        lock.put("acme", pin("3", "x.wasm"));
        assert_eq!(lock.plugins["acme"].left, [digest("2")]);
        assert!(lock.names(&digest("1")) && !lock.names(&digest("2")));
    }

    #[test]
    fn a_file_that_is_no_lock_says_what_is_wrong() {
        for (text, says) in [
            ("", "EOF"),
            (r#"{"version": 2}"#, "expected version 1"),
            (r#"{"version": 1, "plugins": {"a": {"digest": "x"}}}"#, ""),
            (r#"{"version": 1, "plugin": {}}"#, "unknown field"),
        ] {
            let error = Lock::parse(text).unwrap_err();
            assert!(error.message().contains(says), "{error}");
        }
    }
}
