//! Paths that name no file, piped input, and signals: nothing hangs, nothing is dropped silently.
use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};

use crate::{
    harness::{TOKEN, built},
    http::Client,
    program::{Ended, PROGRAM, Program, environment},
};

const MODEL: &str = "Qwen/Qwen3-8B";
/// Far less than for ever, and far more than a refusal takes on a machine with other work.
const AT_ONCE: Duration = Duration::from_secs(60);

fn pipe(dir: &Path) -> String {
    let path = dir.join("pipe");
    let made = Command::new("mkfifo")
        .arg(&path)
        .status()
        .expect("`mkfifo` is there");
    assert!(made.success());
    path.to_string_lossy().into_owned()
}

async fn plugin() -> String {
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("built");
    plugin.to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_pipe_a_device_and_a_directory_are_refused_at_once_wherever_a_file_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let (pipe, plugin) = (pipe(dir.path()), plugin().await);
    let folder = dir.path().to_string_lossy().into_owned();
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    for (file, what) in [
        (&*pipe, "a named pipe"),
        ("/dev/zero", "a device"),
        (&*folder, "a directory"),
    ] {
        let ca_file = format!("ca-file={file}");
        for arguments in [
            &["mock-router", "--replay", file][..],
            &["--plugin", &plugin, "--config", file, "models"],
            &[
                "--plugin",
                &plugin,
                "--config",
                file,
                "onboard",
                "--non-interactive",
            ],
            &["--plugin", &plugin, "chat", "--request", file],
            &["--plugin", &plugin, "chat", "--image", file, "hi"],
            &["--plugin", &plugin, "serve", "--access-key-file", file],
            &[
                "--plugin",
                &plugin,
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--audit",
                file,
            ],
            &["--plugin", &plugin, "--set", &ca_file, "chat", "-m", MODEL, "hi"],
            &["--plugin", file, "inspect"],
            &["grant", file],
            &["conformance", file],
            &["conformance", &plugin, "--router-file", file],
        ] {
            let started = Instant::now();
            let ended = program.run(arguments, Some(AT_ONCE)).await;
            assert!(started.elapsed() < AT_ONCE, "{arguments:?} hangs");
            assert_eq!(ended.code, Some(1), "{arguments:?} {ended:?}");
            assert!(ended.err.contains("error["), "{arguments:?} {ended:?}");
            let is_plugin = arguments.contains(&"inspect") || arguments.contains(&"grant");
            let words = match arguments.first() {
                _ if is_plugin => "is not a regular file",
                Some(&"mock-router") => "is not a regular file",
                _ => what,
            };
            assert!(ended.err.contains(words), "{arguments:?} {ended:?}");
        }
    }
    // The files of the state directory do not block either.
    for name in [
        "openclaw.json",
        ".env",
        "auth-profiles.json",
        "models.json",
        "grants.json",
    ] {
        let program = Program::new().variable("HF_TOKEN", "");
        let made = Command::new("mkfifo").arg(program.state().join(name)).status();
        assert!(made.expect("`mkfifo` is there").success());
        let ended = program.run(&["--plugin", &plugin, "doctor"], Some(AT_ONCE)).await;
        assert_eq!(ended.code, Some(1), "{name} {ended:?}");
        assert!(ended.out.contains("a named pipe"), "{name} {ended:?}");
    }
}

/// Runs it with this text at its standard input.
async fn piped(mock: &MockRouter, arguments: &[&str], text: &[u8]) -> Ended {
    let (plugin, url) = (plugin().await, mock.base_url());
    let home = tempfile::tempdir().expect("a folder");
    let arguments: Vec<String> = ["--plugin", &plugin, "--base-url", &url]
        .iter()
        .chain(arguments)
        .map(|word| (*word).to_owned())
        .collect();
    let text = text.to_vec();
    tokio::task::spawn_blocking(move || {
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .env_clear()
            .envs(environment(home.path()))
            .env("HF_TOKEN", TOKEN)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that does not read its input is tested elsewhere.
        let _ = stdin.write_all(&text);
        drop(stdin);
        Ended::from(&child.wait_with_output().expect("it ends"))
    })
    .await
    .expect("it ends")
}

/// The last message that was sent.
fn last_request(mock: &MockRouter) -> String {
    let sent = mock.requests();
    let chat = sent
        .iter()
        .rfind(|request| request.method == "POST")
        .expect("a chat request");
    let body: serde_json::Value = serde_json::from_slice(&chat.body).expect("JSON");
    let messages = body["messages"].as_array().expect("messages");
    let content = &messages.last().expect("a message")["content"];
    match content.as_str() {
        Some(text) => text.to_owned(),
        None => content[0]["text"].as_str().unwrap_or_default().to_owned(),
    }
}

