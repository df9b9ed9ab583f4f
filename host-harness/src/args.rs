//! The arguments, as data. Every option that is wrong by itself is refused here, before anything is loaded.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue},
};
use url::Url;

mod access_key;
mod models;
mod onboard;
mod plugins;
mod serve;

use super::log::LogArgs;
pub(super) use access_key::{AccessKeyAction, AccessKeyArgs, AddArgs, KeyFile, NamedKeyArgs};
use mock_router::Chunking;
use model_provider_host::{Settings, settings};
pub(super) use models::{
    AliasAction, AliasArgs, ExportArgs, FallbackAction, ListArgs, ModelsAction, ModelsArgs, SortKey,
    StatusArgs,
};
pub(super) use onboard::{OnboardArgs, SecretInputMode};
pub(super) use plugins::{AcceptArgs, DenyArgs, PublishArgs, PullArgs, RollbackArgs, UpdateArgs};
pub(super) use serve::{HealthArgs, ServeArgs};

/// Loads a model-provider plugin into a sandbox and works with it.
#[derive(Debug, Parser)]
#[command(name = "host-harness", version, propagate_version = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options that every command takes, before or after its name.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// The plugin: a file or oci://HOST/REPOSITORY:TAG [default: the one in plugins.lock, else plugin.wasm in the state
    /// directory, else the one that this program carries or its workspace builds]
    #[arg(long, value_name = "PLUGIN")]
    pub(super) plugin: Option<PathBuf>,
    /// OpenClaw's configuration (JSON5) [default: $OPENCLAW_CONFIG_PATH, else openclaw.json in
    /// $OPENCLAW_STATE_DIR or ~/.openclaw]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Base URL for requests, instead of the plugin's own
    #[arg(long, value_name = "URL", value_parser = settings::base_url)]
    pub(super) base_url: Option<Url>,
    /// Output format [default: text]
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// A setting of the host or the plugin, such as max-retries=0; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(super) set: Vec<(String, String)>,
    #[command(flatten)]
    pub(super) log: LogArgs,
}

impl Global {
    /// Merges the global options given after the command's name; they are more specific and win.
    pub(super) fn absorb(&mut self, behind: &Self) {
        let Self {
            plugin,
            config,
            base_url,
            format,
            set,
            log,
        } = behind.clone();
        self.plugin = plugin.or(self.plugin.take());
        self.config = config.or(self.config.take());
        self.base_url = base_url.or(self.base_url.take());
        self.format = format.or(self.format);
        self.set.extend(set);
        self.log.absorb(log);
    }

    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or_default()
    }
}

/// Output format of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON value
    Json,
    /// One JSON value per line, streamed
    Ndjson,
}

/// A command's own arguments, and the global options given after its name.
#[derive(Debug, Args)]
pub(super) struct With<T: Args> {
    #[command(flatten)]
    pub(super) args: T,
    #[command(flatten)]
    global: Global,
}

/// The commands.
#[allow(clippy::large_enum_variant, reason = "made once, when the program starts")]
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the available models
    Models(With<ModelsArgs>),
    /// Show what a model reference or an alias resolves to
    Resolve(With<ResolveArgs>),
    /// Chat with a model: one prompt, or a conversation at the terminal
    Chat(With<ChatArgs>),
    /// Set up a provider: API key, default model and fallback models
    Onboard(With<OnboardArgs>),
    /// Diagnose the setup and suggest fixes
    Doctor(With<NoArgs>),
    /// Show what the plugin is, what it imports and what it is granted
    Inspect(With<NoArgs>),
    /// Allow a plugin to reach its service and to use a credential
    Grant(With<GrantArgs>),
    /// Pin a plugin in plugins.lock, and grant its digest what it requests
    Accept(With<AcceptArgs>),
    /// Compare a pinned plugin with a newer version, and pin the newer one
    Update(With<UpdateArgs>),
    /// Roll back to the plugin that was pinned before
    Rollback(With<RollbackArgs>),
    /// Block a digest: it is never loaded again
    Deny(With<DenyArgs>),
    /// Pull a plugin into the cache
    Pull(With<PullArgs>),
    /// List the pinned plugins
    List(With<NoArgs>),
    /// Remove from the cache what no pinned plugin needs
    Gc(With<NoArgs>),
    /// Publish a component to a registry
    Publish(With<PublishArgs>),
    /// Test a plugin for conformance to the contract, as a black box
    Conformance(With<ConformanceArgs>),
    /// Run the mock router for tests on loopback
    MockRouter(With<MockRouterArgs>),
    /// Serve the models to OpenAI-compatible clients
    Serve(With<ServeArgs>),
    /// Create, list, change and remove the access keys of `serve`
    AccessKey(With<AccessKeyArgs>),
    /// Check whether a server is ready, for container health checks
    Health(With<HealthArgs>),
    /// Take the whole tour on the embedded mock router, without network or token
    Demo(With<NoArgs>),
    /// Write the completion script for a shell
    Completions(With<CompletionsArgs>),
    /// Write the manual page of the program, or of one of its commands
    Man(With<ManArgs>),
}

