//! The limits of a plugin: each row of `tests/cases/limits.json` ends as expected, in time, and the next request works.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use model_provider_host::{
    Error, ErrorKind, Host, Limits, Plugin, Sandbox, SandboxOptions, contract::DiscoveryMode,
};
use serde::Deserialize;

use crate::{
    guests::{Files, hostile, hostile_plugin},
    harness::{Harness, TOKEN, question},
};

const FILE: &str = include_str!("../cases/limits.json");
/// No row takes longer, however loaded the machine is; its own limits are a hundredth of this.
const DEADLINE: Duration = Duration::from_secs(30);
/// What "at once" is, with as much room.
const AT_ONCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Table {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    r#in: Export,
    #[serde(default)]
    r#do: String,
    orders: Option<BTreeMap<String, String>>,
    core: Option<String>,
    pages: Option<u32>,
    mock: Option<String>,
    #[serde(default)]
    set: Settings,
    ends: String,
    raised: Option<Raised>,
}

#[derive(Deserialize)]
struct Raised {
    set: Settings,
    ends: Option<String>,
}

type Settings = BTreeMap<String, String>;

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Export {
    Load,
    ListModels,
    ResolveRef,
    ChatComplete,
    ChatStream,
}

impl Case {
    /// Attacks a host of its own, and then sends that host a harmless request.
    async fn run(&self, set: &Settings) -> Result<(), Error> {
        let harness = self.harness(set).await;
        let began = Instant::now();
        let done = tokio::time::timeout(DEADLINE, self.act(&harness.host))
            .await
            .unwrap_or_else(|_| panic!("{}: still at it after {DEADLINE:?}", self.name));
        eprintln!(
            "{}: {:?} after {:?}",
            self.name,
            done.as_ref().err(),
            began.elapsed()
        );
        let fine = harness.host.complete(question("hostile/a/fine", "Hello!"));
        let fine = tokio::time::timeout(AT_ONCE, fine).await;
        let fine = fine.unwrap_or_else(|_| panic!("{}: the next request waits", self.name));
        assert!(fine.is_ok(), "{}: then {fine:?}", self.name);
        assert_eq!(
            harness.host.generation().number,
            if self.replaced(&done) { 2 } else { 1 }
        );
        done
    }

    fn replaced(&self, done: &Result<(), Error>) -> bool {
        self.r#in == Export::Load && done.is_ok()
    }

    async fn harness(&self, set: &Settings) -> Harness {
        let mut setup = Harness::with().mock(|mock| mock.require_key(false));
        if let Some(scenario) = &self.mock {
            setup = setup.mock(|mock| mock.scenario(scenario));
        }
        for (name, value) in set {
            setup = setup.setting(name, value);
        }
        if self.r#in == Export::ListModels {
            setup = setup.setting("list", &self.r#do);
        }
        // The stack belongs to the engine: a row with another size gets its own engine.
        let Some(stack) = set.get("max-stack-bytes") else {
            return setup.start_with(hostile_plugin().await).await;
        };
        let options = SandboxOptions::default()
            .with_max_stack_bytes(stack.parse().unwrap())
            .with_max_concurrent(4);
        let sandbox = Sandbox::new(&options).unwrap();
        let plugin = Plugin::load(&sandbox, &hostile()).await.unwrap();
        setup.start_with(plugin).await
    }

    async fn act(&self, host: &Host) -> Result<(), Error> {
        let reference = format!("hostile/a/{}", self.r#do);
        match self.r#in {
            Export::Load => {
                let files = Files::new();
                let file = match (&self.orders, &self.core) {
                    (_, Some(core)) => files.bare("core", self.pages.unwrap_or(1), core),
                    (orders, None) => {
                        let orders = orders.iter().flatten();
                        files.ordered("ordered", orders.map(|(k, v)| (k.as_str(), v.as_str())))
                    }
                };
                host.swap(&file).await.map(drop)
            }
            Export::ListModels => host.list_models(DiscoveryMode::Off).await.map(drop),
            Export::ResolveRef => host.resolve(&reference).await.map(drop),
            Export::ChatComplete => host.complete(question(&reference, "Hello!")).await.map(drop),
            Export::ChatStream => {
                let mut completion = host.chat(question(&reference, "Hello!")).await?;
                while completion.next().await?.is_some() {}
                Ok(())
            }
        }
    }

    fn check(&self, done: &Result<(), Error>, ends: Option<&str>) {
        let name = &self.name;
        let (error, ends) = match (done, ends) {
            (Ok(()), None) => return,
            (Err(error), Some(ends)) => (error, ends),
            (done, ends) => panic!("{name}: {ends:?} was to come, not {done:?}"),
        };
        let (kind, limit) = ends.split_once(' ').unwrap_or((ends, ""));
        assert_eq!(error.kind().as_str(), kind, "{name}: {error}");
        assert!(error.is_plugin_fault(), "{name}");
        let hint = error.hint().expect("what to do about it");
        if kind == "limit" {
            assert_eq!(error.details().code.as_deref(), Some(limit), "{name}: {error}");
            assert!(hint.contains(&format!("the setting `{limit}`")), "{name}: {hint}");
            assert!(Limits::NAMES.contains(&limit), "{name}: `{limit}` is no setting");
        }
        assert!(!format!("{error:?} {error}").contains(TOKEN), "{name}");
    }
}

