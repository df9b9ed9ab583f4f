//! The lock file: which digest of each plugin is loaded, where it came from, what it was granted and who signed it.
//!
//! JSON, sorted and indented, so that it is read, compared and kept under version control. Knows no disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result},
    facts::{Access, Facts},
    reference::Reference,
};

/// The version of its form.
const FORM: u32 = 1;
/// So many earlier digests are kept of a plugin.
const EARLIER: usize = 5;

/// The plugins that are pinned, by their ids.
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
    /// What is loaded.
    #[serde(flatten)]
    pub pin: Pin,
    /// What was loaded before, the newest first: what `rollback` brings back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Pin>,
    /// Digests that a rollback left: a watched tag does not bring them back by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Digest>,
}

/// One version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pin {
    /// Of the component.
    pub digest: Digest,
    /// Of the manifest; a plain file has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// Where it came from: `oci://…`, or the path of a file.
    pub source: String,
    /// What it is and asks for.
    #[serde(flatten)]
    pub facts: Facts,
    /// What it was granted; nothing if nobody accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Access>,
    /// Who signed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
}

impl Pin {
    /// The reference that it came from; `None` of a plain file.
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
    /// Reads one.
    ///
    /// # Errors
    /// It is no JSON of this form.
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |what: String| {
            Error::new(ErrorKind::File, format!("the lock file plugins.lock: {what}"))
                .hint("bring it back from version control, or remove it and accept the plugins again")
        };
        let lock: Self = serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        if lock.version != FORM {
            return Err(fault(format!("expected version {FORM}, found {}", lock.version)));
        }
        Ok(lock)
    }

    /// Writes it as [`parse`](Self::parse) reads it.
    #[must_use]
    pub fn print(&self) -> String {
        // Maps with texts as keys, lists and texts: nothing of it can fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The pin of a component, current ones alone.
    #[must_use]
    pub fn by_digest(&self, digest: &Digest) -> Option<(&str, &Pin)> {
        let pins = self.plugins.iter().map(|(id, entry)| (id.as_str(), &entry.pin));
        pins.into_iter().find(|(_, pin)| pin.digest == *digest)
    }

    /// The plugin that comes from the same source: the same repository and tag.
    #[must_use]
    pub fn by_source(&self, reference: &Reference) -> Option<(&str, &Entry)> {
        let is_same = |entry: &Entry| {
            let source = entry.pin.reference();
            source.is_some_and(|source| source.name() == reference.name() && source.tag() == reference.tag())
        };
        let mut found = self.plugins.iter().filter(|(_, entry)| is_same(entry));
        found.next().map(|(id, entry)| (id.as_str(), entry))
    }

    /// Pins a version. What was pinned before is kept for a rollback.
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

    /// Brings the version before back. Gives what was left and what is pinned now.
    ///
    /// # Errors
    /// There is no such plugin, or nothing before.
    pub fn roll_back(&mut self, id: &str) -> Result<(Pin, Pin)> {
        let fault = |what: String| Error::new(ErrorKind::Locked, what);
        let known: Vec<_> = self.plugins.keys().cloned().collect();
        let entry = self.plugins.get_mut(id).ok_or_else(|| {
            fault(format!(
                "no plugin `{id}` is pinned (pinned: {})",
                known.join(", ")
            ))
        })?;
        if entry.earlier.is_empty() {
            return Err(fault(format!(
                "nothing was pinned before {} of `{id}`",
                entry.pin.digest
            )));
        }
        let before = entry.earlier.remove(0);
        let left = std::mem::replace(&mut entry.pin, before.clone());
        if !entry.left.contains(&left.digest) {
            entry.left.push(left.digest.clone());
        }
        Ok((left, before))
    }

    /// Whether a digest is named: of a component or a manifest, current or earlier.
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
                imports: vec!["wasi:http/types@0.2.3".to_owned()],
                asks: Access::default(),
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
        // Who accepts it again wants it again.
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
