//! The token is in no memory of a guest: not in mid-stream, not after the response, not after an error, although the
//! server echoes it in every form. The search finds what the guest does hold, so it would find the token.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use component_build::Build;
use mock_router::{End, Script};
use model_provider_host::{ChatOptions, Error, ErrorKind, Plugin, Principal, Sandbox, SandboxOptions};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::sync::OnceCell;

use crate::{
    guests::{DISGUISE, Files},
    harness::{Harness, built, question},
};

/// With characters that every encoding changes.
const TOKEN: &str = "hf_memory/Test+\"token\"~42?x=y&z";
/// Equally odd, in the prompt: the search has to find it.
const PROMPT: &str = "pr_memory/Test+\"prompt\"~42?x=y&z";
/// The last words of a response, and those of an error.
const LAST_WORD: &str = "farewell-and-good-night";
const ERROR_WORD: &str = "the-server-is-tired";
/// How often to try for an interrupt at one certain moment; what counts is that it happened.
const TRIES: usize = 200;

/// Every form in which a text may carry a secret.
fn forms(secret: &str) -> Vec<(String, Vec<u8>)> {
    let json = serde_json::to_string(secret).unwrap();
    let json = json.trim_start_matches('"').strip_suffix('"').unwrap().to_owned();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let mut all = vec![
        ("raw".to_owned(), secret.as_bytes().to_vec()),
        ("JSON".to_owned(), json.clone().into_bytes()),
        (
            "JSON with slashes escaped".to_owned(),
            json.replace('/', "\\/").into_bytes(),
        ),
        ("percent".to_owned(), percent.into_bytes()),
    ];
    for (name, engine) in [("base64", &STANDARD), ("base64url", &URL_SAFE)] {
        for shift in 0..3 {
            let padded = format!("{}{secret}", &"abc"[..shift]);
            let encoded = engine.encode(&padded);
            // Without the characters that share bits with their neighbours.
            let whole = (shift * 8).div_ceil(6)..padded.len() * 8 / 6;
            all.push((
                format!("{name} shifted by {shift}"),
                encoded.as_bytes()[whole].to_vec(),
            ));
        }
    }
    all
}

/// A text that contains all of them.
fn in_every_form(secret: &str) -> String {
    let encoded = (0..3).map(|shift| {
        let padded = format!("{}{secret}", &"abc"[..shift]);
        format!("{} {}", STANDARD.encode(&padded), URL_SAFE.encode(&padded))
    });
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC);
    format!("{secret} {percent} {}", encoded.collect::<Vec<_>>().join(" "))
}

fn found(memories: &[Vec<u8>], bytes: &[u8]) -> bool {
    memories
        .iter()
        .any(|memory| memory.windows(bytes.len()).any(|window| window == bytes))
}

/// The memories of a stopped guest: its prompt is there, the token is not.
fn searched(error: &Error) {
    let memories = error.guest_memories();
    let size: usize = memories.iter().map(Vec::len).sum();
    assert!(size > 64 * 1024, "only {size} bytes were taken");
    for (form, bytes) in forms(TOKEN) {
        assert!(
            !found(memories, &bytes),
            "the token is in the guest's memory: {form}"
        );
    }
    // As written or as sent; characters that need no escape are there in either case.
    let (plain, encoded): (Vec<_>, Vec<_>) = forms(PROMPT)
        .into_iter()
        .partition(|(form, _)| form == "raw" || form.starts_with("JSON"));
    assert!(
        plain.iter().any(|(_, bytes)| found(memories, bytes)),
        "the search does not find the prompt"
    );
    for (form, bytes) in encoded {
        assert!(
            found(memories, &bytes),
            "the search does not find what is there: {form}"
        );
    }
    // The server's text has arrived, with the token redacted: as many stars as it has bytes.
    assert!(
        found(memories, "*".repeat(TOKEN.len()).as_bytes()),
        "no blanked token either"
    );
    assert!(!format!("{error:?} {error}").contains(TOKEN));
}

