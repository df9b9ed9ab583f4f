//! The audit log: one JSON line per request, written by its own thread and rotated by size. It never delays a
//! response: records that do not fit into its queue are dropped and counted. Knows no HTTP and no keys.

use std::{
    fmt, fs, io,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::audit_file::AuditFile;
use model_provider_host::{Error, ErrorKind, Result};

/// The capacity of the queue of records.
const WAITING: usize = 4096;
/// The retry interval after a failed write.
const AGAIN: Duration = Duration::from_secs(1);
/// The timeout of a flush.
const LAST: Duration = Duration::from_secs(2);

/// The path and size limits of the audit log.
///
/// ```
/// use model_server::AuditOptions;
///
/// let options = AuditOptions::new("audit.jsonl").with_max_bytes(10_000_000).with_max_files(5);
/// assert_eq!(options.max_files, 5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditOptions {
    /// The file. Rotated files are beside it, the newest with `.1`.
    pub path: PathBuf,
    /// A file is rotated before it gets larger than this.
    pub max_bytes: u64,
    /// The limit of files, including the current one.
    pub max_files: u32,
}

impl AuditOptions {
    /// Ten files of 64 MiB.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 64 * 1024 * 1024,
            max_files: 10,
        }
    }

    /// A file is rotated before it gets larger than this.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// Limits the files, including the current one.
    #[must_use]
    pub fn with_max_files(mut self, max_files: u32) -> Self {
        self.max_files = max_files;
        self
    }
}

/// The audit log. Cheap to clone; clones write the same file. Dropping the last clone flushes it.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    /// `None` at the end.
    queue: Option<SyncSender<AuditMessage>>,
    counts: Arc<Counts>,
    writing: Mutex<Option<JoinHandle<()>>>,
}

enum AuditMessage {
    Line(Vec<u8>),
    /// The file may have been rotated externally.
    Reopen,
    /// Signals when all earlier records are written.
    Flush(SyncSender<()>),
}

#[derive(Default)]
struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    is_failing: AtomicBool,
    is_dropping: AtomicBool,
    /// The file is to be opened again, and the queue had no room to say so.
    has_moved: AtomicBool,
}

/// Counts of the records so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AuditState {
    pub(super) written: u64,
    pub(super) dropped: u64,
    pub(super) failed: u64,
    /// For the health check: `ok`, `dropping` or `failing`.
    pub(super) word: &'static str,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl Audit {
    /// Opens the file for appending.
    ///
    /// # Errors
    /// `configuration`: it cannot be written.
    pub fn open(options: AuditOptions) -> Result<Self> {
        let path = options.path.clone();
        let failure = |error: io::Error| {
            let message = format!("the audit log {} cannot be written: {error}", path.display());
            Error::new(ErrorKind::Configuration, message).with_hint("name another file for the audit log")
        };
        let file = AuditFile::open(&path).map_err(failure)?;
        Self::writing(options, file).map_err(failure)
    }

    /// Starts the thread that writes.
    fn writing(options: AuditOptions, file: AuditFile) -> io::Result<Self> {
        let (queue, waiting) = mpsc::sync_channel(WAITING);
        let counts = Arc::<Counts>::default();
        let mut writer = Writer {
            options,
            file: Some(file),
            why: "it cannot be opened".to_owned(),
            counts: Arc::clone(&counts),
            tried: Instant::now(),
        };
        let thread = thread::Builder::new().name("audit".to_owned());
        let writing = thread.spawn(move || writer.write_on(&waiting))?;
        Ok(Self(Arc::new(Inner {
            queue: Some(queue),
            counts,
            writing: Mutex::new(Some(writing)),
        })))
    }

    /// Queues a record. Never waits.
    pub(super) fn record(&self, record: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(record) else {
            return;
        };
        line.push(b'\n');
        let counts = &self.0.counts;
        if self.0.send(AuditMessage::Line(line)).is_ok() {
            counts.is_dropping.store(false, Ordering::Relaxed);
        } else {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            if !counts.is_dropping.swap(true, Ordering::Relaxed) {
                tracing::warn!("the audit log is written too slowly: records are dropped");
            }
        }
    }

    /// Reopens the file: another program may have rotated it.
    pub(super) fn reopen(&self) {
        if self.0.send(AuditMessage::Reopen).is_err() {
            self.0.counts.has_moved.store(true, Ordering::Relaxed);
        }
    }

    /// Waits until all records so far are written, or for the timeout.
    pub(super) fn flush(&self) {
        let (done, ends) = mpsc::sync_channel(1);
        let until = Instant::now() + LAST;
        let mut message = AuditMessage::Flush(done);
        while let Err(TrySendError::Full(back)) = self.0.send(message) {
            if Instant::now() > until {
                return;
            }
            thread::sleep(Duration::from_millis(5));
            message = back;
        }
        let _ = ends.recv_timeout(LAST);
    }

    pub(super) fn state(&self) -> AuditState {
        let counts = &self.0.counts;
        AuditState {
            written: counts.written.load(Ordering::Relaxed),
            dropped: counts.dropped.load(Ordering::Relaxed),
            failed: counts.failed.load(Ordering::Relaxed),
            word: if counts.is_failing.load(Ordering::Relaxed) {
                "failing"
            } else if counts.is_dropping.load(Ordering::Relaxed) {
                "dropping"
            } else {
                "ok"
            },
        }
    }
}

