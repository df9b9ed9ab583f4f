//! The second provider, `openai-compatible`, in the same host and by the same commands: any base URL, a key or none, and
//! models as the server lists them.

use std::{path::PathBuf, sync::OnceLock};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    ErrorKind, Grant, Plugin,
    contract::{DiscoveryMode, FinishReason, ModelSource, ProviderErrorKind, settings::CredentialState},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    guests::tiny_plugin,
    harness::{Harness, Setup, TOKEN, built, parts_text, plugin, question, sandbox},
    http::Client,
    program::{Ended, Program},
};

const MODEL: &str = "openai-compatible/Qwen/Qwen3-8B";

fn file() -> PathBuf {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let build = || component_build::build_member("openai-compatible", |words| eprintln!("{words}"));
    FILE.get_or_init(|| build().expect("it builds")).clone()
}

async fn compatible() -> Plugin {
    static PLUGIN: OnceCell<Plugin> = OnceCell::const_new();
    let load = || async {
        let file = tokio::task::spawn_blocking(file).await.expect("the build ends");
        Plugin::load(sandbox(), &file).await.expect("it loads")
    };
    PLUGIN.get_or_init(load).await.clone()
}

/// A server that needs no key, and no grant.
fn keyless() -> Setup {
    Harness::with().mock(|mock| mock.require_key(false)).token(None)
}

async fn start() -> Harness {
    keyless().start_with(compatible().await).await
}

#[tokio::test]
async fn it_can_reach_no_more_than_the_other_provider() {
    let (own, other) = (plugin().await, compatible().await);
    let sorted = |plugin: &Plugin| {
        let mut imports = plugin.imports().to_vec();
        imports.sort();
        imports
    };
    assert_eq!(sorted(&other), sorted(&own));
    assert_eq!(other.exports(), own.exports());
}

#[tokio::test]
async fn without_a_key_and_a_grant_it_lists_and_chats_at_the_base_url() {
    let harness = start().await;
    assert_eq!(harness.host.credential(), CredentialState::NotRequired);
    let catalog = harness
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .unwrap();
    assert_eq!(catalog.source, ModelSource::Live);
    let ids: Vec<&str> = catalog.models.iter().map(|model| model.id.as_str()).collect();
    assert!(ids.contains(&"Qwen/Qwen3-8B"), "{ids:?}");
    let streamed = harness.ask(MODEL).await;
    let summary = streamed.summary();
    assert_eq!((summary.finish_reason, summary.attempts), (FinishReason::Stop, 1));
    assert_eq!(summary.model, MODEL);
    let whole = harness
        .host
        .complete(question("Qwen/Qwen3-8B", "Hello!"))
        .await
        .unwrap();
    assert_eq!(parts_text(&whole.content), streamed.text());
    for request in harness.mock.requests() {
        assert_eq!(request.header("authorization"), None);
        assert!(
            request
                .header("user-agent")
                .unwrap()
                .starts_with("openclaw-openai-compatible/")
        );
        assert_eq!(request.header("x-hf-bill-to"), None);
    }
}

#[tokio::test]
async fn with_a_grant_the_host_adds_the_key_on_egress() {
    let plugin = compatible().await;
    let grant = Grant::requested_by(plugin.info()).unwrap();
    assert_eq!(grant.env_vars, ["OPENAI_COMPATIBLE_API_KEY"]);
    let setup = Harness::with().grants(|grants| grants.insert(plugin.info().id.clone(), grant));
    let harness = setup.start_with(plugin).await;
    assert_eq!(harness.host.credential(), CredentialState::AttachedByHost);
    harness.ask(MODEL).await.summary();
    let requests = harness.mock.requests();
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(
        requests.last().unwrap().header("authorization"),
        Some(bearer.as_str())
    );
}

#[tokio::test]
async fn a_server_that_wants_a_key_says_so_and_the_hint_names_the_variable() {
    let harness = Harness::with().token(None).start_with(compatible().await).await;
    let heard = harness.ask(MODEL).await;
    let error = heard.error();
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::Unauthenticated)
    );
    assert!(
        error.hint().unwrap().contains("OPENAI_COMPATIBLE_API_KEY"),
        "{error}"
    );
    assert!(
        error.details().request_sent,
        "only the server knows whether it wants one"
    );
}

#[tokio::test]
async fn no_key_is_needed_away_from_this_machine_either_unless_the_provider_needs_one() {
    for (plugin, state) in [
        (compatible().await, CredentialState::NotRequired),
        (tiny_plugin().await, CredentialState::Missing),
        (plugin().await, CredentialState::Missing),
    ] {
        let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
        let harness = keyless()
            .start_at("http://192.0.2.1/v1", mock.into(), plugin)
            .unwrap();
        assert_eq!(harness.host.credential(), state);
    }
}

#[tokio::test]
async fn an_id_with_slashes_and_colons_is_sent_as_it_is() {
    let harness = start().await;
    let heard = harness.ask("openai-compatible/acme/large:free/x").await;
    assert!(heard.error.is_some() || !heard.text().is_empty());
    let requests = harness.mock.requests();
    let body: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    assert_eq!(body["model"], "acme/large:free/x");
}

