//! What the command for access keys takes.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Subcommand};

use model_server::{Expiry, Usd};

/// What `access-key` takes.
#[derive(Debug, Args)]
pub(crate) struct AccessKeyArgs {
    #[command(subcommand)]
    pub(crate) action: AccessKeyAction,
}

/// What to do with the keys of a file.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessKeyAction {
    /// Make a key and write its digest to the file; the key itself is shown once, and kept nowhere
    Add(AddArgs),
    /// Make another key for a name; the one before goes on until `retire`
    Rotate(NamedKeyArgs),
    /// End the keys of a name that a newer one has replaced
    Retire(NamedKeyArgs),
    /// Switch a name off; `enable` switches it on again
    Disable(NamedKeyArgs),
    /// Switch a name on
    Enable(NamedKeyArgs),
    /// Remove a name and its keys
    Remove(NamedKeyArgs),
    /// List the names, their limits and ends
    List(KeyFile),
}

/// The file of keys.
#[derive(Debug, Args)]
pub(crate) struct KeyFile {
    /// The file that `serve --access-keys` reads
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// A name of the file.
#[derive(Debug, Args)]
pub(crate) struct NamedKeyArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: KeyFile,
}

/// What `access-key add` takes.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub(crate) named: NamedKeyArgs,
    /// A model that it may ask: a reference, an alias, or a pattern such as 'Qwen/*'; may be given several times
    /// [default: all]
    #[arg(long = "model", value_name = "REF")]
    pub(crate) models: Vec<String>,
    /// Requests within any 60 seconds
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    /// Requests at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrent_requests: Option<NonZeroU32>,
    /// Input and output tokens of a day in UTC
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_day: Option<u64>,
    /// Dollars of a day in UTC
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pub(crate) usd_per_day: Option<Usd>,
    /// When it ends: 2027-01-31, or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    pub(crate) expires: Option<Expiry>,
    /// Let it read /metrics, where all names stand
    #[arg(long)]
    pub(crate) metrics: bool,
}

fn amount(text: &str) -> Result<Usd, &'static str> {
    Usd::parse(text).ok_or("it takes dollars, such as 5 or 0.50")
}

fn expiry(text: &str) -> Result<Expiry, &'static str> {
    Expiry::try_from(text.to_owned())
}
