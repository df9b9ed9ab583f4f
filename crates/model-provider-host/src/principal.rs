//! On whose behalf a request is made. Knows no store, and no user.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// On whose behalf a request is made: a user, a tenant, a key. Where [`SandboxOptions`](crate::SandboxOptions) allow it,
/// requests of one principal may share a store; those of two, or of none, never do.
///
/// It is the digest of a name, so that no log tells the name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Principal([u8; 32]);

impl Principal {
    /// The principal of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(Sha256::digest(name).into())
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, fourth, ..] = self.0;
        write!(f, "Principal({first:02x}{second:02x}{third:02x}{fourth:02x}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_its_name_and_does_not_tell_it() {
        let alice = Principal::named("alice");
        assert_eq!(alice, Principal::named("alice"));
        assert_ne!(alice, Principal::named("bob"));
        assert!(!format!("{alice:?}").contains("alice"));
    }
}
