//! Private files: creation, atomic replacement, locks, reading, and checks for access by other users.

mod lock;
mod read;
pub mod trust;

use std::{
    fs,
    io::{self, Seek as _, Write as _},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::error::{Error, ErrorKind, Result};

pub use lock::{lock, lock_as};
pub use read::{append, open, read, read_input, read_input_text};

/// The size limit of a file of this program or of a configuration.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Creates a directory or checks an existing one: it is the user's own, and inaccessible to other users.
///
/// # Errors
/// It cannot be created, belongs to another user, or is accessible to other users and cannot be closed.
pub fn create_private_dir(dir: impl AsRef<Path>) -> Result<()> {
    let dir = dir.as_ref();
    let failure = |what: String| {
        Error::new(
            ErrorKind::Configuration,
            format!("the directory {}: {what}", dir.display()),
        )
    };
    make_dir(dir).map_err(|error| failure(error.to_string()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let meta = fs::symlink_metadata(dir).map_err(|error| failure(error.to_string()))?;
        if !meta.is_dir() {
            return Err(failure("is a link or a file, not a directory".to_owned()));
        }
        // A file that this process creates belongs to its effective user.
        let probe = tempfile::tempfile()
            .and_then(|file| file.metadata())
            .map_err(|error| failure(error.to_string()))?;
        if meta.uid() != probe.uid() {
            return Err(failure(
                "belongs to another user; name one of your own".to_owned(),
            ));
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
                .map_err(|error| failure(format!("is accessible to other users: {error}")))?;
        }
    }
    Ok(())
}

/// The same for a directory whose content is trusted like this program's own code. One that is accessible to other
/// users may hold files of theirs already, so it is refused instead of closed.
///
/// # Errors
/// As of [`create_private_dir`], and it is accessible to other users.
pub fn check_trusted_dir(dir: impl AsRef<Path>) -> Result<()> {
    let dir = dir.as_ref();
    #[cfg(unix)]
    if let Ok(meta) = fs::symlink_metadata(dir) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = meta.permissions().mode() & 0o777;
        if meta.is_dir() && mode & 0o077 != 0 {
            let message = format!(
                "the directory {} is accessible to other users ({mode:03o})",
                dir.display()
            );
            return Err(Error::new(ErrorKind::Configuration, message).with_hint(
                "other users may have put files there: remove it, and it is created again for you alone",
            ));
        }
    }
    create_private_dir(dir)
}

/// Creates a folder and its parents, accessible to the user only.
fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Replaces a file atomically with content that only the user may read; a stricter existing mode is preserved. A
/// file that cannot be replaced, because it is a mount point or its folder is read-only, is overwritten in place.
///
/// # Errors
/// It cannot be written.
pub fn write_private(path: impl AsRef<Path>, content: &[u8]) -> Result<()> {
    let path = path.as_ref();
    write_by(path, content, |file| {
        file.persist(path).map(drop).map_err(|error| error.error)
    })
    .map_err(|error| {
        Error::new(
            ErrorKind::Configuration,
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
    // A temporary file is created with 0600 and has that mode after the rename.
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

/// A mount point (as of `docker run -v FILE:FILE`) cannot be replaced.
fn is_mount(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices
    )
}

/// Overwrites a file in place. The new content is complete before the rest of the old one is truncated; a
/// concurrent reader may see both.
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

#[cfg(test)]
#[cfg(unix)]
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
