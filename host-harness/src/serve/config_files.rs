//! Watcher of a server's configuration files. It polls: file events are not reliable for replaced, remounted or
//! remote files.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::{args::ServeArgs, session::Session};

/// The polling interval. A change counts when two polls see the same state.
const LOOK: Duration = Duration::from_secs(1);

/// The files, and their last seen state.
pub(super) struct ConfigFiles {
    files: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// The identity of a file's content.
type Stamp = (SystemTime, u64, u64);

/// The files of keys before they are read. A change after that is one that the server does not have, however long the
/// rest of a start or a reload takes.
pub(super) struct Before(Vec<(PathBuf, Option<Stamp>)>);

impl Before {
    pub(super) fn of(args: &ServeArgs) -> Self {
        let files: Vec<PathBuf> = keys_of(args).cloned().collect();
        let seen = look(&files);
        Self(files.into_iter().zip(seen).collect())
    }
}

fn keys_of(args: &ServeArgs) -> impl Iterator<Item = &PathBuf> {
    [&args.access_key_file, &args.access_keys].into_iter().flatten()
}

impl ConfigFiles {
    /// The files of a session, and those of the arguments.
    pub(super) fn of(session: &Session, args: &ServeArgs, before: &Before) -> Self {
        let configuration = &session.configuration;
        // The server itself writes the model list.
        let own = configuration.models_path();
        let files = configuration.guarded(None).into_iter().map(|file| file.path);
        let files =
            files.filter(|path| *path != own && path.file_name().is_none_or(|name| name != "chat-history"));
        let files = files
            .chain(keys_of(args).cloned())
            .chain(session.secret_file.clone())
            .chain(session.settings.ca_file.clone());
        Self::seen(files.collect(), before)
    }

    fn seen(files: Vec<PathBuf>, Before(before): &Before) -> Self {
        let mut seen = look(&files);
        for (file, seen) in files.iter().zip(&mut seen) {
            if let Some((_, earlier)) = before.iter().find(|(named, _)| named == file) {
                *seen = *earlier;
            }
        }
        Self { files, seen }
    }

    /// Waits until one of them has changed, and all are stable.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut now = look(&self.files);
            if now == self.seen {
                continue;
            }
            loop {
                tokio::time::sleep(LOOK).await;
                let next = look(&self.files);
                if next == now {
                    break;
                }
                now = next;
            }
            let is_back = now == self.seen;
            self.seen = now;
            if !is_back {
                return;
            }
        }
    }
}

fn look(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        #[cfg(unix)]
        let number = std::os::unix::fs::MetadataExt::ino(&meta);
        #[cfg(not(unix))]
        let number = 0;
        Some((meta.modified().ok()?, meta.len(), number))
    };
    files.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_keys_that_changes_while_the_server_starts_counts_as_changed() {
        let dir = tempfile::tempdir().expect("a directory");
        let (keys, other) = (dir.path().join("keys"), dir.path().join("other"));
        std::fs::write(&keys, "old").expect("written");
        let named = vec![keys.clone()];
        let before = Before(named.iter().cloned().zip(look(&named)).collect());
        // The keys were read; the plugin is being loaded.
        std::fs::write(&keys, "newer").expect("written");
        std::fs::write(&other, "read after that").expect("written");
        let files = ConfigFiles::seen(vec![keys, other], &before);
        let now = look(&files.files);
        assert_ne!(files.seen[0], now[0]);
        assert_eq!(files.seen[1], now[1]);
    }
}