#[tokio::test]
async fn a_swap_between_the_two_providers_is_refused_and_the_live_one_continues() {
    for (live, other, names) in [
        (
            compatible().await,
            built(Build::Release),
            ["openai-compatible", "huggingface"],
        ),
        (plugin().await, file(), ["huggingface", "openai-compatible"]),
    ] {
        let id = live.info().id.clone();
        let harness = keyless().start_with(live).await;
        let error = harness.host.swap(&other).await.unwrap_err();
        for name in names {
            assert!(error.message().contains(name), "{error}");
        }
        assert_eq!(harness.host.generation().number, 1);
        harness.ask(&format!("{id}/Qwen/Qwen3-8B")).await.summary();
    }
    let harness = start().await;
    assert_eq!(
        harness.host.swap(&file()).await.unwrap().to.number,
        2,
        "to another file of its own"
    );
}

/// The program with a server that it may reach.
struct Desk {
    program: Program,
    mock: MockRouter,
    file: String,
}

impl Desk {
    async fn new() -> Self {
        let file = tokio::task::spawn_blocking(file).await.expect("the build ends");
        let options = MockOptions::immediate().require_key(false);
        Self {
            program: Program::new(),
            mock: MockRouter::start(options).await.expect("a mock router"),
            file: file.display().to_string(),
        }
    }

    /// Runs a command with the plugin.
    async fn run(&self, arguments: &[&str]) -> Ended {
        let plugin = ["--plugin", self.file.as_str()];
        self.program.run(&[arguments, &plugin].concat(), None).await
    }

    async fn good(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["--format", "json"]].concat()).await;
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.json()
    }
}

#[tokio::test]
async fn a_user_sets_it_up_with_one_command_and_chats_with_the_next() {
    let desk = Desk::new().await;
    let url = desk.mock.base_url();
    let set_up = desk
        .good(&[
            "onboard",
            "--non-interactive",
            "--mode",
            "local",
            "--base-url",
            &url,
        ])
        .await;
    let first = set_up["defaultModel"].as_str().unwrap();
    assert!(first.starts_with("openai-compatible/"), "{set_up}");
    let configuration = std::fs::read_to_string(desk.program.state().join("openclaw.json")).unwrap();
    assert!(configuration.contains(&url), "{configuration}");
    let said = desk.good(&["chat", "Hello!"]).await;
    assert_eq!(said["model"], first);
    assert!(!said["text"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn the_same_commands_work_with_it() {
    let desk = Desk::new().await;
    let url = desk.mock.base_url();
    let at = ["--base-url", url.as_str()];
    let listed = desk.good(&[&["models"][..], &at].concat()).await;
    assert_eq!(listed["source"], "live");
    assert_eq!(
        listed["models"][0]["ref"].as_str().unwrap().split('/').next(),
        Some("openai-compatible")
    );
    let resolved = desk.good(&[&["resolve", "llama3.2:3b"][..], &at].concat()).await;
    assert_eq!(resolved["canonical"], "openai-compatible/llama3.2:3b");
    let said = desk
        .good(&[&["chat", "-m", "Qwen/Qwen3-8B", "Hello!"][..], &at].concat())
        .await;
    assert_eq!(said["model"], MODEL);
    let unnamed = desk.run(&[&["chat", "Hello!"][..], &at].concat()).await;
    assert_ne!(unnamed.code, Some(0));
    assert!(unnamed.err.contains("name one with `-m REF`"), "{unnamed:?}");
    let checked = desk.run(&[&["doctor"][..], &at].concat()).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.contains("it lists"), "{checked:?}");
    for foreign in ["Hugging Face", "HF_TOKEN", "huggingface/"] {
        assert!(!checked.out.contains(foreign), "{checked:?}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_with_a_fix() {
    let desk = Desk::new().await;
    let away = ["--base-url", "http://127.0.0.1:9/v1"];
    let listed = desk.good(&[&["models"][..], &away].concat()).await;
    assert_eq!(
        (&listed["source"], &listed["models"]),
        (&json!("bundled"), &json!([]))
    );
    assert_eq!(listed["warnings"][0]["code"], "catalog-not-live");
    let ran = desk
        .run(&[&["onboard", "--non-interactive", "--mode", "local"][..], &away].concat())
        .await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err.contains("--base-url") && ran.err.contains("refuses connections"),
        "{ran:?}"
    );
    assert!(
        !desk.program.state().join("openclaw.json").exists(),
        "nothing is written"
    );
}

#[tokio::test]
async fn it_is_served_to_clients_like_any_provider() {
    let desk = Desk::new().await;
    let url = desk.mock.base_url();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--base-url",
        &url,
        "--plugin",
        &desk.file,
    ];
    let served = desk.program.start(&arguments).await;
    let client = Client::of(&served.first);
    let models = client.get("/v1/models").await;
    // Ids of the list have no prefix, as those of any provider.
    let bare = MODEL.strip_prefix("openai-compatible/").expect("a prefix");
    assert!(models.text.contains(&format!("\"{bare}\"")), "{}", models.text);
    let said = client.ask(MODEL).await;
    assert_eq!(said.status, 200, "{}", said.text);
    served.stop().await;
}
