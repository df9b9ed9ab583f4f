//! The default model: aliases of other providers, profiles of a reference, edits of the list.

use super::*;

const OTHERS: &str = "{ agents: { defaults: {
    model: { primary: 'g', fallbacks: ['acme/a/one', 'openai/gpt-5', 'G ', 'acme/Small@work'] },
    models: { 'openai/gpt-5': { alias: 'G' }, 'acme/a/two': { alias: 'Small' } },
} } }";

#[test]
fn an_alias_of_another_providers_model_is_that_providers_as_its_reference_is() {
    let home = Home::new(&[("openclaw.json", OTHERS)]);
    let model = home.load().default_model(&acme()).unwrap();
    assert_eq!(model.primary, None);
    assert_eq!(model.fallbacks, ["acme/a/one", "Small"]);
    assert_eq!(model.elsewhere, ["g", "openai/gpt-5", "G"]);
    let elsewhere = |alias| home.load().reference_elsewhere(&acme(), alias).unwrap();
    assert_eq!(elsewhere(" g").as_deref(), Some("openai/gpt-5"));
    assert_eq!(elsewhere("Small"), None);
    let error = home.load().set_alias(&acme(), "g", "acme/a/one").unwrap_err();
    assert!(error.message().contains("openai/gpt-5"), "{error}");
}

#[test]
fn every_listed_fallback_can_be_removed() {
    let home = Home::new(&[("openclaw.json", OTHERS)]);
    let removed = |text| home.load().remove_fallback(&acme(), text).unwrap();
    assert!(removed("openai/gpt-5"), "and its aliases with it");
    assert_eq!(
        home.load().fallbacks().unwrap(),
        ["acme/a/one", "acme/Small@work"]
    );
    assert!(!removed("g") && !removed("openai/gpt-5"));
    assert!(
        removed("acme/a/two"),
        "by the reference of an alias with a profile"
    );
    assert_eq!(home.load().fallbacks().unwrap(), ["acme/a/one"]);
}

#[tokio::test]
async fn the_profile_of_the_default_model_is_used_first_and_one_that_is_not_stored_is_reported() {
    let profiles = r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme","key":"d"},
        "acme:work":{"type":"api_key","provider":"acme","key":"w"}}}"#;
    for (model, key) in [
        ("acme/a/one@acme:work", "w"),
        ("acme/a/one@work", "w"),
        ("acme/a/one", "env"),
        ("acme/a/one@20250101", "env"),
        ("acme/a/one@gone", "env"),
        ("zeta/a@work", "env"),
    ] {
        let config = format!("{{ agents: {{ defaults: {{ model: '{model}' }} }} }}");
        let home = Home::new(&[("openclaw.json", &config), ("auth-profiles.json", profiles)]);
        let home = home.with("ACME_TOKEN", "env");
        assert_eq!(home.secret(None).await.unwrap().0, key, "{model}");
        let passed = home.search(&acme(), &grant()).await.passed;
        assert_eq!(
            passed.len(),
            usize::from(model.ends_with("gone")),
            "{model}: {passed:?}"
        );
    }
}

