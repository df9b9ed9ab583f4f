//! Files that other users may write to or read: which are refused, which cause a warning, and what `doctor` reports.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
    time::{Duration, Instant},
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use model_provider_host::Plugin;

use crate::{
    harness::{TOKEN, built, sandbox},
    program::{Ended, Program},
    terminal::{Home, person},
};

const NOBODY: u32 = 65_534;
const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// Gives a file to another user, if this process may.
fn gives(path: &Path, user: u32) -> bool {
    let given = chown(path, Some(user), None).is_ok();
    if !given {
        println!("skipped: only root can give {} away", path.display());
    }
    given
}

/// The component in a folder of the user's own.
fn plugin_in(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("own plugin.wasm");
    fs::copy(built(Build::Release), &path).expect("a copy");
    set(&path, 0o644);
    path
}

#[tokio::test]
async fn a_plugin_file_that_other_users_may_write_to_is_not_loaded() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().to_owned();
    let path = tokio::task::spawn_blocking(move || plugin_in(&folder))
        .await
        .expect("a copy");
    let refused = async |words: &str, fix: &str| {
        let error = Plugin::load(sandbox(), &path).await.expect_err("it is refused");
        assert_eq!(error.kind().as_str(), "plugin-load");
        assert!(error.message().contains(words), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains(fix)), "{error}");
    };
    Plugin::load(sandbox(), &path)
        .await
        .expect("it is the user's alone");
    set(&path, 0o666);
    refused("other users can write to", "chmod go-w '").await;
    set(&path, 0o644);
    set(dir.path(), 0o777);
    refused("other users can write to", "chmod go-w ").await;
    // In a sticky directory nobody can replace another user's file, so that it does not matter who may create files.
    set(dir.path(), 0o1777);
    Plugin::load(sandbox(), &path)
        .await
        .expect("the folder is sticky");
    set(dir.path(), 0o700);
    if gives(&path, NOBODY) {
        refused("belongs to another user (uid 65534)", "chown 0 ").await;
        assert!(gives(&path, 0));
        assert!(gives(dir.path(), NOBODY));
        refused("belongs to another user", "chown 0 ").await;
        assert!(gives(dir.path(), 0));
        chown(&path, None, Some(NOBODY)).expect("a group");
        set(&path, 0o664);
        refused("its group can write to", "chmod g-w ").await;
    }
}

#[tokio::test]
async fn a_plugin_file_that_other_users_may_write_to_is_not_swapped_in() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().to_owned();
    let path = tokio::task::spawn_blocking(move || plugin_in(&folder))
        .await
        .expect("a copy");
    let next = tokio::task::spawn_blocking(|| built(Build::NextVersion))
        .await
        .expect("built");
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    let (plugin, url) = (path.to_string_lossy().into_owned(), mock.base_url());
    let running = program
        .start(&["--plugin", &plugin, "--base-url", &url, "serve", "--watch"])
        .await;
    let client = crate::http::Client::of(&running.first);
    let open = dir.path().join("next");
    fs::copy(next, &open).expect("a copy");
    set(&open, 0o666);
    fs::rename(&open, &path).expect("replaced");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let reply = client.ask("Qwen/Qwen3-8B").await;
    assert_eq!(reply.headers["x-plugin-generation"], "1");
    let ended = running.stop().await;
    assert!(ended.err.contains("other users can write to"), "{ended:?}");
}

fn grants() -> String {
    r#"{"zeta": {"origin": "https://zeta.example", "header": "authorization", "prefix": "", "envVars": []}}"#
        .to_owned()
}

#[tokio::test]
async fn grants_that_other_users_may_write_to_are_ignored() {
    person(|| {
        let home = Home::new("").file("grants.json", &grants());
        let file = home.path("grants.json");
        set(&home.path(""), 0o700);
        set(&file, 0o600);
        assert_eq!(home.run(&["inspect"]).code, Some(0));
        let refused = |words: &str, fix: &str| {
            for command in [&["inspect"][..], &["doctor"], &["models"]] {
                let Ended { code, out, err } = home.run(&[command, &["--format", "json"]].concat());
                assert_eq!(code, Some(1), "{out} {err}");
                assert!(
                    out.contains("are not trusted") && out.contains(words) && out.contains(fix),
                    "{out}"
                );
            }
        };
        set(&file, 0o606);
        refused("other users can write to", "chmod go-w ");
        set(&file, 0o600);
        set(&home.path(""), 0o777);
        refused("other users can write to", "chmod go-w ");
        set(&home.path(""), 0o700);
        if gives(&file, NOBODY) {
            refused("belongs to another user", "chown 0 ");
        }
    })
    .await;
}

#[tokio::test]
async fn a_configuration_that_other_users_may_write_to_does_not_decide_where_a_credential_is_sent() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let url = mock.base_url();
    person(move || {
        let config = format!(r#"{{"models": {{"providers": {{"huggingface": {{"baseUrl": "{url}"}}}}}}}}"#);
        let home = Home::new("")
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", &config);
        let file = home.path("openclaw.json");
        set(&home.path(""), 0o700);
        set(&file, 0o644);
        assert_eq!(home.run(&["chat", "-m", MODEL, "hi"]).code, Some(0));
        let sent = mock.requests().len();
        assert!(sent > 0);
        let refused = |words: &str| {
            for command in [&["chat", "-m", MODEL, "hi"][..], &["models"], &["doctor"]] {
                let ended = home.run(&[command, &["--format", "json"]].concat());
                assert_eq!(ended.code, Some(1), "{ended:?}");
                assert!(
                    ended.out.contains("is not trusted") && ended.out.contains(words),
                    "{ended:?}"
                );
            }
            assert_eq!(mock.requests().len(), sent, "nothing is sent there");
            // A base URL given by the operator still applies; the file still causes a warning.
            let ended = home.run(&["--base-url", &url, "models"]);
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(
                ended.err.contains("warning:") && ended.err.contains(words),
                "{ended:?}"
            );
        };
        set(&file, 0o666);
        refused("other users can write to");
        let sent_later = mock.requests().len();
        assert!(sent_later > sent);
    })
    .await;
}

