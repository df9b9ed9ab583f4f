//! Onboarding by a script: everything by options.

use mock_router::{MockOptions, MockRouter};
use serde_json::json;

use crate::{
    harness::TOKEN,
    onboarding::{DEFAULT, KEYS, primary, stored},
    program::{Ended, files_below},
    terminal::{Home, person},
};

fn quietly(home: &Home, more: &[&str]) -> Ended {
    // The key is not checked, unless a test has a service for that.
    let arguments = ["onboard", "--non-interactive", "--mode", "local", "--skip-health"];
    home.run(&[&arguments, more].concat())
}

/// The configuration and the stored keys.
fn written(home: &Home) -> [String; 2] {
    ["openclaw.json", KEYS].map(|name| home.read(name))
}

#[tokio::test]
async fn a_script_sets_the_default_model_and_twice_changes_nothing() {
    person(|| {
        let home = Home::new("");
        let flags = [
            "--auth-choice",
            "huggingface-api-key",
            "--huggingface-api-key",
            TOKEN,
        ];
        let ran = quietly(&home, &flags);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(
            ran.out.contains(&format!("Default model set to {DEFAULT}")),
            "{ran:?}"
        );
        assert!(!ran.out.contains(TOKEN) && !ran.err.contains(TOKEN), "{ran:?}");
        assert_eq!(primary(&home), DEFAULT);
        assert_eq!(
            home.config()["auth"]["profiles"],
            json!({ "huggingface:default": { "provider": "huggingface", "mode": "api_key" } })
        );
        assert_eq!(
            home.config()["agents"]["defaults"]["models"],
            json!({ DEFAULT: { "alias": "Hugging-Face" } })
        );
        assert_eq!(
            stored(&home),
            json!({ "type": "api_key", "provider": "huggingface", "key": TOKEN })
        );
        let before = (home.read("openclaw.json"), home.read(KEYS));
        let ran = quietly(&home, &flags);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(before, (home.read("openclaw.json"), home.read(KEYS)));
        // The stored profile is enough from now on; the flag selects its provider.
        let ran = quietly(&home, &["--format", "json"]);
        assert_eq!(
            (ran.code, &ran.json()["changed"]),
            (Some(0), &json!(false)),
            "{ran:?}"
        );
        assert_eq!(ran.json()["profile"], "huggingface:default");
        let ran = quietly(&home, &["--huggingface-api-key", " hf_another\n_key_of_mine "]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(stored(&home)["key"], "hf_another_key_of_mine");
        assert_eq!(before.0, home.read("openclaw.json"));
        #[cfg(unix)]
        for name in ["openclaw.json", KEYS] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(home.path(name))
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn openclaws_other_spelling_of_the_choice_is_understood() {
    person(|| {
        let home = Home::new("");
        let ran = quietly(
            &home,
            &[
                "--auth-choice",
                "apiKey",
                "--token-provider",
                "  HuGgInGfAcE  ",
                "--token",
                &format!("HF_TOKEN={TOKEN};"),
            ],
        );
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(stored(&home)["key"], TOKEN);
        let ran = quietly(
            &home,
            &[
                "--auth-choice",
                "apiKey",
                "--token-provider",
                "nobody",
                "--token",
                "x",
            ],
        );
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.err
                .contains("no plugin of the provider that `--token-provider` names"),
            "{ran:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn without_a_key_a_script_gets_an_error_that_names_the_places_for_one() {
    person(|| {
        let home = Home::new("").variable("HF_TOKEN", " ");
        for flags in [&[][..], &["--huggingface-api-key", ""], &["--auth-choice", "huggingface-api-key"]] {
            let ran = quietly(&home, flags);
            assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{ran:?}");
            let missing =
                "Missing --huggingface-api-key (or HF_TOKEN in env, or existing huggingface API-key profile).";
            assert!(ran.err.contains(missing), "{ran:?}");
        }
        let ran = quietly(&home, &["--huggingface-api-key", "hf_\u{20ac}_\u{1}"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("not ASCII (U+20AC) as character 4"), "{ran:?}");
        assert_eq!(home.read("openclaw.json"), "");
        let ran = home.run(&["onboard"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("--non-interactive"), "{ran:?}");
        let ran = quietly(&home, &["--auth-choice", "zeta-api-key"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        // The plugin's file is there; what is wrong is named, and not shown.
        let ran = quietly(&home, &["--base-url", "/v1?key=secret"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("--base-url") && !ran.err.contains("secret"), "{ran:?}");
        let ran = quietly(&home, &["--help", "--base-url", "/v1"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains("--secret-input-mode"), "{ran:?}");
    })
    .await;
}

#[tokio::test]
async fn several_keys_need_a_choice() {
    person(|| {
        let home = Home::new("");
        let other = home.other_plugin();
        let keys = ["--also", &other, "--huggingface-api-key", TOKEN, "--puddingface-api-key", "p"];
        let ran = quietly(&home, &keys);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(written(&home), [""; 2], "without a choice nothing is written");
        let message = "Multiple API key flags were provided for non-interactive onboarding. Use a single provider flag \
                       or pass --auth-choice explicitly. Flags: --huggingface-api-key, --puddingface-api-key\n";
        assert!(ran.err.contains(message), "{ran:?}");
        let ran = quietly(&home, &[&keys[..], &["--auth-choice", "huggingface-api-key"]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(stored(&home)["key"], TOKEN);
        // The other provider has no grant.
        let before = written(&home);
        let ran = quietly(&home, &["--also", &other, "--puddingface-api-key", "a key of nobody's"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("error[not-granted]"), "{ran:?}");
        assert_eq!(written(&home), before, "nothing is stored for it");
        for (path, bytes) in files_below(home.dir()) {
            let is_kept = String::from_utf8_lossy(&bytes).contains("a key of nobody's");
            assert!(!is_kept, "{}", path.display());
        }
        let ran = quietly(&home, &["--also", &other]);
        assert!(ran.err.contains("several plugins are loaded"), "{ran:?}");
    })
    .await;
}

#[tokio::test]
async fn help_names_the_option_of_the_loaded_provider() {
    person(|| {
        let home = Home::new("");
        let ran = home.run(&["onboard", "--help"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains("--huggingface-api-key <KEY>"), "{ran:?}");
        assert!(ran.out.contains("Hugging Face API key (HF token)"), "{ran:?}");
    })
    .await;
}

#[tokio::test]
async fn a_user_s_file_keeps_its_comments_and_order() {
    person(|| {
        for entry in
            std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config")).expect("fixtures")
        {
            let text = std::fs::read_to_string(entry.expect("a file").path()).expect("text");
            let home = Home::new("").file("openclaw.json", &text);
            let ran = quietly(&home, &["--huggingface-api-key", TOKEN]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
            let new = home.read("openclaw.json");
            assert_eq!(home.read("openclaw.json.bak"), text);
            // Every line is still there, in its order, except for the changed model and commas.
            let mut rest = new.as_str();
            for line in text.lines().filter(|line| !line.contains("primary")) {
                let line = line.trim_end_matches([',', ' ']);
                let at = rest
                    .find(line)
                    .unwrap_or_else(|| panic!("`{line}` is gone:\n{new}"));
                rest = &rest[at + line.len()..];
            }
            let ran = home.run(&["resolve", "--format", "json", DEFAULT]);
            assert_eq!(ran.code, Some(0), "{ran:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_script_s_key_is_checked_and_a_refused_one_is_not_stored() {
    const REVOKED: &str = "hf_this_one_was_revoked_long_ago";
    let mock = MockRouter::start(MockOptions::immediate().reject_key(REVOKED))
        .await
        .expect("a mock router");
    let home = Home::new(&mock.base_url());
    person(move || {
        let onboard = [
            "onboard",
            "--non-interactive",
            "--accept-risk",
            "--huggingface-api-key",
        ];
        let ran = home.run(&[&onboard[..], &[REVOKED]].concat());
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.err.contains("error[unauthenticated]") && ran.err.contains("--skip-health"),
            "{ran:?}"
        );
        assert!(
            ran.err.contains("the key that was given"),
            "the hint names where the key is from: {ran:?}"
        );
        assert_eq!(written(&home), [""; 2]);
        let ran = home.run(&[&onboard[..], &[REVOKED, "--skip-health"]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(stored(&home)["key"], REVOKED);
        let asked = mock.requests().len();
        let ran = home.run(&[&onboard[..], &[TOKEN]].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(stored(&home)["key"], TOKEN);
        assert!(mock.requests().len() > asked);
    })
    .await;
}

#[tokio::test]
async fn openclaw_s_own_options_are_accepted_with_a_note() {
    person(|| {
        let home = Home::new("");
        let ran = quietly(
            &home,
            &[
                "--accept-risk",
                "--skip-channels",
                "--skip-skills",
                "--no-install-daemon",
                "--skip-daemon",
                "--gateway-port",
                "18789",
                "--gateway-bind=loopback",
                "--flow",
                "quickstart",
                "--json",
                "--secret-input-mode",
                "plaintext",
                "--huggingface-api-key",
                TOKEN,
            ],
        );
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.json()["defaultModel"], DEFAULT);
        assert!(
            ran.err.contains("--skip-channels") && ran.err.contains("--gateway-port"),
            "{ran:?}"
        );
        assert!(
            !ran.err.contains("--accept-risk") && !ran.err.contains("18789"),
            "{ran:?}"
        );
        assert_eq!(
            home.config()["models"]["providers"]["huggingface"]["api"],
            "openai-completions"
        );
        assert_eq!(home.config()["meta"]["migrations"]["modelPolicyAllowlist"], true);
    })
    .await;
}

#[tokio::test]
async fn a_key_can_be_stored_as_the_name_of_its_variable() {
    person(|| {
        let home = Home::new("").variable("HF_TOKEN", TOKEN);
        let ran = quietly(&home, &["--secret-input-mode", "ref"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(
            stored(&home)["keyRef"],
            json!({ "source": "env", "provider": "default", "id": "HF_TOKEN" })
        );
        assert!(!home.read(KEYS).contains(TOKEN));
        let ran = quietly(
            &home,
            &[
                "--secret-input-mode",
                "ref",
                "--huggingface-api-key",
                "hf_another_one",
            ],
        );
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.err.contains("none of this provider's holds the key"),
            "{ran:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_existing_default_stays_unless_the_option_overrides_it() {
    person(|| {
        let config = r#"{ "agents": { "defaults": { "model": { "primary": "openai/gpt-5" } } } }"#;
        let home = Home::new("").file("openclaw.json", config);
        let ran = quietly(&home, &["--huggingface-api-key", TOKEN]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains("Default model stays openai/gpt-5"), "{ran:?}");
        assert_eq!(primary(&home), "openai/gpt-5");
        let ran = quietly(&home, &["--set-default"]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(primary(&home), DEFAULT);
    })
    .await;
}
