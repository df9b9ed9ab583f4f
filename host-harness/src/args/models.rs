//! Arguments of `models`: the list, and changes to the configured models.

use clap::{Args, Subcommand, ValueEnum};

use super::{Global, With};

/// Arguments of `models`: without a subcommand it lists, as `list` does.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ModelsAction>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// The subcommands of `models`.
#[allow(clippy::large_enum_variant, reason = "made once, when the program starts")]
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
    /// List the models
    List(With<ListArgs>),
    /// Set the default model
    Set(With<RefArgs>),
    /// Give a model an alias
    #[command(visible_alias = "aliases", subcommand_negates_reqs = true)]
    Alias(With<AliasArgs>),
    /// The fallback models, tried when the default model fails
    #[command(visible_alias = "fallback")]
    Fallbacks(FallbackArgs),
    /// Show the default, its fallbacks and where the key comes from
    Status(With<StatusArgs>),
    /// Export the list of models in another program's format
    Export(With<ExportArgs>),
}

/// The argument that names a model.
#[derive(Debug, Args)]
pub(crate) struct RefArgs {
    /// A reference or an alias
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
}

/// Arguments of `models alias`.
#[derive(Debug, Args)]
pub(crate) struct AliasArgs {
    #[command(subcommand)]
    pub(crate) action: Option<AliasAction>,
    /// The alias
    #[arg(value_name = "NAME", required = true)]
    pub(crate) name: Option<String>,
    /// A reference, or another alias
    #[arg(value_name = "REF", required = true)]
    pub(crate) reference: Option<String>,
}

/// The subcommands of `models aliases`, in OpenClaw's words.
#[derive(Debug, Subcommand)]
pub(crate) enum AliasAction {
    /// Give a model an alias
    Add(With<NamedArgs>),
    /// Remove an alias
    Remove(With<NameArgs>),
    /// List the aliases
    List(With<JsonArgs>),
}

/// An alias and its model.
#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// The alias
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A reference, or another alias
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
}

/// An alias.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The alias
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Output format of a list.
#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Write it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `models fallbacks`.
#[derive(Debug, Args)]
pub(crate) struct FallbackArgs {
    #[command(subcommand)]
    pub(crate) action: FallbackAction,
}

/// The subcommands of `models fallbacks`.
#[derive(Debug, Subcommand)]
pub(crate) enum FallbackAction {
    /// Append a model
    Add(With<RefArgs>),
    /// Remove a model
    Remove(With<RefArgs>),
    /// List them
    List(With<JsonArgs>),
}

/// Arguments of `models status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit with status 1 if a model or the key cannot be used
    #[arg(long)]
    pub(crate) check: bool,
    /// Check the key with the service too
    #[arg(long)]
    pub(crate) probe: bool,
    /// Write it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `models export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The `models: [...]` block of OpenClaw's `models.providers.<id>`
    #[arg(long, required = true)]
    openclaw: bool,
    /// Only models whose reference, name, alias or backends hold all of these words
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

impl ModelsAction {
    /// The global options given after its name, and whether it writes JSON.
    pub(super) fn global(&self) -> (Option<&Global>, bool) {
        match self {
            Self::List(with) => (Some(&with.global), false),
            Self::Set(with) => (Some(&with.global), false),
            Self::Alias(with) => match &with.args.action {
                None => (Some(&with.global), false),
                Some(AliasAction::Add(with)) => (Some(&with.global), false),
                Some(AliasAction::Remove(with)) => (Some(&with.global), false),
                Some(AliasAction::List(with)) => (Some(&with.global), with.args.json),
            },
            Self::Fallbacks(args) => match &args.action {
                FallbackAction::Add(with) | FallbackAction::Remove(with) => (Some(&with.global), false),
                FallbackAction::List(with) => (Some(&with.global), with.args.json),
            },
            Self::Status(with) => (Some(&with.global), with.args.json),
            Self::Export(with) => (Some(&with.global), false),
        }
    }
}

/// Arguments of the list of models.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Also list every reference of each model: its policies and its backends
    #[arg(long)]
    pub(crate) all_variants: bool,
    /// Request the list even without a credential (it may then be shorter)
    #[arg(long)]
    pub(crate) live: bool,
    /// Only models whose reference, name, alias or backends hold all of these words
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// What to sort the table by
    #[arg(long, value_name = "KEY", default_value = "name")]
    pub(crate) sort: SortKey,
}

/// Sort key of the table of models. Unknown values come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortKey {
    /// The name
    #[default]
    Name,
    /// The price of output, then of input, the lowest first
    Price,
    /// The context window, the largest first
    Window,
    /// The maximum output tokens, the largest first
    Output,
    /// Tokens per second of the best route, the highest first
    Speed,
    /// Time to the first token of the best route, the shortest first
    Latency,
    /// The number of routes, the highest first
    Routes,
}
