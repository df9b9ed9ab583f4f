//! What `models` takes: the list, and changes to the choice of models.

use clap::{Args, Subcommand, ValueEnum};

use super::{Global, With};

/// What `models` takes: nothing or `list` lists them.
#[derive(Debug, Args)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ModelsAction>,
    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// What is done about models.
#[allow(clippy::large_enum_variant, reason = "made once, when the program starts")]
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsAction {
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
pub(crate) struct RefArgs {
    /// A reference or an alias
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
}

/// What `models alias` takes.
#[derive(Debug, Args)]
pub(crate) struct AliasArgs {
    #[command(subcommand)]
    pub(crate) action: Option<AliasAction>,
    /// The name
    #[arg(value_name = "NAME", required = true)]
    pub(crate) name: Option<String>,
    /// A reference, or another name
    #[arg(value_name = "REF", required = true)]
    pub(crate) reference: Option<String>,
}

/// What is done about names, in OpenClaw's words.
#[derive(Debug, Subcommand)]
pub(crate) enum AliasAction {
    /// Give a model a name
    Add(With<NamedArgs>),
    /// Take a name away
    Remove(With<NameArgs>),
    /// List the names
    List(With<JsonArgs>),
}

/// A name and what it is for.
#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A reference, or another name
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
}

/// A name.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// How a list is written.
#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Write it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `models fallbacks` takes.
#[derive(Debug, Args)]
pub(crate) struct FallbackArgs {
    #[command(subcommand)]
    pub(crate) action: FallbackAction,
}

/// What is done about fallbacks.
#[derive(Debug, Subcommand)]
pub(crate) enum FallbackAction {
    /// Put a model at the end
    Add(With<RefArgs>),
    /// Take a model out
    Remove(With<RefArgs>),
    /// List them
    List(With<JsonArgs>),
}

/// What `models status` takes.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit with status 1 if a model or the key cannot be used
    #[arg(long)]
    pub(crate) check: bool,
    /// Ask the service about the key too
    #[arg(long)]
    pub(crate) probe: bool,
    /// Write it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `models export` takes.
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
pub(crate) struct ListArgs {
    /// Also list every reference of each model: its policies and its backends
    #[arg(long)]
    pub(crate) all_variants: bool,
    /// Ask the service even without a credential (it may then list fewer)
    #[arg(long)]
    pub(crate) live: bool,
    /// Only models whose reference, name, alias or backends hold all of these words
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
    /// What to sort the table by
    #[arg(long, value_name = "KEY", default_value = "name")]
    pub(crate) sort: SortKey,
}

/// What the table of models is sorted by. What is unknown comes last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortKey {
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
