//! Third-party clients with the same calls to the same mocks in the same run: a table of its own.
//!
//! Each client is a process that prints one JSON value a line; the clients are in `benches/clients/`, and
//! `benches/clients/install` installs their dependencies. Plugin and twin are processes here, too. They run in turns,
//! and the medians count.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use cpu_time::ProcessTime;
use huggingface_protocol::{contract::types as native, settings::PlainSettings};
use model_provider_host::{
    Host,
    contract::{AssistantPart, ChatEvent, DiscoveryMode},
};

use super::{child, time};
use crate::common::{
    self, data,
    measure::{median, micros},
    mock::Mock,
    prompt::Prompt,
    twin::Twin,
};

/// Calls of a process, and processes of each client.
const CALLS: &str = "100";
const ROUNDS: usize = 3;
const COLUMNS: [(&str, &str); 5] = [
    ("short", "Short response"),
    ("first", "First token"),
    ("stream50", "50 chunks"),
    ("stream500", "500 chunks"),
    ("list", "136 models"),
];

/// Time and CPU of each call, in every round.
type Figures = BTreeMap<String, (Vec<f64>, Vec<f64>)>;

pub(crate) fn measure() {
    let files = data::Files::new();
    let mocks = [
        Mock::responding(&files.response(), &files.list(data::ROUTER_LIST)),
        Mock::replaying(&files.stream(50)),
        Mock::replaying(&files.stream(500)),
    ];
    let mut clients = clients();
    for _ in 0..ROUNDS {
        for (name, command, figures) in &mut clients {
            run(command, &mocks).map_or_else(|why| eprintln!("{name}: {why}"), |said| gather(&said, figures));
        }
    }
    let titles = COLUMNS.map(|(_, title)| title).join(" | ");
    println!("\n| Client: time / CPU of a call | {titles} |\n|---|---|---|---|---|---|");
    for (name, _, figures) in clients.iter().filter(|(_, _, figures)| !figures.is_empty()) {
        let cells = COLUMNS.map(|(call, _)| match figures.get(call) {
            // Its CPU time would include the rest of the response.
            Some((times, _)) if call == "first" => time(median(times)),
            Some((times, used)) => format!("{} / {}", time(median(times)), time(median(used))),
            None => "–".to_owned(),
        });
        println!("| {name} | {} |", cells.join(" | "));
    }
}

