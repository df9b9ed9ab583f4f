//! What onboarding and model selection write for both eras of OpenClaw.

use super::*;
use model_provider_host::Secret;

/// A provider with known facts.
fn known() -> ProviderInfo {
    let mut info = acme();
    info.id = "huggingface".into();
    info
}

fn onboarded(home: &Home, decided: &Onboarding) -> (Onboarded, Value) {
    let onboarded = home.load().onboard(&known(), decided).unwrap();
    let text = fs::read_to_string(home.path("openclaw.json")).unwrap();
    (onboarded, json5::from_str(&text).unwrap())
}

fn decided() -> Onboarding {
    Onboarding {
        base_url: None,
        key: Secret::new("hf_key").map(StoredKey::Plain),
        profile: None,
        model: "huggingface/a/b".to_owned(),
        replaces_default: false,
        alias: Alias::IfNone("Hugging-Face".to_owned()),
        fallbacks: None,
    }
}

#[test]
fn onboarding_preserves_another_default_and_writes_the_api_and_the_mark() {
    let home = Home::new(&[(
        "openclaw.json",
        "{ agents: { defaults: { model: { primary: 'zeta/x' } } }, meta: { lastTouchedVersion: '2026.9.6' } }",
    )]);
    let (result, config) = onboarded(&home, &decided());
    assert_eq!(result.default, "zeta/x");
    assert_eq!(config["agents"]["defaults"]["model"]["primary"], "zeta/x");
    assert_eq!(
        config["models"]["providers"]["huggingface"]["api"],
        "openai-completions"
    );
    assert_eq!(config["meta"]["migrations"]["modelPolicyAllowlist"], true);
    let asked = Onboarding {
        replaces_default: true,
        ..decided()
    };
    let (result, config) = onboarded(&home, &asked);
    assert_eq!(result.default, "huggingface/a/b");
    assert_eq!(
        config["agents"]["defaults"]["model"]["primary"],
        "huggingface/a/b"
    );
    assert!(
        !home
            .load()
            .onboard(&known(), &asked)
            .unwrap()
            .configuration_changed
    );
}

#[test]
fn a_new_base_url_replaces_the_old_one_which_stays_where_none_is_given() {
    let home = Home::new(&[(
        "openclaw.json",
        "{ models: { providers: { huggingface: { baseUrl: 'https://old.test/v1' } } } }",
    )]);
    let named = Onboarding {
        base_url: Some("http://127.0.0.1:8080/v1".to_owned()),
        ..decided()
    };
    for decided in [named, decided()] {
        let (_, config) = onboarded(&home, &decided);
        let url = &config["models"]["providers"]["huggingface"]["baseUrl"];
        assert_eq!(url, "http://127.0.0.1:8080/v1");
    }
}

#[test]
fn an_existing_restriction_of_models_is_preserved_and_not_widened() {
    for default in ["", "model: 'zeta/x',"] {
        let config = format!(
            "{{ agents: {{ defaults: {{ {default} models: {{ 'zeta/x': {{}} }} }} }}, \
             meta: {{ lastTouchedVersion: '2026.9.6' }} }}"
        );
        let home = Home::new(&[("openclaw.json", &config)]);
        let (_, config) = onboarded(&home, &decided());
        let defaults = &config["agents"]["defaults"];
        // As OpenClaw 2026.9.6 leaves it, whether or not the default changes.
        assert_eq!(
            defaults["modelPolicy"],
            serde_json::json!({ "allow": ["zeta/x"] })
        );
        assert!(defaults["models"]["huggingface/a/b"].is_object(), "{config}");
        assert_eq!(config["meta"]["migrations"]["modelPolicyAllowlist"], true);
    }
}

#[test]
fn a_file_that_older_versions_of_openclaw_refuse_is_reported() {
    let marked = "{ meta: { migrations: { modelPolicyAllowlist: true } } }";
    let says = |config: &str| Home::new(&[("openclaw.json", config)]).load().refused_by_older();
    assert_eq!(says("{}"), None);
    assert_eq!(says("{ meta: { lastTouchedVersion: '2026.2.17' } }"), None);
    let said = says(marked).unwrap_or_default();
    assert!(
        said.contains("`meta.migrations`") && said.contains("2026.8.1"),
        "{said}"
    );
}

#[test]
fn a_file_of_the_older_era_gets_no_mark_that_it_refuses_and_no_entry_that_restricts() {
    let home = Home::new(&[("openclaw.json", "{ meta: { lastTouchedVersion: '2026.2.17' } }")]);
    let (_, config) = onboarded(&home, &decided());
    assert_eq!(
        config["meta"],
        serde_json::json!({ "lastTouchedVersion": "2026.2.17" })
    );
    assert_eq!(
        config["agents"]["defaults"],
        serde_json::json!({ "model": { "primary": "huggingface/a/b" } })
    );

    // Nor where only the installed program determines the era.
    let home = Home::new(&[]);
    let package = home.dir.path().join("lib/node_modules/openclaw");
    let bin = home.dir.path().join("bin");
    fs::create_dir_all(&package).unwrap();
    fs::create_dir_all(&bin).unwrap();
    fs::write(
        package.join("package.json"),
        r#"{ "name": "openclaw", "version": "2026.2.17" }"#,
    )
    .unwrap();
    fs::write(package.join("openclaw.mjs"), "").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(package.join("openclaw.mjs"), bin.join("openclaw")).unwrap();
        let home = Home {
            variables: vec![("PATH", bin.display().to_string())],
            ..home
        };
        let (_, config) = onboarded(&home, &decided());
        assert!(config.get("meta").is_none(), "{config}");
    }
}

