//! A hundred random swaps between good and bad builds, under constant load: no request is lost, and every response is of
//! the generation that it names.

use std::{path::PathBuf, time::Duration};

use component_build::Build;
use model_provider_host::{
    ChatOptions, ChatStream, ErrorKind, Host, Plugin, Principal, Sandbox, SandboxOptions,
    contract::DiscoveryMode,
};

use crate::{
    bad_swaps::of_contract,
    guests::{DISGUISE, Files, hostile},
    harness::{Harness, Heard, Setup, built, parts_text, question},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const FINE: &str = "hostile/a/fine";

/// What the load observed.
#[derive(Default)]
pub struct Seen {
    pub responses: usize,
    warned: usize,
    outlasted: u64,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.responses += other.responses;
        self.warned += other.warned;
        self.outlasted = self.outlasted.max(other.outlasted);
    }
}

/// One request after the other until stopped: streaming and whole responses, none of which may be lost.
pub async fn load(
    host: Host,
    model: &'static str,
    marked: bool,
    ended: tokio::sync::watch::Receiver<bool>,
) -> Seen {
    load_with(host, model, marked, ended, ChatOptions::default()).await
}

/// The same with these options for streaming responses.
async fn load_with(
    host: Host,
    model: &'static str,
    marked: bool,
    ended: tokio::sync::watch::Receiver<bool>,
    options: ChatOptions,
) -> Seen {
    let mut seen = Seen::default();
    let mut turn = 0;
    while !*ended.borrow() {
        turn += 1;
        // Constant load that leaves the compiler some CPU.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let warnings = if turn % 4 == 0 {
            let answer = host.complete(question(model, "Hello!")).await.unwrap();
            let text = parts_text(&answer.content);
            check_marker(marked, &text, &answer.generation.version);
            answer.summary.warnings
        } else {
            let began = host.generation().number;
            let request = question(model, "Hello!");
            let mut completion = host.chat_with(request, options).await.unwrap();
            let heard = hear(&mut completion).await;
            check_marker(marked, &heard.text(), &completion.generation().version);
            seen.outlasted = seen.outlasted.max(host.generation().number.saturating_sub(began));
            heard.summary().warnings.clone()
        };
        seen.responses += 1;
        seen.warned += usize::from(
            warnings
                .iter()
                .any(|warning| warning.code == "answered-by-previous"),
        );
    }
    seen
}

async fn hear(completion: &mut ChatStream) -> Heard {
    let mut heard = Heard::default();
    while let Some(event) = completion.next().await.expect("a response that is not lost") {
        heard.events.push(event);
    }
    heard.summary = completion.summary().cloned();
    heard
}

fn check_marker(marked: bool, text: &str, version: &str) {
    assert!(!text.is_empty());
    if marked {
        assert_eq!(
            text,
            format!("hostile {version}"),
            "the response is of the generation that it names"
        );
    }
}

