//! A plugin that requests more than its id is granted: refused when it is loaded, before anything is read or sent.

use std::{
    cell::RefCell,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use model_provider_host::{
    Error, ErrorKind, Grant, GrantedEndpoint, Grants, HostOptions, Plugin, contract::ProviderErrorKind,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    guests::{DISGUISE, Files, tiny},
    harness::{Harness, TOKEN, plugin, question, sandbox},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";

/// What a file may request beyond the grant of its id, and what the grant has.
const BEYOND: [(&str, &str, &str); 8] = [
    ("env", "OTHER_TOKEN", "HF_TOKEN"),
    (
        "base-url",
        "https://elsewhere.example/v1",
        "https://router.huggingface.co",
    ),
    (
        "base-url",
        "http://router.huggingface.co/v1",
        "https://router.huggingface.co",
    ),
    (
        "base-url",
        "https://router.huggingface.co:8443/v1",
        "https://router.huggingface.co",
    ),
    ("header", "host", "authorization"),
    ("header", "x-other", "authorization"),
    ("prefix", "Basic ", "Bearer "),
    ("endpoint", "DELETE /models", "GET /models"),
];

/// The hostile plugin under the id of the workspace's own, requesting this.
fn asking(files: &Files, order: &str, value: &str) -> PathBuf {
    let as_granted = DISGUISE.into_iter().filter(|(name, _)| *name != order);
    files.ordered("asking", as_granted.chain([(order, value)]))
}

fn names_both(error: &Error, asked: &str, granted: &str) {
    assert_eq!(error.kind(), ErrorKind::NotGranted, "{error}");
    let asked = asked.trim_end_matches("/v1");
    assert!(
        error.message().contains(&format!("{asked}` (granted: "))
            || error.message().contains(&format!("{asked} (granted: ")),
        "{error}"
    );
    assert!(error.message().contains(granted), "{error}");
    assert!(error.hint().unwrap().contains("grant FILE.wasm"), "{error}");
}

/// What the workspace grants its own component.
fn built_in() -> Grants {
    Grants::parse(component_build::GRANT).expect("the grants")
}

#[tokio::test]
async fn more_than_the_grant_is_refused_when_the_host_starts() {
    let files = Files::new();
    for (order, value, granted) in BEYOND {
        let plugin = Plugin::load(sandbox(), &asking(&files, order, value))
            .await
            .unwrap();
        let error = Harness::with().try_start_with(plugin).await.unwrap_err();
        names_both(&error, value, granted);
    }
}

#[tokio::test]
async fn more_than_the_grant_is_refused_at_a_swap_and_nothing_is_sent() {
    let (harness, files) = (Harness::start().await, Files::new());
    for (order, value, granted) in BEYOND {
        let error = harness
            .host
            .swap(&asking(&files, order, value))
            .await
            .unwrap_err();
        names_both(&error, value, granted);
        assert_eq!(harness.host.generation().number, 1);
    }
    assert!(harness.mock.requests().is_empty());
    assert_eq!(harness.host.connections_opened(), 0);
    harness.ask(MODEL).await.summary();
    // The same file is accepted if it requests what is granted: the request was the reason.
    harness.host.swap(&asking(&files, "list", "")).await.unwrap();
}

#[tokio::test]
async fn a_request_beyond_the_endpoints_of_the_grant_is_denied_and_not_sent() {
    let file = tokio::task::spawn_blocking(crate::guests::egress).await.unwrap();
    let plugin = Plugin::load(sandbox(), &file).await.unwrap();
    let mut grant = Grant::requested_by(plugin.info()).unwrap();
    grant.endpoints = vec![GrantedEndpoint::new("GET", "/models")];
    let error = Harness::with()
        .grants(|grants| grants.insert("egress", grant.clone()))
        .try_start_with(plugin.clone())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotGranted);
    assert!(
        error.message().contains("`DELETE /` (granted: GET /models)"),
        "{error}"
    );

    let all = Grant::requested_by(plugin.info()).unwrap();
    let harness = Harness::with()
        .mock(|mock| mock.require_key(false))
        .grants(|grants| grants.insert("egress", all))
        .start_with(plugin.clone())
        .await;
    let base = harness.mock.base_url();
    for (order, goes) in [
        (format!("GET {base}/models"), true),
        (format!("GET {base}/models/Qwen/Qwen3-8B"), true),
        (
            format!("GET {}/api/whoami-v2", base.trim_end_matches("/v1")),
            false,
        ),
    ] {
        let before = harness.mock.requests().len();
        let heard = harness.send(question("ask", &order)).await;
        assert_eq!(harness.mock.requests().len() > before, goes, "{order}");
        if !goes {
            let error = heard.error();
            assert_eq!(
                error.kind(),
                ErrorKind::Provider(ProviderErrorKind::Denied),
                "{error}"
            );
            assert!(error.message().contains("`GET /api/whoami-v2`"), "{error}");
            assert!(error.message().contains("allowed: GET /v1/"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_grant_for_a_file_that_claims_anothers_id_takes_nothing_from_the_other() {
    let (harness, files) = (Harness::start().await, Files::new());
    let genuine = plugin().await;
    let evil = asking(&files, "base-url", "https://evil.example/v1");
    let shell = Shell::new(&harness);
    let inspect = || async { shell.run(Some(genuine.path()), &["inspect"]).await };
    let (status, before) = inspect().await;
    assert_eq!(
        (status, &before["grants"]["origin"]),
        (Some(0), &json!("https://router.huggingface.co"))
    );

    let (status, said) = shell.run(None, &["grant", "--yes", evil.to_str().unwrap()]).await;
    assert_eq!(
        (status, &said["grants"]["origin"]),
        (Some(0), &json!("https://evil.example")),
        "{said}"
    );

    assert_eq!(
        inspect().await,
        (status, before),
        "the genuine plugin has what it had"
    );
    let (status, said) = shell.run(Some(&evil), &["inspect"]).await;
    assert_eq!(
        (status, &said["grants"]["origin"]),
        (Some(0), &json!("https://evil.example")),
        "{said}"
    );

    // And in a host that runs the one, the other is refused, whatever it was granted elsewhere.
    let asked = Grant::requested_by(Plugin::load(sandbox(), &evil).await.unwrap().info()).unwrap();
    let harness = Harness::with()
        .grants(|grants| grants.insert("huggingface", asked))
        .start()
        .await;
    let error = harness.host.swap(&evil).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotGranted, "{error}");
    harness.ask(MODEL).await.summary();
}

#[tokio::test]
async fn an_embedder_without_configuration_reads_the_variables_of_the_grant_and_of_proxies() {
    let read = RefCell::new(Vec::new());
    let options = HostOptions::from_variables(&plugin().await, built_in(), |name| {
        read.borrow_mut().push(name.to_owned());
        let set = ["HF_TOKEN", "https_proxy"].contains(&name);
        set.then(|| TOKEN.to_owned().into())
    })
    .unwrap();
    let read = read.into_inner();
    assert_eq!(read[..2], ["HUGGINGFACE_HUB_TOKEN", "HF_TOKEN"]);
    let others = read[2..].iter().filter(|name| *name != "REQUEST_METHOD");
    assert!(
        others.clone().all(|name| name.to_lowercase().ends_with("_proxy")),
        "{read:?}"
    );
    assert!(options.credential.is_some());
    assert!(!format!("{options:?}").contains(TOKEN));

    let files = Files::new();
    let (order, value, granted) = BEYOND[0];
    let plugin = Plugin::load(sandbox(), &asking(&files, order, value))
        .await
        .unwrap();
    let refused = HostOptions::from_variables(&plugin, built_in(), |name| panic!("{name} is read"));
    names_both(&refused.unwrap_err(), value, granted);
}

#[tokio::test]
async fn a_header_of_the_connection_is_refused_even_if_it_is_granted() {
    let files = Files::new();
    let plugin = Plugin::load(sandbox(), &asking(&files, "header", "host"))
        .await
        .unwrap();
    let asked = model_provider_host::Grant::requested_by(plugin.info()).unwrap();
    let setup = Harness::with().grants(|grants| grants.insert("huggingface", asked));
    let error = setup.try_start_with(plugin).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().contains("`host`"), "{error}");
}

#[tokio::test]
async fn a_base_url_that_is_none_is_refused() {
    let files = Files::new();
    for url in ["file:///etc/passwd", "nonsense", "https://"] {
        let plugin = Plugin::load(sandbox(), &asking(&files, "base-url", url))
            .await
            .unwrap();
        let error = Harness::with().try_start_with(plugin).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotGranted);
        assert!(error.message().contains(url), "{error}");
    }
}

/// The command line in a state directory of its own, with nothing of this machine's environment.
struct Shell {
    state: TempDir,
    base_url: String,
    variables: Vec<(String, String)>,
}

impl Shell {
    fn new(harness: &Harness) -> Self {
        Self {
            state: TempDir::new().unwrap(),
            base_url: harness.mock.base_url(),
            variables: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.state.path().join(name)
    }

    async fn run(&self, plugin: Option<&Path>, arguments: &[&str]) -> (Option<i32>, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_command-line"));
        command
            .env_clear()
            .env("HOME", self.state.path())
            .env("OPENCLAW_STATE_DIR", self.state.path())
            .env("OPENCLAW_CONFIG_PATH", self.path("openclaw.json"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables.iter().cloned())
            .args(["--format", "json", "--base-url", &self.base_url]);
        if let Some(plugin) = plugin {
            command.arg("--plugin").arg(plugin);
        }
        command.args(arguments);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let Output {
            status,
            stdout,
            stderr,
        } = run.await.unwrap();
        let (said, warned) = (
            String::from_utf8(stdout).unwrap(),
            String::from_utf8(stderr).unwrap(),
        );
        assert!(
            !said.contains(TOKEN) && !warned.contains(TOKEN),
            "{said} {warned}"
        );
        eprintln!("{arguments:?}: {said}{warned}");
        (status.code(), serde_json::from_str(&said).unwrap_or_default())
    }
}

#[cfg(unix)]
#[tokio::test]
async fn for_a_plugin_that_requests_too_much_no_source_of_credentials_is_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let (harness, files) = (Harness::start().await, Files::new());
    let mut shell = Shell::new(&harness);
    // A login shell that leaves a trace when it runs.
    let (login, trace) = (shell.path("login-shell"), shell.path("asked"));
    let script = format!("#!/bin/sh\ntouch '{}'\nexec /bin/sh \"$@\"\n", trace.display());
    std::fs::write(&login, script).unwrap();
    std::fs::set_permissions(&login, std::fs::Permissions::from_mode(0o700)).unwrap();
    let config = json!({"env": {"shellEnv": {"enabled": true, "timeoutMs": 20_000}}});
    std::fs::write(shell.path("openclaw.json"), config.to_string()).unwrap();
    shell.variables = vec![
        ("SHELL".to_owned(), login.display().to_string()),
        ("OTHER_TOKEN".to_owned(), TOKEN.to_owned()),
    ];
    for (order, value, _) in BEYOND {
        let file = asking(&files, order, value);
        let (status, said) = shell
            .run(Some(&file), &["chat", "-m", "huggingface/a/fine", "Hello!"])
            .await;
        assert_eq!(
            (status, &said["error"]["kind"]),
            (Some(1), &json!("not-granted")),
            "{said}"
        );
        assert!(!trace.exists(), "{order}: the login shell ran");
    }
    assert!(harness.mock.requests().is_empty());
    // Nor does a plugin that requests what is granted to another file of its id.
    let file = asking(&files, "list", "");
    let chat = ["chat", "-m", "huggingface/a/fine", "Hello!"];
    let (status, said) = shell.run(Some(&file), &chat).await;
    assert_eq!(
        (status, &said["error"]["kind"]),
        (Some(1), &json!("not-granted")),
        "{said}"
    );
    assert!(
        said["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("host-harness grant "),
        "{said}"
    );
    assert!(!trace.exists() && harness.mock.requests().is_empty());
    // And with a grant for its request, the login shell runs: the trace would have been there.
    let path = file.to_str().unwrap();
    assert_eq!(shell.run(None, &["grant", "--yes", path]).await.0, Some(0));
    let (status, _) = shell
        .run(Some(&file), &["chat", "-m", "huggingface/a/fine", "Hello!"])
        .await;
    assert_eq!(status, Some(0));
    assert!(trace.exists(), "the login shell did not run");
}

#[tokio::test]
async fn grant_lets_a_second_provider_have_its_credential() {
    let harness = Harness::with().mock(|mock| mock.require_key(false)).start().await;
    let mut shell = Shell::new(&harness);
    shell.variables = vec![("TINY_KEY".to_owned(), TOKEN.to_owned())];
    let plugin = tiny();
    let chat = ["chat", "-m", "tiny/small/one", "Hello!"];
    let key = || {
        let requests = harness.mock.requests();
        requests
            .last()
            .and_then(|request| request.header("x-tiny-key").map(str::to_owned))
    };
    shell.run(Some(&plugin), &chat).await;
    assert_eq!(key(), None, "nobody has granted it anything");
    // There is no terminal to confirm it.
    let file = plugin.display().to_string();
    let (status, said) = shell.run(None, &["grant", &file]).await;
    assert_eq!(
        (status, &said["error"]["kind"]),
        (Some(1), &json!("not-granted")),
        "{said}"
    );
    shell.run(Some(&plugin), &chat).await;
    assert_eq!(key(), None);
    let (status, said) = shell.run(None, &["grant", "--yes", &file]).await;
    assert_eq!((status, &said["id"]), (Some(0), &json!("tiny")), "{said}");
    assert_eq!(said["grants"]["header"], "x-tiny-key");
    let (status, said) = shell.run(Some(&plugin), &chat).await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(key(), Some(format!("Key {TOKEN}")));
}
