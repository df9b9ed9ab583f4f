//! Plugins from a registry: pulled, pinned, accepted, followed and rolled back, by the program and in the library.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use model_provider_host::{Host, Kind, LoadOptions, Plugin, Sandbox, SandboxOptions};
use plugin_registry::{
    Artifact, Digest,
    host::{Followed, Mode, Store, follow},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    fake_registry::{Fake, client, full, options},
    guests::Files,
    harness::{Harness, TOKEN, built, sandbox},
    program::{Ended, Program},
    swaps_under_load::load,
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const LIMIT: Duration = Duration::from_secs(120);

async fn release() -> PathBuf {
    tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("it builds")
}

/// Variants of the hostile plugin, which is harmless unless ordered otherwise.
async fn variants<const N: usize>(orders: [Vec<(&'static str, &'static str)>; N]) -> (Files, [PathBuf; N]) {
    tokio::task::spawn_blocking(move || {
        let files = Files::new();
        let mut number = 0;
        let made = orders.map(|orders| {
            number += 1;
            files.ordered(&format!("variant-{number}"), orders)
        });
        (files, made)
    })
    .await
    .unwrap()
}

async fn publish(fake: &Fake, tag: &str, file: &Path) -> Digest {
    let component = std::fs::read(file).unwrap();
    let artifact = Artifact {
        component,
        ..Artifact::default()
    };
    client()
        .publish(&fake.reference(tag), &artifact)
        .await
        .unwrap()
        .component
}

/// The program at home, for one router.
struct Home {
    program: Program,
    mock: MockRouter,
}

impl Home {
    async fn new() -> Self {
        let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
        let program = Program::new()
            .variable("HF_TOKEN", TOKEN)
            .variable("DOCKER_CONFIG", "/nowhere");
        Self { program, mock }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let url = self.mock.base_url();
        let line = [&["--format", "json", "--base-url", &url], arguments].concat();
        let ended = self.program.run(&line, None).await;
        eprintln!("{arguments:?}: {ended:?}");
        ended
    }

    async fn works(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.json()
    }

    /// Asserts a refusal of this kind; returns the hint.
    async fn refused(&self, arguments: &[&str], kind: &str) -> String {
        let ended = self.run(arguments).await;
        let said = ended.json();
        assert_eq!(
            (ended.code, &said["error"]["kind"]),
            (Some(1), &json!(kind)),
            "{arguments:?}: {ended:?}"
        );
        said["error"].to_string()
    }

    fn lock(&self) -> Value {
        let text = std::fs::read_to_string(self.program.state().join("plugins.lock")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

#[tokio::test]
async fn a_tag_is_pulled_pinned_and_a_second_start_is_offline() {
    let (fake, home, file) = (Fake::start().await, Home::new().await, release().await);
    let reference = fake.reference(":0.2.0").to_string();
    let published = home.works(&["publish", &reference, file.to_str().unwrap()]).await;
    let chat = ["--plugin", &reference, "chat", "-m", MODEL, "Hello!"];
    home.works(&chat).await;
    let pinned = &home.lock()["plugins"]["huggingface"];
    assert_eq!(
        (&pinned["digest"], &pinned["manifest"], &pinned["source"]),
        (&published["digest"], &published["manifest"], &json!(reference))
    );
    drop(fake);
    let before = home.mock.requests().len();
    home.works(&chat).await;
    // And without an argument: the lock names it.
    home.works(&["chat", "-m", MODEL, "Hello!"]).await;
    let sent = home.mock.requests();
    assert!(sent.len() >= before + 2, "both were sent");
    let bearer = format!("Bearer {TOKEN}");
    assert!(
        sent.iter()
            .all(|request| request.header("authorization") == Some(&bearer))
    );
    let listed = home.works(&["list"]).await;
    assert_eq!(listed["plugins"]["huggingface"]["cached"], true);
    assert_eq!(
        home.works(&["gc"]).await["files"],
        0,
        "all that is there is pinned"
    );
}

#[tokio::test]
async fn a_tampered_layer_never_reaches_the_compiler() {
    let (fake, file, dir) = (Fake::start().await, release().await, TempDir::new().unwrap());
    let digest = publish(&fake, ":1", &file).await;
    let mut tampered = std::fs::read(&file).unwrap();
    // Bytes that the compiler would reject with its own error, if it got them.
    tampered[40] ^= 1;
    fake.lie(move |_, path| {
        path.ends_with(digest.as_str())
            .then(|| full(200, tampered.clone()))
    });
    let store = Store::new(dir.path()).with_options(options());
    for mode in [Mode::Run, Mode::Look] {
        let source = store.source(fake.reference(":1"), mode);
        let error = Plugin::from_source(sandbox(), &source, &LoadOptions::default())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), Kind::PluginLoad, "{error}");
        assert!(
            error
                .message()
                .starts_with("the layer is not what its digest names"),
            "{error}"
        );
    }
    assert!(store.cache().all().unwrap().is_empty() && store.lock().unwrap().plugins.is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_what_the_lock_says_is_refused_at_start_at_a_swap_and_in_the_library() {
    let (files, [one, other]) = variants([vec![("version", "1.0.0")], vec![("version", "1.0.1")]]).await;
    let home = Home::new().await;
    let [one_path, other_path] = [&one, &other].map(|file| file.to_str().unwrap());
    home.works(&["accept", "--yes", one_path]).await;
    home.works(&["--plugin", one_path, "resolve", "hostile/a/fine"])
        .await;
    let said = home
        .refused(
            &["--plugin", other_path, "resolve", "hostile/a/fine"],
            "not-granted",
        )
        .await;
    assert!(
        said.contains("host-harness accept ") && said.contains(other_path),
        "{said}"
    );
    // In the library, with the lock that the program wrote.
    let store = Store::new(&home.program.state());
    let run = LoadOptions {
        admission: Some(store.admission(Mode::Run)),
        ..LoadOptions::default()
    };
    let error = Plugin::load_with(sandbox(), &other, &run).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotGranted, "{error}");
    let plugin = Plugin::load_with(sandbox(), &one, &run).await.unwrap();
    let host = Harness::with().start_with(plugin).await.host;
    let error = host.swap(&other).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotGranted, "{error}");
    assert!(error.hint().unwrap().contains("host-harness accept "), "{error}");
    assert_eq!(host.generation().number, 1);
    // Accepted, it loads; and denied, never again.
    home.works(&["accept", "--yes", other_path]).await;
    host.swap(&other).await.unwrap();
    let digest = host.plugin().digest().to_owned();
    home.works(&["deny", &digest]).await;
    let error = host.swap(&other).await.unwrap_err();
    assert!(error.message().contains("is denied"), "{error}");
    let error = Plugin::load_with(sandbox(), &other, &run).await.unwrap_err();
    assert!(error.message().contains("is denied"), "{error}");
    for command in [
        &["--plugin", other_path, "resolve", "hostile/a/fine"][..],
        &["accept", "--yes", other_path],
    ] {
        assert!(home.refused(command, "plugin-load").await.contains("is denied"));
    }
    let back = home.works(&["rollback"]).await;
    assert_eq!(back["version"], "1.0.0");
    home.works(&["resolve", "hostile/a/fine"]).await;
    drop(files);
}

#[tokio::test]
async fn a_file_that_is_not_signed_by_a_key_of_the_policy_is_not_loaded() {
    let (_files, [file]) = variants([vec![("version", "1.0.0")]]).await;
    let home = Home::new().await;
    // An unknown public key.
    let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    home.program.write(
        "plugin-policy.json",
        &json!({"require": "signature", "keys": [key]}).to_string(),
    );
    let path = file.to_str().unwrap();
    for command in [&["accept", "--yes", path][..], &["--plugin", path, "inspect"]] {
        assert!(home.refused(command, "plugin-load").await.contains("not signed"));
    }
    std::fs::write(format!("{path}.minisig"), "no signature").unwrap();
    let said = home.refused(&["--plugin", path, "inspect"], "plugin-load").await;
    assert!(said.contains("not valid for it by any key"), "{said}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_lock_or_a_policy_that_other_users_may_write_to_is_ignored() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_files, [file]) = variants([vec![("version", "1.0.0")]]).await;
    for name in ["plugins.lock", "plugin-policy.json"] {
        let home = Home::new().await;
        home.program.write(name, r#"{"version": 1}"#);
        let path = home.program.state().join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let line = ["--plugin", file.to_str().unwrap(), "resolve", "hostile/a/fine"];
        let said = home.refused(&line, "configuration").await;
        assert!(
            said.contains("is not trusted") && said.contains("chmod go-w"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn an_update_shows_what_it_widens_needs_confirmation_and_can_be_rolled_back() {
    let (_files, [one, two, wider]) = variants([
        vec![("version", "1.0.0")],
        vec![("version", "1.1.0")],
        vec![("version", "1.2.0"), ("env", "OTHER_KEY")],
    ])
    .await;
    let (fake, home) = (Fake::start().await, Home::new().await);
    let reference = fake.reference(":1").to_string();
    let mut digests = vec![publish(&fake, ":1", &one).await];
    home.works(&["accept", "--yes", &reference]).await;
    assert_eq!(home.works(&["update"]).await["updated"], false);

    digests.push(publish(&fake, ":1", &two).await);
    // The tag has moved, and the pinned version runs.
    home.works(&["--plugin", &reference, "resolve", "hostile/a/fine"])
        .await;
    assert_eq!(home.lock()["plugins"]["hostile"]["digest"], digests[0].as_str());
    let said = home.refused(&["update"], "not-granted").await;
    assert!(said.contains("`--yes`"), "{said}");
    let updated = home.works(&["update", "--yes"]).await;
    assert_eq!(updated["digest"], digests[1].as_str());
    let widens = |updated: &Value, what: &str| {
        let changes = updated["changes"].as_array().unwrap().clone();
        changes
            .iter()
            .find(|change| change["what"] == what)
            .map(|change| change["widens"].clone())
    };
    assert_eq!(widens(&updated, "version"), Some(json!(false)));

    digests.push(publish(&fake, ":1", &wider).await);
    let ended = home.run(&["update", "--yes"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("OTHER_KEY (wants more)"), "{ended:?}");
    assert!(ended.out.contains("`--yes --widen`"), "{ended:?}");
    let updated = home.works(&["update", "--yes", "--widen"]).await;
    assert_eq!(widens(&updated, "variables"), Some(json!(true)));
    assert_eq!(
        home.lock()["plugins"]["hostile"]["granted"]["envVars"],
        json!(["OTHER_KEY"])
    );

    let back = home.works(&["rollback", "hostile"]).await;
    assert_eq!(
        (&back["digest"], &back["left"]),
        (&json!(digests[1]), &json!(digests[2]))
    );
    drop(fake);
    home.works(&["--plugin", &reference, "resolve", "hostile/a/fine"])
        .await;
    home.works(&["rollback"]).await;
    assert_eq!(home.lock()["plugins"]["hostile"]["digest"], digests[0].as_str());
}

#[tokio::test]
async fn a_downgrade_needs_its_flag() {
    let (_files, [newer, older]) = variants([vec![("version", "1.1.0")], vec![("version", "1.0.9")]]).await;
    let (fake, home) = (Fake::start().await, Home::new().await);
    publish(&fake, ":1", &newer).await;
    home.works(&["accept", "--yes", &fake.reference(":1").to_string()])
        .await;
    let digest = publish(&fake, ":1", &older).await;
    let said = home.refused(&["update", "--yes"], "not-granted").await;
    assert!(said.contains("1.0.9") && said.contains("--downgrade"), "{said}");
    assert_eq!(
        home.works(&["update", "--yes", "--downgrade"]).await["digest"],
        digest.as_str()
    );
}

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
            &dir.path().join("plugin-policy.json"),
            policy.to_string().as_bytes(),
        )
        .unwrap();
        let store = Store::new(dir.path()).with_options(options());
        publish(&fake, ":1", first).await;
        // Compiled code is cached, so that each version is compiled once.
        let cache_dir = Some(dir.path().join("cache"));
        let sandbox = Sandbox::new(&SandboxOptions {
            cache_dir,
            ..SandboxOptions::default()
        })
        .unwrap();
        let source = store.source(fake.reference(":1"), Mode::Run);
        let options = LoadOptions {
            admission: Some(store.admission(Mode::Run)),
            ..LoadOptions::default()
        };
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
        answers += task.await.expect("nothing was lost").answers;
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
