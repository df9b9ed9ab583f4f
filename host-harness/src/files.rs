//! Files that belong to the user alone.

use std::{fs, io::Write as _, path::Path};

use crate::error::{Error, Kind, Result};

/// Makes sure that a directory is there, the user's own, and closed to others.
///
/// # Errors
/// It cannot be made, or it belongs to somebody else or is open to others and cannot be closed.
pub fn private_dir(dir: &Path) -> Result<()> {
    let fault = |what: String| {
        Error::new(
            Kind::Configuration,
            format!("the directory {}: {what}", dir.display()),
        )
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|error| fault(error.to_string()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let meta = fs::symlink_metadata(dir).map_err(|error| fault(error.to_string()))?;
        if !meta.is_dir() {
            return Err(fault("is a link or a file, not a directory".to_owned()));
        }
        // The owner of a file that this process makes is the user that it runs as.
        let probe = tempfile::tempfile()
            .and_then(|file| file.metadata())
            .map_err(|error| fault(error.to_string()))?;
        if meta.uid() != probe.uid() {
            return Err(fault("belongs to another user; name one of your own".to_owned()));
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
                .map_err(|error| fault(format!("is open to others: {error}")))?;
        }
    }
    Ok(())
}

/// The same for a directory whose content is trusted as if this program had written it: one that is open to others may
/// hold theirs already, so it is refused and not just closed.
///
/// # Errors
/// As of [`private_dir`], and it is open to others.
pub(crate) fn trusted_dir(dir: &Path) -> Result<()> {
    #[cfg(unix)]
    if let Ok(meta) = fs::symlink_metadata(dir) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = meta.permissions().mode() & 0o777;
        if meta.is_dir() && mode & 0o077 != 0 {
            let message = format!("the directory {} is open to others ({mode:03o})", dir.display());
            return Err(Error::new(Kind::Configuration, message)
                .with_hint("others may have put files there: remove it, and it is made anew for you alone"));
        }
    }
    private_dir(dir)
}

/// Replaces a file in one step with content that only the user may read; a stricter mode that it had stays.
///
/// # Errors
/// It cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    let fault = |error: std::io::Error| {
        Error::new(
            Kind::Configuration,
            format!("{} cannot be written: {error}", path.display()),
        )
    };
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(fault)?;
    // A temporary file is made with 0600 and keeps that when it takes the other's place.
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(fault)?;
    file.write_all(content).map_err(fault)?;
    #[cfg(unix)]
    if let Ok(old) = fs::metadata(path) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = old.permissions().mode() & 0o600;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(mode))
            .map_err(fault)?;
    }
    file.as_file().sync_all().map_err(fault)?;
    file.persist(path).map_err(|error| fault(error.error))?;
    Ok(())
}

/// Keeps other writers of a file away until the guard is dropped. Readers need no lock: files are replaced whole.
///
/// # Errors
/// The lock file beside it cannot be made.
pub(crate) fn lock(path: &Path) -> Result<fs::File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = Path::new(&name);
    let open = || {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let file = options.open(name)?;
        file.lock()?;
        Ok(file)
    };
    open().map_err(|error: std::io::Error| {
        Error::new(
            Kind::Configuration,
            format!("{} cannot be locked: {error}", name.display()),
        )
    })
}