async fn dumping() -> &'static Sandbox {
    static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();
    let make = async || {
        let options = SandboxOptions::default()
            .with_coredump_on_trap(true)
            .with_calls_per_store(4)
            .with_max_concurrent(8);
        Sandbox::new(&options).unwrap()
    };
    SANDBOX.get_or_init(make).await
}

/// A host that captures its guests' memories, and a server that echoes the token wherever it can.
async fn harness(plugin: Plugin, guest_time_ms: &str) -> Harness {
    let setup = Harness::with()
        .token(Some(TOKEN))
        .setting("max-guest-time-ms", guest_time_ms);
    setup.start_with(plugin).await
}

fn event(text: &str) -> String {
    format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {"content": text}}]})
    )
}

fn echoing(script: Script) -> Script {
    script
        .header("x-echo", TOKEN)
        .header("x-echo-encoded", STANDARD.encode(TOKEN))
}

/// Text, a pause, and the last word.
fn response(pause: Duration, end: End) -> Script {
    let end_event = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let script = Script::sse::<&str>([]).chunk(event(&in_every_form(TOKEN)));
    let script = if pause.is_zero() {
        script
    } else {
        script.wait(pause)
    };
    let last = format!("{}data: {end_event}\n\ndata: [DONE]\n\n", event(LAST_WORD));
    echoing(script.chunk(last)).end(end)
}

fn refusal(status: u16) -> Script {
    let message = format!("{ERROR_WORD}: {}", in_every_form(TOKEN));
    echoing(Script::json(status, &json!({"error": {"message": message}})))
}

async fn hostile(files: &Files) -> Plugin {
    let file = files.ordered("disguised", DISGUISE);
    Plugin::load(dumping().await, &file).await.unwrap()
}

/// Sends requests until the guest has been stopped, and returns the events before that and the error.
async fn stopped(harness: &Harness, model: &str) -> (usize, Option<Error>) {
    stopped_with(harness, model, ChatOptions::default()).await
}

/// The same, in a store that calls share if the options name a principal.
async fn stopped_with(harness: &Harness, model: &str, options: ChatOptions) -> (usize, Option<Error>) {
    let request = question(model, in_every_form(PROMPT));
    let mut events = 0;
    match harness.host.chat_with(request, options).await {
        Err(error) => (0, Some(error)),
        Ok(mut completion) => loop {
            match completion.next().await {
                Ok(Some(_)) => events += 1,
                Ok(None) => break (events, None),
                Err(error) => break (events, Some(error)),
            }
        },
    }
}

#[tokio::test]
async fn a_thief_that_traps_in_mid_stream_has_no_token() {
    let files = Files::new();
    let harness = harness(hostile(&files).await, "2000").await;
    for attack in ["take_some-1", "read.take_some-1"] {
        harness
            .mock
            .push(response(Duration::from_millis(50), End::Finish));
        let (_, error) = stopped(&harness, &format!("huggingface/a/{attack}")).await;
        let error = error.expect("it traps");
        assert_eq!(error.kind(), ErrorKind::PluginTrap);
        searched(&error);
        assert!(
            !found(error.guest_memories(), LAST_WORD.as_bytes()),
            "the response was still streaming"
        );
        assert!(found(error.guest_memories(), b"\"delta\""), "it had begun");
    }
}

