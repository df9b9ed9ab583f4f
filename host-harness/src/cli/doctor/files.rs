//! Who may read the files that hold secrets, and put others in their place.

use super::report::Report;
use crate::config::Configuration;

/// Looks at the files of the state directory and the configuration.
pub(super) fn examine(report: &mut Report, configuration: &Configuration) {
    let mut files = configuration.credential_files();
    files.push(configuration.state_dir().join(".env"));
    files.push(configuration.host_file());
    files.push(configuration.path().to_owned());
    let dir = configuration.state_dir();
    let dir_mode = mode(dir).filter(|mode| mode & 0o022 != 0);
    if let Some(mode) = dir_mode {
        let message = format!(
            "others may write to {} (mode {:03o})",
            dir.display(),
            mode & 0o777
        );
        report.warn("files", message, &format!("chmod 700 {}", dir.display()));
    }
    let mut closed = 0;
    for (at, path) in files.iter().enumerate() {
        // The configuration need hold no secret; one that does is as closed as the others.
        let matters = at + 1 < files.len() || may_hold_secrets(configuration);
        match mode(path) {
            None => {}
            Some(mode) if mode & 0o077 == 0 || !matters => closed += 1,
            Some(mode) => {
                let message = format!("others may read {} (mode {:03o})", path.display(), mode & 0o777);
                report.warn("files", message, &format!("chmod 600 {}", path.display()));
            }
        }
    }
    if closed > 0 && report.warnings == 0 {
        report.ok("files", "nobody else may read what is secret");
    }
}

/// Whether the configuration has a place where secrets stand.
fn may_hold_secrets(configuration: &Configuration) -> bool {
    let value = configuration.value();
    let providers = value
        .pointer("/models/providers")
        .and_then(|providers| providers.as_object());
    let provider_has = providers.is_some_and(|providers| {
        let mut each = providers.values();
        each.any(|provider| provider.get("apiKey").is_some() || provider.get("headers").is_some())
    });
    provider_has || value.get("env").is_some()
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(std::fs::metadata(path).ok()?.permissions().mode())
}

/// Elsewhere files have no such mode.
#[cfg(not(unix))]
fn mode(path: &std::path::Path) -> Option<u32> {
    path.is_file().then_some(0o600)
}
