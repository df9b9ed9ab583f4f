//! Arguments of `serve` and `health`.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: an address with a port, or a port on 127.0.0.1; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = listen_address)]
    pub(crate) listen: SocketAddr,
    /// Swap the plugin whenever its file is replaced, or whenever a tag in a registry moves
    #[arg(long, value_name = "oci://HOST/REPOSITORY:TAG", num_args = 0..=1)]
    #[expect(
        clippy::option_option,
        reason = "clap's form of an option with or without a value"
    )]
    pub(crate) watch: Option<Option<String>>,
    /// How often the tag is checked
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = interval)]
    pub(crate) every: Duration,
    /// The environment variable that holds the key which clients have to send
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) access_key_env: Option<String>,
    /// The file that holds the key which clients have to send
    #[arg(long, value_name = "FILE", conflicts_with = "access_key_env")]
    pub(crate) access_key_file: Option<PathBuf>,
    /// The file of named keys, each with its models, limits and expiry; `access-key add` creates it
    #[arg(long, value_name = "FILE")]
    pub(crate) access_keys: Option<PathBuf>,
    /// The file that stores the usage of named keys [default: access-usage.json in the state directory]
    #[arg(long, value_name = "FILE", requires = "access_keys")]
    pub(crate) access_usage: Option<PathBuf>,
    /// Write an audit log to this file: a line per request, without prompts or responses
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Option<PathBuf>,
    /// Reload configuration, token and keys whenever one of their files changes, as SIGHUP does
    #[arg(long)]
    pub(crate) watch_config: bool,
    /// Disable the configured fallback models
    #[arg(long)]
    pub(crate) no_fallback: bool,
    /// Let up to this many streaming responses with the same access key share an instance of the plugin
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) calls_per_store: u32,
}

/// `30s`, `5m` or `1h`.
fn interval(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    let number: u64 = number.parse().unwrap_or_default();
    match number.checked_mul(seconds) {
        Some(seconds) if (1..=30 * 86_400).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected a time from 1s to 720h, such as 30s, 5m or 1h".to_owned()),
    }
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `8080`.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let loopback = |port: &str| port.parse().ok().map(|port| ([127, 0, 0, 1], port).into());
    let address = text.parse().ok();
    address
        .or_else(|| loopback(text))
        .or_else(|| loopback(text.strip_prefix("localhost:")?))
        .ok_or_else(|| {
            "it takes an IP address with a port, such as 127.0.0.1:8080, or a port alone".to_owned()
        })
}

/// What `health` takes.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// The address to check
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080/readyz")]
    pub(crate) url: url::Url,
}
