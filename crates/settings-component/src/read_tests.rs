//! Which settings are accepted, and the errors for invalid ones.

use super::*;

fn fault(json: &str) -> String {
    Settings::from_json(json).unwrap_err().to_string()
}

#[test]
fn nothing_set_is_a_credential_that_is_added_outside_and_one_retry() {
    let settings = Settings::from_json("{}").unwrap();
    assert_eq!(settings, Settings::default());
    assert_eq!(settings.credential, Credential::AddedOutside);
    assert_eq!((settings.max_retries, settings.access_key), (1, None));
}

#[test]
fn a_file_and_a_store_of_text_are_read_alike() {
    let file = r#"{
        "base-url": "http://127.0.0.1:8091/v1", "max-retries": 3, "discovery": "always", "bill-to": "my-org", "level": 3,
        "allowed-hosts": "Gateway.local, gw", "default-model": "org/m", "aliases": {"Big  One": "org/m:cheapest"},
        "models": [{"id": "org/m:FAST", "name": "Ours", "contextWindow": 8192, "maxTokens": 1024, "reasoning": true,
                    "input": ["text"], "cost": {"input": 0.10, "output": 2}, "compat": {"a": 1}}]
    }"#;
    let settings = Settings::from_json(file).unwrap();
    let parsed: Map<String, Value> = serde_json::from_str(file).unwrap();
    let pairs: Vec<(String, String)> = parsed
        .into_iter()
        .map(|(name, value)| {
            (
                name,
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            )
        })
        .collect();
    assert_eq!(settings, Settings::from_pairs(&pairs).unwrap());
    assert_eq!(settings.base_url.as_deref(), Some("http://127.0.0.1:8091/v1"));
    assert_eq!(settings.allowed_hosts, ["gateway.local", "gw"]);
    assert_eq!(settings.extras["bill-to"], "\"my-org\"");
    assert_eq!(settings.extras["level"], "3");
    let model = settings.find_model("org/m:fast").unwrap();
    assert_eq!(model.price, Some(("0.1".to_owned(), "2".to_owned(), None)));
    assert_eq!(model.extras, [("compat".to_owned(), r#"{"a":1}"#.to_owned())]);
    assert_eq!(settings.find_alias(" big one ").len(), 1);
    assert_eq!(settings.find_alias("bigone").len(), 0);
    assert_eq!(settings.find_aliases_of(" ORG/m:cheapest").len(), 1);
}

#[test]
fn what_cannot_be_read_is_named_with_what_it_takes_and_without_its_value() {
    for (json, told) in [
        (
            r#"{"max-retries": "many"}"#,
            "the setting `max-retries` takes a whole number from 0 to 10",
        ),
        (
            r#"{"idle-timeout-ms": -1}"#,
            "the setting `idle-timeout-ms` takes milliseconds, a whole number",
        ),
        (
            r#"{"max-retrys": 1}"#,
            "there is no setting `max-retrys`; did you mean `max-retries`?",
        ),
        ("[1]", "the settings are no JSON object: line 1, column 0"),
        (
            "{\n \"a\": }",
            "the settings are no JSON object: line 2, column 7",
        ),
        (
            r#"{"aliases": ["a"]}"#,
            "the setting `aliases` takes a JSON object: alias to model reference",
        ),
    ] {
        assert_eq!(fault(json), told);
    }
    for json in [
        r#"{"base-url": "ftp://x-secret"}"#,
        r#"{"base-url": "http://user:x-secret@host/v1"}"#,
        r#"{"base-url": "https://host/v1?key=x-secret"}"#,
        r#"{"base-url": "x-secret"}"#,
        r#"{"credential": "x-secret"}"#,
        r#"{"access-key": "x-secret"}"#,
        r#"{"allowed-hosts": "*x-secret"}"#,
        r#"{"allowed-hosts": "http://x-secret"}"#,
        r#"{"max-body-bytes": 0}"#,
        r#"{"discovery": "x-secret"}"#,
        r#"{"models": [{"name": "x-secret"}]}"#,
        r#"{"models": [{"id": "a", "contextWindow": "x-secret"}]}"#,
    ] {
        let told = fault(json);
        assert!(
            told.starts_with("the setting `") && !told.contains("x-secret"),
            "{json}: {told}"
        );
    }
}

#[test]
fn a_good_access_key_is_taken() {
    let settings = Settings::from_json(r#"{"access-key": "0123456789abcdef"}"#).unwrap();
    assert_eq!(settings.access_key.as_deref(), Some("0123456789abcdef"));
}

#[test]
fn variables_of_the_environment_among_the_settings_are_none_but_the_key() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let pairs = [
        pair("HF_TOKEN", "x"),
        pair("PATH", "/bin"),
        pair("GATEWAY_ACCESS_KEY", "0123456789abcdef"),
    ];
    let settings = Settings::from_pairs(&pairs).unwrap();
    assert!(settings.extras.is_empty(), "{:?}", settings.extras);
    assert_eq!(settings.access_key.as_deref(), Some("0123456789abcdef"));
}
