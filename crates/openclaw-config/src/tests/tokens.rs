//! The token's source, and what is stored of it.

use super::*;
use model_provider_host::Secret;

#[cfg(unix)]
#[tokio::test]
async fn each_place_of_the_token_wins_over_those_after_it() {
    let config = r#"{
      env: { vars: { ACME_TOKEN: 'from-vars' }, shellEnv: { enabled: true, timeoutMs: 20000 } },
      models: { providers: { acme: { apiKey: 'from-api-key' } } },
    }"#;
    let without_vars = config.replace("vars: { ACME_TOKEN: 'from-vars' },", "");
    let without_shell = without_vars.replace("enabled: true", "enabled: false");
    let profiles =
        r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme","key":"from-profile"}}}"#;
    let home = |config: &str| {
        let files = [
            ("openclaw.json", config),
            (".env", "ACME_TOKEN=from-dotenv"),
            ("auth-profiles.json", profiles),
        ];
        let home = Home::new(&files).with("SHELL", "/bin/sh");
        fs::write(home.dir.path().join(".profile"), "export ACME_TOKEN=from-shell\n").unwrap();
        home
    };
    let found = |value: &str, source: &str| Some((value.to_owned(), source.to_owned()));

    let all = home(config).with("ACME_TOKEN", "from-env");
    assert_eq!(all.secret(Some("from-flag")).await, found("from-flag", "flag"));
    assert_eq!(
        all.secret(Some(" \n")).await,
        found("from-env", "env: ACME_TOKEN")
    );
    let rest = home(config);
    assert_eq!(rest.secret(None).await, found("from-dotenv", ".env: ACME_TOKEN"));
    fs::remove_file(rest.path(".env")).unwrap();
    assert_eq!(
        rest.secret(None).await,
        found("from-vars", "env.vars: ACME_TOKEN")
    );
    fs::write(rest.path("openclaw.json"), without_vars).unwrap();
    assert_eq!(
        rest.secret(None).await,
        found("from-shell", "shell env: ACME_TOKEN")
    );
    fs::write(rest.path("openclaw.json"), without_shell).unwrap();
    assert_eq!(
        rest.secret(None).await,
        found("from-profile", "profile: acme:default")
    );
    fs::remove_file(rest.path("auth-profiles.json")).unwrap();
    assert_eq!(
        rest.secret(None).await,
        found("from-api-key", "models.providers.acme.apiKey")
    );
    fs::remove_file(rest.path("openclaw.json")).unwrap();
    assert_eq!(rest.secret(None).await, None);
}

#[tokio::test]
async fn variables_are_tried_in_the_plugins_order_trimmed_and_blank_ones_passed_over() {
    let home = Home::new(&[(
        ".env",
        "\u{feff}ACME_FIRST=\"  \"\r\nexport ACME_TOKEN=' a b '\r\n",
    )]);
    assert_eq!(home.secret(None).await.unwrap().0, "a b");
    let home = home
        .with("ACME_FIRST", " \r\n")
        .with("ACME_TOKEN", " se\r\nsame\u{2028} ");
    let (value, source) = home.secret(None).await.unwrap();
    assert_eq!((value.as_str(), source.as_str()), ("sesame", "env: ACME_TOKEN"));
    let home = Home::new(&[])
        .with("ACME_TOKEN", "second")
        .with("ACME_FIRST", "first");
    assert_eq!(home.secret(None).await.unwrap().0, "first");
}

#[tokio::test]
async fn what_is_not_granted_is_not_read() {
    let home = Home::new(&[(".env", "NOT_GRANTED=dotenv")]).with("NOT_GRANTED", "env");
    assert_eq!(home.secret(None).await, None);
    let environment = home.environment();
    let found = home
        .load()
        .secret(&acme(), None, Some("flag"), &environment)
        .await
        .unwrap();
    assert!(found.is_none(), "without a grant it would go nowhere");
}

#[tokio::test]
async fn an_api_key_is_literal_or_names_a_variable() {
    let key = async |text: &str| {
        let config = format!("{{ models: {{ providers: {{ acme: {{ apiKey: {text} }} }} }} }}");
        let home = Home::new(&[("openclaw.json", &config), (".env", "DOT=dotted")]).with("OWN_KEY", "own");
        home.secret(None).await
    };
    let found = |value: &str, name: &str| {
        let source = "models.providers.acme.apiKey".to_owned() + name;
        Some((value.to_owned(), source))
    };
    assert_eq!(key("' lit\\neral '").await, found("literal", ""));
    assert_eq!(key("'${OWN_KEY}'").await, found("own", ": OWN_KEY"));
    assert_eq!(key("'${DOT}'").await, found("dotted", ": DOT"));
    assert_eq!(key("'x-${OWN_KEY}'").await, found("x-own", ""));
    assert_eq!(key("'OWN_KEY'").await, found("own", ": OWN_KEY"));
    assert_eq!(key("'ALLCAPS123'").await, found("ALLCAPS123", ""));
    assert_eq!(
        key("'ACME_TOKEN'").await,
        None,
        "the name of a granted variable is no token"
    );
    assert_eq!(key("'${NO_SUCH}'").await, None);
    assert_eq!(key("' '").await, None);
}

#[test]
fn a_stored_profile_is_private_and_other_profiles_are_unchanged() {
    let old = r#"{"version":3,"profiles":{"zeta:default":{"type":"api_key","provider":"zeta","key":"z"},
      "acme:default":{"type":"token","token":"old","provider":"acme","note":"kept"}},"lastGood":{}}"#;
    let home = Home::new(&[("auth-profiles.json", old)]);
    let configuration = home.load();
    let stored = |configuration: &Configuration| {
        let stored = configuration.stored_secret(&acme()).unwrap().unwrap();
        (stored.secret.expose().to_owned(), stored.profile)
    };
    assert_eq!(
        stored(&configuration),
        ("old".to_owned(), "acme:default".to_owned())
    );
    let key = StoredKey::Plain(Secret::new("new").unwrap());
    for _ in 0..2 {
        assert_eq!(
            configuration.store_profile(&acme(), &key).unwrap(),
            "acme:default"
        );
    }
    assert_eq!(
        stored(&configuration),
        ("new".to_owned(), "acme:default".to_owned())
    );
    let path = configuration.profiles_path();
    assert_eq!(path, home.path("agents/main/agent/auth-profiles.json"));
    let value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(value["profiles"]["zeta:default"]["key"], "z");
    assert_eq!(value["profiles"]["acme:default"]["note"], "kept");
    assert_eq!(
        (&value["version"], &value["lastGood"]),
        (&Value::from(3), &serde_json::json!({}))
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::write(&path, "{ \"profiles\": 4711 }").unwrap();
    let error = configuration.store_profile(&acme(), &key).unwrap_err();
    assert!(!error.to_string().contains("4711"), "{error}");
    assert_eq!(stored(&configuration).0, "old", "a broken file is passed over");
}

#[test]
fn the_configured_order_of_profiles_counts() {
    let profiles = r#"{"profiles":{"acme:default":{"key":"d"},"acme:work":{"type":"api_key","key":"w"},
      "acme:oauth":{"type":"oauth"},"zeta:x":{"key":"z"}}}"#;
    let config = "{ auth: { order: { acme: ['acme:oauth', 'zeta:x', 'acme:work'] } } }";
    let home = Home::new(&[("openclaw.json", config), ("auth-profiles.json", profiles)]);
    assert_eq!(
        home.load().stored_secret(&acme()).unwrap().unwrap().profile,
        "acme:work"
    );
}
