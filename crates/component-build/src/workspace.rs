//! Whether this program is a tool of the workspace that it was built in, so that it may build there.
//!
//! An installed or copied program is not: it may run on another machine, where the path of the workspace can belong
//! to another user. So the path is first compared as text, and accessed only if the running program is in the
//! workspace's own target directory. Knows nothing of components.

use std::path::{Path, PathBuf};

use crate::{BuildError, Result};

/// The workspace that this program was built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace(PathBuf);

impl Workspace {
    /// The workspace, if the running program is in its target directory and no other user can write there.
    ///
    /// # Errors
    /// The program is not, or another user can; the error says how to name a plugin. Nothing was accessed in the
    /// first case.
    pub fn of_this_program() -> Result<Self> {
        let program = std::env::current_exe().map_err(|_| no_plugin())?;
        let root = root_of(&program).ok_or_else(no_plugin)?;
        trust::check(root, &program)?;
        Ok(Self(root.to_owned()))
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

fn no_plugin() -> BuildError {
    BuildError::new("there is no plugin file", "name one with `--plugin FILE.wasm`")
}

/// The workspace's folder, if a program is in its target directory. Compares text only, without file access.
fn root_of(program: &Path) -> Option<&'static Path> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    // `target/debug`, in the target directory of this build.
    let profile = Path::new(env!("WORKSPACE_PROFILE_DIR"));
    let plain = program
        .components()
        .all(|part| !matches!(part, std::path::Component::ParentDir));
    let within = program.starts_with(root.join("target")) || program.starts_with(profile);
    (plain && within).then_some(root)
}

#[cfg(unix)]
mod trust {
    use std::{
        fs::Metadata,
        os::unix::fs::MetadataExt as _,
        path::{Path, PathBuf},
    };

    use super::{BuildError, Result};

    /// Files that a build runs or reads first.
    const BUILT_FROM: [&str; 8] = [
        "build.rs",
        "src",
        "wit",
        "crates",
        ".cargo",
        // The build gets the revision from git, and git runs commands named there.
        ".git/config",
        "Cargo.toml",
        "Cargo.lock",
    ];

    /// Refuses a workspace where a user other than the effective user, the program's owner and root could change
    /// what would be built.
    pub(super) fn check(root: &Path, program: &Path) -> Result<()> {
        let owner = program.symlink_metadata().map(|meta| meta.uid());
        let owners = [0, rustix::process::geteuid().as_raw(), owner.unwrap_or(0)];
        let mut paths: Vec<PathBuf> = root.ancestors().map(Path::to_owned).collect();
        paths.extend(BUILT_FROM.iter().flat_map(|name| below(&root.join(name))));
        for path in paths {
            // A missing file is reported by the build.
            let Ok(meta) = path.symlink_metadata() else {
                continue;
            };
            if let Some(why) = distrust(&meta, &owners) {
                let message = format!("{} {why}, so nothing is built there", path.display());
                return Err(BuildError::new(
                    message,
                    "make sure that no other user owns or can write to the workspace, or name a plugin with `--plugin FILE.wasm`",
                ));
            }
        }
        Ok(())
    }

    /// Why another user could replace a file.
    fn distrust(meta: &Metadata, owners: &[u32]) -> Option<&'static str> {
        if meta.file_type().is_symlink() {
            return None;
        }
        let mode = meta.mode();
        // In a folder with the sticky bit, such as `/tmp`, users can create files but not replace each other's.
        let is_shared_folder = meta.is_dir() && mode & 0o1000 != 0;
        // A user's private group, which many systems give write access by default.
        let is_private_group = meta.gid() == meta.uid();
        if !owners.contains(&meta.uid()) {
            Some("belongs to another user")
        } else if mode & 0o002 != 0 && !is_shared_folder {
            Some("may be written by every user")
        } else if mode & 0o020 != 0 && !is_private_group && !is_shared_folder {
            Some("may be written by other users of its group")
        } else {
            None
        }
    }

    /// A file or folder, and everything below it.
    fn below(path: &Path) -> Vec<PathBuf> {
        let mut all = vec![path.to_owned()];
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            all.extend(below(&entry.path()));
        }
        all
    }

    #[cfg(test)]
    mod tests {
        use std::{fs, os::unix::fs::PermissionsExt as _};

        use super::*;

        fn mode(path: &Path, mode: u32) {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }

        #[test]
        fn nothing_is_built_in_a_workspace_that_other_users_can_write_to() {
            let dir = tempfile::tempdir().unwrap();
            let (root, program) = (dir.path().join("workspace"), dir.path().join("program"));
            fs::create_dir_all(root.join("src")).unwrap();
            fs::write(root.join("src/lib.rs"), "").unwrap();
            fs::write(root.join("Cargo.toml"), "").unwrap();
            fs::write(&program, "").unwrap();
            mode(&root, 0o755);
            for path in ["src", "src/lib.rs", "Cargo.toml"] {
                mode(&root.join(path), 0o644 | if path == "src" { 0o111 } else { 0 });
            }
            check(&root, &program).unwrap();
            for path in ["", "src", "src/lib.rs", "Cargo.toml"] {
                let path = root.join(path);
                let before = path.metadata().unwrap().mode() & 0o777;
                mode(&path, before | 0o002);
                let error = check(&root, &program).unwrap_err();
                assert!(error.message().contains("every user"), "{error}");
                assert!(error.hint().contains("--plugin FILE.wasm"), "{error}");
                mode(&path, before);
            }
            check(&root, &program).unwrap();
        }
    }
}

#[cfg(not(unix))]
mod trust {
    use std::path::Path;

    use super::Result;

    /// Without file modes, the location of the program has to do.
    pub(super) fn check(_: &Path, _: &Path) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_of_the_workspace_if_it_lies_in_its_target_directory_and_nowhere_else() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        for within in [
            "target/debug/program",
            "target/release/program",
            "target/debug/deps/x-1",
        ] {
            assert_eq!(root_of(&root.join(within)), Some(root), "{within}");
        }
        assert_eq!(
            root_of(&Path::new(env!("WORKSPACE_PROFILE_DIR")).join("x")),
            Some(root)
        );
        for elsewhere in [
            PathBuf::from("/usr/local/bin/program"),
            root.join("program"),
            root.join("target-2/debug/program"),
            root.join("target/../program"),
            PathBuf::from("target/debug/program"),
        ] {
            assert_eq!(root_of(&elsewhere), None, "{}", elsewhere.display());
        }
    }
}
