//! Stored profiles that are broken, on cooldown, or contradict the configuration.

use super::*;
use model_provider_host::Secret;

async fn search(home: &Home) -> (Option<String>, Vec<String>) {
    home.load().settings(&acme()).unwrap();
    let search = home.search(&acme(), &grant()).await;
    let found = search.found.map(|found| found.secret.expose().to_owned());
    (found, search.passed.iter().map(ToString::to_string).collect())
}

const SPARE: &str = r#"{"profiles":{"acme:spare":{"type":"api_key","provider":"acme","key":"spare"}}}"#;

#[tokio::test]
async fn an_invalid_store_or_profile_is_reported_once_and_the_rest_are_read() {
    let profile = |profile: &str| format!(r#"{{"profiles":{{"acme:default":{profile}}}}}"#);
    for (text, says) in [
        (
            profile(
                r#"{"type":"api_key","provider":"acme","keyRef":{"source":"gcp","provider":"p","id":"x"}}"#,
            ),
            "its `source` is not env, file, exec or store",
        ),
        (
            profile(r#"{"provider":"acme","keyRef":{"source":"env"}}"#),
            "not a reference",
        ),
        (profile(r#"{"provider":"acme","key":5}"#), "acme:default"),
        (profile(r#"{"provider":5,"key":"sesame"}"#), "acme:default"),
        (r#"{"profiles":[]}"#.to_owned(), "auth-profiles.json"),
        ("[]".to_owned(), "auth-profiles.json"),
        ("{ no json".to_owned(), "auth-profiles.json"),
        (
            r#"{"profiles":{},"order":{"acme":5}}"#.to_owned(),
            "order of acme",
        ),
    ] {
        let home = Home::new(&[("auth-profiles.json", &text)]);
        fs::create_dir_all(home.path("agents/other/agent")).unwrap();
        fs::write(home.path("agents/other/agent/auth-profiles.json"), SPARE).unwrap();
        let (found, passed) = search(&home).await;
        assert_eq!(found.as_deref(), Some("spare"), "{text}");
        assert_eq!(passed.len(), 1, "{text}: {passed:?}");
        assert!(passed[0].contains(says), "{text}: {passed:?}");
        assert!(!passed[0].contains("sesame"), "{passed:?}");
    }
    // Profiles of other providers are not reported.
    let other = r#"{"profiles":{"zeta:default":{"provider":5},"zeta:x":{"provider":"zeta","key":5}}}"#;
    let (found, passed) = search(&Home::new(&[("auth-profiles.json", other)])).await;
    assert!(found.is_none() && passed.is_empty(), "{passed:?}");
}

#[tokio::test]
async fn a_reference_of_an_unknown_kind_is_passed_over_and_never_stops_a_command() {
    for reference in ["{ source: 'vault', id: 'x' }", "{ source: 'env' }", "{}"] {
        let config = format!(
            "{{ models: {{ providers: {{ acme: {{ apiKey: {reference}, headers: {{ A: {reference} }} }} }} }},
               secrets: {{ providers: {{ v: {{ source: 'vault' }} }} }} }}"
        );
        let home = Home::new(&[("openclaw.json", &config), ("auth-profiles.json", "{}")]);
        let (found, passed) = search(&home).await;
        assert_eq!(found, None);
        assert!(
            passed.concat().contains("models.providers.acme.apiKey"),
            "{passed:?}"
        );
        let settings = home.load().settings(&acme()).unwrap();
        assert!(settings.headers.is_empty());
    }
}

#[tokio::test]
async fn a_profile_that_the_configuration_says_something_else_of_is_not_used() {
    let stored = r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme","key":"d"}}}"#;
    for (entry, is_used) in [
        ("{ provider: 'acme', mode: 'api_key' }", true),
        ("{ provider: 'ACME' }", true),
        ("{ provider: 'acme', mode: 'token' }", false),
        ("{ provider: 'zeta', mode: 'api_key' }", false),
    ] {
        let config = format!("{{ auth: {{ profiles: {{ 'acme:default': {entry} }} }} }}");
        let home = Home::new(&[("openclaw.json", &config), ("auth-profiles.json", stored)]);
        let (found, passed) = search(&home).await;
        assert_eq!(found.is_some(), is_used, "{entry}");
        assert_eq!(passed.len(), usize::from(!is_used), "{entry}: {passed:?}");
        assert!(
            passed.iter().all(|it| it.contains("`auth.profiles`")),
            "{passed:?}"
        );
    }
}

#[tokio::test]
async fn a_profile_on_cooldown_in_openclaw_comes_last() {
    let stored = |until: &str| {
        format!(
            r#"{{"profiles":{{"acme:default":{{"provider":"acme","key":"d"}},"acme:work":{{"provider":"acme","key":"w"}}}},
               "usageStats":{{"acme:default":{{{until}}}}}}}"#
        )
    };
    for (until, key) in [
        ("\"cooldownUntil\":8000000000000", "w"),
        ("\"disabledUntil\":8000000000000", "w"),
        ("\"cooldownUntil\":1000", "d"),
        ("", "d"),
    ] {
        let home = Home::new(&[("auth-profiles.json", &stored(until))]);
        assert_eq!(search(&home).await.0.as_deref(), Some(key), "{until}");
    }
}

/// Which profile of a provider is used: the expectations are what OpenClaw 2026.9.6 does for the same configuration
/// and store.
#[test]
fn profiles_are_chosen_as_openclaw_chooses_them() {
    const KEYS: &str = r#""acme:default":{"type":"api_key","provider":"acme","key":"d"},
        "acme:work":{"type":"api_key","provider":"acme","key":"w"}"#;
    let its = |name: &str| format!("'{name}': {{ provider: 'acme', mode: 'api_key' }}");
    let auth = |profiles: &[&str], order: &str| {
        let profiles: Vec<String> = profiles.iter().map(|name| its(name)).collect();
        format!(
            "{{ auth: {{ profiles: {{ {} }}, {order} }} }}",
            profiles.join(", ")
        )
    };
    let store = |more: &str| format!(r#"{{"profiles":{{{KEYS}}}{more}}}"#);
    let used = |name: &str, at: u32| format!(r#""acme:{name}":{{"lastUsed":{at}}}"#);
    for (says, config, stored, key) in [
        ("all that are stored", auth(&[], ""), store(""), Some("d")),
        (
            "only those that are named",
            auth(&["acme:work"], ""),
            store(""),
            Some("w"),
        ),
        (
            "in the order in which they are",
            auth(&["acme:work", "acme:default"], ""),
            store(""),
            Some("w"),
        ),
        (
            "one of those named is not stored",
            auth(&["acme:gone", "acme:work"], ""),
            store(""),
            Some("w"),
        ),
        (
            "none of those named is stored: all",
            auth(&["acme:gone"], ""),
            store(""),
            Some("d"),
        ),
        (
            "profiles of other providers name none",
            "{ auth: { profiles: { 'zeta:x': { provider: 'zeta', mode: 'api_key' } } } }".to_owned(),
            store(""),
            Some("d"),
        ),
        (
            "the only one named is of another kind",
            "{ auth: { profiles: { 'acme:work': { provider: 'acme', mode: 'token' } } } }".to_owned(),
            store(""),
            None,
        ),
        (
            "an order counts before",
            auth(&["acme:work"], "order: { acme: ['acme:default'] }"),
            store(""),
            Some("d"),
        ),
        (
            "an order of nothing leaves all out",
            auth(&["acme:work"], "order: { acme: [] }"),
            store(""),
            None,
        ),
        (
            "an order of what is not stored",
            auth(&[], "order: { acme: ['acme:gone'] }"),
            store(""),
            None,
        ),
        (
            "and beside named profiles: all",
            auth(&["acme:gone"], "order: { acme: ['acme:gone'] }"),
            store(""),
            Some("d"),
        ),
        (
            "and of the store itself: all",
            auth(&[], ""),
            store(r#","order":{"acme":["acme:gone"]}"#),
            Some("d"),
        ),
        (
            "the store's order counts before",
            auth(&[], "order: { acme: ['acme:default'] }"),
            store(r#","order":{"acme":["acme:work"]}"#),
            Some("w"),
        ),
        (
            "the one that was not used yet",
            auth(&[], ""),
            store(&format!(r#","usageStats":{{{}}}"#, used("default", 2000))),
            Some("w"),
        ),
        (
            "the one that was used first",
            auth(&[], ""),
            store(&format!(
                r#","usageStats":{{{},{}}}"#,
                used("default", 3000),
                used("work", 2000)
            )),
            Some("w"),
        ),
        (
            "an order counts before the use",
            auth(&[], "order: { acme: ['acme:default', 'acme:work'] }"),
            store(&format!(r#","usageStats":{{{}}}"#, used("default", 2000))),
            Some("d"),
        ),
        (
            "a token before a key",
            auth(&[], ""),
            format!(r#"{{"profiles":{{{KEYS},"acme:t":{{"type":"token","provider":"acme","token":"t"}}}}}}"#),
            Some("t"),
        ),
        (
            "the first that is stored",
            auth(&[], ""),
            format!(r#"{{"profiles":{{"acme:a":{{"type":"api_key","provider":"acme","key":"a"}},{KEYS}}}}}"#),
            Some("a"),
        ),
    ] {
        let home = Home::new(&[("openclaw.json", &config), ("auth-profiles.json", &stored)]);
        let found = home.load().stored_secret(&acme()).unwrap();
        let found = found.map(|found| found.secret.expose().to_owned());
        assert_eq!(found.as_deref(), key, "{says}: {config} {stored}");
    }
}

#[tokio::test]
async fn no_place_hands_on_a_command_or_a_key_that_cannot_be_one() {
    let config = |place: &str| format!("{{ {place} }}");
    for home in [
        Home::new(&[(".env", "ACME_TOKEN=`cat /x`\n")]),
        Home::new(&[]).with("ACME_TOKEN", "`cat /x`"),
        Home::new(&[]).with("ACME_TOKEN", "sk_1…"),
        Home::new(&[(
            "openclaw.json",
            &config("env: { vars: { ACME_TOKEN: 'sk_\\u0430' } }"),
        )]),
        Home::new(&[("auth-profiles.json", r#"{"acme":{"key":"sk_1\u00002"}}"#)]),
        Home::new(&[(
            "openclaw.json",
            &config("models: { providers: { acme: { apiKey: '$${MY}' } } }"),
        )])
        .with("MY", "x"),
    ] {
        let (found, passed) = search(&home).await;
        assert_eq!(found, None, "{passed:?}");
        assert_eq!(passed.len(), 1, "{passed:?}");
        assert!(
            !passed[0].contains("cat") && !passed[0].contains("sk_"),
            "{passed:?}"
        );
    }
    let home = Home::new(&[(".env", "ACME_TOKEN: sk_colon\n")]);
    assert_eq!(search(&home).await.0.as_deref(), Some("sk_colon"));
    let named = r#"{"profiles":{"acme:default":{"provider":"acme","key":"MY"}}}"#;
    let home = Home::new(&[("auth-profiles.json", named)]).with("MY", "sk_mine");
    assert_eq!(
        search(&home).await.0.as_deref(),
        Some("sk_mine"),
        "as in every other place"
    );
}

#[tokio::test]
async fn a_configuration_that_is_read_again_knows_what_was_written() {
    let home = Home::new(&[("openclaw.json", "{ auth: { order: { acme: ['acme:work'] } } }")]);
    let before = home.load();
    let decided = Onboarding {
        base_url: None,
        key: Secret::new("new").map(StoredKey::Plain),
        profile: None,
        model: "acme/a/b".to_owned(),
        replaces_default: false,
        alias: Alias::Keep,
        fallbacks: None,
    };
    before.onboard(&acme(), &decided).unwrap();
    let found = |configuration: &Configuration| configuration.stored_secret(&acme()).unwrap();
    assert!(found(&before).is_none());
    assert_eq!(found(&before.reread().unwrap()).unwrap().secret.expose(), "new");
}
