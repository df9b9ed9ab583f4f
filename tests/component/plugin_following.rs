//! Hosts that follow a tag: what it moves to goes live under load, or waits for a person.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use model_provider_host::{Host, LoadOptions, Plugin, Sandbox, SandboxOptions};
use plugin_registry::{
    Digest,
    host::{Followed, Mode, Store, follow},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    fake_registry::{Fake, full, options},
    harness::{Harness, TOKEN},
    program::Program,
    registry_home::{publish, variants},
    swaps_under_load::load,
};

const LIMIT: Duration = Duration::from_secs(120);

/// A host that follows the tag `1`.
struct Following {
    fake: Fake,
    harness: Harness,
    store: Store,
    _dir: TempDir,
    told: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Following {
    async fn start(first: &Path, policy: &Value) -> Self {
        let (fake, dir) = (Fake::start().await, TempDir::new().unwrap());
        model_provider_host::files::write_private(
            dir.path().join("plugin-policy.json"),
            policy.to_string().as_bytes(),
        )
        .unwrap();
        let store = Store::new(dir.path()).with_options(options());
        publish(&fake, ":1", first).await;
        // Compiled code is cached, so that each version is compiled once.
        let cache_dir = Some(dir.path().join("cache"));
        let sandbox = Sandbox::new(&SandboxOptions::default().with_cache_dir(cache_dir)).unwrap();
        let source = store.source(fake.reference(":1"), Mode::Run);
        let options = LoadOptions::default().with_admission(store.admission(Mode::Run));
        let plugin = Plugin::from_source(&sandbox, &source, &options).await.unwrap();
        let harness = Harness::with().start_with(plugin).await;
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let telling = Arc::clone(&told);
        let report = move |followed: Followed| {
            let said = match followed {
                Followed::Swapped(report) => format!("swapped {}", report.to.digest),
                Followed::Waits(pending) => format!("waits {}: {}", pending.digest, pending.message),
                other => format!("{other:?}"),
            };
            telling.lock().unwrap().push(said);
        };
        let every = Duration::from_millis(10);
        let task = tokio::spawn(follow(
            store.clone(),
            harness.host.clone(),
            fake.reference(":1"),
            every,
            report,
        ));
        Self {
            fake,
            harness,
            store,
            _dir: dir,
            told,
            task,
        }
    }

    fn host(&self) -> &Host {
        &self.harness.host
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(LIMIT, waiting).await;
        waited.unwrap_or_else(|_| panic!("{what}: {:?}", self.told()));
    }

    async fn moves_to(&self, file: &Path) -> Digest {
        let digest = publish(&self.fake, ":1", file).await;
        let is_live = || self.host().plugin().digest() == digest.as_str();
        self.until("it goes live", is_live).await;
        digest
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_swaps_by_moving_a_tag_under_load_lose_nothing() {
    let (_files, [one, other]) =
        variants([vec![("version", "1.0.1+one")], vec![("version", "1.0.1+other")]]).await;
    let following = Following::start(&one, &json!({"follow": "any"})).await;
    let (end, ended) = tokio::sync::watch::channel(false);
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(load(
                following.host().clone(),
                "hostile/a/fine",
                true,
                ended.clone(),
            ))
        })
        .collect();
    for turn in 0..50 {
        following
            .moves_to(if turn % 2 == 0 { &other } else { &one })
            .await;
    }
    end.send_replace(true);
    let mut answers = 0;
    for task in tasks {
        answers += task.await.expect("nothing was lost").responses;
    }
    assert_eq!(following.host().generation().number, 51);
    assert!(answers > 50, "{answers}");
    eprintln!("{answers} responses during 50 swaps, none lost");
    // The lock pins the live version.
    let (live, lock) = (following.host().plugin(), following.store.lock().unwrap());
    following
        .until("it is pinned", || {
            following.store.lock().unwrap().plugins["hostile"]
                .pin
                .digest
                .as_str()
                == live.digest()
        })
        .await;
    assert_eq!(lock.plugins.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_moved_to_a_version_that_requests_more_waits_is_reported_once_and_a_rollback_holds() {
    let (_files, [one, two, wider]) = variants([
        vec![("version", "1.0.1")],
        vec![("version", "1.0.2")],
        vec![("version", "1.0.3"), ("env", "OTHER_KEY")],
    ])
    .await;
    let following = Following::start(&one, &json!({"follow": "any"})).await;
    let first = following.host().plugin().digest().to_owned();
    let second = following.moves_to(&two).await;
    let digest = publish(&following.fake, ":1", &wider).await;
    following
        .until("it waits", || following.host().pending_update().is_some())
        .await;
    // After many checks it is reported once, and the live version stays.
    let seen = following.fake.seen().len();
    following
        .until("it looks on", || following.fake.seen().len() > seen + 20)
        .await;
    let waits: Vec<_> = following
        .told()
        .into_iter()
        .filter(|said| said.starts_with("waits "))
        .collect();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(
        waits[0].contains(digest.as_str()) && waits[0].contains("variables: OTHER_KEY"),
        "{waits:?}"
    );
    assert!(waits[0].contains("host-harness update hostile"), "{waits:?}");
    assert!(
        following
            .host()
            .metrics_page()
            .contains("model_host_update_pending 1")
    );
    assert_eq!(following.host().plugin().digest(), second.as_str());
    // A rollback of the lock is live at the next check, and the tag does not bring back the version left.
    publish(&following.fake, ":1", &two).await;
    following
        .store
        .edit(|lock| Ok(lock.roll_back("hostile")?))
        .unwrap();
    following
        .until("it is back", || following.host().plugin().digest() == first)
        .await;
    let seen = following.fake.seen().len();
    following
        .until("it looks on", || following.fake.seen().len() > seen + 20)
        .await;
    assert_eq!(following.host().plugin().digest(), first);
    assert!(following.host().pending_update().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_that_moves_without_a_signature_waits_unless_the_policy_says_otherwise() {
    let (_files, [one, two]) = variants([vec![("version", "1.0.1")], vec![("version", "1.0.2")]]).await;
    let following = Following::start(&one, &json!({})).await;
    publish(&following.fake, ":1", &two).await;
    following
        .until("it waits", || following.host().pending_update().is_some())
        .await;
    assert_eq!(following.host().generation().number, 1);
    let pending = following.host().pending_update().unwrap();
    assert!(
        pending.message.contains("not signed by a signer of"),
        "{pending:?}"
    );
    // An unreachable registry is reported once, and the live version stays.
    following.fake.lie(|_, _| Some(full(503, "")));
    following
        .until("it is said", || {
            following.told().iter().any(|said| said.contains("503"))
        })
        .await;
    assert_eq!(following.host().generation().number, 1);
}

#[tokio::test]
async fn a_server_follows_the_tag_that_its_plugin_came_from_and_no_digest() {
    let (_files, [one, two]) = variants([vec![("version", "1.0.1")], vec![("version", "1.0.2")]]).await;
    let fake = Fake::start().await;
    let program = Program::new()
        .variable("DOCKER_CONFIG", "/nowhere")
        .variable("HF_TOKEN", TOKEN);
    program.write("plugin-policy.json", &json!({"follow": "any"}).to_string());
    publish(&fake, ":1", &one).await;
    let reference = fake.reference(":1").to_string();
    let ended = program.run(&["accept", "--yes", &reference], None).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let by_digest = format!("{reference}@{}", Digest::of(&fake.manifest("1")));
    let line = [
        "--format",
        "json",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--watch",
        &by_digest,
    ];
    let ended = program.run(&line, None).await;
    assert!(
        ended
            .out
            .contains("names a digest, which never stands for another plugin"),
        "{ended:?}"
    );
    // The lock has the plugin: nobody names it again.
    let running = program
        .start(&["serve", "--listen", "127.0.0.1:0", "--watch", "--every", "1s"])
        .await;
    let digest = publish(&fake, ":1", &two).await;
    let is_pinned = || {
        let lock = std::fs::read_to_string(program.state().join("plugins.lock")).unwrap();
        let lock: Value = serde_json::from_str(&lock).unwrap();
        lock["plugins"]["hostile"]["digest"] == digest.as_str()
    };
    let waiting = async {
        while !is_pinned() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, waiting).await;
    let ended = running.stop().await;
    came.unwrap_or_else(|_| panic!("it does not go live: {ended:?}"));
    assert!(ended.err.contains(&format!("watching {reference}")), "{ended:?}");
    assert!(ended.err.contains("generation 2 (1.0.2) is live"), "{ended:?}");
}
