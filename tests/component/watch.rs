//! Swaps by the watched file, with real files.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use component_build::Build;
use model_provider_host::{ErrorKind, Host, Plugin, Sandbox, SandboxOptions, Watcher};
use tempfile::TempDir;

use crate::harness::{Harness, Setup, built, collect, question, sandbox};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const LIMIT: Duration = Duration::from_secs(60);

/// A host whose plugin is in a folder of its own, and its watcher's reports.
struct Watched {
    harness: Harness,
    _folder: TempDir,
    file: PathBuf,
    /// The version of each swap, or its error.
    reports: Arc<Mutex<Vec<Result<String, ErrorKind>>>>,
    _watcher: Watcher,
}

/// Replaces a file by rename.
fn put(file: &Path, bytes: &[u8]) {
    let beside = file.with_extension("new");
    fs::write(&beside, bytes).unwrap();
    fs::rename(&beside, file).unwrap();
}

/// Waits until a condition holds.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect(what);
}

fn release() -> Vec<u8> {
    fs::read(built(Build::Release)).unwrap()
}

fn next() -> Vec<u8> {
    fs::read(built(Build::NextVersion)).unwrap()
}

impl Watched {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("plugin.wasm");
        tokio::task::spawn_blocking({
            let file = file.clone();
            move || fs::write(file, release()).unwrap()
        })
        .await
        .unwrap();
        Self::at(folder, file).await
    }

    async fn at(folder: TempDir, file: PathBuf) -> Self {
        let plugin = Plugin::load(sandbox(), &file).await.unwrap();
        let setup = Harness::with().mock(|mock| mock.pace(Duration::from_millis(1)));
        Self::over(folder, file, setup, plugin).await
    }

    async fn over(folder: TempDir, file: PathBuf, setup: Setup, plugin: Plugin) -> Self {
        let harness = setup.start_with(plugin).await;
        let reports: Arc<Mutex<Vec<_>>> = Arc::default();
        let reporting = Arc::clone(&reports);
        let watcher = Watcher::start(harness.host.clone(), move |swapped| {
            let report = swapped
                .map(|report| report.to.version)
                .map_err(|error| error.kind());
            reporting.lock().unwrap().push(report);
        });
        Self {
            harness,
            _folder: folder,
            file,
            reports,
            _watcher: watcher.unwrap(),
        }
    }

    /// The reports, once there are this many.
    async fn reports(&self, count: usize) -> Vec<Result<String, ErrorKind>> {
        until("it is reported", || self.reports.lock().unwrap().len() >= count).await;
        self.reports.lock().unwrap().clone()
    }
}

async fn live_version(host: &Host, version: &str) {
    until("the version is live", || host.generation().version == version).await;
}

#[tokio::test]
async fn a_file_renamed_over_the_plugins_is_swapped_in() {
    let watched = Watched::start().await;
    put(&watched.file, &next());
    assert_eq!(watched.reports(1).await, [Ok("0.1.0-next".to_owned())]);
    watched.harness.ask(MODEL).await.summary();
    assert_eq!(watched.harness.host.generation().number, 2);
}

#[tokio::test]
async fn a_file_written_in_place_in_chunks_is_swapped_in_once_it_is_complete() {
    let watched = Watched::start().await;
    let bytes = next();
    let mut file = fs::File::create(&watched.file).unwrap();
    for piece in bytes.chunks(bytes.len() / 5 + 1) {
        file.write_all(piece).unwrap();
        file.flush().unwrap();
        // Sometimes for longer than the time after which a file counts as written.
        tokio::time::sleep(Duration::from_millis(300)).await;
        watched.harness.ask(MODEL).await.summary();
    }
    drop(file);
    let is_taken = || watched.reports.lock().unwrap().iter().any(Result::is_ok);
    until("it is taken", is_taken).await;
    let reports = watched.reports(1).await;
    let (last, before) = reports.split_last().unwrap();
    assert_eq!(*last, Ok("0.1.0-next".to_owned()), "{reports:?}");
    assert!(
        before.iter().all(|report| *report == Err(ErrorKind::PluginLoad)),
        "{reports:?}"
    );
}

