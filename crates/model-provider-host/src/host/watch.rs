//! File watcher: a hot swap whenever the plugin's file is replaced.
//!
//! However the file is written (renamed over, in place, incomplete at first), an invalid plugin changes nothing:
//! the live one stays in service, and the next change is another attempt.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use notify::{
    EventKind, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::{sync::Notify, task::JoinHandle};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{Host, swap::SwapReport},
    plugin,
};

/// A file counts as written when nothing has changed for this long…
const QUIET: Duration = Duration::from_millis(200);
/// …or when this has passed since the first change: a busy folder is never quiet.
const LONGEST: Duration = Duration::from_secs(2);
/// The polling interval: some file systems send no events.
const LOOK: Duration = Duration::from_secs(5);

/// Watches a plugin's file until it is dropped.
///
/// ```no_run
/// # fn run(host: model_provider_host::Host) -> model_provider_host::Result<()> {
/// use model_provider_host::Watcher;
///
/// let _watcher = Watcher::start(host, |result| match result {
///     Ok(report) => println!("generation {} is live", report.to.number),
///     Err(error) => eprintln!("the live plugin stays: {error}"),
/// })?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Watcher {
    watching: JoinHandle<()>,
    /// The watcher's handle. `None` where the system has no change events.
    _changes: Option<notify::RecommendedWatcher>,
}

impl Watcher {
    /// Watches the file of the host's plugin, and swaps to it whenever it changes. `report` gets the report of each
    /// swap, or the error. Needs a tokio runtime.
    ///
    /// # Errors
    /// `configuration` if there is no such folder.
    pub fn start(host: Host, report: impl FnMut(Result<SwapReport>) + Send + 'static) -> Result<Self> {
        Self::start_for(move || host.clone(), report)
    }

    /// The same for a host that is reconfigured at run time; `host` returns the current one.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_for(
        host: impl Fn() -> Host + Send + 'static,
        report: impl FnMut(Result<SwapReport>) + Send + 'static,
    ) -> Result<Self> {
        let file = host().plugin().path().to_owned();
        let folders = folders(&file)?;
        let changed = Arc::new(Notify::new());
        let changes = watcher(&folders, Arc::clone(&changed));
        let changes = changes
            .inspect_err(|error| {
                tracing::warn!(%error, "no change events for the plugin's file; polling it instead");
            })
            .ok();
        let watching = watch(host, Looking::at(file), changed, report);
        Ok(Self {
            watching: tokio::spawn(watching),
            _changes: changes,
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// The folder of a file, and that of a symbolic link's target. The file itself is not watched: it sends no event
/// when it is replaced.
fn folders(file: &Path) -> Result<Vec<PathBuf>> {
    let parent = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let own = parent(file);
    if !own.is_dir() {
        let message = format!("there is no folder {} to watch", own.display());
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    let meant = file.canonicalize().map(|file| parent(&file));
    let elsewhere = meant
        .ok()
        .filter(|folder| own.canonicalize().ok().as_ref() != Some(folder));
    Ok(std::iter::once(own).chain(elsewhere).collect())
}

fn watcher(folders: &[PathBuf], changed: Arc<Notify>) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is not a change, above all not our own.
        let is_reading = |kind: EventKind| matches!(kind, EventKind::Access(how) if how != AccessKind::Close(AccessMode::Write));
        if event.is_ok_and(|event| is_reading(event.kind)) {
            return;
        }
        changed.notify_one();
    })?;
    for folder in folders {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}

async fn watch(
    host: impl Fn() -> Host + Send,
    mut looking: Looking,
    changed: Arc<Notify>,
    mut report: impl FnMut(Result<SwapReport>) + Send,
) {
    // The file may have changed after the plugin was loaded and before this began.
    let mut is_told = true;
    loop {
        let host = host();
        if looking.finds_another(&host, is_told).await {
            let swapped = host.swap(&looking.file).await;
            match &swapped {
                Ok(report) => tracing::info!(
                    generation = report.to.number,
                    "the plugin's file has changed: swapped"
                ),
                Err(error) => tracing::warn!(%error, "the plugin's file has changed and was refused"),
            }
            looking.tried(swapped.as_ref().err());
            report(swapped);
        }
        is_told = tokio::select! {
            () = changed.notified() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        if is_told {
            quiet(&changed).await;
        }
    }
}

async fn quiet(changed: &Notify) {
    let first = Instant::now();
    while first.elapsed() < LONGEST && tokio::time::timeout(QUIET, changed.notified()).await.is_ok() {}
}

/// The last observed state of the file.
struct Looking {
    file: PathBuf,
    stamp: Option<(SystemTime, u64)>,
    /// The digest of the last attempt.
    tried: Option<String>,
    was_refused: bool,
}

impl Looking {
    fn at(file: PathBuf) -> Self {
        Self {
            file,
            stamp: None,
            tried: None,
            was_refused: false,
        }
    }

    /// Records the result of an attempt.
    fn tried(&mut self, refused: Option<&Error>) {
        self.was_refused = refused.is_some();
        // A full sandbox is not the file's fault.
        if refused.is_some_and(Error::is_sandbox_full) {
            self.tried = None;
            self.stamp = None;
        }
    }

    /// Whether the file differs from the last attempt and from the live plugin. Without a change event, size and
    /// time are compared first.
    async fn finds_another(&mut self, host: &Host, is_told: bool) -> bool {
        let meta = tokio::fs::metadata(&self.file).await;
        let stamp = meta
            .ok()
            .and_then(|meta| Some((meta.modified().ok()?, meta.len())));
        let is_same = stamp == self.stamp;
        if !is_told && is_same {
            return false;
        }
        self.stamp = stamp;
        let Ok(bytes) = plugin::read(&self.file).await else {
            // Missing, temporarily or permanently: nothing to swap to. An existing file that must not be read, such
            // as one that other users can change, is tried once: the swap reports what is wrong.
            tracing::debug!(file = %self.file.display(), "the plugin's file cannot be read");
            self.tried = None;
            return self.stamp.is_some() && !is_same;
        };
        let digest = plugin::digest(&bytes);
        // A refused file is refused again. One that was accepted and is not live any more was put there again on
        // purpose.
        if self.tried.as_ref() == Some(&digest) && (is_same || self.was_refused) {
            return false;
        }
        let is_live = host.plugin().digest() == digest;
        self.was_refused = false;
        self.tried = Some(digest);
        !is_live
    }
}
