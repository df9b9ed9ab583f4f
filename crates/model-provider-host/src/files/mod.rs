//! Files that belong to the user alone: made for them, replaced in one step, locked, read, and looked at for who else may
//! change them.

mod lock;
mod read;
pub mod trust;

use std::{
    fs,
    io::{self, Seek as _, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::error::{Error, Kind, Result};

pub use lock::{lock, lock_as};
pub use read::{open, read, read_input, read_input_text};

/// The largest file of ours or of a configuration that is read.
pub const LARGEST: u64 = 64 * 1024 * 1024;

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
    make_dir(dir).map_err(|error| fault(error.to_string()))?;
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
pub fn trusted_dir(dir: &Path) -> Result<()> {
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

/// Makes a folder and those above it; what is made is the user's alone.
fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Replaces a file in one step with content that only the user may read; a stricter mode that it had stays. A file that
/// cannot be replaced, because it is a mount of its own or its folder takes no other, is written in place.
///
/// # Errors
/// It cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    write_by(path, content, |file| {
        file.persist(path).map(drop).map_err(|error| error.error)
    })
    .map_err(|error| {
        Error::new(
            Kind::Configuration,
            format!("{} cannot be written: {error}", path.display()),
        )
    })
}

fn write_by(
    path: &Path,
    content: &[u8],
    replace: impl FnOnce(NamedTempFile) -> io::Result<()>,
) -> io::Result<()> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    make_dir(dir)?;
    // A temporary file is made with 0600 and keeps that when it takes the other's place.
    let mut file = match NamedTempFile::new_in(dir) {
        Ok(file) => file,
        Err(error) if takes_no_file(&error) && path.exists() => return write_in_place(path, content),
        Err(error) => return Err(error),
    };
    file.write_all(content)?;
    #[cfg(unix)]
    if let Ok(old) = fs::metadata(path) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = old.permissions().mode() & 0o600;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.as_file().sync_all()?;
    match replace(file) {
        Err(error) if is_mount(&error) && path.is_file() => write_in_place(path, content),
        replaced => replaced,
    }
}

fn takes_no_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

/// Nothing can take the place of a mount (as `docker run -v FILE:FILE` makes one).
fn is_mount(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices
    )
}

/// Writes a file where it is. The content stands there whole before the rest of the old one is cut off; who reads in that
/// moment may see both.
fn write_in_place(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata()?.permissions().mode() & 0o600;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.rewind()?;
    file.write_all(content)?;
    file.set_len(content.len() as u64)?;
    file.sync_all()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_nothing_can_take_the_place_of_is_written_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw.json");
        let busy = |_: NamedTempFile| Err(io::Error::from(io::ErrorKind::ResourceBusy));
        assert!(
            write_by(&path, b"new", busy).is_err(),
            "there is nothing to write into"
        );
        for old in ["a longer text than the new one", ""] {
            fs::write(&path, old).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            write_by(&path, b"new", busy).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), "new");
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, 1, "no temporary file stays");
        let denied = |_: NamedTempFile| Err(io::Error::from(io::ErrorKind::StorageFull));
        assert!(write_by(&path, b"other", denied).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_folder_that_is_made_is_the_users_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/models.json");
        write_private(&path, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    }
}
