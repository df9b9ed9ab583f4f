//! The file that stores the ledger across restarts: written whole by its own thread, soon after each change. Knows no
//! keys and no requests.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::{
    Usd,
    ledger::{Ledger, Usage},
};
use model_provider_host::{Error, ErrorKind, Result, files};

/// Changes within this time are written together.
const PAUSE: Duration = Duration::from_millis(20);
/// The timeout of a flush.
const LAST: Duration = Duration::from_secs(2);
/// The version of the file format.
const VERSION: u32 = 1;

/// The usage of a server's keys, and the file that stores it.
///
/// The file is locked while this value lives: two servers must not share it.
pub struct UsageFile {
    shared: Arc<Shared>,
    ledger: Ledger,
    writing: Option<JoinHandle<()>>,
    _lock: File,
}

struct Shared {
    path: PathBuf,
    state: Mutex<WriteState>,
    changed: Condvar,
    /// The last write failed.
    is_failing: AtomicBool,
}

#[derive(Default)]
struct WriteState {
    changes: u64,
    written: u64,
    is_ending: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u32,
    keys: BTreeMap<String, StoredUsage>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct StoredUsage {
    day: u64,
    tokens: u64,
    usd: Usd,
    /// Second and count.
    minute: Vec<(u64, u32)>,
}

impl fmt::Debug for UsageFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageFile")
            .field("path", &self.shared.path)
            .finish_non_exhaustive()
    }
}

impl UsageFile {
    /// Opens and locks a file, which need not exist yet.
    ///
    /// # Errors
    /// `configuration`: another server has it locked, it cannot be read or written, or it is invalid.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let lock = files::lock(path)?;
        let stored = read(path)?;
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
            is_failing: AtomicBool::new(false),
        });
        let changing = Arc::clone(&shared);
        let ledger = Ledger::going_on(stored, move || changing.change());
        // A file that cannot be written is reported at the start, not at the first request.
        files::write_private(path, &text(&ledger))?;
        let (writing, counted) = (Arc::clone(&shared), ledger.clone());
        let thread = thread::Builder::new().name("access-usage".to_owned());
        let writing = thread
            .spawn(move || writing.write_on(&counted))
            .map_err(|error| {
                Error::new(
                    ErrorKind::Configuration,
                    format!("no thread can be started: {error}"),
                )
            })?;
        Ok(Self {
            shared,
            ledger,
            writing: Some(writing),
            _lock: lock,
        })
    }

    pub(super) fn ledger(&self) -> Ledger {
        self.ledger.clone()
    }

    /// Whether the last write succeeded.
    pub(super) fn is_well(&self) -> bool {
        !self.shared.is_failing.load(Ordering::Relaxed)
    }

    /// Waits until all changes so far are written, or for the timeout.
    pub(super) fn flush(&self) {
        let mut state = self.shared.lock();
        let wanted = state.changes;
        while state.written < wanted {
            let (next, waited) = self
                .shared
                .changed
                .wait_timeout(state, LAST)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
            if waited.timed_out() {
                return;
            }
        }
    }
}

impl Drop for UsageFile {
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.changed.notify_all();
        if let Some(writing) = self.writing.take() {
            let _ = writing.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, WriteState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) {
        self.lock().changes += 1;
        self.changed.notify_all();
    }

    /// Writes after each change, until the end.
    fn write_on(&self, ledger: &Ledger) {
        loop {
            let mut state = self.lock();
            while state.changes == state.written && !state.is_ending {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.changes == state.written {
                return;
            }
            let (changes, is_ending) = (state.changes, state.is_ending);
            drop(state);
            let written = files::write_private(&self.path, &text(ledger));
            let was_failing = self.is_failing.swap(written.is_err(), Ordering::Relaxed);
            match written {
                Err(error) if !was_failing => {
                    tracing::warn!(%error, "the usage of access keys is not stored; a restart would lose it");
                }
                Ok(()) if was_failing => tracing::info!("the usage of access keys is stored again"),
                _ => {}
            }
            self.lock().written = changes;
            self.changed.notify_all();
            if !is_ending {
                thread::sleep(PAUSE);
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<(String, Usage)>> {
    let failure = |what: String| {
        Error::new(ErrorKind::Configuration, format!("{} {what}", path.display()))
            .with_hint("correct it, or remove it, which resets the usage of every key")
    };
    let text = match files::read(path, files::MAX_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure(format!("cannot be read: {error}"))),
    };
    let form: Form = serde_json::from_slice(&text)
        .map_err(|error| failure(format!("is no account of access keys: {error}")))?;
    if form.version != VERSION {
        return Err(failure(format!(
            "has the version {}; expected {VERSION}",
            form.version
        )));
    }
    let usage = form.keys.into_iter().map(|(name, stored)| {
        (
            name,
            Usage::stored(stored.day, stored.tokens, stored.usd, stored.minute.into()),
        )
    });
    Ok(usage.collect())
}

fn text(ledger: &Ledger) -> Vec<u8> {
    let keys = ledger.usage(now()).into_iter().map(|(name, usage)| {
        let stored = StoredUsage {
            day: usage.day,
            tokens: usage.tokens,
            usd: usage.spent,
            minute: usage.minute.into(),
        };
        (name, stored)
    });
    let form = Form {
        version: VERSION,
        keys: keys.collect(),
    };
    // Strings and numbers always serialize.
    serde_json::to_vec(&form).unwrap_or_default()
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccessKey, key_digest::KeyDigest};

    fn limited() -> AccessKey {
        AccessKey {
            tokens_per_day: Some(100),
            requests_per_minute: std::num::NonZeroU32::new(4),
            ..AccessKey::new("a", KeyDigest::of("x"))
        }
    }

    #[test]
    fn usage_and_open_reservations_survive_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("usage.json");
        let key = limited();
        let file = UsageFile::open(&path).expect("a new file");
        file.ledger()
            .enter(&key, now())
            .expect("room")
            .settle(60, Usd::parse("0.5").expect("money"), now());
        let mut under_way = file.ledger().enter(&key, now()).expect("room");
        under_way.reserve(&key, 30, Usd::default(), now()).expect("room");
        file.flush();
        // As after a crash.
        let copy = dir.path().join("copy.json");
        std::fs::copy(&path, &copy).expect("it is there");
        let again = UsageFile::open(&copy).expect("the same");
        let usage = &again.ledger().usage(now())["a"];
        assert_eq!(
            (usage.tokens, usage.spent),
            (90, Usd::parse("0.5").expect("money"))
        );
        let mut third = again.ledger().enter(&key, now()).expect("10 are left");
        assert!(third.reserve(&key, 11, Usd::default(), now()).is_err());
        drop(third);
        drop(again.ledger().enter(&key, now()).expect("the fourth"));
        assert!(again.ledger().enter(&key, now()).is_err(), "four in this minute");
        drop((under_way, file));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path)
                .expect("it is there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn an_invalid_file_is_refused_and_not_overwritten() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("usage.json");
        for text in [
            "",
            "{}",
            r#"{"version":2,"keys":{}}"#,
            r#"{"version":1,"keys":{"a":1}}"#,
        ] {
            std::fs::write(&path, text).expect("written");
            let error = UsageFile::open(&path).expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
        }
        assert!(UsageFile::open(dir.path().join("usage.json/x")).is_err());
    }
}