#[test]
fn a_reference_can_be_stored_in_place_of_the_key() {
    let home = Home::new(&[]).with("ACME_TOKEN", "from-env");
    let configuration = home.load();
    configuration
        .store_profile(&acme(), &StoredKey::Plain(Secret::new("plain").unwrap()))
        .unwrap();
    configuration
        .store_profile(&acme(), &StoredKey::Variable("ACME_TOKEN".into()))
        .unwrap();
    let text = fs::read_to_string(configuration.profiles_path()).unwrap();
    assert!(!text.contains("plain") && text.contains("keyRef"), "{text}");
    let stored = configuration.stored_secret(&acme()).unwrap().unwrap();
    assert_eq!(stored.secret.expose(), "from-env");
}

#[test]
fn a_stored_reference_names_the_provider_of_secrets_that_openclaw_would_name() {
    for (secrets, alias) in [
        ("{}", "default"),
        (
            "{ defaults: { env: ' corp ' }, providers: { corp: { source: 'env' } } }",
            "corp",
        ),
        ("{ defaults: { env: ' ' } }", "default"),
        (
            "{ providers: { f: { source: 'file', path: '/x' }, corp: { source: 'env' } } }",
            "corp",
        ),
        (
            "{ providers: { z: { source: 'env' }, default: { source: 'env' } } }",
            "z",
        ),
    ] {
        let config = format!("{{ secrets: {secrets} }}");
        let home = Home::new(&[("openclaw.json", &config)]).with("ACME_TOKEN", "from-env");
        let configuration = home.load();
        configuration
            .store_profile(&acme(), &StoredKey::Variable("ACME_TOKEN".into()))
            .unwrap();
        let text = fs::read_to_string(configuration.profiles_path()).unwrap();
        let stored: serde_json::Value = serde_json::from_str(&text).unwrap();
        let reference = &stored["profiles"]["acme:default"]["keyRef"];
        assert_eq!(reference["provider"], alias, "{secrets}");
        let found = configuration.stored_secret(&acme()).unwrap().unwrap();
        assert_eq!(found.secret.expose(), "from-env", "{secrets}");
    }
}

const CHOICE: &str = "{
  // mine
  agents: { defaults: {
    model: 'acme/a/one', // the big one
    models: { 'acme/a/one': { alias: 'Big' /* why */ } },
  } },
}
";

#[test]
fn the_choice_of_models_is_edited_and_comments_stay() {
    let home = Home::new(&[("openclaw.json", CHOICE)]);
    let read =
        || -> Value { json5::from_str(&fs::read_to_string(home.path("openclaw.json")).unwrap()).unwrap() };
    assert!(home.load().add_fallback(&acme(), "acme/a/two").unwrap());
    assert!(
        !home.load().add_fallback(&acme(), "ACME/a/two").unwrap(),
        "it is one already"
    );
    assert!(home.load().add_fallback(&acme(), "acme/a/three").unwrap());
    assert_eq!(
        read()["agents"]["defaults"]["model"],
        serde_json::json!({ "primary": "acme/a/one", "fallbacks": ["acme/a/two", "acme/a/three"] })
    );
    assert!(home.load().set_default_model(&acme(), "acme/a/two").unwrap());
    assert!(!home.load().set_default_model(&acme(), "acme/a/two").unwrap());
    assert!(home.load().remove_fallback(&acme(), "acme/a/two").unwrap());
    assert!(!home.load().remove_fallback(&acme(), "acme/a/two").unwrap());
    assert!(home.load().set_alias(&acme(), "Small", "acme/a/two").unwrap());
    assert!(
        home.load().set_alias(&acme(), "Two", "acme/a/two").unwrap(),
        "in place of the other name"
    );
    let error = home.load().set_alias(&acme(), "big", "acme/a/two").unwrap_err();
    assert!(error.message().contains("acme/a/one"), "{error}");
    assert!(home.load().set_alias(&acme(), "a/b", "acme/a/two").is_err());
    let value = read();
    assert_eq!(value["agents"]["defaults"]["model"]["primary"], "acme/a/two");
    assert_eq!(
        value["agents"]["defaults"]["model"]["fallbacks"],
        serde_json::json!(["acme/a/three"])
    );
    assert_eq!(
        value["agents"]["defaults"]["models"]["acme/a/two"]["alias"],
        "Two"
    );
    assert!(home.load().remove_alias(&acme(), "acme/a/two").unwrap());
    assert!(home.load().remove_alias(&acme(), "acme/a/two").is_err());
    let text = fs::read_to_string(home.path("openclaw.json")).unwrap();
    for kept in ["// mine", "// the big one", "/* why */"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let home = Home::new(&[]);
    assert!(home.load().set_default_model(&acme(), "acme/a/one").unwrap());
    assert!(home.load().add_fallback(&acme(), "acme/a/two").unwrap());
    assert_eq!(
        home.load().default_model(&acme()).unwrap().chain(),
        ["acme/a/one", "acme/a/two"]
    );
}

#[test]
fn no_lock_file_is_left_where_openclaw_waits_for_it_to_go() {
    let home = Home::new(&[]);
    onboarded(&home, &decided());
    home.load().add_fallback(&known(), "huggingface/a/c").unwrap();
    for name in ["openclaw.json", "agents/main/agent/auth-profiles.json"] {
        assert!(home.path(name).exists());
        assert!(!home.path(&format!("{name}.lock")).exists(), "{name}");
    }
}
