//! Swaps to plugins that should never have come: the one before serves on, nothing is lost, and the reason is told.

use std::{path::PathBuf, time::Duration};

use host_harness::{
    Completion, Error, Host, Kind, Plugin, Sandbox, SandboxOptions,
    component::Build,
    contract::{DiscoveryMode, Summary},
};

use crate::{
    guests::{DISGUISE, Files, hostile, hostile_plugin, replaced},
    harness::{Harness, Heard, Setup, built, collect, parts_text, question},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const FINE: &str = "hostile/a/fine";
/// The workspace's own component with another version of the contract in it, everywhere.
fn of_contract(files: &Files, version: &str) -> PathBuf {
    let mut file = built(Build::Release);
    for interface in ["provider", "settings", "types"] {
        let name = |version: &str| format!("openclaw:model-provider/{interface}@{version}").into_bytes();
        file = files.write(version, &replaced(&file, &name("0.1.0"), &name(version)));
    }
    file
}

/// A swap that has to be refused; what was live has to answer as before.
async fn refused(harness: &Harness, model: &str, file: &std::path::Path) -> Error {
    let before = harness.host.generation();
    let error = harness.host.swap(file).await.unwrap_err();
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(harness.host.generation(), before);
    assert_eq!(harness.host.info().version, before.version);
    harness.ask(model).await.summary();
    error
}

#[tokio::test]
async fn a_component_of_another_world_is_refused() {
    let (harness, files) = (Harness::start().await, Files::new());
    let file = files.write("world", &wat::parse_str("(component)").unwrap());
    let error = refused(&harness, MODEL, &file).await;
    assert_eq!(error.kind(), Kind::ContractMismatch);
    assert!(
        error.message().contains("openclaw:model-provider/provider"),
        "{error}"
    );
}

#[tokio::test]
async fn a_newer_and_an_older_contract_are_refused_with_both_versions() {
    let (harness, files) = (Harness::start().await, Files::new());
    for version in ["0.2.0", "0.0.9"] {
        let error = refused(&harness, MODEL, &of_contract(&files, version)).await;
        assert_eq!(error.kind(), Kind::ContractMismatch);
        assert!(
            error.message().contains(version) && error.message().contains("0.1.0"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_component_of_another_shape_under_the_same_version_is_refused() {
    let (harness, files) = (Harness::start().await, Files::new());
    let text = r#"(component
        (core module $m (func (export "f")))
        (core instance $c (instantiate $m))
        (func $f (canon lift (core func $c "f")))
        (instance $i (export "describe" (func $f)))
        (export "openclaw:model-provider/provider@0.1.0" (instance $i)))"#;
    let error = refused(
        &harness,
        MODEL,
        &files.write("shape", &wat::parse_str(text).unwrap()),
    )
    .await;
    assert_eq!(error.kind(), Kind::ContractMismatch, "{error}");
}

#[tokio::test]
async fn a_plugin_that_fails_its_self_test_is_refused() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let orders = [
        ("default-model", "unknown"),
        ("default-model", "trap"),
        ("list", "trap"),
    ];
    for (at, (order, value)) in orders.into_iter().enumerate() {
        let file = files.ordered(&at.to_string(), [(order, value)]);
        let error = refused(&harness, FINE, &file).await;
        assert_eq!(error.kind(), Kind::PluginLoad);
        assert!(error.message().contains("self-test"), "{error}");
    }
}

#[tokio::test]
async fn after_a_swap_the_new_code_answers() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    assert_eq!(harness.ask(FINE).await.text(), "hostile 1.0.0");
    for version in ["1.0.1", "1.0.2"] {
        let report = harness
            .host
            .swap(&files.ordered(version, [("version", version)]))
            .await
            .unwrap();
        assert_eq!(report.to.version, version);
        let completion = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
        assert_eq!(completion.generation().version, version);
        assert_eq!(collect(completion).await.text(), format!("hostile {version}"));
        let whole = harness.host.complete(question(FINE, "Hello!")).await.unwrap();
        assert_eq!(parts_text(&whole.response.content), format!("hostile {version}"));
        assert_eq!(
            harness.host.resolve(FINE).await.unwrap().display_name,
            format!("hostile {version}")
        );
    }
}

fn warned(summary: &Summary) -> bool {
    summary.warnings.iter().any(|warning| {
        assert!(warning.message.contains("generation 2 failed"), "{warning:?}");
        assert!(warning.message.contains("generation 1 answered"), "{warning:?}");
        warning.code == "answered-by-previous"
    })
}

#[tokio::test]
async fn who_traps_on_first_use_is_answered_for_and_after_three_times_rolled_back() {
    for deed in ["trap", "read.trap", "panic", "read.panic"] {
        let harness = Harness::with().start_with(hostile_plugin().await).await;
        let files = Files::new();
        let file = files.ordered("bad", [("version", "6.6.6"), ("chat", deed)]);
        harness.host.swap(&file).await.unwrap();
        for time in 1..=3 {
            assert_eq!(
                harness.host.generation().version,
                "6.6.6",
                "{deed}: before trap {time}"
            );
            let mut completion = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
            completion.ready().await.unwrap();
            assert_eq!(completion.generation().number, 1);
            let heard = collect(completion).await;
            assert_eq!(heard.text(), "hostile 1.0.0");
            assert!(warned(heard.summary()), "{deed}: {:?}", heard.summary());
        }
        // Now the one before is live again, and nobody has to be warned.
        assert_eq!(harness.host.generation().number, 1);
        assert_eq!(harness.host.info().version, "1.0.0");
        let heard = harness.ask(FINE).await;
        assert_eq!(heard.text(), "hostile 1.0.0");
        assert!(heard.summary().warnings.is_empty());
        // And it can be replaced by a good one.
        let good = files.ordered("good", [("version", "1.0.1")]);
        harness.host.swap(&good).await.unwrap();
        assert_eq!(harness.ask(FINE).await.text(), "hostile 1.0.1");
    }
}

#[tokio::test]
async fn a_whole_answer_is_answered_for_as_well() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let bad = files.ordered("bad", [("version", "6.6.6"), ("chat", "trap")]);
    harness.host.swap(&bad).await.unwrap();
    let answer = harness.host.complete(question(FINE, "Hello!")).await.unwrap();
    assert_eq!(answer.generation.number, 1);
    assert!(warned(&answer.response.summary));
}

#[tokio::test]
async fn after_its_first_event_a_trap_ends_the_answer() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let file = files.ordered("late", [("version", "6.6.6"), ("chat", "read.then-trap")]);
    harness.host.swap(&file).await.unwrap();
    for _ in 0..3 {
        let heard = harness.ask(FINE).await;
        assert_eq!(heard.text(), "hostile 6.6.6", "what came before stays good");
        assert_eq!(heard.error().kind(), Kind::PluginTrap);
    }
    assert_eq!(
        harness.host.generation().number,
        1,
        "three of them roll back as well"
    );
}