#[tokio::test]
async fn text_piped_in_beside_a_prompt_follows_it() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let chat = ["chat", "-m", MODEL, "Summarise:"];
    let ended = piped(&mock, &chat, b"line one\nline two\n").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(last_request(&mock), "Summarise:\n\nline one\nline two");
    let ended = piped(&mock, &chat, b"").await;
    assert_eq!((ended.code, &*last_request(&mock)), (Some(0), "Summarise:"));
    let ended = piped(&mock, &["chat", "-m", MODEL], b"only this\n").await;
    assert_eq!((ended.code, &*last_request(&mock)), (Some(0), "only this"));
    let ended = piped(&mock, &["chat", "-m", MODEL, "-"], b"only this\n").await;
    assert_eq!((ended.code, &*last_request(&mock)), (Some(0), "only this"));
    let ended = piped(&mock, &chat, b"\xff\xfe").await;
    assert!(ended.code == Some(1) && ended.err.contains("UTF-8"), "{ended:?}");
    let body = br#"{"messages":[{"role":"user","content":"from a request"}]}"#;
    for request in ["-", "/dev/stdin"] {
        let ended = piped(&mock, &["chat", "-m", MODEL, "--request", request], body).await;
        assert_eq!(
            (ended.code, &*last_request(&mock)),
            (Some(0), "from a request"),
            "{ended:?}"
        );
    }
}

#[tokio::test]
async fn a_server_outlives_the_terminal_that_it_was_started_from() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let (plugin, url) = (plugin().await, mock.base_url());
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    let running = program
        .start(&["--plugin", &plugin, "--base-url", &url, "serve"])
        .await;
    for _ in 0..2 {
        running.signal("-HUP");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let reply = Client::of(&running.first).ask(MODEL).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("the configuration was reloaded"), "{ended:?}");
}

#[tokio::test]
async fn an_access_key_in_a_path_a_models_name_or_a_members_name_is_not_repeated() {
    const KEY: &str = "access-key-0123456789";
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let (plugin, url) = (plugin().await, mock.base_url());
    let program = Program::new()
        .variable("HF_TOKEN", TOKEN)
        .variable("SERVE_KEY", KEY);
    let line = [
        "--plugin",
        &plugin,
        "--base-url",
        &url,
        "-vvv",
        "serve",
        "--access-key-env",
        "SERVE_KEY",
    ];
    let running = program.start(&line).await;
    let mut client = Client::of(&running.first);
    let encoded: String = KEY.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for key in [None, Some(KEY.to_owned())] {
        client.key = key;
        for path in [
            format!("/v1/models/{KEY}"),
            format!("/v1/models/org/{KEY}:x"),
            format!("/v1/models/{encoded}"),
            format!("/{KEY}"),
            format!("/v1/{encoded}/x"),
            format!("/v1/models?key={KEY}"),
        ] {
            let reply = client.get(&path).await;
            assert!(
                !reply.text.contains(KEY) && !reply.text.contains(&encoded),
                "{path}: {}",
                reply.text
            );
            assert!(!format!("{:?}", reply.headers).contains(KEY), "{path}");
        }
        for model in [
            KEY.to_owned(),
            format!("org/{KEY}"),
            format!("huggingface/{KEY}/{KEY}:{KEY}"),
        ] {
            for stream in [false, true] {
                let body = serde_json::json!({
                    "model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}],
                });
                let reply = client.chat(&body).await;
                assert!(!reply.text.contains(KEY), "{model}: {}", reply.text);
            }
        }
    }
    // Nor in a good response, whose warnings name what was left out.
    for stream in [false, true] {
        let body = serde_json::json!({
            "model": "Qwen/Qwen3-8B", "stream": stream, "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "function": {"name": "f"}}],
            "tool_choice": {"type": "function", "name": "f", KEY: 1},
        });
        let reply = client.chat(&body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(reply.text.contains("members-left-out"), "{}", reply.text);
        assert!(!reply.text.contains(KEY), "{}", reply.text);
    }
    let ended = running.stop().await;
    let log = ended.err + &ended.out;
    assert!(
        log.contains("request finished") && !log.contains(KEY) && !log.contains(&encoded),
        "{log}"
    );
    for sent in mock.requests() {
        assert!(
            !String::from_utf8_lossy(&sent.body).contains(KEY),
            "it goes to nobody"
        );
    }
}
