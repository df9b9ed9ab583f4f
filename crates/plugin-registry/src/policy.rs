//! The plugin policy: allowed registries, requirements on plugins, and denied digests.
//!
//! Written by the operator as JSON. Without it any named registry is allowed, and plugins are pinned on first use.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result},
    reference::Reference,
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
}

impl Policy {
    /// Parses a policy.
    ///
    /// # Errors
    /// It is not valid JSON of this form, or it requires signatures and names no key.
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |what: String| Error::new(ErrorKind::Policy, format!("the plugin policy: {what}"));
        // Must be an object: serde would accept a list as members in order, and an empty one as a policy without
        // rules.
        let members: serde_json::Map<_, _> =
            serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
        let policy: Self =
            serde_json::from_value(members.into()).map_err(|error| fault(error.to_string()))?;
        if policy.require == Require::Signature && policy.keys.is_empty() {
            return Err(fault("it requires a signature and `keys` is empty".to_owned())
                .hint("list the public keys of those whose plugins you use"));
        }
        Ok(policy)
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
    fn an_invalid_policy_is_reported() {
        for (text, says) in [
            ("[]", "invalid type"),
            (r#"{"require": "signature"}"#, "`keys` is empty"),
            (r#"{"keys": ["RW"]}"#, "invalid public key"),
            (r#"{"deny": ["sha256:1"]}"#, "invalid digest"),
            (r#"{"permit": []}"#, "unknown field"),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert!(error.message().contains(says), "{error}");
        }
        assert_eq!(Policy::parse("{}").unwrap(), Policy::default());
    }
}