/// What is reported and what runs never disagree; the list and a lookup always work.
async fn look(host: Host, model: &'static str, ended: tokio::sync::watch::Receiver<bool>) -> Seen {
    while !*ended.borrow() {
        let before = host.generation();
        let (info, plugin) = (host.info(), host.plugin());
        if host.generation() == before {
            assert_eq!(info.version, before.version);
            assert_eq!(plugin.digest(), before.digest);
        }
        host.resolve(model).await.unwrap();
        host.list_models(DiscoveryMode::Off).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Seen::default()
}

/// A small generator of numbers, so that a run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// A file to swap to: how it ends, or the version that is live afterwards.
struct Candidate {
    file: PathBuf,
    ends: Result<&'static str, ErrorKind>,
}

fn good(file: PathBuf, version: &'static str) -> Candidate {
    Candidate {
        file,
        ends: Ok(version),
    }
}

fn bad(file: PathBuf, kind: ErrorKind) -> Candidate {
    Candidate {
        file,
        ends: Err(kind),
    }
}

/// An engine with a code cache, so that a hundred swaps compile each file once.
async fn caching(files: &Files, setup: Setup, first: PathBuf, calls_per_store: u32) -> Harness {
    let options = SandboxOptions::default()
        .with_calls_per_store(calls_per_store)
        .with_cache_dir(files.path().join("cache"));
    let sandbox = Sandbox::new(&options).unwrap();
    let plugin = Plugin::load(&sandbox, &first).await.unwrap();
    setup.start_with(plugin).await
}

async fn a_hundred_random_swaps(
    harness: &Harness,
    model: &'static str,
    marked: bool,
    all: &[Candidate],
    options: ChatOptions,
) -> Seen {
    let (end, ended) = tokio::sync::watch::channel(false);
    let mut tasks: Vec<_> = (0..8)
        .map(|_| {
            let load = load_with(harness.host.clone(), model, marked, ended.clone(), options);
            tokio::spawn(load)
        })
        .collect();
    tasks.push(tokio::spawn(look(harness.host.clone(), model, ended)));
    let mut dice = Dice(20_260_801);
    let mut switched = 0;
    for _ in 0..100 {
        let candidate = &all[dice.below(all.len())];
        match (harness.host.swap(&candidate.file).await, candidate.ends) {
            (Ok(report), Ok(version)) => {
                assert_eq!(report.to.version, version);
                switched += 1;
            }
            (Err(error), Err(kind)) => {
                assert_eq!(error.kind(), kind, "{error}");
                assert!(!error.message().is_empty() && error.hint().is_some(), "{error}");
            }
            (done, _) => panic!("{}: {done:?}", candidate.file.display()),
        }
    }
    end.send_replace(true);
    let mut seen = Seen::default();
    for task in tasks {
        seen.add(&task.await.expect("nothing was lost"));
    }
    eprintln!(
        "{switched} switches, {} responses, {} of them by the previous generation; one outlasted {} swaps",
        seen.responses, seen.warned, seen.outlasted
    );
    assert!(switched > 20 && seen.responses > 50);
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_random_swaps_of_good_and_bad_builds_lose_nothing() {
    let harness = random_swaps(1, ChatOptions::default()).await;
    assert_eq!(harness.host.metrics().shared_calls, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_random_swaps_lose_nothing_where_calls_share_stores() {
    let options = ChatOptions::default().with_principal(Principal::named("alice"));
    let harness = random_swaps(4, options).await;
    let metrics = harness.host.metrics();
    eprintln!(
        "{} calls in {} shared stores",
        metrics.shared_calls, metrics.shared_stores
    );
    assert!(metrics.shared_calls > metrics.shared_stores && metrics.shared_stores > 1);
    assert_eq!(metrics.replays_failed, 0);
}

/// A hundred swaps, with so many calls in a store.
async fn random_swaps(calls_per_store: u32, options: ChatOptions) -> Harness {
    let files = Files::new();
    let setup = Harness::with().mock(|mock| mock.pace(Duration::from_millis(5)));
    let harness = caching(&files, setup, built(Build::Release), calls_per_store).await;
    let whole = std::fs::read(built(Build::NextVersion)).unwrap();
    let disguised = |name, order| files.ordered(name, DISGUISE.into_iter().chain([order]));
    let all = [
        good(built(Build::Release), "0.1.0"),
        good(built(Build::NextVersion), "0.1.0-next"),
        good(disguised("first use", ("chat", "trap")), "9.9.9"),
        good(disguised("first read", ("chat", "read.trap")), "9.9.9"),
        bad(
            files.write("half", &whole[..whole.len() / 2]),
            ErrorKind::PluginLoad,
        ),
        bad(
            files.write("world", &wat::parse_str("(component)").unwrap()),
            ErrorKind::ContractMismatch,
        ),
        bad(of_contract(&files, "0.3.0"), ErrorKind::ContractMismatch),
        bad(
            disguised("self-test", ("default-model", "unknown")),
            ErrorKind::PluginLoad,
        ),
        bad(hostile(), ErrorKind::Configuration),
        bad(disguised("describe", ("describe", "trap")), ErrorKind::PluginTrap),
    ];
    let seen = a_hundred_random_swaps(&harness, MODEL, false, &all, options).await;
    assert!(seen.warned > 0, "some failed over to the previous generation");
    assert!(seen.outlasted >= 2, "some response outlasted several swaps");
    assert_eq!(
        harness.mock.connections() as u64,
        harness.host.connections_opened()
    );
    harness
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_response_under_random_swaps_is_of_the_generation_that_it_names() {
    let files = Files::new();
    let harness = caching(&files, Harness::with(), hostile(), 1).await;
    let all = [
        good(files.ordered("one", [("version", "1.0.1")]), "1.0.1"),
        good(files.ordered("two", [("version", "1.0.2")]), "1.0.2"),
        good(
            files.ordered("slow", [("version", "1.0.3"), ("chat", "read.sleep-300")]),
            "1.0.3",
        ),
        good(
            files.ordered("bad", [("version", "6.6.6"), ("chat", "trap")]),
            "6.6.6",
        ),
        bad(
            files.ordered("refused", [("default-model", "trap")]),
            ErrorKind::PluginLoad,
        ),
    ];
    let seen = a_hundred_random_swaps(&harness, FINE, true, &all, ChatOptions::default()).await;
    assert!(seen.warned > 0, "some failed over to the previous generation");
}
