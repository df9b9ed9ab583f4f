//! What `doctor` finds, and that it says what to do.

use host_harness::mock::{MockOptions, MockRouter};
use serde_json::Value;

use crate::{
    harness::TOKEN,
    program::Ended,
    terminal::{Home, person},
};

async fn mock() -> MockRouter {
    MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router")
}

/// The messages of one level, each with its check.
fn of_level(ran: &Ended, level: &str) -> Vec<String> {
    let json = ran.json();
    let findings = json["findings"].as_array().expect("findings");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for finding in findings {
        let is_bad = ["error", "warning"].contains(&text(&finding["level"]).as_str());
        assert!(
            !is_bad || finding["fix"].is_string(),
            "there is something to do about {finding}"
        );
    }
    let some = findings.iter().filter(|finding| finding["level"] == level);
    some.map(|finding| format!("{}: {}", text(&finding["check"]), text(&finding["message"])))
        .collect()
}

#[track_caller]
fn finds(found: &[String], what: &str) {
    assert!(
        found.iter().any(|finding| finding.contains(what)),
        "`{what}` is not in {found:#?}"
    );
}

#[tokio::test]
async fn nothing_is_wrong_where_everything_works() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        let ran = home.run(&["doctor", "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(
            (of_level(&ran, "error"), of_level(&ran, "warning")),
            (vec![], vec![])
        );
        let good = of_level(&ran, "ok");
        for check in [
            "grant: ",
            "key: found: env: HF_TOKEN",
            "plugin: huggingface",
            "service: it lists",
            "key: the service takes it",
            "clock: ",
        ] {
            finds(&good, check);
        }
        assert!(!ran.out.contains(TOKEN));
        let text = home.run(&["doctor"]);
        assert_eq!(text.code, Some(0), "{text:?}");
        assert!(
            text.out.contains("the service takes it") && text.err.contains("0 errors, 0 warnings"),
            "{text:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_comes_with_what_to_do() {
    let mock = mock().await;
    let config = r#"{
      env: { vars: { HF_TOKEN: "short" } },
      models: { providers: { huggingface: { baseURL: "http://x", models: [] } } },
      agents: { defaults: {
        model: { primary: "huggingface/deepseek-ai/DeepSeek-R1", fallback: [], fallbacks: ["huggingface/broken ref", "zeta/x"] },
        models: {
          "huggingface/Qwen/Qwen3-8B": { alias: "twice", params: { transport: "sse" } },
          "huggingface/Qwen/Qwen3-32B": { alias: "Twice" },
        },
      } },
    }"#;
    let home = Home::new(&mock.base_url())
        .file("openclaw.json", config)
        .file(".env", "X=1");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(home.path(".env"), open).expect("set");
    }
    person(move || {
        let ran = home.run(&["doctor", "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let (errors, warnings) = (of_level(&ran, "error"), of_level(&ran, "warning"));
        finds(&errors, "key: ");
        finds(&errors, "models: ");
        finds(&warnings, "key: the key has fewer than 8 bytes");
        finds(
            &warnings,
            "configuration: `models.providers.huggingface.baseURL` is not used",
        );
        finds(
            &warnings,
            "configuration: `agents.defaults.model.fallback` is not used",
        );
        finds(&warnings, "params.transport` is no parameter");
        finds(
            &warnings,
            "aliases: the alias `twice` means huggingface/Qwen/Qwen3-8B and huggingface/Qwen/Qwen3-32B",
        );
        #[cfg(unix)]
        finds(&warnings, "files: others may read");
        finds(&of_level(&ran, "note"), "zeta/x is not one of `huggingface`");
        assert!(ran.out.contains("did you mean `baseUrl`?"), "{ran:?}");
    })
    .await;
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_and_a_key_that_is_missing_are_errors() {
    person(|| {
        let home = Home::new("http://127.0.0.1:9/v1");
        let ran = home.run(&["doctor", "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        finds(&of_level(&ran, "error"), "service: ");
        finds(
            &of_level(&ran, "error"),
            "key: there is none in HUGGINGFACE_HUB_TOKEN, HF_TOKEN",
        );
        let home = Home::new("").file("openclaw.json", "{ a: ");
        let ran = home.run(&["doctor", "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        finds(&of_level(&ran, "error"), "configuration: ");
        let ran = home.run(&["doctor", "--plugin", "/nowhere.wasm", "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
    })
    .await;
}
