//! Arguments of the commands that manage plugins by name.

use std::path::PathBuf;

use clap::Args;

/// What `accept` takes.
#[derive(Debug, Args)]
pub(crate) struct AcceptArgs {
    /// The plugin: a file or oci://HOST/REPOSITORY:TAG
    #[arg(id = "accepted", value_name = "PLUGIN")]
    pub(crate) plugin: PathBuf,
    /// Accept without a confirmation prompt
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// What `update` takes.
#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    /// The id of the plugin; may be left out if only one is pinned
    pub(crate) id: Option<String>,
    /// Another version than its tag stands for: a file or oci://HOST/REPOSITORY:TAG
    #[arg(long, value_name = "PLUGIN")]
    pub(crate) to: Option<PathBuf>,
    /// Update without a confirmation prompt, unless the new version requests more than the pinned one
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// With --yes: update even if the new version requests more
    #[arg(long, requires = "yes")]
    pub(crate) widen: bool,
    /// Take an older version
    #[arg(long)]
    pub(crate) downgrade: bool,
}

/// What `rollback` takes.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The id of the plugin; may be left out if only one is pinned
    pub(crate) id: Option<String>,
}

/// What `deny` takes.
#[derive(Debug, Args)]
pub(crate) struct DenyArgs {
    /// The digest of a component or a manifest
    #[arg(value_name = "sha256:…")]
    pub(crate) digest: String,
}

/// What `pull` takes.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// oci://HOST/REPOSITORY:TAG, or @sha256:… in place of the tag
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
}

/// What `publish` takes.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Where to: oci://HOST/REPOSITORY:TAG
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// The component: a plugin, or a composed gateway
    #[arg(value_name = "FILE.wasm")]
    pub(crate) file: PathBuf,
    /// The file is a WIT package, not a plugin
    #[arg(long)]
    pub(crate) wit: bool,
    /// The bill of materials (CycloneDX, JSON) to publish beside it
    #[arg(long, value_name = "FILE")]
    pub(crate) sbom: Option<PathBuf>,
    /// The minisign signature to publish beside it [default: FILE.wasm.minisig, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// An annotation, beside those of the file's metadata; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = annotation)]
    pub(crate) annotation: Vec<(String, String)>,
    /// When it was made (RFC 3339); left out, the artifact is the same whenever it is published
    #[arg(long, value_name = "TIME")]
    pub(crate) created: Option<String>,
}

fn annotation(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
