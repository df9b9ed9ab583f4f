//! The plugin policy: allowed registries, requirements on plugins, and denied digests.
//!
//! Written by the operator as JSON. Without it any named registry is allowed, and plugins are pinned on first use.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result, shown},
    reference::{self, Reference, SCHEME},
    signature::{Key, Signatures},
};

/// The requirements on plugins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Require {
    /// None: a tag is pinned on first use.
    #[default]
    None,
    /// A digest: in the lock file, or in the reference.
    Digest,
    /// A valid signature by one of the keys, and a digest.
    Signature,
}

/// Which versions a followed tag may install automatically.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Follow {
    /// Versions by a signer of the pinned version.
    #[default]
    Signed,
    /// Any version that requests no more access than the pinned one.
    Any,
}

/// The operator's policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// `HOST[:PORT]`, or with a namespace after it; empty allows every named registry.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The requirements on plugins.
    #[serde(default)]
    pub require: Require,
    /// Which versions a followed tag may install automatically.
    #[serde(default)]
    pub follow: Follow,
    /// Keys that verify signatures; one valid signature is enough, so that keys can be rotated.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Denied digests, of manifests or components.
    #[serde(default)]
    pub deny: BTreeSet<Digest>,
    /// Hosts that blobs may be redirected to.
    #[serde(default)]
    pub redirects: Vec<String>,
    /// Hosts that credentials may be sent to for a token.
    #[serde(default)]
    pub token_servers: Vec<String>,
    /// Names that stand for a registry and a namespace there, such as `openclaw` for `ghcr.io/openclaw`.
    #[serde(default)]
    pub namespaces: BTreeMap<String, String>,
}

impl Policy {
    /// Parses a policy.
    ///
    /// # Errors
    /// It is not valid JSON of this form, or it requires signatures and names no key.
    pub fn parse(text: &str) -> Result<Self> {
        let failure = |what: String| Error::new(ErrorKind::Policy, format!("the plugin policy: {what}"));
        // Must be an object: serde would accept a list as members in order, and an empty one as a policy without
        // rules.
        let members: serde_json::Map<_, _> =
            serde_json::from_str(text).map_err(|error| failure(error.to_string()))?;
        let policy: Self =
            serde_json::from_value(members.into()).map_err(|error| failure(error.to_string()))?;
        if policy.require == Require::Signature && policy.keys.is_empty() {
            return Err(failure("it requires a signature and `keys` is empty".to_owned())
                .hint("list the public keys of those whose plugins you use"));
        }
        for (name, place) in &policy.namespaces {
            let text = format!("{SCHEME}{name}/x:1");
            let is_name = reference::namespace(&text).is_some_and(|(first, _)| first == name);
            if !is_name || format!("{SCHEME}{place}/x:1").parse::<Reference>().is_err() {
                let what = format!("the namespace \"{}\": \"{}\"", shown(name), shown(place));
                return Err(failure(what).hint(
                    "write a name without `.`, `:` and `/`, and HOST[:PORT] for it, or HOST[:PORT]/NAMESPACE",
                ));
            }
        }
        Ok(policy)
    }

    /// Reads a reference, or its short form that begins with one of `namespaces` in place of a registry.
    ///
    /// # Errors
    /// It is of neither form, or there is no such namespace.
    pub fn reference(&self, text: &str) -> Result<Reference> {
        let Some((name, rest)) = reference::namespace(text) else {
            return text.parse();
        };
        let Some(place) = self.namespaces.get(name) else {
            let known: Vec<_> = self.namespaces.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            let message = format!(
                "invalid plugin reference \"{}\": expected a registry or a namespace of the policy before the first \
                 `/` (namespaces: {known})",
                shown(text)
            );
            return Err(Error::new(ErrorKind::Reference, message).hint(format!(
                "write oci://HOST/REPOSITORY:TAG, or say what \"{}\" stands for in `namespaces` of \
                 plugin-policy.json",
                shown(name)
            )));
        };
        format!("{SCHEME}{place}/{rest}").parse()
    }

