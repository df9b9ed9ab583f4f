//! Arguments of `access-key`.

use std::{num::NonZeroU32, path::PathBuf};

use clap::{Args, Subcommand};

use model_server::{Expiry, Usd};

/// Arguments of `access-key`.
#[derive(Debug, Args)]
pub(crate) struct AccessKeyArgs {
    #[command(subcommand)]
    pub(crate) action: AccessKeyAction,
}

/// The subcommands of `access-key`.
#[derive(Debug, Subcommand)]
pub(crate) enum AccessKeyAction {
    /// Create a key and write its digest to the file; the key itself is shown once and stored nowhere
    Add(AddArgs),
    /// Add a new key to a name; the previous one stays valid until `retire`
    Rotate(NamedKeyArgs),
    /// Remove the older keys of a name
    Retire(NamedKeyArgs),
    /// Disable a name; `enable` enables it again
    Disable(NamedKeyArgs),
    /// Enable a name
    Enable(NamedKeyArgs),
    /// Remove a name and its keys
    Remove(NamedKeyArgs),
    /// List the names with their limits and expiry
    List(KeyFile),
}

/// The key file.
#[derive(Debug, Args)]
pub(crate) struct KeyFile {
    /// The file that `serve --access-keys` reads
    #[arg(long, value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// A name in the key file.
#[derive(Debug, Args)]
pub(crate) struct NamedKeyArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) file: KeyFile,
}

/// Arguments of `access-key add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub(crate) named: NamedKeyArgs,
    /// An allowed model: a reference, an alias, or a pattern such as 'Qwen/*'; may be given several times
    /// [default: all]
    #[arg(long = "model", value_name = "REF")]
    pub(crate) models: Vec<String>,
    /// Requests within any 60 seconds
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<NonZeroU32>,
    /// Concurrent requests
    #[arg(long, value_name = "N")]
    pub(crate) concurrent_requests: Option<NonZeroU32>,
    /// Input and output tokens per day in UTC
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_day: Option<u64>,
    /// Dollars per day in UTC
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pub(crate) usd_per_day: Option<Usd>,
    /// The expiry: 2027-01-31, or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = expiry)]
    pub(crate) expires: Option<Expiry>,
    /// Allow reading /metrics, which has all names
    #[arg(long)]
    pub(crate) metrics: bool,
}

fn amount(text: &str) -> Result<Usd, &'static str> {
    Usd::parse(text).ok_or("it takes dollars, such as 5 or 0.50")
}

fn expiry(text: &str) -> Result<Expiry, &'static str> {
    Expiry::try_from(text.to_owned())
}