impl Inner {
    fn send(&self, message: AuditMessage) -> std::result::Result<(), TrySendError<AuditMessage>> {
        match &self.queue {
            Some(queue) => queue.try_send(message),
            None => Err(TrySendError::Disconnected(message)),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue = None;
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner).take();
        let until = Instant::now() + LAST;
        // A disk that hangs must not block the end of the process.
        while writing.as_ref().is_some_and(|thread| !thread.is_finished()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The thread's side.
struct Writer {
    options: AuditOptions,
    file: Option<AuditFile>,
    /// Why there is no file.
    why: String,
    counts: Arc<Counts>,
    /// The time of the last attempt to open the file.
    tried: Instant,
}

impl Writer {
    fn write_on(&mut self, waiting: &Receiver<AuditMessage>) {
        while let Ok(message) = waiting.recv() {
            match message {
                AuditMessage::Line(line) => self.write(&line),
                AuditMessage::Reopen => self.open_again(),
                AuditMessage::Flush(done) => {
                    let _ = done.try_send(());
                }
            }
        }
    }

    fn open_again(&mut self) {
        self.file = None;
        self.reopen(true);
    }

    fn write(&mut self, line: &[u8]) {
        if self.counts.has_moved.swap(false, Ordering::Relaxed) {
            self.open_again();
        }
        let written = self.try_write(line);
        let is_lost = written.is_err();
        let count = if is_lost {
            &self.counts.failed
        } else {
            &self.counts.written
        };
        count.fetch_add(1, Ordering::Relaxed);
        let was_failing = self.counts.is_failing.swap(is_lost, Ordering::Relaxed);
        match written {
            Err(error) if !was_failing => {
                tracing::warn!(%error, path = %self.options.path.display(), "the audit log cannot be written");
            }
            Ok(()) if was_failing => tracing::info!("the audit log is written again"),
            _ => {}
        }
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        self.reopen(false);
        let file = self.file.take();
        let file = file.ok_or_else(|| io::Error::other(self.why.clone()))?;
        // Whatever fails, the file is opened again before the next record.
        self.tried = Instant::now();
        let mut file = self.with_room(file, line)?;
        file.append(line)?;
        self.file = Some(file);
        Ok(())
    }

    /// The file, or the next one if this one is full.
    fn with_room(&self, file: AuditFile, line: &[u8]) -> io::Result<AuditFile> {
        let most = self.options.max_bytes;
        if !file.is_full(line, most) {
            return Ok(file);
        }
        drop(file);
        // Another program may have moved or removed the file: what counts is what is at the path now.
        let file = AuditFile::open(&self.options.path)?;
        if !file.is_full(line, most) {
            return Ok(file);
        }
        self.rotate()?;
        AuditFile::open(&self.options.path)
    }

    /// Opens the file if it is not open; after a failure only once the retry interval is over.
    fn reopen(&mut self, at_once: bool) {
        if self.file.is_none() && (at_once || self.tried.elapsed() >= AGAIN) {
            self.tried = Instant::now();
            match AuditFile::open(&self.options.path) {
                Ok(file) => self.file = Some(file),
                Err(error) => self.why = error.to_string(),
            }
        }
    }

    /// Rotates the files, and removes the oldest one.
    fn rotate(&self) -> io::Result<()> {
        let aside = |number: u32| {
            let mut name = self.options.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        let oldest = self.options.max_files.saturating_sub(1);
        if oldest == 0 {
            fs::remove_file(&self.options.path)?;
        }
        for number in (1..oldest).rev() {
            match fs::rename(aside(number), aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if oldest > 0 {
            fs::rename(&self.options.path, aside(1))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