/// Runs one round; returns its output, or the error.
fn run(command: &[PathBuf], mocks: &[Mock; 3]) -> Result<String, String> {
    let [program, words @ ..] = command else {
        return Err("no program".to_owned());
    };
    let urls = mocks.iter().map(Mock::base_url);
    let output = Command::new(program)
        .args(words)
        .args([common::TOKEN, CALLS])
        .args(urls)
        .env("NODE_MODULES", tools().join("node/node_modules"))
        .output();
    let output = output.map_err(|error| format!("left out, {} does not run: {error}", program.display()))?;
    if !output.status.success() {
        return Err(format!("left out: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn gather(said: &str, figures: &mut Figures) {
    for line in said.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("a JSON value a line");
        let figure = |name: &str| value[name].as_f64().expect("a number");
        let call = value["call"].as_str().expect("a name").to_owned();
        let (times, used) = figures.entry(call).or_default();
        times.push(figure("time"));
        used.push(figure("cpu"));
    }
}

/// All clients with their commands; a client that is not installed fails when it runs.
fn clients() -> Vec<(&'static str, Vec<PathBuf>, Figures)> {
    let (tools, scripts) = (tools(), common::results_file("clients"));
    let this = std::env::current_exe().expect("this program");
    let own = |who: &str| vec![this.clone(), child::WORD.into(), "client".into(), who.into()];
    let rust = |who: &str| vec![tools.join("rust/release/bench-clients"), who.into()];
    let python = |who: &str| {
        vec![
            tools.join("python/bin/python"),
            scripts.join("ask.py"),
            who.into(),
        ]
    };
    let node = vec!["node".into(), scripts.join("ask.mjs"), "openai".into()];
    let all = [
        ("**the plugin in its host**", own("plugin")),
        ("the native twin", own("twin")),
        ("`reqwest` and `serde_json`, no client", rust("reqwest")),
        ("`async-openai` (Rust)", rust("async-openai")),
        ("`genai` (Rust)", rust("genai")),
        ("`openai` (npm)", node),
        ("`openai` (PyPI)", python("openai")),
        ("`huggingface_hub` (PyPI)", python("huggingface_hub")),
    ];
    all.map(|(name, command)| (name, command, Figures::new())).into()
}

/// The folder with the installed third-party clients.
pub(crate) fn tools() -> PathBuf {
    let folder = std::env::var_os("TOOLS_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let home = std::env::var_os("HOME").unwrap_or_default();
            Path::new(&home).join(".cache/model-provider-tools")
        });
    folder.join("bench")
}

/// The process that [`clients`] runs for plugin and twin.
pub(crate) async fn child(by_plugin: bool, rounds: usize, urls: [&str; 3]) {
    let (short, few) = (Prompt::short(), (rounds / 5).max(1));
    let [response, of50, of500] = if by_plugin {
        let plugin = common::loaded().await;
        urls.map(|url| Client::Plugin(common::host(&plugin, url, Some(common::TOKEN), |_| {})))
    } else {
        urls.map(|url| Client::Twin(Box::new(Twin::new(url, PlainSettings::default()))))
    };
    report("short", rounds, async || {
        assert!(response.whole(&short).await > 100);
        None
    })
    .await;
    report("first", rounds, async || {
        let started = Instant::now();
        let mut took = None;
        of50.streamed(&short, |_| {
            took.get_or_insert_with(|| micros(started.elapsed()));
        })
        .await;
        took
    })
    .await;
    for (name, client, rounds) in [("stream50", &of50, rounds), ("stream500", &of500, few)] {
        report(name, rounds, async || {
            let mut length = 0;
            client.streamed(&short, |text| length += text.len()).await;
            assert!(length > 100);
            None
        })
        .await;
    }
    report("list", few, async || {
        assert_eq!(response.list().await, data::ROUTER_LIST);
        None
    })
    .await;
}

/// Measures a call and prints the result; the first calls warm up. A call may time itself.
async fn report(name: &str, rounds: usize, mut call: impl AsyncFnMut() -> Option<f64>) {
    for _ in 0..3 {
        call().await;
    }
    let mut times = Vec::with_capacity(rounds);
    let used = ProcessTime::now();
    for _ in 0..rounds {
        let started = Instant::now();
        let own = call().await;
        times.push(own.unwrap_or_else(|| micros(started.elapsed())));
    }
    let used = micros(used.elapsed()) / rounds as f64;
    println!(
        "{}",
        serde_json::json!({"call": name, "time": median(&times), "cpu": used})
    );
}

enum Client {
    Plugin(Host),
    Twin(Box<Twin>),
}

impl Client {
    /// A whole response; returns the length of its text.
    async fn whole(&self, prompt: &Prompt) -> usize {
        match self {
            Self::Plugin(host) => {
                let result = host.complete(prompt.for_host()).await.expect("a response");
                match &result.content[..] {
                    [AssistantPart::Text(text)] => text.len(),
                    other => panic!("{other:?} is no text"),
                }
            }
            Self::Twin(twin) => match &twin.chat(prompt.for_twin()).whole().await[..] {
                [native::AssistantPart::Text(text)] => text.len(),
                other => panic!("{other:?} is no text"),
            },
        }
    }

    /// A streaming response, delta by delta.
    async fn streamed(&self, prompt: &Prompt, mut chunk: impl FnMut(&str)) {
        match self {
            Self::Plugin(host) => {
                let mut completion = host.chat(prompt.for_host()).await.expect("a response");
                while let Some(event) = completion.next().await.expect("an event") {
                    if let ChatEvent::Text(text) = event {
                        chunk(&text);
                    }
                }
            }
            Self::Twin(twin) => {
                let mut response = twin.chat(prompt.for_twin());
                loop {
                    let events = response.next().await;
                    if events.is_empty() {
                        break;
                    }
                    for event in events {
                        if let native::ChatEvent::Text(text) = event {
                            chunk(&text);
                        }
                    }
                }
            }
        }
    }

    async fn list(&self) -> usize {
        match self {
            Self::Plugin(host) => {
                let listed = host.list_models(DiscoveryMode::Authenticated).await;
                listed.expect("a list").models.len()
            }
            Self::Twin(twin) => twin.list().await.models.len(),
        }
    }
}
