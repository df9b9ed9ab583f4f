//! Lock files between processes: one writer of a file at a time, with a timeout.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::error::{Error, ErrorKind, Result};

/// Writing a file takes milliseconds; a process that holds the lock for longer hangs, or is malicious.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// Locks a file against other writers until the guard is dropped. Readers need no lock: files are replaced
/// atomically. Only the user may open the lock file: a process that can open it can hold the lock.
///
/// # Errors
/// The lock file beside it cannot be created, belongs to another user, or is held for too long.
pub fn lock(path: impl AsRef<Path>) -> Result<File> {
    let path = path.as_ref();
    within(path, ".lock", PATIENCE)
}

/// The same with another suffix of the lock file, for a file that another program locks in its own way.
///
/// # Errors
/// As of [`lock`].
pub fn lock_as(path: impl AsRef<Path>, ending: &str) -> Result<File> {
    let path = path.as_ref();
    within(path, ending, PATIENCE)
}

fn within(path: &Path, ending: &str, patience: Duration) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    let name = PathBuf::from(name);
    let failure = |what: String| {
        let message = format!("{} cannot be locked: {what}", name.display());
        Error::new(ErrorKind::Configuration, message)
    };
    let file = open(&name).map_err(|error| failure(error.to_string()))?;
    #[cfg(unix)]
    own(&name, &file)?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => {
                let error = failure(format!(
                    "another process has held it for {} s",
                    patience.as_secs()
                ));
                return Err(error.with_hint(
                    "end the process that holds it (`fuser` names it), or remove the lock file and try again",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(failure(error.to_string())),
        }
    }
}

fn open(name: &Path) -> io::Result<File> {
    if let Some(dir) = name.parent() {
        super::make_dir(dir)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // No symbolic links, and no wait for the reader of a pipe.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options
            .mode(0o600)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    options.open(name)
}

/// Checks that the lock file is the user's own, and removes access of other users.
#[cfg(unix)]
fn own(name: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let failure = |what: String| {
        let message = format!("{} cannot be locked: {what}", name.display());
        Error::new(ErrorKind::Configuration, message)
    };
    let meta = file.metadata().map_err(|error| failure(error.to_string()))?;
    if !super::trust::is_trusted(meta.uid()) {
        let fix = format!("rm {}", super::trust::quoted(name));
        return Err(
            failure(format!("it belongs to another user (uid {})", meta.uid()))
                .with_hint(format!("remove it: `{fix}`")),
        );
    }
    if meta.mode() & 0o077 != 0 {
        // A process that has it open already is waited for like any other.
        let _ = file.set_permissions(std::fs::Permissions::from_mode(0o600));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_waits_for_the_other_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("models.json");
        let held = lock(&path).unwrap();
        let started = Instant::now();
        let error = within(&path, ".lock", Duration::from_millis(100)).unwrap_err();
        assert!(started.elapsed() < PATIENCE);
        assert!(error.message().contains("another process has held it"), "{error}");
        assert!(error.hint().is_some());
        let waiting = thread::spawn(move || lock(&path).map(drop));
        thread::sleep(Duration::from_millis(50));
        drop(held);
        waiting.join().unwrap().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_is_the_users_alone_and_no_link() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let file = dir.path().join("a.lock");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        drop(lock(&path).unwrap());
        let mode = || std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        std::fs::remove_file(&file).unwrap();
        drop(lock(&path).unwrap());
        assert_eq!(mode(), 0o600);
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &file).unwrap();
        assert!(lock(&path).is_err());
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_of_another_user_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.lock");
        std::fs::write(&file, "").unwrap();
        if std::os::unix::fs::chown(&file, Some(65_534), None).is_err() {
            println!("skipped: only root can give a file away");
            return;
        }
        let error = lock(dir.path().join("a")).unwrap_err();
        assert!(error.message().contains("another user"), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("rm ")), "{error}");
    }
}
