//! The findings of `doctor`, and their fixes.

use mock_router::{MockOptions, MockRouter, Script};
use serde_json::{Value, json};

use crate::{
    guests::{DISGUISE, Files},
    harness::TOKEN,
    program::Ended,
    terminal::{Home, person},
};

const REVOKED: &str = "hf_this_one_was_revoked_long_ago";

async fn mock() -> MockRouter {
    MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router")
}

/// The findings of one check, with their fixes.
fn fix(ran: &Ended, check: &str, message: &str) -> String {
    let json = ran.json();
    let findings = json["findings"].as_array().expect("findings").clone();
    let found = findings.into_iter().find(|finding| {
        let words = finding["message"].as_str().unwrap_or_default();
        finding["check"] == check && words.contains(message)
    });
    let found = found.unwrap_or_else(|| panic!("`{check}: {message}` is not in {json:#}"));
    found["fix"].as_str().unwrap_or_default().to_owned()
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
async fn every_problem_comes_with_a_fix() {
    let mock = mock().await;
    let config = r#"{
      env: { vars: { HF_TOKEN: "short" } },
      models: { providers: { huggingface: { baseURL: "http://x", models: [] } } },
      agents: { defaults: {
        model: { primary: "huggingface/deepseek-ai/DeepSeek-R1", fallback: [], fallbacks: ["huggingface/broken ref", "zeta/x"] },
        models: {
          "huggingface/Qwen/Qwen3-8B": { alias: "twice", params: { transport: "sse" } },
          "huggingface/Qwen/Qwen3-32B": { alias: "Twice" },
          "huggingface/Qwen/Qwen3-4B": { alias: "both" }, "zeta/x": { alias: "Both" },
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
        let shared = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(home.path(""), shared).expect("set");
    }
    person(move || {
        let ran = home.run(&["doctor", "--set", "bil-to=me", "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        finds(
            &of_level(&ran, "note"),
            "settings: `bil-to` is not a setting of the host",
        );
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
        finds(&of_level(&ran, "note"), "params.transport` is not used here");
        finds(
            &warnings,
            "aliases: the alias `twice` means huggingface/Qwen/Qwen3-8B and huggingface/Qwen/Qwen3-32B",
        );
        finds(
            &warnings,
            "aliases: the alias `both` means huggingface/Qwen/Qwen3-4B here, and zeta/x too",
        );
        #[cfg(unix)]
        {
            finds(&warnings, "files: other users can read");
            finds(&warnings, "files: other users can write to");
        }
        finds(&of_level(&ran, "note"), "zeta/x is not one of `huggingface`");
        assert!(ran.out.contains("did you mean `baseUrl`?"), "{ran:?}");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_openclaw_would_not_use_is_named() {
    let mock = mock().await;
    let profiles = r#"{ "version": 1, "profiles": { "HuggingFace:work": {
      "type": "api_key", "provider": "HuggingFace", "key": "hf_AnotherKeyOfTheProfile" } } }"#;
    let stored = Home::new(&mock.base_url())
        .variable("HF_TOKEN", TOKEN)
        .file("agents/main/agent/auth-profiles.json", profiles);
    let config = r#"{ models: { providers: { huggingface: { apiKey: "MY_KEY", models: [] } } } }"#;
    let bare = Home::new(&mock.base_url())
        .variable("MY_KEY", TOKEN)
        .file("openclaw.json", config);
    person(move || {
        let ran = stored.run(&["doctor", "--format", "json"]);
        finds(&of_level(&ran, "ok"), "key: found: env: HF_TOKEN");
        finds(
            &of_level(&ran, "note"),
            "key: OpenClaw uses another key, that of the profile HuggingFace:work",
        );
        assert!(!ran.out.contains("hf_AnotherKey"), "{ran:?}");
        let ran = bare.run(&["doctor", "--format", "json"]);
        finds(
            &of_level(&ran, "ok"),
            "key: found: models.providers.huggingface.apiKey: MY_KEY",
        );
        finds(
            &of_level(&ran, "note"),
            "key: `models.providers.huggingface.apiKey` names the variable MY_KEY",
        );
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

#[tokio::test]
async fn a_key_that_the_service_rejects_is_an_error_that_names_its_source() {
    let mock = MockRouter::start(MockOptions::immediate().reject_key(REVOKED))
        .await
        .expect("a mock router");
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", REVOKED);
    person(move || {
        let ran = home.run(&["doctor", "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let errors = of_level(&ran, "error");
        assert_eq!(errors, ["key: Invalid credentials in Authorization header"]);
        finds(&of_level(&ran, "ok"), "service: it lists");
        let fix = fix(&ran, "key", "Invalid credentials");
        assert!(
            fix.starts_with("Check the token in HF_TOKEN, or create one at"),
            "{fix}"
        );
        assert!(!ran.out.contains(REVOKED) && !ran.err.contains(REVOKED));
    })
    .await;
}

#[tokio::test]
async fn a_key_is_not_good_because_nothing_is_at_the_address() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url().replace("/v1", "/api")).variable("HF_TOKEN", TOKEN);
    person(move || {
        let ran = home.run(&["doctor", "--format", "json"]);
        finds(&of_level(&ran, "warning"), "key: it could not be checked");
        let fix = fix(&ran, "key", "could not be checked");
        assert!(fix.contains("usually ends in /v1"), "{fix}");
    })
    .await;
}

#[tokio::test]
async fn a_broken_list_of_models_stops_nothing_and_stays_as_it_is() {
    let mock = mock().await;
    for broken in [
        "{ providers: {",
        r#"{ "providers": { "huggingface": { "models": [{ "source": "live" }] } } }"#,
        r#"{ "providers": { "huggingface": { "models": {} } } }"#,
    ] {
        let home = Home::new(&mock.base_url())
            .variable("HF_TOKEN", TOKEN)
            .file("models.json", broken);
        person(move || {
            for command in [
                &["resolve", "Qwen/Qwen3-8B"][..],
                &["models"],
                &["chat", "Hello?"],
                &["onboard", "--non-interactive"],
            ] {
                let ran = home.run(command);
                assert_eq!(ran.code, Some(0), "{ran:?}");
                let said = "the list is left out until the file is corrected or removed";
                assert!(
                    ran.err.contains(said) && ran.err.contains("models.json"),
                    "{ran:?}"
                );
                assert_eq!(ran.err.matches("models.json").count(), 1, "said once: {ran:?}");
            }
            let ran = home.run(&["doctor", "--format", "json"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            finds(&of_level(&ran, "error"), "models.json");
            finds(&of_level(&ran, "ok"), "the service takes it");
            assert_eq!(home.read("models.json"), broken);
        })
        .await;
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_a_warning_with_its_direction() {
    let mock = mock().await;
    for (date, side) in [
        ("Fri, 01 Jan 2100 00:00:00 GMT", "behind"),
        ("Mon, 01 Jan 2001 00:00:00 GMT", "ahead of"),
    ] {
        let list = json!({ "data": [{ "id": "Qwen/Qwen3-8B" }] });
        mock.push_models(Script::json(200, &list).header("date", date));
        mock.push(Script::json(404, &json!({ "error": "no such model" })).header("date", date));
        let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
        person(move || {
            let ran = home.run(&["doctor", "--format", "json"]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let warnings = of_level(&ran, "warning");
            let [clock] = warnings.as_slice() else {
                panic!("{warnings:?}")
            };
            assert!(clock.starts_with("clock: this machine is "), "{clock}");
            assert!(clock.ends_with(&format!(" {side} the service")), "{clock}");
            assert!(fix(&ran, "clock", side).contains("set the clock"), "{ran:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_plugin_without_a_grant_gets_no_key_and_the_fix_names_the_grant_command() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        let other = home.other_plugin();
        let ran = home.run(&["doctor", "--plugin", &other, "--format", "json"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        finds(
            &of_level(&ran, "warning"),
            "grant: `puddingface` is granted nothing",
        );
        finds(&of_level(&ran, "note"), "key: not looked for: there is no grant");
        assert!(
            fix(&ran, "grant", "granted nothing").contains("`grant FILE.wasm`"),
            "{ran:?}"
        );
    })
    .await;
    let sent = mock.requests();
    assert!(
        sent.iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[tokio::test]
async fn an_unusable_plugin_is_an_error_with_a_fix() {
    let mock = mock().await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    person(move || {
        let files = Files::new();
        for (order, what) in [
            (
                ("default-model", "unknown"),
                "it fails its self-test: the attack failed",
            ),
            (("default-model", "trap"), "it fails its self-test: "),
            (("list", "trap"), "it fails its self-test: "),
            (("describe", "trap"), "trap"),
        ] {
            // An order would not count behind another one of the same name.
            let others = DISGUISE.into_iter().filter(|(name, _)| *name != order.0);
            let file = files.ordered("unsound", others.chain([order]));
            let file = file.to_string_lossy().into_owned();
            // A plugin that cannot be described cannot be granted anything either.
            home.run(&["grant", "--yes", &file]);
            let ran = home.run(&["doctor", "--plugin", &file, "--format", "json"]);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            finds(&of_level(&ran, "error"), "plugin: ");
            assert!(!fix(&ran, "plugin", what).is_empty(), "{ran:?}");
        }
    })
    .await;
    assert!(mock.requests().is_empty(), "no request is sent on its behalf");
}

#[tokio::test]
async fn in_a_terminal_each_finding_has_its_mark() {
    let mock = mock().await;
    let config = r#"{ models: { providers: { huggingface: { modells: [] } } } }"#;
    let home = Home::new(&mock.base_url())
        .variable("HF_TOKEN", TOKEN)
        .file("openclaw.json", config);
    person(move || {
        let mut terminal = home.open(&["doctor"]);
        assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
        let screen = terminal.screen();
        for line in [
            "✓ plugin        huggingface 0.1.0",
            "! configuration `models.providers.huggingface.modells` is not used",
            "fix: did you mean `models`?",
            "· models        none is configured",
            "✓ key           the service takes it",
            "✓ clock         agrees with the service's",
            "0 errors, 1 warning",
        ] {
            assert!(screen.contains(line), "`{line}` is not there:\n{screen}");
        }
        // Nothing is left of the spinner, and the marks have their colours.
        assert!(!screen.contains("looking"), "{screen}");
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        assert!(
            raw.contains("\u{1b}[32m✓") && raw.contains("\u{1b}[33m!"),
            "{raw}"
        );
        assert!(!raw.contains(TOKEN));
    })
    .await;
}
