//! A check and its verdict. This module must not know components or HTTP.

use futures::future::BoxFuture;

use crate::session::Bench;

/// One requirement of the contract, and the function that checks it.
pub struct Check {
    /// Its name: the group, `/` and what it is about.
    pub id: &'static str,
    /// The sentence of the contract.
    pub cites: &'static str,
    pub(crate) run: for<'a> fn(&'a Bench) -> BoxFuture<'a, Result<(), Verdict>>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Check {
    /// The group of checks that it belongs to.
    #[must_use]
    pub fn group(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }

    pub(crate) async fn run(&self, bench: &Bench) -> Verdict {
        match (self.run)(bench).await {
            Ok(()) => Verdict::Passed,
            Err(verdict) => verdict,
        }
    }
}

/// The verdict of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The requirement is met.
    Passed,
    /// It is violated.
    Failed {
        /// What the sentence requires here.
        expected: String,
        /// What happened.
        seen: String,
    },
    /// It could not be provoked.
    NotTested {
        /// The reason.
        why: String,
    },
}

pub(crate) fn failed(expected: impl Into<String>, seen: impl Into<String>) -> Verdict {
    Verdict::Failed {
        expected: expected.into(),
        seen: shortened(seen.into()),
    }
}

pub(crate) fn not_tested(why: impl Into<String>) -> Verdict {
    Verdict::NotTested { why: why.into() }
}

/// Fails unless a condition holds.
pub(crate) fn expect(
    holds: bool,
    expected: impl Into<String>,
    seen: impl FnOnce() -> String,
) -> Result<(), Verdict> {
    if holds {
        Ok(())
    } else {
        Err(failed(expected, seen()))
    }
}

/// A plugin's text may be of any length.
fn shortened(text: String) -> String {
    const MOST: usize = 600;
    if text.chars().count() <= MOST {
        return text;
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{head}… ({} bytes)", text.len())
}

/// The checks of a group: an id, the sentence that it cites, and the function that checks it.
macro_rules! checks {
    ($($id:literal, $cites:literal => $run:expr;)*) => {
        pub(crate) const CHECKS: &[$crate::check::Check] = &[$($crate::check::Check {
            id: $id,
            cites: $cites,
            run: |bench| Box::pin($run(bench)),
        }),*];
    };
}
pub(crate) use checks;
