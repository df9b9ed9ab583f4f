//! A target directory that starts as a copy of another one, so that cargo builds only what differs.
//!
//! Knows nothing of components. Modification times are preserved, since cargo uses them to detect changes.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Copies `from` to `to`, if `to` does not exist and `from` does. `to` appears atomically.
///
/// # Errors
/// If a file cannot be read or written. Nothing is lost then: cargo builds everything.
pub(crate) fn seed(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() || !from.is_dir() {
        return Ok(());
    }
    let unfinished = to.with_extension("unfinished");
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    copy(from, &unfinished)?;
    fs::rename(&unfinished, to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            let modified = entry.metadata()?.modified()?;
            File::options()
                .write(true)
                .open(&target)?
                .set_modified(modified)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn a_copy_keeps_times_and_an_existing_directory_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("deps")).unwrap();
        let old = SystemTime::now() - Duration::from_secs(3_600);
        fs::write(from.join("deps/a"), "1").unwrap();
        let file = File::options().write(true).open(from.join("deps/a")).unwrap();
        file.set_modified(old).unwrap();
        seed(&from, &to).unwrap();
        let copied = to.join("deps/a");
        assert_eq!(fs::read_to_string(&copied).unwrap(), "1");
        assert_eq!(fs::metadata(&copied).unwrap().modified().unwrap(), old);
        fs::write(from.join("deps/a"), "2").unwrap();
        seed(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&copied).unwrap(), "1");
    }

    #[test]
    fn a_copy_that_was_interrupted_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(to.with_extension("unfinished").join("half")).unwrap();
        seed(&from, &to).unwrap();
        assert!(to.is_dir() && !to.join("half").exists());
    }

    #[test]
    fn nothing_to_copy_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("to");
        seed(&dir.path().join("none"), &to).unwrap();
        assert!(!to.exists());
    }
}
