//! Instruction counts of whole calls, with host and plugin, and of the native twin, by callgrind in a separate
//! process. They are independent of the clock.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, ExitStatus, Output},
    time::Duration,
};

use frozen_protocol::settings::PlainSettings as FrozenSettings;
use huggingface_protocol::{reference, settings::PlainSettings};
use model_provider_host::{Host, Plugin, Sandbox, contract::DiscoveryMode};
use tokio::runtime::Runtime;

use crate::common::{
    self, data,
    mock::Mock,
    prompt::{self, Prompt},
    twin::{FrozenTwin, Twin},
};

/// The first argument of a counted process.
pub(crate) const WORD: &str = "counted";
/// Counted calls, after one that warms up.
const ROUNDS: u64 = 5;
/// The function for callgrind: the one below, in any of its manglings.
const COUNTED: &str = "*whole*counted_work*";
const REFERENCE: &str = "huggingface/deepseek-ai/DeepSeek-R1:cheapest";

/// The counted work.
const DESCRIBE: &str = "describe";
const RESOLVE: &str = "resolve a reference";
const LIST: &str = "a list of 136 models";
const ANSWER: &str = "a short answer";
/// The prefix of streams for long requests.
const LONG: &str = "50 chunks to ";
const ANSWER_STREAMED: &str = "a short answer, streamed";
/// The implementations.
const PLUGIN: &str = "plugin";
/// The plugin in a store that calls share; one after the other here.
const SHARED: &str = "plugin in a shared store";
/// The plugin in a host that lets the guest wait.
const WAITING: &str = "plugin that waits";
const NATIVE: &str = "native";
const FROZEN: &str = "native at bc404fd";
/// Long enough for a counted process to read one chunk before the next one arrives.
const APART_MS: u32 = 60;

const MOST_GUEST_TIME: Duration = Duration::from_secs(300);

/// The arguments of a process: the implementation, the work, the mock's address, the component, and the compilation
/// cache.
type Words<'w> = [&'w str; 5];

/// Counts all cases; the error says why counting is not possible here.
pub(crate) async fn count(component: &Path) -> Result<BTreeMap<String, u64>, String> {
    let version = Command::new("valgrind").arg("--version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return Err("there is no valgrind, so host and native twin are not counted".to_owned());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("code");
    let component = component.to_str().expect("a plain path");
    let cache_dir = cache.to_str().expect("a plain path");
    // Compile first: compilation would dominate a counted process, and takes twenty times as long there.
    drop(loaded(Path::new(component), &cache, PLUGIN).await);

    let files = data::Files::new();
    let list = Mock::replaying_whole(&files.list(data::ROUTER_LIST));
    let response = Mock::replaying_whole(&files.response());
    let short = Mock::replaying_whole(&files.stream(50));
    let apart = Mock::paced(APART_MS);
    let long = Mock::replaying_whole(&files.stream(2_000));
    let unlike = Mock::replaying_whole(&files.unlike(2_000));
    let mut counts = BTreeMap::new();
    for (what, url) in [
        (DESCRIBE, ""),
        (RESOLVE, ""),
        (LIST, list.base_url()),
        (ANSWER, response.base_url()),
        (ANSWER_STREAMED, response.base_url()),
        ("a stream of 50 chunks, one a packet", apart.base_url()),
        ("a stream of 50 chunks, many a packet", short.base_url()),
        ("a stream of 2,000 chunks, many a packet", long.base_url()),
        (
            "a stream of 2,000 chunks that differ in two places",
            unlike.base_url(),
        ),
        ("50 chunks to 5 KB of text", short.base_url()),
        ("50 chunks to 50 KB of text", short.base_url()),
        ("50 chunks to 500 KB of text", short.base_url()),
        ("50 chunks to 41 messages, 50 KB", short.base_url()),
        ("50 chunks to 30 tools, 60 KB", short.base_url()),
    ] {
        let is_streamed = ![DESCRIBE, RESOLVE, LIST, ANSWER].contains(&what);
        for who in [PLUGIN, SHARED, WAITING, NATIVE, FROZEN] {
            let is_counted = match who {
                // Both write long requests in the same way.
                WAITING => is_streamed && !what.starts_with(LONG),
                SHARED => is_streamed,
                NATIVE | FROZEN => what != DESCRIBE,
                _ => true,
            };
            if is_counted {
                let count = counted([who, what, url, component, cache_dir]);
                counts.insert(format!("{what}, {who}"), count);
            }
        }
    }
    Ok(counts)
}

/// Prints plugin and twins side by side.
pub(crate) fn print(counts: &BTreeMap<String, u64>) {
    println!(
        "| Case | Instructions, plugin in its host | Native | Ratio | Native at bc404fd | Ratio | In a shared store | Where the plugin waits itself |\n\
         |---|---|---|---|---|---|---|---|"
    );
    for (case, plugin) in counts {
        let Some(what) = case.strip_suffix(&format!(", {PLUGIN}")) else {
            continue;
        };
        let beside = [NATIVE, FROZEN].map(|who| match counts.get(&format!("{what}, {who}")) {
            Some(native) => {
                let ratio = *plugin as f64 / *native as f64;
                format!("{native} | {ratio:.2}×")
            }
            None => " | ".to_owned(),
        });
        let [shared, waiting] = [SHARED, WAITING].map(|who| {
            let count = counts.get(&format!("{what}, {who}"));
            count.map(u64::to_string).unwrap_or_default()
        });
        println!(
            "| {what} | {plugin} | {} | {shared} | {waiting} |",
            beside.join(" | ")
        );
    }
}

/// The request of a case.
fn prompt_of(what: &str) -> Prompt {
    match what.strip_prefix(LONG) {
        Some("5 KB of text") => Prompt::long(5, 1),
        Some("50 KB of text") => Prompt::long(50, 1),
        Some("500 KB of text") => Prompt::long(500, 1),
        Some("41 messages, 50 KB") => Prompt::long(50, 41),
        Some("30 tools, 60 KB") => Prompt::with_tools(30, 60),
        _ => Prompt::short(),
    }
}

/// The instructions of one call.
fn counted(words: Words<'_>) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--collect-atstart=no",
        ])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(program)
        .arg(WORD)
        .args(words)
        .output();
    let Output { status, stderr, .. } = output.expect("valgrind runs");
    let said = String::from_utf8_lossy(&stderr);
    collected(status, &said).unwrap_or_else(|| panic!("{words:?}: {said}")) / ROUNDS
}