#[tokio::test]
async fn the_profile_of_the_requested_model_is_used_and_no_other_replaces_it() {
    let profiles = r#"{"profiles":{"acme:default":{"type":"api_key","provider":"acme","key":"d"},
        "acme:work":{"type":"api_key","provider":"acme","key":"w"},
        "acme:old":{"type":"token","provider":"acme","token":"o","expires":1000}}}"#;
    let config = "{ agents: { defaults: { model: 'acme/a/one@work', models: { 'acme/a/two': { alias: 'Small' } } } } }";
    let home = Home::new(&[("openclaw.json", config), ("auth-profiles.json", profiles)]);
    let home = home.with("ACME_TOKEN", "env");
    let environment = home.environment();
    let key = async |model| {
        let configuration = home.load().for_model(Some(model));
        let found = configuration
            .secret(&acme(), Some(&grant()), None, &environment)
            .await;
        found.map(|found| found.unwrap().secret.expose().to_owned())
    };
    for (model, expected) in [
        ("acme/a/two@acme:default", "d"),
        ("acme/a/two@default", "d"),
        ("a/two@work", "w"),
        ("Small@work", "w"),
        // The default model has its profile however it is spelled; another model has none.
        ("acme/a/one", "w"),
        ("a/one", "w"),
        ("acme/a/one@default", "d"),
        ("acme/a/two", "env"),
        ("Small", "env"),
    ] {
        assert_eq!(key(model).await.unwrap(), expected, "{model}");
    }
    let error = key("acme/a/two@gone").await.unwrap_err();
    assert!(error.message().contains("no stored profile `gone`"), "{error}");
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("acme:default, acme:work"), "{hint}");
    let error = key("acme/a/two@old").await.unwrap_err();
    assert!(error.message().contains("expired"), "{error}");
}

#[test]
fn a_model_is_named_with_and_without_a_profile() {
    let home = Home::new(&[("openclaw.json", OTHERS)]);
    for (text, reference, profile) in [
        ("acme/a/one@work", "acme/a/one", Some("work")),
        ("a/one@acme:work", "a/one", Some("acme:work")),
        ("Small@work", "Small", Some("work")),
        ("acme/a/one:fast@work", "acme/a/one:fast", Some("work")),
        ("acme/a/one@20250101", "acme/a/one@20250101", None),
        ("acme/a/one", "acme/a/one", None),
    ] {
        let named = home.load().named_model(&acme(), text).unwrap();
        assert_eq!(
            (named.reference.as_str(), named.profile.as_deref()),
            (reference, profile)
        );
    }
    let elsewhere = |alias| home.load().reference_elsewhere(&acme(), alias).unwrap();
    assert_eq!(elsewhere("g@work").as_deref(), Some("openai/gpt-5"));
}

#[test]
fn a_new_list_is_laid_out_as_the_file_is() {
    let text = "{\r\n\tagents: {\r\n\t\tdefaults: {\r\n\t\t\tmodel: { primary: 'acme/a/one' },\r\n\t\t},\r\n\t},\r\n}\r\n";
    let home = Home::new(&[("openclaw.json", text)]);
    for reference in ["acme/a/two", "acme/a/three"] {
        assert!(home.load().add_fallback(&acme(), reference).unwrap());
    }
    let text = fs::read_to_string(home.path("openclaw.json")).unwrap();
    assert!(!text.replace("\r\n", "").contains('\n'), "{text:?}");
    assert!(!text.contains("  "), "{text:?}");
}

#[test]
fn a_list_that_an_included_file_says_is_named_with_that_file() {
    let home = Home::new(&[
        (
            "openclaw.json",
            "{ agents: { defaults: { model: { primary: 'acme/a/one', fallbacks: { $include: 'f.json' } } } } }",
        ),
        ("f.json", "['acme/a/two']"),
    ]);
    assert_eq!(home.load().fallbacks().unwrap(), ["acme/a/two"]);
    for result in [
        home.load().add_fallback(&acme(), "acme/a/three"),
        home.load().remove_fallback(&acme(), "acme/a/two"),
    ] {
        let error = result.unwrap_err();
        assert!(error.message().contains("f.json"), "{error}");
        assert!(
            error.message().contains("included files are not written"),
            "{error}"
        );
    }
}

#[test]
fn choices_of_models_that_have_no_effect_here_are_named() {
    let config = "{ agents: { list: [{ id: 'a' }, { id: 'b', model: 'acme/a/one' }],
        entries: { main: { model: { primary: 'acme/a/one' } } },
        defaults: { modelPolicy: { allow: ['acme/*'] } } } }";
    let home = Home::new(&[("openclaw.json", config)]);
    assert_eq!(
        home.load().unused_choices(),
        [
            "agents.list[1].model",
            "agents.entries.main.model",
            "agents.defaults.modelPolicy.allow"
        ]
    );
}