/// All rows of one export, one after the other.
async fn rows(export: Export) {
    let table: Table = serde_json::from_str(FILE).unwrap();
    let rows: Vec<&Case> = table.cases.iter().filter(|case| case.r#in == export).collect();
    assert!(!rows.is_empty());
    for case in rows {
        case.check(&case.run(&case.set).await, Some(&case.ends));
        if let Some(raised) = &case.raised {
            case.check(&case.run(&raised.set).await, raised.ends.as_deref());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_plugin_is_ended_while_it_is_loaded_and_the_previous_one_continues() {
    rows(Export::Load).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_list_ends_and_the_next_request_works() {
    rows(Export::ListModels).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_lookup_ends_and_the_next_request_works() {
    rows(Export::ResolveRef).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_call_ends_and_the_next_request_works() {
    rows(Export::ChatComplete).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_stream_ends_and_the_next_request_works() {
    rows(Export::ChatStream).await;
}

#[test]
fn every_limit_has_a_row_and_is_shown_to_be_the_cause() {
    let table: Table = serde_json::from_str(FILE).unwrap();
    // Limits that all requests share need several requests: `load.rs`.
    for name in Limits::NAMES
        .into_iter()
        .filter(|name| *name != "max-total-memory-bytes")
    {
        let ends = format!("limit {name}");
        let mut rows = table.cases.iter().filter(|case| case.ends == ends);
        assert!(
            rows.any(|case| case.raised.as_ref().is_some_and(|raised| raised.ends.is_none())),
            "{name}: no row succeeds when it is raised"
        );
    }
}

#[tokio::test]
async fn a_limit_that_the_sandbox_cannot_give_is_refused_when_the_host_starts() {
    for (name, value, way_out) in [
        ("max-memory-bytes", "300000000", "the setting `max-memory-bytes`"),
        ("max-stack-bytes", "600000", "the setting `max-stack-bytes`"),
        ("max-table-elements", "20001", "20000 or less"),
        ("max-instances", "33", "32 or less"),
    ] {
        let error = Harness::with()
            .setting(name, value)
            .try_start_with(hostile_plugin().await)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(
            error.message().contains(name) && error.message().contains(value),
            "{error}"
        );
        assert!(error.hint().unwrap().contains(way_out), "{error}");
    }
}

#[tokio::test]
async fn a_full_sandbox_says_so_and_serves_again_when_there_is_room() {
    let options = SandboxOptions::default().with_max_concurrent(2);
    let full = Sandbox::new(&options).unwrap();
    let plugin = Plugin::load(&full, &hostile()).await.unwrap();
    let harness = Harness::with().start_with(plugin).await;
    let ask = || question("hostile/a/read.sleep", "Hello!");
    let held = [
        harness.host.chat(ask()).await.unwrap(),
        harness.host.chat(ask()).await.unwrap(),
    ];
    for _ in 0..5 {
        let error = harness.host.chat(ask()).await.unwrap_err();
        assert!(error.is_sandbox_full() && !error.is_plugin_fault(), "{error}");
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(error.details().code.as_deref(), Some("max-concurrent"));
        assert!(error.is_retryable() && !error.details().request_sent && error.hint().is_some());
    }
    drop(held);
    harness
        .host
        .complete(question("hostile/a/fine", "Hello!"))
        .await
        .unwrap();
}

/// Ten pauses of a hundred ticks each: ten seconds on the clock, and next to nothing in the guest.
#[tokio::test]
async fn waiting_is_no_guest_time() {
    let budget = Duration::from_millis(500);
    let harness = Harness::with()
        .setting("max-guest-time-ms", &budget.as_millis().to_string())
        .start()
        .await;
    let chunk = r#"{"choices":[{"index":0,"delta":{"content":"on "}}]}"#;
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let mut script = mock_router::Script::sse([chunk]);
    for _ in 0..10 {
        script = script
            .wait(Duration::from_secs(1))
            .chunk(format!("data: {chunk}\n\n"));
    }
    harness
        .mock
        .push(script.chunk(format!("data: {end}\n\ndata: [DONE]\n\n")));
    let began = Instant::now();
    let mut completion = harness
        .host
        .chat(question("huggingface/Qwen/Qwen3-8B", "Hello!"))
        .await
        .unwrap();
    let mut events = 0;
    while completion.next().await.unwrap().is_some() {
        events += 1;
    }
    assert_eq!(events, 11);
    assert!(began.elapsed() > Duration::from_secs(9), "{:?}", began.elapsed());
    let used = completion.resource_usage();
    eprintln!("{used:?}");
    assert!(used.guest_time < budget, "{used:?}");
}
