//! Permission checks: who may change or read a file, by owner and mode of it and of its folder.
//!
//! Trusted are the effective user and root. A group may have write access only if it is the user's own, with the
//! user's name and no other member (as where the umask is 002), or root's. In a folder with the sticky bit (`/tmp`)
//! users cannot replace each other's files. Does not know what the files are for. Access control lists are not
//! checked.

use std::path::{Path, PathBuf};

/// The access of other users to a file, and the command that removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The file or folder.
    pub path: PathBuf,
    /// `other users can write to PATH (mode 666)`.
    pub message: String,
    /// The command.
    pub fix: String,
}

/// A path, quoted for a shell.
pub fn quoted(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    let text = path.to_string_lossy();
    match shell_words::quote(&text) {
        // Control characters would break the line.
        quoted if quoted.chars().any(char::is_control) => format!("{text:?}"),
        quoted => quoted.into_owned(),
    }
}

#[cfg(unix)]
pub use of_unix::*;

#[cfg(unix)]
mod of_unix {
    use std::{
        fs::{self, Metadata},
        os::unix::fs::MetadataExt as _,
        path::{Path, PathBuf},
    };

    use super::{Exposure, quoted};

    const STICKY: u32 = 0o1000;

    fn me() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    /// Whether files of this owner are trusted.
    #[must_use]
    pub fn is_trusted(owner: u32) -> bool {
        owner == me() || owner == 0
    }

    /// How other users can change a file: directly, or by its folder. `None` if they cannot, or if it does not
    /// exist. Of a symbolic link, both folders count.
    pub fn changeable(path: impl AsRef<Path>) -> Option<Exposure> {
        let path = path.as_ref();
        let meta = fs::metadata(path).ok()?;
        changeable_as(path, &meta)
    }

    /// The same for an open file, so that the checked file is the one that is read.
    pub fn changeable_as(path: impl AsRef<Path>, meta: &Metadata) -> Option<Exposure> {
        let path = path.as_ref();
        writers(path, meta).or_else(|| folders(path).iter().find_map(changeable_folder))
    }

    /// How other users can change a folder: add files, or replace existing ones.
    pub fn changeable_folder(folder: impl AsRef<Path>) -> Option<Exposure> {
        let folder = folder.as_ref();
        let meta = fs::metadata(folder).ok()?;
        if meta.mode() & STICKY != 0 && is_trusted(meta.uid()) {
            return None;
        }
        writers(folder, &meta)
    }

    /// The first parent folder that other users can change.
    pub fn changeable_above(folder: impl AsRef<Path>) -> Option<Exposure> {
        let folder = folder.as_ref();
        let folder = fs::canonicalize(folder).ok()?;
        folder.ancestors().skip(1).find_map(changeable_folder)
    }

    /// Whether other users can read a file.
    pub fn readable(path: impl AsRef<Path>) -> Option<Exposure> {
        let path = path.as_ref();
        let meta = fs::metadata(path).ok()?;
        let mode = meta.mode() & 0o777;
        let by = if !is_trusted(meta.uid()) {
            return Some(foreign(path, &meta));
        } else if mode & 0o007 != 0 {
            "other users can read"
        } else if mode & 0o070 != 0 && !is_own_group(meta.gid()) {
            "its group can read"
        } else {
            return None;
        };
        Some(Exposure {
            path: path.to_owned(),
            message: format!("{by} {} (mode {mode:03o})", path.display()),
            fix: format!("chmod 600 {}", quoted(path)),
        })
    }

    /// Whether other users can reach a file: no folder above it excludes them.
    pub fn is_reachable(path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        let Ok(path) = fs::canonicalize(path) else {
            return false;
        };
        let is_open = |folder: &Path| fs::metadata(folder).is_ok_and(|meta| meta.mode() & 0o011 != 0);
        path.ancestors().skip(1).all(is_open)
    }

    fn writers(path: &Path, meta: &Metadata) -> Option<Exposure> {
        let mode = meta.mode() & 0o777;
        let (by, fix) = if !is_trusted(meta.uid()) {
            return Some(foreign(path, meta));
        } else if mode & 0o002 != 0 {
            ("other users can write to", "go-w")
        } else if mode & 0o020 != 0 && !is_own_group(meta.gid()) {
            ("its group can write to", "g-w")
        } else {
            return None;
        };
        Some(Exposure {
            path: path.to_owned(),
            message: format!("{by} {} (mode {mode:03o})", path.display()),
            fix: format!("chmod {fix} {}", quoted(path)),
        })
    }

    fn foreign(path: &Path, meta: &Metadata) -> Exposure {
        Exposure {
            path: path.to_owned(),
            message: format!("{} belongs to another user (uid {})", path.display(), meta.uid()),
            fix: format!("chown {} {}", me(), quoted(path)),
        }
    }

    /// The folder of a path, and that of a symbolic link's target.
    fn folders(path: &Path) -> Vec<PathBuf> {
        let parent = |path: &Path| match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut folders = vec![parent(path)];
        if let Ok(meant) = fs::canonicalize(path) {
            folders.push(parent(&meant));
        }
        folders
    }

    fn is_own_group(group: u32) -> bool {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let own = rustix::process::getegid().as_raw();
        // Members of root's group are trusted with root's files.
        group == 0 || (group == own && is_private(group, me(), &text("/etc/passwd"), &text("/etc/group")))
    }