fn collected(status: ExitStatus, said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected : "));
    let count = line?.1.trim().parse().ok()?;
    (status.success() && count > 0).then_some(count)
}

/// The main function of a counted process.
pub(crate) fn child(words: &[&str]) {
    let [who, what, url, component, cache_dir]: Words<'_> = words.try_into().expect("who, what, and where");
    // A case without requests needs an address as well.
    let url = if url.is_empty() {
        "http://127.0.0.1:9/v1"
    } else {
        url
    };
    let runtime = common::runtime();
    let client = match who {
        NATIVE => Client::Native(Box::new(Twin::new(url, PlainSettings::default()))),
        FROZEN => Client::Frozen(Box::new(FrozenTwin::new(url, FrozenSettings::default()))),
        _ => {
            let plugin = runtime.block_on(loaded(Path::new(component), Path::new(cache_dir), who));
            let host = common::host(&plugin, url, Some(common::TOKEN), |settings| {
                // Under callgrind, on a busy machine, a guest takes longer than it may.
                settings.limits.guest_time = MOST_GUEST_TIME;
            });
            Client::Plugin(Box::new(host))
        }
    };
    runtime.block_on(client.call(what));
    for _ in 0..ROUNDS {
        counted_work(&runtime, &client, what);
    }
}

/// The function that callgrind counts: everything that this thread does, which is all the work.
#[inline(never)]
fn counted_work(runtime: &Runtime, client: &Client, what: &str) {
    runtime.block_on(client.call(what));
}

async fn loaded(component: &Path, cache_dir: &Path, who: &str) -> Plugin {
    let options = common::sandbox_options()
        .with_guests_wait(who == WAITING)
        .with_calls_per_store(if who == SHARED { 8 } else { 1 })
        .with_cache_dir(cache_dir.to_owned())
        // Under callgrind the address space is smaller.
        .with_max_concurrent(4);
    let sandbox = Sandbox::new(&options).expect("an engine");
    let plugin = Plugin::load(&sandbox, component).await;
    plugin.expect("the component loads")
}

enum Client {
    Plugin(Box<Host>),
    Native(Box<Twin>),
    Frozen(Box<FrozenTwin>),
}

impl Client {
    async fn call(&self, what: &str) {
        let prompt = prompt_of(what);
        match (self, what) {
            (Self::Plugin(host), DESCRIBE) => {
                host.plugin().describe().await.expect("what it is");
            }
            (Self::Plugin(host), RESOLVE) => {
                host.resolve(REFERENCE).await.expect("a reference");
            }
            (Self::Plugin(host), LIST) => {
                let catalog = host.list_models(DiscoveryMode::Authenticated).await;
                assert_eq!(catalog.expect("a list").models.len(), data::ROUTER_LIST);
            }
            (Self::Plugin(host), ANSWER) => {
                host.complete(prompt.for_host()).await.expect("a response");
            }
            // The principal is without effect in a sandbox that shares no stores.
            (Self::Plugin(host), _) => {
                assert!(prompt::whole_with(host, &prompt, prompt::sharing()).await > 0);
            }
            (Self::Native(_), RESOLVE) => {
                reference::resolve(REFERENCE, &PlainSettings::default()).expect("a reference");
            }
            (Self::Native(twin), LIST) => assert_eq!(twin.list().await.models.len(), data::ROUTER_LIST),
            (Self::Native(twin), ANSWER) => {
                assert!(!twin.chat(prompt.for_twin()).whole().await.is_empty());
            }
            (Self::Native(twin), _) => assert!(twin.chat(prompt.for_twin()).drain().await > 0),
            (Self::Frozen(_), RESOLVE) => {
                frozen_protocol::reference::resolve(REFERENCE, &FrozenSettings::default())
                    .expect("a reference");
            }
            (Self::Frozen(twin), LIST) => assert_eq!(twin.list().await.models.len(), data::ROUTER_LIST),
            (Self::Frozen(twin), ANSWER) => {
                assert!(!twin.chat(prompt.for_frozen()).whole().await.is_empty());
            }
            (Self::Frozen(twin), _) => assert!(twin.chat(prompt.for_frozen()).drain().await > 0),
        }
    }
}
