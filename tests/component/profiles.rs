//! Stored keys by name: which one is sent for a model with a profile after its `@`, as in OpenClaw.

use mock_router::{MockOptions, MockRouter};
use serde_json::Value;

use crate::{harness::plugin, program::Program};

const STORED: &str = r#"{"version":1,"profiles":{
    "huggingface:default":{"type":"api_key","provider":"huggingface","key":"hf_of_default_1234567"},
    "huggingface:work":{"type":"api_key","provider":"huggingface","key":"hf_of_work_1234567890"}}}"#;
const CONFIG: &str = r#"{ "agents": { "defaults": {
    "model": { "primary": "g", "fallbacks": ["huggingface/Qwen/Qwen3-8B"] },
    "models": { "openai/gpt-5": { "alias": "g" }, "huggingface/Qwen/Qwen3-8B": { "alias": "Small" } } } } }"#;

struct Home {
    program: Program,
    mock: MockRouter,
    plugin: String,
}

impl Home {
    async fn new() -> Self {
        let program = Program::new();
        program.write("auth-profiles.json", STORED);
        program.write("openclaw.json", CONFIG);
        let mock = MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router");
        let plugin = plugin().await.path().display().to_string();
        Self {
            program,
            mock,
            plugin,
        }
    }

    async fn run(&self, line: &[&str]) -> crate::program::Ended {
        let url = self.mock.base_url();
        let mut all = vec!["--plugin", self.plugin.as_str(), "--base-url", url.as_str()];
        all.extend(line);
        self.program.run(&all, None).await
    }

    /// The credentials that the router has received since the last call.
    fn sent(&self) -> Vec<String> {
        let sent = self.mock.requests();
        sent.iter()
            .filter_map(|request| request.header("authorization").map(str::to_owned))
            .collect()
    }

    fn configured(&self) -> Value {
        let text = std::fs::read_to_string(self.program.state().join("openclaw.json")).expect("a file");
        serde_json::from_str(&text).expect("JSON")
    }
}

#[tokio::test]
async fn only_the_key_of_the_models_profile_is_sent() {
    let home = Home::new().await;
    for (model, key) in [
        ("huggingface/Qwen/Qwen3-8B@work", "work"),
        ("Qwen/Qwen3-8B@huggingface:work", "work"),
        ("Small@work", "work"),
        ("huggingface/Qwen/Qwen3-8B", "default"),
    ] {
        let before = home.sent().len();
        let ended = home.run(&["chat", "--no-stream", "-m", model, "hi"]).await;
        assert_eq!(ended.code, Some(0), "{model}: {ended:?}");
        let sent = home.sent().split_off(before);
        assert!(!sent.is_empty(), "{model}");
        assert!(
            sent.iter()
                .all(|sent| sent.starts_with(&format!("Bearer hf_of_{key}"))),
            "{model}: {sent:?}"
        );
    }
    let before = home.sent().len();
    let ended = home.run(&["chat", "--no-stream", "-m", "Small@gone", "hi"]).await;
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("no stored profile `gone`"), "{ended:?}");
    assert!(
        ended.err.contains("huggingface:default, huggingface:work"),
        "{ended:?}"
    );
    assert_eq!(home.sent().len(), before, "another key is not used in its place");
}

#[tokio::test]
async fn of_a_model_with_a_profile_only_the_model_is_written() {
    let home = Home::new().await;
    let resolved = home
        .run(&["resolve", "Small@work", "--format", "json"])
        .await
        .json();
    assert_eq!(resolved["canonical"], "huggingface/Qwen/Qwen3-8B", "{resolved}");
    for (line, at, value) in [
        (
            vec!["models", "set", "Small@work"],
            "/agents/defaults/model/primary",
            "huggingface/Qwen/Qwen3-8B",
        ),
        (
            vec![
                "models",
                "fallbacks",
                "add",
                "deepseek-ai/DeepSeek-R1@huggingface:work",
            ],
            "/agents/defaults/model/fallbacks/1",
            "huggingface/deepseek-ai/DeepSeek-R1",
        ),
        (
            vec!["models", "alias", "R1", "deepseek-ai/DeepSeek-R1@work"],
            "/agents/defaults/models/huggingface~1deepseek-ai~1DeepSeek-R1/alias",
            "R1",
        ),
    ] {
        let ended = home.run(&line).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.contains("is not written down"), "{ended:?}");
        let configured = home.configured();
        assert_eq!(configured.pointer(at), Some(&Value::from(value)), "{configured}");
    }
}

#[tokio::test]
async fn an_alias_of_another_providers_model_is_reported_as_such() {
    let home = Home::new().await;
    let ended = home.run(&["chat", "--no-stream", "hi"]).await;
    assert_eq!(ended.code, Some(0), "the fallback responds: {ended:?}");
    assert!(
        ended
            .err
            .contains("`g` is openai/gpt-5, a model of another provider"),
        "{ended:?}"
    );
    assert!(!ended.err.contains("huggingface/g"), "{ended:?}");
    for line in [
        vec!["chat", "--no-stream", "-m", "g", "hi"],
        vec!["resolve", "g"],
        vec!["models", "set", "g@work"],
    ] {
        let ended = home.run(&line).await;
        assert_ne!(ended.code, Some(0), "{line:?}: {ended:?}");
        assert!(
            ended.err.contains("is the name of openai/gpt-5"),
            "{line:?}: {ended:?}"
        );
        assert!(!ended.err.contains("huggingface/g"), "{line:?}: {ended:?}");
    }
}
