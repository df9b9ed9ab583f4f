//! Which OpenClaw era a file is for. From 2026.8.1 on, entries of `agents.defaults.models` are no allowlist if a
//! mark in the file says so; earlier versions refuse a file with that mark.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Configuration;

/// The first version that knows the mark.
const FIRST: [u32; 3] = [2026, 8, 1];

/// The OpenClaw era of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Era {
    /// It refuses the mark.
    Old,
    /// It needs the mark, and has used this state directory.
    New,
    /// Undetermined; treated as the newer one.
    Unknown,
}

impl Configuration {
    /// Determined by the version that wrote the file, the existing state, and the installed program.
    pub(super) fn era(&self) -> Era {
        let meta = self.value().get("meta");
        if meta.and_then(|meta| meta.get("migrations")).is_some() {
            return Era::New;
        }
        let written = meta.and_then(|meta| meta.get("lastTouchedVersion"));
        if let Some(version) = written.and_then(Value::as_str).and_then(version) {
            return of(version);
        }
        if self.state_dir.join("state/openclaw.sqlite").is_file() {
            return Era::New;
        }
        match self.installed_version() {
            Some(version) if of(version) == Era::Old => Era::Old,
            _ => Era::Unknown,
        }
    }

    /// The keys for which older versions of OpenClaw refuse the file.
    #[must_use]
    pub fn refused_by_older(&self) -> Option<String> {
        self.value().get("meta")?.get("migrations")?;
        let [year, month, patch] = FIRST;
        let here = match self.installed_version() {
            Some(found) if of(found) == Era::Old => {
                let [year, month, patch] = found;
                format!(", as the one that is installed here, {year}.{month}.{patch}")
            }
            _ => String::new(),
        };
        Some(format!(
            "OpenClaw before {year}.{month}.{patch} does not start with `meta.migrations`{here}"
        ))
    }

    /// Whether OpenClaw is installed and has to import credentials from files: newer versions store them in a
    /// database.
    #[must_use]
    pub fn openclaw_imports_keys(&self) -> bool {
        match self.era() {
            Era::New => true,
            Era::Old => false,
            Era::Unknown => self.installed_version().is_some(),
        }
    }

    /// The version of the `openclaw` found by `PATH`; nothing is run.
    fn installed_version(&self) -> Option<[u32; 3]> {
        let path = self.environment.get("PATH")?;
        std::env::split_paths(path.as_str()).find_map(|folder| {
            let program = std::fs::canonicalize(folder.join("openclaw")).ok()?;
            package_version(&program)
        })
    }
}

/// The version of the npm package that a file belongs to, if it is OpenClaw's.
fn package_version(file: &Path) -> Option<[u32; 3]> {
    let manifests = file
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("package.json"));
    let text = manifests
        .into_iter()
        .find_map(|path: PathBuf| std::fs::read_to_string(path).ok())?;
    let manifest: Value = serde_json::from_str(&text).ok()?;
    if manifest.get("name")?.as_str()? != "openclaw" {
        return None;
    }
    version(manifest.get("version")?.as_str()?)
}

fn of(version: [u32; 3]) -> Era {
    if version < FIRST { Era::Old } else { Era::New }
}

/// Parses `2026.9.6`, with or without a suffix.
fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.trim().trim_start_matches('v').split(['.', '-', '+']);
    let mut next = || parts.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert_eq!(of(version("2026.2.17").unwrap()), Era::Old);
        assert_eq!(of(version("v2026.8.1-beta.2").unwrap()), Era::New);
        assert_eq!(of(version("2026.10.1").unwrap()), Era::New);
        assert_eq!(version("latest"), None);
    }
}
