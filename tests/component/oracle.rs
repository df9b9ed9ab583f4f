//! An attacker whose guesses of the token are echoed learns nothing: neither a plugin that observes how it may read them,
//! nor a client of `serve` that observes how they are streamed. Right guesses of proper prefixes look like wrong ones.
//!
//! With a redaction that holds back what may be the beginning of the token these tests fail: three with one in bodies,
//! the client's with one in events.

use std::{convert::Infallible, sync::Arc};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use mock_router::Script;
use model_provider_host::Plugin;
use model_server::ServeOptions;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::OnceCell, task::JoinHandle};

use crate::{
    guests,
    harness::{Harness, TOKEN, question, sandbox},
    http::{Serving, streamed},
};

/// Requests of one call of the guest; the limit is 16.
const AT_ONCE: usize = 12;
/// Right and wrong bodies cross a network with its own chunking; each is tried this often.
const TRIES: usize = 8;

/// An upstream that echoes what it is sent: whole, or in frames if a body begins with `|` and has more of them.
struct Echo {
    port: u16,
    serving: JoinHandle<()>,
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Body =
    Either<Full<Bytes>, StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

async fn repeat(request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let body = match body.strip_prefix(b"|") {
        None => Either::Left(Full::from(body)),
        Some(frames) => {
            let frames = frames.split(|byte| *byte == b'|');
            let frames = frames.map(|frame| Ok(Frame::data(Bytes::copy_from_slice(frame))));
            Either::Right(StreamBody::new(stream::iter(frames.collect::<Vec<_>>())))
        }
    };
    Ok(Response::new(body))
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let server = hyper::server::conn::http1::Builder::new();
                    let _ = server
                        .serve_connection(TokioIo::new(stream), service_fn(repeat))
                        .await;
                });
            }
        });
        Self { port, serving }
    }
}

/// The guest with the token, in front of an upstream that echoes.
struct Attack {
    harness: Harness,
    _echo: Echo,
}

impl Attack {
    async fn start() -> Self {
        static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
        let load = || async {
            let file = tokio::task::spawn_blocking(guests::oracle).await.unwrap();
            Plugin::load(sandbox(), &file).await.unwrap()
        };
        let plugin = PLUGIN.get_or_init(load).await.clone();
        let echo = Echo::start().await;
        let url = format!("http://127.0.0.1:{}/v1", echo.port);
        let mock = Arc::new(crate::leaks::mock().await);
        let harness = Harness::with().start_at(&url, mock, plugin).unwrap();
        Self { harness, _echo: echo }
    }

    /// What the guest learns of each body.
    async fn learn(&self, bodies: &[String]) -> Vec<String> {
        let mut learnt = Vec::new();
        for some in bodies.chunks(AT_ONCE) {
            let heard = self.harness.send(question("x", some.join("\n"))).await;
            heard.summary();
            learnt.extend(heard.text().lines().map(str::to_owned));
        }
        assert_eq!(learnt.len(), bodies.len());
        learnt
    }

    /// Fails if a right body can be distinguished from the wrong one beside it, however often both are tried.
    async fn cannot_tell(&self, mut pairs: Vec<(String, String)>) {
        for _ in 0..TRIES {
            let (right, wrong): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
            let (rights, wrongs) = (self.learn(&right).await, self.learn(&wrong).await);
            assert!(
                rights
                    .iter()
                    .chain(&wrongs)
                    .all(|learnt| learnt.ends_with("stars 0"))
            );
            let mut told = rights.iter().zip(&wrongs).map(|(right, wrong)| right != wrong);
            pairs.retain(|_| told.next().unwrap_or(true));
            if pairs.is_empty() {
                return;
            }
        }
        panic!(
            "{} right guesses can be distinguished from wrong ones: {pairs:?}",
            pairs.len()
        );
    }
}

/// Proper prefixes of the token, all lengths in turn, each with the same but for its last character.
fn guesses() -> impl Iterator<Item = (String, String)> {
    let lengths = (1..TOKEN.len()).cycle();
    lengths.zip(b'a'..=b'z').cycle().map(|(length, other)| {
        let right = &TOKEN[..length];
        let known = &TOKEN[..length - 1];
        let other = if right.as_bytes()[length - 1] == other {
            b'-'
        } else {
            other
        };
        (right.to_owned(), format!("{known}{}", char::from(other)))
    })
}

/// Guesses joined as this says, `size` to a body.
fn bodies(count: usize, size: usize, with: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let mut guesses = guesses();
    let mut bodies = Vec::new();
    for _ in 0..count.div_ceil(size) {
        let (right, wrong): (Vec<_>, Vec<_>) = guesses.by_ref().take(size).unzip();
        let body = |all: Vec<String>| all.iter().map(|guess| with(guess)).collect::<String>();
        bodies.push((body(right), body(wrong)));
    }
    bodies
}

#[tokio::test]
async fn a_plugin_with_guesses_echoed_in_frames_learns_nothing() {
    let attack = Attack::start().await;
    for form in ["|{}", "|^{}", "|{}^", "| {}", "|{} ", "|\"{}\"", "|{}|{}"] {
        let bodies = bodies(1_500, 100, |guess| form.replace("{}", guess));
        attack.cannot_tell(bodies).await;
    }
}

