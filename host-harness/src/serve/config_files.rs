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

impl ConfigFiles {
    /// The files of a session, and those of the arguments.
    pub(super) fn of(session: &Session, args: &ServeArgs) -> Self {
        let configuration = &session.configuration;
        // The server itself writes the model list.
        let own = configuration.models_path();
        let files = configuration.guarded().into_iter().map(|file| file.path);
        let files =
            files.filter(|path| *path != own && path.file_name().is_none_or(|name| name != "chat-history"));
        let named = [&args.access_key_file, &args.access_keys, &session.secret_file];
        let files: Vec<PathBuf> = files
            .chain(named.into_iter().flatten().cloned())
            .chain(session.settings.ca_file.clone())
            .collect();
        let seen = look(&files);
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