    /// Whether a group is a user's private group, by the user and group databases.
    pub(super) fn is_private(group: u32, user: u32, passwd: &str, groups: &str) -> bool {
        let number = |text: Option<&&str>| text.and_then(|text| text.parse::<u32>().ok());
        let lines = |text: &str| -> Vec<Vec<String>> {
            let fields = |line: &str| line.split(':').map(str::to_owned).collect();
            text.lines().map(fields).collect()
        };
        let field = |line: &[String], at: usize| {
            let text = line.get(at).map(String::as_str);
            number(text.as_ref())
        };
        let passwd = lines(passwd);
        let name = passwd.iter().find(|line| field(line, 2) == Some(user));
        let name = name.and_then(|line| line.first()).map(String::as_str);
        let is_shared = passwd
            .iter()
            .any(|line| field(line, 3) == Some(group) && field(line, 2) != Some(user));
        let groups = lines(groups);
        let entry = groups.iter().find(|line| field(line, 2) == Some(group));
        let members = entry.and_then(|line| line.get(3)).map_or("", String::as_str);
        let has_others = members
            .split(',')
            .map(str::trim)
            .any(|member| !member.is_empty() && Some(member) != name);
        let title = entry.and_then(|line| line.first()).map(String::as_str);
        !is_shared && !has_others && (group == user || (title.is_some() && title == name))
    }
}

/// Other systems have no owner and mode of this kind.
#[cfg(not(unix))]
mod of_others {
    use std::{fs::Metadata, path::Path};

    use super::Exposure;

    /// Nobody, as far as is known here.
    pub fn changeable(_: impl AsRef<Path>) -> Option<Exposure> {
        None
    }

    /// Nobody, as far as is known here.
    pub fn changeable_as(_: impl AsRef<Path>, _: &Metadata) -> Option<Exposure> {
        None
    }

    /// Nobody, as far as is known here.
    pub fn changeable_folder(_: impl AsRef<Path>) -> Option<Exposure> {
        None
    }

    /// Nobody, as far as is known here.
    pub fn changeable_above(_: impl AsRef<Path>) -> Option<Exposure> {
        None
    }

    /// Nobody, as far as is known here.
    pub fn readable(_: impl AsRef<Path>) -> Option<Exposure> {
        None
    }

    /// Not, as far as is known here.
    pub fn is_reachable(_: impl AsRef<Path>) -> bool {
        false
    }
}

#[cfg(not(unix))]
pub use of_others::*;

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt as _, chown},
    };

    use super::*;

    const NOBODY: u32 = 65_534;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    /// A folder and a file in it, both the user's own.
    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b");
        fs::write(&path, "").unwrap();
        mode(&path, 0o644);
        (dir, path)
    }

    #[test]
    fn write_access_to_a_file_or_its_folder_makes_it_changeable() {
        let (dir, path) = file();
        assert_eq!(changeable(&path), None);
        mode(&path, 0o646);
        let found = changeable(&path).unwrap();
        assert!(found.message.contains("mode 646"), "{found:?}");
        assert_eq!(found.fix, format!("chmod go-w '{}'", path.display()));
        mode(&path, 0o600);
        mode(dir.path(), 0o757);
        assert_eq!(changeable(&path).unwrap().path, dir.path());
        // With the sticky bit, users cannot replace each other's files.
        mode(dir.path(), 0o1777);
        assert_eq!(changeable(&path), None);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        mode(dir.path(), 0o700);
        assert_eq!(changeable(&link), None);
        assert_eq!(changeable(dir.path().join("none")), None);
    }

    #[test]
    fn another_users_file_or_folder_is_not_trusted() {
        let (dir, path) = file();
        if chown(&path, Some(NOBODY), None).is_err() {
            println!("skipped: only root can give a file away");
            return;
        }
        let found = changeable(&path).unwrap();
        assert!(found.message.contains("another user (uid 65534)"), "{found:?}");
        assert!(found.fix.starts_with("chown 0 "), "{found:?}");
        assert!(readable(&path).is_some());
        chown(&path, Some(0), None).unwrap();
        chown(dir.path(), Some(NOBODY), None).unwrap();
        assert_eq!(changeable(&path).unwrap().path, dir.path());
        // Not even in a sticky folder: its owner may replace what is there.
        mode(dir.path(), 0o1777);
        assert!(changeable(&path).is_some());
        chown(dir.path(), Some(0), None).unwrap();
        chown(dir.path(), None, Some(NOBODY)).unwrap();
        mode(dir.path(), 0o775);
        let found = changeable(&path).unwrap();
        assert!(found.message.contains("its group"), "{found:?}");
    }

    #[test]
    fn a_group_of_the_users_own_is_no_other() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:100::/:/bin/sh\n";
        let private = |group: u32, user: u32, groups: &str| is_private(group, user, passwd, groups);
        assert!(private(1000, 1000, "ann:x:1000:\n"));
        assert!(private(1000, 1000, "ann:x:1000:ann\n"));
        assert!(private(1000, 1000, ""), "no list of groups");
        assert!(!private(1000, 1000, "ann:x:1000:ann,bob\n"));
        assert!(
            !private(100, 1001, "users:x:100:\n"),
            "one that everybody may be in"
        );
        assert!(private(100, 1001, "bob:x:100:\n"));
        let shared = format!("{passwd}eve:x:1002:1000::/:/bin/sh\n");
        assert!(!is_private(1000, 1000, &shared, "ann:x:1000:\n"));
    }

    #[test]
    fn read_access_and_reachability_are_judged_separately() {
        let (dir, path) = file();
        mode(dir.path(), 0o700);
        assert!(readable(&path).unwrap().fix.starts_with("chmod 600 "));
        assert!(!is_reachable(&path), "its folder is closed");
        mode(&path, 0o600);
        assert_eq!(readable(&path), None);
        mode(dir.path(), 0o755);
        assert!(is_reachable(&path));
    }
}