#[tokio::test]
async fn a_plugin_with_guesses_echoed_in_one_plain_body_learns_nothing() {
    let attack = Attack::start().await;
    const SIZE: usize = 24_000;
    // First where reads end, as an attacker would find out.
    let learnt = attack.learn(&[".".repeat(SIZE)]).await;
    let (sizes, _) = learnt[0].split_once(" stars").unwrap();
    let mut read = 0;
    let mut ends: Vec<usize> = sizes
        .split(' ')
        .map(|size| {
            read += size.parse::<usize>().unwrap();
            read
        })
        .collect();
    assert_eq!(read, SIZE);
    // And where they would end if nothing was held back.
    ends.extend([8_192, 16_384, 8_192 - 128, SIZE]);
    ends.retain(|end| *end > TOKEN.len());
    let mut pairs = Vec::new();
    for end in ends {
        for (right, wrong) in guesses().take(TOKEN.len() * 2) {
            let body = |guess: &str| {
                let before = ".".repeat(end - guess.len());
                format!("{before}{guess}{}", ".".repeat(SIZE - end))
            };
            pairs.push((body(&right), body(&wrong)));
        }
    }
    // Many in one body, so that some stand wherever a read ends.
    pairs.extend(bodies(10_000, 800, |guess| format!("{guess}.")));
    attack.cannot_tell(pairs).await;
}

#[tokio::test]
async fn what_such_a_plugin_sees_is_the_form_of_the_bytes_and_a_whole_token_only() {
    let attack = Attack::start().await;
    // It does see how frames are chunked, where their format allows it.
    let learnt = attack
        .learn(
            &[
                "|one^|two^|three^",
                "|one|two|three",
                "|x hf_integra~tion_test_token y^",
                "hf_integration~_test_token",
            ]
            .map(str::to_owned),
        )
        .await;
    assert_eq!(learnt[0], "4 4 6 stars 0");
    assert_eq!(learnt[1], "11 stars 0");
    assert!(
        learnt[2].ends_with(&format!("stars {}", TOKEN.len())),
        "{learnt:?}"
    );
    assert!(
        learnt[3].ends_with(&format!("stars {}", TOKEN.len())),
        "{learnt:?}"
    );
}

/// What a client sees of a streaming response: the kind of each event, and the size of each text in it.
fn form_of(event: &Value) -> Value {
    match event {
        Value::String(text) => json!(text.len()),
        Value::Array(all) => all.iter().map(form_of).collect(),
        Value::Object(all) => all
            .iter()
            .map(|(key, value)| (key.clone(), form_of(value)))
            .collect(),
        other => other.clone(),
    }
}

/// A streaming response that echoes a text in fragments: alternating reasoning and text, then alternating arguments of two
/// calls. So no two neighbouring deltas are of one kind, and no plugin joins them: a client sees what the host passes on.
fn repeating(text: &str, cut: usize) -> Script {
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]}).to_string();
    let arguments = |index: usize, piece: &str| {
        let function = json!({"arguments": piece});
        delta(json!({"tool_calls": [{"index": index, "function": function}]}))
    };
    let pieces: Vec<_> = text.as_bytes().chunks(cut).map(String::from_utf8_lossy).collect();
    let mut events: Vec<String> = Vec::new();
    for piece in &pieces {
        events.push(delta(json!({"reasoning_content": piece})));
        events.push(delta(json!({"content": piece})));
    }
    for index in 0..2 {
        let function = json!({"name": "f", "arguments": "{\"a\": \""});
        let call = json!({"index": index, "id": format!("call_{index}"), "function": function});
        events.push(delta(json!({"tool_calls": [call]})));
    }
    for piece in &pieces {
        let escaped = piece.replace('"', "\\\"");
        events.extend([arguments(0, &escaped), arguments(1, &escaped)]);
    }
    events.extend([arguments(0, "\"}"), arguments(1, "\"}")]);
    events.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}).to_string());
    events.push("[DONE]".to_owned());
    Script::sse(events)
}

#[tokio::test]
async fn a_client_with_guesses_echoed_by_the_model_learns_nothing() {
    let serving = Serving::over(Harness::start().await, ServeOptions::default()).await;
    let mut tried = 0;
    for (cut, count, form) in [
        (1, 100, "{}"),
        (3, 200, "{} "),
        (4, 200, "-{}"),
        (7, 500, "\"{}\""),
        (50, 1_000, "{}"),
        (500, 2_000, "{} "),
    ] {
        for (right, wrong) in bodies(count, 100, |guess| form.replace("{}", guess)) {
            let mut seen = Vec::new();
            for text in [&right, &wrong] {
                serving.harness.mock.push(repeating(text, cut));
                let reply = serving.client.chat(&streamed("Qwen/Qwen3-8B")).await;
                assert_eq!(reply.status, 200, "{}", reply.text);
                assert!(!reply.text.contains('*'), "{}", reply.text);
                let (mut events, done) = reply.events();
                assert!(done);
                for event in &mut events {
                    event["id"].take();
                    event["created"].take();
                }
                seen.push(events.iter().map(form_of).collect::<Vec<_>>());
            }
            assert_eq!(seen[0], seen[1], "{right}");
            tried += 100;
        }
    }
    assert_eq!(tried, 4_000);
}