/// Bad ones in a row, none of which has ever answered: the last that has is the one to answer for them.
#[tokio::test]
async fn one_bad_plugin_after_another_loses_nothing() {
    let harness = Harness::with().start_with(hostile_plugin().await).await;
    let files = Files::new();
    let first = files.ordered("first", [("version", "6.6.6"), ("chat", "read.trap")]);
    let second = files.ordered("second", [("version", "7.7.7"), ("chat", "trap")]);
    for turn in 0..3 {
        harness.host.swap(&first).await.unwrap();
        // Begun in the first bad one, and read when the second one is live.
        let between = harness.host.chat(question(FINE, "Hello!")).await.unwrap();
        harness.host.swap(&second).await.unwrap();
        assert_eq!(harness.host.generation().version, "7.7.7");
        for heard in [
            collect(between).await,
            harness.ask(FINE).await,
            harness.ask(FINE).await,
        ] {
            assert_eq!(heard.text(), "hostile 1.0.0", "turn {turn}");
            assert_eq!(heard.summary().warnings[0].code, "answered-by-previous");
        }
    }
}

/// What the load saw.
#[derive(Default)]
struct Seen {
    answers: usize,
    warned: usize,
    outlasted: u64,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.warned += other.warned;
        self.outlasted = self.outlasted.max(other.outlasted);
    }
}

