//! The files that a server's configuration comes from, and whether one of them has changed. Looked at now and then: of a file
//! that is replaced, mounted anew or on another machine no system tells surely.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::{args::ServeArgs, session::Session};

/// How often they are looked at. A change counts when two looks find the same.
const LOOK: Duration = Duration::from_secs(1);

/// Files, and what was seen of them last.
pub(super) struct ConfigFiles {
    files: Vec<PathBuf>,
    seen: Vec<Option<Stamp>>,
}

/// What differs when a file is another.
type Stamp = (SystemTime, u64, u64);

impl ConfigFiles {
    /// The files that were read for a session, and those of the arguments.
    pub(super) fn of(session: &Session, args: &ServeArgs) -> Self {
        let configuration = &session.configuration;
        // The server itself writes the list of models.
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

    /// Waits until one of them is another, and none is being written any more.
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