#[tokio::test]
async fn a_thief_that_traps_after_the_response_has_no_token() {
    let files = Files::new();
    let harness = harness(hostile(&files).await, "2000").await;
    for attack in ["take_and_trap", "read.take_and_trap"] {
        harness.mock.push(response(Duration::ZERO, End::Finish));
        let (_, error) = stopped(&harness, &format!("huggingface/a/{attack}")).await;
        let error = error.expect("it traps");
        assert_eq!(error.kind(), ErrorKind::PluginTrap);
        searched(&error);
        assert!(
            found(error.guest_memories(), LAST_WORD.as_bytes()),
            "it had the whole response"
        );
    }
    let with_token = harness.mock.requests();
    let with_token = with_token
        .iter()
        .filter(|request| request.header("authorization") == Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(with_token.count(), 2, "the host did send it");
}

#[tokio::test]
async fn a_thief_that_traps_after_an_error_has_no_token() {
    let files = Files::new();
    let harness = harness(hostile(&files).await, "2000").await;
    for status in [401, 500] {
        harness.mock.push(refusal(status));
        let (_, error) = stopped(&harness, "huggingface/a/take_and_trap").await;
        let error = error.expect("it traps");
        assert_eq!(error.kind(), ErrorKind::PluginTrap);
        searched(&error);
        assert!(
            found(error.guest_memories(), ERROR_WORD.as_bytes()),
            "it had the whole error"
        );
    }
}

/// The workspace's own component, interrupted by a budget of no time at all: at the first tick that finds it running.
async fn own() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    let load = async || {
        Plugin::load(dumping().await, &built(Build::Release))
            .await
            .unwrap()
    };
    PLUGIN.get_or_init(load).await.clone()
}

/// Interrupts it at the wanted moment, in a store of its own and in one that calls share, and searches its memories.
async fn interrupted_and_searched(script: impl Fn() -> Script, wanted: impl Fn(usize, &Error) -> bool) {
    let shared = ChatOptions::default().with_principal(Principal::named("alice"));
    for options in [ChatOptions::default(), shared] {
        searched(&interrupted(&script, &wanted, options).await);
    }
}

/// Retries until an interrupt comes at the wanted moment.
async fn interrupted(
    script: impl Fn() -> Script,
    wanted: impl Fn(usize, &Error) -> bool,
    options: ChatOptions,
) -> Error {
    let harness = harness(own().await, "0").await;
    for _ in 0..TRIES {
        harness.mock.push(script());
        let (events, error) = stopped_with(&harness, "huggingface/Qwen/Qwen3-8B", options).await;
        match error {
            Some(error) if error.details().code.as_deref() == Some("max-guest-time-ms") => {
                for (form, bytes) in forms(TOKEN) {
                    assert!(!found(error.guest_memories(), &bytes), "{form}");
                }
                if wanted(events, &error) {
                    let is_shared = harness.host.metrics().shared_calls > 0;
                    assert_eq!(
                        is_shared,
                        options.principal.is_some() && own().await.is_nonblocking()
                    );
                    return error;
                }
            }
            _ => {}
        }
    }
    panic!("no interrupt at the moment that was wanted in {TRIES} tries");
}

#[tokio::test]
async fn the_component_interrupted_in_mid_stream_has_no_token() {
    let script = || response(Duration::from_millis(40), End::Finish);
    interrupted_and_searched(script, |events, _| events > 0).await;
}

#[tokio::test]
async fn the_component_interrupted_after_the_response_has_no_token() {
    // Its last word has arrived, and the component is stopped when it wakes up for the end.
    let has_last = |error: &Error| found(error.guest_memories(), LAST_WORD.as_bytes());
    let script = || {
        let words = Script::sse::<&str>([]).chunk(event(&in_every_form(TOKEN)) + &event(LAST_WORD));
        let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
        let pause = Duration::from_millis(40);
        echoing(
            words
                .wait(pause)
                .chunk(format!("data: {end}\n\ndata: [DONE]\n\n")),
        )
    };
    interrupted_and_searched(script, |_, error| has_last(error)).await;
}

#[tokio::test]
async fn the_component_interrupted_after_an_error_has_no_token() {
    // It waits before its retry, and is stopped when it wakes up.
    let has_error = |error: &Error| found(error.guest_memories(), ERROR_WORD.as_bytes());
    interrupted_and_searched(|| refusal(503), |_, error| has_error(error)).await;
}