    /// Refuses a registry or namespace that is not allowed.
    ///
    /// # Errors
    /// It is not.
    pub fn check_reference(&self, reference: &Reference) -> Result<()> {
        let name = reference.name();
        let is_below = |allowed: &String| {
            let allowed = allowed.trim_end_matches('/');
            name.strip_prefix(allowed)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.allow.is_empty() || self.allow.iter().any(is_below) {
            return Ok(());
        }
        let message = format!(
            "the policy does not allow {name} (allowed: {})",
            self.allow.join(", ")
        );
        Err(Error::new(ErrorKind::Policy, message).hint(format!(
            "if it is right, put \"{name}\" into `allow` of plugin-policy.json"
        )))
    }

    /// Refuses a denied digest.
    ///
    /// # Errors
    /// It is on the list.
    pub fn check_digest(&self, digest: &Digest) -> Result<()> {
        if !self.deny.contains(digest) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Denied,
            format!("the plugin {digest} is denied: its digest is on the deny list"),
        )
        .hint("use another version; `deny` in plugin-policy.json has the list"))
    }

    /// Verifies the signatures of a component, and returns the signers.
    ///
    /// # Errors
    /// A signature is required and none is valid, or the digest is denied.
    pub fn verify(
        &self,
        manifest: Option<&Digest>,
        component: &[u8],
        signatures: &Signatures,
    ) -> Result<Vec<String>> {
        self.check_digest(&Digest::of(component))?;
        if let Some(manifest) = manifest {
            self.check_digest(manifest)?;
        }
        let signers = signatures.signers(&self.keys, manifest, component);
        if self.require == Require::Signature && signers.is_empty() {
            let found = signatures.minisign.len() + signatures.cosign.len();
            let message = match found {
                0 => "the plugin is not signed, and the policy requires a signature".to_owned(),
                1 => {
                    "the plugin has a signature that is not valid for it by any key of the policy".to_owned()
                }
                more => format!(
                    "the plugin has {more} signatures, of which none is valid for it by any key of the policy"
                ),
            };
            return Err(Error::new(ErrorKind::Signature, message).hint(
                "it was not compiled; if its publisher has a new key that you trust, put it into `keys` of \
                 plugin-policy.json",
            ));
        }
        Ok(signers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allow: &str, reference: &str) -> bool {
        let policy = Policy {
            allow: vec![allow.to_owned()],
            ..Policy::default()
        };
        policy.check_reference(&reference.parse().unwrap()).is_ok()
    }

    #[test]
    fn a_registry_or_namespace_is_allowed_by_whole_segments() {
        for (allow, reference, expected) in [
            ("ghcr.io", "oci://ghcr.io/a/b:1", true),
            ("ghcr.io/openclaw", "oci://ghcr.io/openclaw/x:1", true),
            ("ghcr.io/openclaw/", "oci://ghcr.io/openclaw/x:1", true),
            ("ghcr.io/openclaw", "oci://ghcr.io/openclaw-evil/x:1", false),
            ("ghcr.io/openclaw", "oci://ghcr.io/other:1", false),
            ("ghcr.io", "oci://ghcr.io.evil.example/a:1", false),
            ("ghcr.io", "oci://ghcr.io:8443/a:1", false),
        ] {
            assert_eq!(allows(allow, reference), expected, "{allow} {reference}");
        }
        assert!(
            Policy::default()
                .check_reference(&"oci://ghcr.io/a:1".parse().unwrap())
                .is_ok()
        );
    }

    #[test]
    fn a_namespace_is_expanded_before_the_policy_is_applied() {
        let text = r#"{"namespaces": {"openclaw": "ghcr.io/openclaw", "lab": "127.0.0.1:5000"}, "allow": ["ghcr.io"]}"#;
        let policy = Policy::parse(text).unwrap();
        let digest = Digest::of(b"x");
        for (short, long) in [
            (
                "oci://openclaw/a:1".to_owned(),
                "oci://ghcr.io/openclaw/a:1".to_owned(),
            ),
            (
                "oci://lab/x/y:1".to_owned(),
                "oci://127.0.0.1:5000/x/y:1".to_owned(),
            ),
            (
                format!("oci://openclaw/a@{digest}"),
                format!("oci://ghcr.io/openclaw/a@{digest}"),
            ),
            ("oci://ghcr.io/b:1".to_owned(), "oci://ghcr.io/b:1".to_owned()),
            // Of one name, the machine is meant.
            ("oci://localhost/b:1".to_owned(), "oci://localhost/b:1".to_owned()),
        ] {
            assert_eq!(policy.reference(&short).unwrap().to_string(), long);
        }
        let allowed = |text: &str| policy.check_reference(&policy.reference(text).unwrap()).is_ok();
        assert!(allowed("oci://openclaw/a:1") && !allowed("oci://lab/a:1"));
        let error = policy.reference("oci://other/a:1").unwrap_err();
        assert!(error.message().contains("namespaces: lab, openclaw"), "{error}");
        assert!(
            error
                .fix()
                .unwrap()
                .contains("`namespaces` of plugin-policy.json"),
            "{error}"
        );
        for wrong in [
            "oci://openclaw/",
            "oci://openclaw/../b:1",
            "oci://openclaw/a",
            "openclaw/a:1",
        ] {
            assert_eq!(
                policy.reference(wrong).unwrap_err().kind(),
                ErrorKind::Reference,
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_invalid_policy_is_reported() {
        for (text, says) in [
            ("[]", "invalid type"),
            (r#"{"require": "signature"}"#, "`keys` is empty"),
            (r#"{"keys": ["RW"]}"#, "invalid public key"),
            (r#"{"deny": ["sha256:1"]}"#, "invalid digest"),
            (r#"{"permit": []}"#, "unknown field"),
            (r#"{"namespaces": {"a.b": "ghcr.io"}}"#, "the namespace \"a.b\""),
            (r#"{"namespaces": {"a/b": "ghcr.io"}}"#, "the namespace"),
            (r#"{"namespaces": {"localhost": "ghcr.io"}}"#, "the namespace"),
            (r#"{"namespaces": {"": "ghcr.io"}}"#, "the namespace"),
            (r#"{"namespaces": {"a": "ghcr"}}"#, "the namespace"),
            (r#"{"namespaces": {"a": "https://ghcr.io"}}"#, "the namespace"),
            (r#"{"namespaces": {"a": "ghcr.io/x:1"}}"#, "the namespace"),
            (r#"{"namespaces": {"a": "user@ghcr.io"}}"#, "the namespace"),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert!(error.message().contains(says), "{error}");
        }
        assert_eq!(Policy::parse("{}").unwrap(), Policy::default());
    }
}
