//! Tests of the audit log: it is complete, private and bounded, and writing to it never waits.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::*;

fn opened(change: impl FnOnce(&mut AuditOptions)) -> (tempfile::TempDir, PathBuf, Audit) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("audit.jsonl");
    let mut options = AuditOptions::new(&path);
    change(&mut options);
    let audit = Audit::open(options).expect("it opens");
    (dir, path, audit)
}

fn numbers(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    lines.map(|line| line["n"].as_u64().expect("a number")).collect()
}

#[test]
fn records_are_lines_in_order_and_only_the_user_may_read_them() {
    let (_dir, path, audit) = opened(|_| {});
    for n in 0..500 {
        audit.record(&json!({ "n": n, "text": "two\nlines" }));
    }
    drop(audit);
    assert_eq!(numbers(&path), (0..500).collect::<Vec<_>>());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&path, open).expect("it is ours");
        let audit = Audit::open(AuditOptions::new(&path)).expect("it opens again");
        audit.record(&json!({ "n": 500 }));
        audit.flush();
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!((mode & 0o777, numbers(&path).len()), (0o600, 501));
    }
}

#[test]
fn files_are_rotated_by_size_and_the_oldest_is_removed() {
    let (dir, path, audit) = opened(|options| {
        options.max_bytes = 100;
        options.max_files = 3;
    });
    for n in 0..100 {
        audit.record(&json!({ "n": n }));
    }
    audit.flush();
    let all = [
        path,
        dir.path().join("audit.jsonl.2"),
        dir.path().join("audit.jsonl.1"),
    ];
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 3);
    let mut kept: Vec<u64> = Vec::new();
    for path in [&all[1], &all[2], &all[0]] {
        assert!(fs::metadata(path).expect("it is there").len() <= 100);
        kept.extend(numbers(path));
    }
    let first = kept[0];
    assert_eq!(kept, (first..100).collect::<Vec<_>>(), "nothing between is lost");
    assert_eq!(audit.state().written, 100);
}

#[test]
fn a_line_that_a_crash_or_a_full_disk_cut_does_not_swallow_the_next_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("audit.jsonl");
    fs::write(&path, "{\"n\":0}\n{\"n\":").expect("written");
    let audit = Audit::open(AuditOptions::new(&path)).expect("it opens");
    audit.record(&json!({ "n": 1 }));
    drop(audit);
    let text = fs::read_to_string(&path).expect("it is there");
    assert_eq!(text, "{\"n\":0}\n{\"n\":\n{\"n\":1}\n");
}

#[test]
fn a_file_that_was_removed_or_moved_without_a_word_costs_no_record_and_no_older_file() {
    for is_moved in [false, true] {
        let (dir, path, audit) = opened(|options| options.max_bytes = 30);
        let older = dir.path().join("audit.jsonl.1");
        fs::write(&older, "older").expect("written");
        for n in 0..3 {
            audit.record(&json!({ "n": n }));
        }
        audit.flush();
        if is_moved {
            fs::rename(&path, dir.path().join("moved")).expect("it is there");
        } else {
            fs::remove_file(&path).expect("it is there");
        }
        // The open file is full, and at its path there is none.
        for n in 3..6 {
            audit.record(&json!({ "n": n }));
        }
        audit.flush();
        assert_eq!(numbers(&path), [3, 4, 5]);
        assert_eq!(fs::read_to_string(&older).expect("it is there"), "older");
        assert_eq!((audit.state().word, audit.state().written), ("ok", 6));
    }
}

#[test]
fn a_rotated_file_is_opened_again_even_while_the_queue_is_full() {
    let (_dir, path, audit) = opened(|_| {});
    fs::remove_file(&path).expect("it is there");
    // As `reopen` leaves it where the queue has no room.
    audit.0.counts.has_moved.store(true, Ordering::Relaxed);
    audit.record(&json!({ "n": 0 }));
    audit.flush();
    assert_eq!(numbers(&path), [0]);
}

#[cfg(unix)]
#[test]
fn a_failed_write_is_reported_and_retried() {
    let (dir, path, audit) = opened(|_| {});
    audit.record(&json!({ "n": 0 }));
    audit.flush();
    fs::rename(&path, dir.path().join("moved")).expect("rotated externally");
    fs::create_dir(&path).expect("a directory at its path");
    audit.reopen();
    audit.record(&json!({ "n": 1 }));
    audit.flush();
    assert_eq!((audit.state().word, audit.state().failed), ("failing", 1));
    fs::remove_dir(&path).expect("it is empty");
    audit.reopen();
    audit.record(&json!({ "n": 2 }));
    audit.flush();
    assert_eq!((audit.state().word, audit.state().written), ("ok", 2));
    assert_eq!(numbers(&path), [2]);
    assert_eq!(numbers(&dir.path().join("moved")), [0]);
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("a link");
    assert!(Audit::open(AuditOptions::new(&link)).is_err());
    assert!(Audit::open(AuditOptions::new(dir.path())).is_err());
}

#[cfg(unix)]
fn pipe_in(dir: &Path) -> PathBuf {
    let pipe = dir.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    pipe
}

#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_at_once_and_when_it_is_opened_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let pipe = pipe_in(dir.path());
    let refused = |path: &Path, what: &str| {
        let error = Audit::open(AuditOptions::new(path)).expect_err(what);
        assert!(error.message().contains(what), "{error}");
    };
    // Without a reader opening it would block, with one writing would.
    refused(&pipe, "a named pipe");
    let mut both = OpenOptions::new();
    let _reader = both.read(true).write(true).open(&pipe).expect("a pipe");
    refused(&pipe, "a named pipe");
    refused(Path::new("/dev/zero"), "a device");
    refused(dir.path(), "a directory");
    let path = dir.path().join("audit.jsonl");
    let audit = Audit::open(AuditOptions::new(&path)).expect("it opens");
    fs::rename(&pipe, &path).expect("a pipe in its place");
    audit.reopen();
    audit.record(&json!({ "n": 0 }));
    let started = Instant::now();
    audit.flush();
    assert!(started.elapsed() < LAST, "the thread does not block");
    assert_eq!((audit.state().word, audit.state().failed), ("failing", 1));
}

#[cfg(unix)]
#[test]
fn a_slow_disk_drops_records_and_delays_no_caller() {
    let dir = tempfile::tempdir().expect("a directory");
    let pipe = pipe_in(dir.path());
    // The reader of the pipe is open and reads nothing.
    let mut both = OpenOptions::new();
    let file = both.read(true).write(true).open(&pipe).expect("a pipe");
    let audit = Audit::writing(AuditOptions::new(&pipe), AuditFile::of(file)).expect("a thread");
    let long = "x".repeat(1000);
    let started = Instant::now();
    for n in 0..WAITING + 500 {
        audit.record(&json!({ "n": n, "text": long }));
    }
    assert!(started.elapsed() < Duration::from_secs(20));
    let state = audit.state();
    assert!(state.dropped > 0 && state.word == "dropping", "{state:?}");
}