/// One after the other until told to end: streams and whole answers, none of which may be lost.
async fn load(
    host: Host,
    model: &'static str,
    marked: bool,
    ended: tokio::sync::watch::Receiver<bool>,
) -> Seen {
    let mut seen = Seen::default();
    let mut turn = 0;
    while !*ended.borrow() {
        turn += 1;
        // Constant load, and still a machine with something left for the compiler.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let warnings = if turn % 4 == 0 {
            let answer = host.complete(question(model, "Hello!")).await.unwrap();
            let text = parts_text(&answer.response.content);
            check_marker(marked, &text, &answer.generation.version);
            answer.response.summary.warnings
        } else {
            let began = host.generation().number;
            let mut completion = host.chat(question(model, "Hello!")).await.unwrap();
            let heard = hear(&mut completion).await;
            check_marker(marked, &heard.text(), &completion.generation().version);
            seen.outlasted = seen.outlasted.max(host.generation().number.saturating_sub(began));
            heard.summary().warnings.clone()
        };
        seen.answers += 1;
        seen.warned += usize::from(
            warnings
                .iter()
                .any(|warning| warning.code == "answered-by-previous"),
        );
    }
    seen
}

async fn hear(completion: &mut Completion) -> Heard {
    let mut heard = Heard::default();
    while let Some(event) = completion.next().await.expect("an answer that is not lost") {
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
            "the answer is of the generation that it names"
        );
    }
}

/// What is shown and what runs never disagree; and the list and a look-up always work.
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
    ends: Result<&'static str, Kind>,
}

fn good(file: PathBuf, version: &'static str) -> Candidate {
    Candidate {
        file,
        ends: Ok(version),
    }
}

fn bad(file: PathBuf, kind: Kind) -> Candidate {
    Candidate {
        file,
        ends: Err(kind),
    }
}

/// An engine that keeps compiled code, so that a hundred swaps compile each file once.
async fn caching(files: &Files, mut setup: Setup, first: PathBuf) -> Harness {
    let options = SandboxOptions {
        cache_dir: Some(files.path().join("cache")),
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::new(&options).unwrap();
    let plugin = Plugin::load(&sandbox, &first, false).await.unwrap();
    setup = setup.sandbox(sandbox);
    setup.start_with(plugin).await
}

async fn a_hundred_random_swaps(
    harness: &Harness,
    model: &'static str,
    marked: bool,
    all: &[Candidate],
) -> Seen {
    let (end, ended) = tokio::sync::watch::channel(false);
    let mut tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(load(harness.host.clone(), model, marked, ended.clone())))
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
        "{switched} switches, {} answers, {} of them by the generation before; one outlasted {} swaps",
        seen.answers, seen.warned, seen.outlasted
    );
    assert!(switched > 20 && seen.answers > 50);
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_random_swaps_of_good_and_bad_builds_lose_nothing() {
    let files = Files::new();
    let setup = Harness::with().mock(|mock| mock.pace(Duration::from_millis(5)));
    let harness = caching(&files, setup, built(Build::Release)).await;
    let whole = std::fs::read(built(Build::NextVersion)).unwrap();
    let disguised = |name, order| files.ordered(name, DISGUISE.into_iter().chain([order]));
    let all = [
        good(built(Build::Release), "0.1.0"),
        good(built(Build::NextVersion), "0.1.0-next"),
        good(disguised("first use", ("chat", "trap")), "9.9.9"),
        good(disguised("first read", ("chat", "read.trap")), "9.9.9"),
        bad(files.write("half", &whole[..whole.len() / 2]), Kind::PluginLoad),
        bad(
            files.write("world", &wat::parse_str("(component)").unwrap()),
            Kind::ContractMismatch,
        ),
        bad(of_contract(&files, "0.2.0"), Kind::ContractMismatch),
        bad(
            disguised("self-test", ("default-model", "unknown")),
            Kind::PluginLoad,
        ),
        bad(hostile(), Kind::Configuration),
        bad(disguised("describe", ("describe", "trap")), Kind::PluginTrap),
    ];
    let seen = a_hundred_random_swaps(&harness, MODEL, false, &all).await;
    assert!(seen.warned > 0, "some were answered for");
    assert!(seen.outlasted >= 2, "some answer outlasted several swaps");
    assert_eq!(
        harness.mock.connections() as u64,
        harness.host.connections_opened()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_under_random_swaps_is_of_the_generation_that_it_names() {
    let files = Files::new();
    let harness = caching(&files, Harness::with(), hostile()).await;
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
            Kind::PluginLoad,
        ),
    ];
    let seen = a_hundred_random_swaps(&harness, FINE, true, &all).await;
    assert!(seen.warned > 0, "some were answered for");
}
