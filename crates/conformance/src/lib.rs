//! Conformance kit: judges any component of the world `openclaw:model-provider/model-provider` as a black box.
//!
//! It knows the contract and no provider. Each check cites the sentence of the contract that it checks. It drives the
//! component itself, without the [`model_provider_host::Host`], which would hide a plugin's bugs: it blocks
//! headers, truncates texts and does not read beyond an end.

mod check;
mod checks;
mod dialect;
mod heard;
mod instance;
mod report;
mod session;
mod state;
mod subject;
mod upstream;

pub use check::{Check, Verdict};
pub use dialect::Dialect;
pub use report::{Finding, Report};
pub use subject::{Kit, Subject};

use futures::{StreamExt as _, stream};
use serde_json::Value;

use session::Bench;

/// How many checks run concurrently.
const AT_ONCE: usize = 24;

/// The configuration of a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The upstream's response in each situation.
    pub dialect: Dialect,
    /// The plugin's own settings, under its own names, as JSON.
    pub settings: Vec<(String, Value)>,
    /// Only the checks whose id has this prefix.
    pub only: Option<String>,
}

/// All checks, in their order.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    checks::ALL.iter().copied().flatten()
}

/// Runs all checks on a component.
///
/// If the component cannot describe itself, the report has only that finding.
pub async fn judge(subject: &Subject, options: &Options) -> Report {
    let bench = match Bench::new(subject, options).await {
        Ok(bench) => bench,
        Err(verdict) => return Report::unusable(subject, verdict),
    };
    let wanted = |check: &&Check| match &options.only {
        Some(prefix) => check.id.starts_with(prefix.as_str()),
        None => true,
    };
    let findings = stream::iter(checks().filter(wanted))
        .map(|check| {
            let bench = &bench;
            async move { Finding::new(check, check.run(bench).await) }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    Report::new(subject, bench.info(), findings)
}
