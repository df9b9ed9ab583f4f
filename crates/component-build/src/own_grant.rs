//! The grant of a local build: written beside it, for its digest, so that development needs no manual grant.
//!
//! It is valid for tools of this workspace only.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{Build, BuildError, GRANT, Result, Workspace};

/// In the component's target directory.
const FILE: &str = "grants.json";

/// Writes the grant for the digest of a build.
pub(crate) fn write(which: Build, workspace: &Workspace) -> Result<()> {
    let failure = |error: std::io::Error| {
        BuildError::new(
            format!("the grant of the component cannot be written: {error}"),
            "check that the target directory can be written",
        )
    };
    let component = std::fs::read(which.file(workspace)).map_err(failure)?;
    let digest = format!("sha256:{:x}", Sha256::digest(component));
    let path = which.target_dir(workspace).join(FILE);
    if written(&path).contains(&digest) {
        return Ok(());
    }
    let mut grants: Value = serde_json::from_str(GRANT).unwrap_or_default();
    for grant in grants
        .as_object_mut()
        .into_iter()
        .flat_map(|grants| grants.values_mut())
    {
        grant["for"] = Value::from(vec![digest.clone()]);
    }
    // Atomically: another program may be reading it.
    let part = path.with_extension(format!("{}.part", std::process::id()));
    std::fs::write(&part, format!("{grants:#}\n"))
        .and_then(|()| std::fs::rename(&part, &path))
        .map_err(failure)
}

/// The digests that have a grant.
fn written(path: &Path) -> Vec<String> {
    let read = std::fs::read(path).ok();
    let grants: Value = read
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let grants = grants.as_object().into_iter().flat_map(|grants| grants.values());
    let digests = grants.flat_map(|grant| grant["for"].as_array().into_iter().flatten());
    digests
        .filter_map(|digest| digest.as_str().map(str::to_owned))
        .collect()
}

/// Whether this program's workspace vouches for a file: it was built by [`build`](crate::build), or is in the
/// workspace's own target directory, beside the program. A user who can write there can replace the program.
#[must_use]
pub fn vouches(file: &Path, digest: &str) -> bool {
    let Ok(workspace) = Workspace::of_this_program() else {
        return false;
    };
    let is_built = [Build::Release, Build::NextVersion].iter().any(|build| {
        written(&build.target_dir(&workspace).join(FILE))
            .iter()
            .any(|known| known == digest)
    });
    let is_in = |target: &Path| {
        let (file, target) = (file.canonicalize(), target.canonicalize());
        matches!((file, target), (Ok(file), Ok(target)) if file.starts_with(&target))
    };
    is_built || is_in(&workspace.path().join("target"))
}