#[tokio::test]
async fn a_broken_file_is_reported_once_and_the_next_change_is_another_try() {
    let watched = Watched::start().await;
    let bytes = next();
    put(&watched.file, &bytes[..bytes.len() / 2]);
    assert_eq!(watched.reports(1).await, [Err(ErrorKind::PluginLoad)]);
    // Touched, but the same.
    put(&watched.file, &bytes[..bytes.len() / 2]);
    tokio::time::sleep(Duration::from_millis(600)).await;
    watched.harness.ask(MODEL).await.summary();
    assert_eq!(watched.harness.host.generation().number, 1);
    assert_eq!(watched.harness.host.metrics().swaps_refused, 1);
    put(&watched.file, &bytes);
    assert_eq!(watched.reports(2).await[1], Ok("0.1.0-next".to_owned()));
    until("it is counted", || watched.harness.host.metrics().swaps == 1).await;
}

#[tokio::test]
async fn a_file_that_a_full_sandbox_did_not_take_is_taken_when_there_is_room() {
    let options = SandboxOptions::default().with_max_concurrent(1);
    let small = Sandbox::new(&options).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("plugin.wasm");
    put(&file, &tokio::task::spawn_blocking(release).await.unwrap());
    let bytes = tokio::task::spawn_blocking(next).await.unwrap();
    let plugin = Plugin::load(&small, &file).await.unwrap();
    let watched = Watched::over(folder, file, Harness::with(), plugin).await;
    let held = watched
        .harness
        .host
        .chat(question(MODEL, "Hello!"))
        .await
        .unwrap();
    put(&watched.file, &bytes);
    assert_eq!(watched.reports(1).await, [Err(ErrorKind::Limit)]);
    drop(held);
    let is_taken = || watched.reports.lock().unwrap().last() == Some(&Ok("0.1.0-next".to_owned()));
    until("it is taken", is_taken).await;
}

#[tokio::test]
async fn a_file_that_goes_away_and_comes_back_is_found() {
    let watched = Watched::start().await;
    fs::remove_file(&watched.file).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    watched.harness.ask(MODEL).await.summary();
    // The same again is nothing new.
    put(&watched.file, &release());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(watched.reports.lock().unwrap().is_empty());
    put(&watched.file, &next());
    assert_eq!(watched.reports(1).await, [Ok("0.1.0-next".to_owned())]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_retargeted_link_and_a_replaced_target_are_both_changes() {
    let folder = TempDir::new().unwrap();
    let elsewhere = folder.path().join("elsewhere");
    let links = folder.path().join("links");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir(&links).unwrap();
    fs::write(elsewhere.join("a.wasm"), release()).unwrap();
    let link = links.join("plugin.wasm");
    std::os::unix::fs::symlink(elsewhere.join("a.wasm"), &link).unwrap();
    let watched = Watched::at(folder, link.clone()).await;
    fs::write(elsewhere.join("new"), next()).unwrap();
    fs::rename(elsewhere.join("new"), elsewhere.join("a.wasm")).unwrap();
    assert_eq!(watched.reports(1).await, [Ok("0.1.0-next".to_owned())]);
    fs::write(elsewhere.join("b.wasm"), release()).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("b.wasm"), links.join("turned")).unwrap();
    fs::rename(links.join("turned"), &link).unwrap();
    assert_eq!(watched.reports(2).await[1], Ok("0.1.0".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_is_lost_however_the_file_is_written() {
    let watched = Watched::start().await;
    let (host, file) = (watched.harness.host.clone(), watched.file.clone());
    let writing = tokio::spawn(async move {
        let (release, next) = (release(), next());
        for turn in 0..12 {
            let (bytes, version) = if turn % 2 == 0 {
                (&next, "0.1.0-next")
            } else {
                (&release, "0.1.0")
            };
            match turn % 3 {
                0 => put(&file, bytes),
                1 => fs::write(&file, bytes).unwrap(),
                _ => {
                    let refused = host.metrics().swaps_refused;
                    fs::write(&file, &bytes[..bytes.len() / 3]).unwrap();
                    until("half a file is refused", || {
                        host.metrics().swaps_refused > refused
                    })
                    .await;
                    fs::write(&file, bytes).unwrap();
                }
            }
            live_version(&host, version).await;
        }
    });
    let mut asked = 0;
    while !writing.is_finished() {
        let answers = (0..4).map(|_| async {
            let completion = watched
                .harness
                .host
                .chat(question(MODEL, "Hello!"))
                .await
                .unwrap();
            collect(completion).await
        });
        for heard in futures::future::join_all(answers).await {
            heard.summary();
            asked += 1;
        }
    }
    writing.await.unwrap();
    until("all are counted", || watched.harness.host.metrics().swaps == 12).await;
    eprintln!("{asked} responses, none lost");
}