impl Command {
    pub(super) fn global(&self) -> &Global {
        match self {
            Self::Models(with) => &with.global,
            Self::Resolve(with) => &with.global,
            Self::Chat(with) => &with.global,
            Self::Onboard(with) => &with.global,
            Self::Inspect(with)
            | Self::Demo(with)
            | Self::Doctor(with)
            | Self::List(with)
            | Self::Gc(with) => &with.global,
            Self::Accept(with) => &with.global,
            Self::Update(with) => &with.global,
            Self::Rollback(with) => &with.global,
            Self::Deny(with) => &with.global,
            Self::Pull(with) => &with.global,
            Self::Publish(with) => &with.global,
            Self::Completions(with) => &with.global,
            Self::Man(with) => &with.global,
            Self::Grant(with) => &with.global,
            Self::Conformance(with) => &with.global,
            Self::MockRouter(with) => &with.global,
            Self::Serve(with) => &with.global,
            Self::AccessKey(with) => &with.global,
            Self::Health(with) => &with.global,
        }
    }
}

impl Command {
    /// The global options given after a subcommand of this command.
    pub(super) fn inner_global(&self) -> Option<&Global> {
        match self {
            Self::Models(with) => with.args.action.as_ref()?.global().0,
            _ => None,
        }
    }

    /// The output format: a command's own `--json` counts as `--format json`.
    pub(super) fn format(&self, global: &Global) -> Format {
        let is_json = match self {
            Self::Onboard(with) => with.args.json,
            Self::Models(with) => with.args.action.as_ref().is_some_and(|action| action.global().1),
            _ => false,
        };
        if is_json && global.format.is_none() {
            Format::Json
        } else {
            global.format()
        }
    }
}

/// No arguments of its own.
#[derive(Debug, Args)]
pub(super) struct NoArgs {}

/// Arguments of `resolve`.
#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    /// A reference or an alias
    #[arg(value_name = "REF")]
    pub(super) reference: String,
}

/// Arguments of `chat`.
#[derive(Debug, Args)]
pub(super) struct ChatArgs {
    /// The prompt; `-`, or no prompt where standard input is no terminal, reads it from standard input; text that is
    /// piped in beside a prompt follows it
    pub(super) prompt: Option<String>,
    /// The model: a reference or an alias
    #[arg(short, long, value_name = "REF")]
    pub(super) model: Option<String>,
    /// System prompt
    #[arg(long, value_name = "TEXT")]
    pub(super) system: Option<String>,
    /// A picture (PNG, JPEG, GIF or WebP) to show with the prompt; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(super) image: Vec<PathBuf>,
    /// The body of an OpenAI chat completion to send; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(super) request: Option<PathBuf>,
    /// Wait for the whole response instead of streaming it
    #[arg(long)]
    pub(super) no_stream: bool,
    /// Disable the configured fallback models
    #[arg(long)]
    pub(super) no_fallback: bool,
}

/// Arguments of `grant`.
#[derive(Debug, Args)]
pub(super) struct GrantArgs {
    /// The plugin to grant
    #[arg(value_name = "FILE.wasm")]
    pub(super) file: PathBuf,
    /// Grant without a confirmation prompt
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Grant the file's signer, so that later versions signed with the same key have the grant too
    #[arg(long)]
    pub(super) signer: bool,
}

/// Arguments of `conformance`.
#[derive(Debug, Args)]
pub(super) struct ConformanceArgs {
    /// The component to test; `--list` needs none
    #[arg(value_name = "FILE.wasm", required_unless_present = "list")]
    pub(super) file: Option<PathBuf>,
    /// The upstream's response in each situation (JSON), for a provider without OpenAI's chat completions
    #[arg(long, value_name = "FILE")]
    pub(super) router_file: Option<PathBuf>,
    /// Write the report for CI servers to this file too (JUnit)
    #[arg(long, value_name = "FILE.xml")]
    pub(super) junit: Option<PathBuf>,
    /// Only the checks whose name starts with this prefix, such as events/
    #[arg(long, value_name = "PREFIX")]
    pub(super) only: Option<String>,
    /// List the checks and the sentences of the contract that they cite
    #[arg(long)]
    pub(super) list: bool,
}

/// Arguments of `mock-router`.
#[derive(Debug, Args)]
pub(super) struct MockRouterArgs {
    /// The port on 127.0.0.1; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) port: u16,
    /// The scenario that decides the responses; `list` lists them
    #[arg(long, value_name = "NAME")]
    pub(super) scenario: Option<String>,
    /// Respond with a recorded file; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(super) replay: Vec<PathBuf>,
    /// How responses are chunked: as-written, whole, bytes, every:N, split:N or cut:N
    #[arg(long, value_name = "HOW")]
    pub(super) chunking: Option<Chunking>,
    /// Milliseconds between the events of a response [default: 15]
    #[arg(long, value_name = "MS")]
    pub(super) pace: Option<u64>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command; if left out, the program itself
    pub(super) command: Option<String>,
}

/// A usage error shows the argument as written, except for options whose value may be a misplaced secret.
pub(super) fn redact(mut usage: clap::Error) -> clap::Error {
    let option = match usage.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(option)) => option.as_str(),
        _ => "",
    };
    let is_given = matches!(usage.get(ContextKind::InvalidValue), Some(ContextValue::String(value)) if !value.is_empty());
    if is_given && (option.starts_with("--set") || option.starts_with("--base-url")) {
        usage.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    usage
}

/// `NAME=VALUE`. The value is tried on fresh settings, so that an invalid one is a usage error.
fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "it takes NAME=VALUE".to_owned())?;
    let name = name.trim();
    if name.is_empty() {
        return Err("it takes NAME=VALUE, and NAME is empty".to_owned());
    }
    Settings::declaring(model_server::SETTINGS)
        .set(name, value)
        .map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests;