#[tokio::test]
async fn a_dotenv_that_other_users_may_write_to_does_not_decide_where_a_credential_is_sent_either() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let url = mock.base_url();
    person(move || {
        for (name, config) in [
            (
                "openclaw.json",
                r#"{"models": {"providers": {"huggingface": {"baseUrl": "${HF_BASE}"}}}}"#,
            ),
            ("host-harness.json5", r#"{"base-url": "${HF_BASE}"}"#),
        ] {
            let home = Home::new("")
                .variable("HF_TOKEN", TOKEN)
                .file(name, config)
                .file(".env", &format!("HF_BASE={url}\n"));
            let (file, command) = (home.path(".env"), ["chat", "-m", MODEL, "hi"]);
            set(&home.path(""), 0o700);
            set(&file, 0o600);
            assert_eq!(home.run(&command).code, Some(0), "{name}");
            let sent = mock.requests().len();
            set(&file, 0o606);
            for command in [&command[..], &["models"], &["doctor"]] {
                let ended = home.run(&[command, &["--format", "json"]].concat());
                assert_eq!(ended.code, Some(1), "{ended:?}");
                assert!(
                    ended.out.contains("`.env` has a variable of a base URL")
                        && ended.out.contains("is not trusted")
                        && ended.out.contains("chmod "),
                    "{ended:?}"
                );
            }
            assert_eq!(mock.requests().len(), sent, "nothing is sent there");
            let home = home.variable("HF_BASE", &url);
            let ended = home.run(&["models"]);
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert!(ended.err.contains("other users can write to"), "{ended:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn another_users_configuration_is_warned_of_and_doctor_says_so_of_every_file() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let url = mock.base_url();
    person(move || {
        let home = Home::new(&url)
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", "{}")
            .file(".env", "X=1")
            .file("auth-profiles.json", "{}")
            .file("models.json", "{}");
        set(&home.path(""), 0o700);
        for name in ["openclaw.json", ".env", "auth-profiles.json", "models.json"] {
            set(&home.path(name), 0o600);
        }
        let doctor = || {
            let ended = home.run(&["doctor", "--format", "json"]);
            let json = ended.json();
            let findings = json["findings"].as_array().expect("findings").clone();
            let of_files = findings.into_iter().filter(|finding| finding["check"] == "files");
            of_files
                .map(|finding| {
                    let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
                    format!("{} {} {}", word("level"), word("message"), word("fix"))
                })
                .collect::<Vec<_>>()
        };
        let good = doctor();
        assert!(
            good.len() == 1 && good[0].starts_with("ok nobody else"),
            "{good:?}"
        );
        for name in ["openclaw.json", ".env", "auth-profiles.json", "models.json"] {
            let file = home.path(name);
            set(&file, 0o666);
            let found = doctor();
            assert!(
                found.len() == 1
                    && found[0].starts_with("warning other users can write to")
                    && found[0].contains("chmod "),
                "{name}: {found:?}"
            );
            let ended = home.run(&["models"]);
            assert!(
                ended.err.contains("other users can write to") && ended.err.contains(name),
                "{ended:?}"
            );
            set(&file, 0o600);
            if gives(&file, NOBODY) {
                let found = doctor();
                assert!(
                    found.len() == 1
                        && found[0].contains("belongs to another user")
                        && found[0].contains("chown 0 "),
                    "{name}: {found:?}"
                );
                assert!(gives(&file, 0));
            }
        }
        // The provider's own tools store a token too.
        let token = home.dir().join(".cache/huggingface/token");
        fs::create_dir_all(token.parent().expect("a folder")).expect("a folder");
        fs::write(&token, TOKEN).expect("written");
        for (mode, words) in [
            (0o644, "other users can read"),
            (0o666, "other users can write to"),
        ] {
            set(&token, mode);
            let found = doctor();
            assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
        }
        let ended = home.run(&["models"]);
        assert_eq!(
            ended.err.matches("other users can write to").count(),
            1,
            "{ended:?}"
        );
        set(&token, 0o600);
        assert_eq!(doctor(), good);
        for (name, fix) in [(".env", "chmod 600"), ("auth-profiles.json", "chmod 600")] {
            set(&home.path(name), 0o644);
            let found = doctor();
            assert!(
                found.len() == 1 && found[0].contains("other users can read") && found[0].contains(fix),
                "{found:?}"
            );
            set(&home.path(name), 0o600);
        }
    })
    .await;
}

#[tokio::test]
async fn a_held_lock_on_the_list_of_models_blocks_no_command() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let url = mock.base_url();
    person(move || {
        let config = format!(r#"{{"models": {{"providers": {{"huggingface": {{"baseUrl": "{url}"}}}}}}}}"#);
        let plain = Home::new("")
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", &config)
            .file("models.json.lock", "");
        set(&plain.path("models.json.lock"), 0o644);
        // As another user's process would: read access is enough.
        let held = fs::File::open(plain.path("models.json.lock")).expect("it is open");
        held.lock().expect("held");
        let _answers = &mock;
        let started = Instant::now();
        let ended = plain.run(&["models"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(ended.err.contains("another process has held it"), "{ended:?}");
        drop(held);
        let ended = plain.run(&["models"]);
        assert!(!ended.err.contains("lock"), "{ended:?}");
        let mode = fs::metadata(plain.path("models.json.lock"))
            .expect("a lock")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    })
    .await;
}
