//! What `models` takes: the list, and changes to the choice of models.

use clap::{Args, Subcommand, ValueEnum};

use super::{Global, With};

/// What `models` takes: nothing or `list` lists them.
#[derive(Debug, Args)]
pub(in crate::cli) struct ModelsArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<ModelsAction>,
    #[command(flatten)]
    pub(in crate::cli) list: ListArgs,
}

/// What is done about models.
#[allow(clippy::large_enum_variant, reason = "made once, when the program starts")]
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ModelsAction {
    /// List the models
    List(With<ListArgs>),
    /// Make a model the default
    Set(With<RefArgs>),
    /// Give a model a name
    #[command(visible_alias = "aliases", subcommand_negates_reqs = true)]
    Alias(With<AliasArgs>),
    /// The models that are asked when the default fails
    #[command(visible_alias = "fallback")]
    Fallbacks(FallbackArgs),
    /// Show the default, its fallbacks and where the key comes from
    Status(With<StatusArgs>),
    /// Write the list of models in another program's form
    Export(With<ExportArgs>),
}

/// What names a model.
#[derive(Debug, Args)]
pub(in crate::cli) struct RefArgs {
    /// A reference or an alias
    #[arg(value_name = "REF")]
    pub(in crate::cli) reference: String,
}

/// What `models alias` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct AliasArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: Option<AliasAction>,
    /// The name
    #[arg(value_name = "NAME", required = true)]
    pub(in crate::cli) name: Option<String>,
    /// A reference, or another name
    #[arg(value_name = "REF", required = true)]
    pub(in crate::cli) reference: Option<String>,
}

/// What is done about names, in OpenClaw's words.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum AliasAction {
    /// Give a model a name
    Add(With<NamedArgs>),
    /// Take a name away
    Remove(With<NameArgs>),
    /// List the names
    List(With<JsonArgs>),
}

/// A name and what it is for.
#[derive(Debug, Args)]
pub(in crate::cli) struct NamedArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// A reference, or another name
    #[arg(value_name = "REF")]
    pub(in crate::cli) reference: String,
}

/// A name.
#[derive(Debug, Args)]
pub(in crate::cli) struct NameArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
}

/// How a list is written.
#[derive(Debug, Args)]
pub(in crate::cli) struct JsonArgs {
    /// Write it as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What `models fallbacks` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct FallbackArgs {
    #[command(subcommand)]
    pub(in crate::cli) action: FallbackAction,
}

/// What is done about fallbacks.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FallbackAction {
    /// Put a model at the end
    Add(With<RefArgs>),
    /// Take a model out
    Remove(With<RefArgs>),
    /// List them
    List(With<JsonArgs>),
}

/// What `models status` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct StatusArgs {
    /// Exit with status 1 if a model or the key cannot be used
    #[arg(long)]
    pub(in crate::cli) check: bool,
    /// Ask the service about the key too
    #[arg(long)]
    pub(in crate::cli) probe: bool,
    /// Write it as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// What `models export` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// The `models: [...]` block of OpenClaw's `models.providers.<id>`
    #[arg(long, required = true)]
    openclaw: bool,
    /// Only models whose reference, name, alias or backends hold all of these words
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) filter: Option<String>,
}

impl ModelsAction {
    /// The global options behind its name, and whether it is to write JSON.
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

/// What the list of models takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Also list every reference of each model: its policies and its backends
    #[arg(long)]
    pub(in crate::cli) all_variants: bool,
    /// Ask the service even without a credential (it may then list fewer)
    #[arg(long)]
    pub(in crate::cli) live: bool,
    /// Only models whose reference, name, alias or backends hold all of these words
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) filter: Option<String>,
    /// What to sort the table by
    #[arg(long, value_name = "KEY", default_value = "name")]
    pub(in crate::cli) sort: SortKey,
}

/// What the table of models is sorted by. What is unknown comes last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum SortKey {
    /// The name
    #[default]
    Name,
    /// The price of output, then of input, the lowest first
    Price,
    /// The context window, the largest first
    Window,
    /// The longest answer, the largest first
    Output,
    /// Tokens per second of the best route, the highest first
    Speed,
    /// Time to the first token of the best route, the shortest first
    Latency,
    /// The number of routes, the highest first
    Routes,
}
