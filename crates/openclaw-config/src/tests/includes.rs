//! `$include`: what is read, where it may be, and that it is never written.

use super::*;
use model_provider_host::Secret;

fn home(files: &[(&str, &str)]) -> Home {
    let home = Home::new(&[]);
    for (name, text) in files {
        let path = home.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

fn load(home: &Home) -> Result<Configuration> {
    Configuration::load(None, &home.environment())
}

#[test]
fn included_files_count_relative_to_the_file_that_names_them_and_sibling_keys_win() {
    let home = home(&[
        (
            "openclaw.json",
            "{ models: { $include: './parts/models.json5', mode: 'replace' },
               agents: { $include: ['a.json5', 'b.json5'] } }",
        ),
        (
            "parts/models.json5",
            "// m\n{ mode: 'merge', providers: { $include: 'more/acme.json5' } }",
        ),
        (
            "parts/more/acme.json5",
            "{ acme: { baseUrl: 'https://gateway.test/v1' } }",
        ),
        (
            "a.json5",
            "{ defaults: { model: { primary: 'acme/a/one', fallbacks: ['acme/a/two'] } } }",
        ),
        (
            "b.json5",
            "{ defaults: { model: { primary: 'acme/b/one', fallbacks: ['acme/b/two'] } } }",
        ),
    ]);
    let configuration = load(&home).unwrap();
    let settings = configuration.settings(&acme()).unwrap();
    assert_eq!(settings.base_url.unwrap().as_str(), "https://gateway.test/v1");
    assert_eq!(
        settings.discovery,
        DiscoveryMode::ConfiguredOnly,
        "the sibling key wins"
    );
    let model = configuration.default_model(&acme()).unwrap();
    assert_eq!(
        model.primary.as_deref(),
        Some("acme/b/one"),
        "the later file wins"
    );
    assert_eq!(model.fallbacks, ["acme/a/two", "acme/b/two"], "lists are joined");
    assert_eq!(configuration.included_files().count(), 4);
}

#[test]
fn what_is_wrong_in_an_included_file_is_named_with_its_place_there() {
    let home = home(&[
        ("openclaw.json", "{ models: { $include: 'm.json5' } }"),
        ("m.json5", "{ providers: {\n  acme: { baseUrl: 'ftp://x' } } }"),
    ]);
    let error = load(&home).unwrap().settings(&acme()).unwrap_err();
    let place = format!("{}: line 2, column 20: ", home.path("m.json5").display());
    assert!(error.message().starts_with(&place), "{error}");
}

#[test]
fn what_cannot_be_included_is_reported_with_the_place_that_names_it() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "{ mode: 'replace' }").unwrap();
    let named = outside.path().display().to_string();
    for (include, says) in [
        ("'nothing.json5'", "which is not there"),
        ("'../outside.json5'", "outside the folder"),
        (named.as_str(), "outside the folder"),
        ("7", "names no file"),
        ("['m.json5', 7]", "names no file"),
        ("'broken.json5'", "broken.json5: line 1"),
        ("'self.json5'", "includes this file again"),
        ("'openclaw.json'", "includes this file again"),
        ("'.'", "not a regular file"),
        ("'text.json5'", "what it includes is not an object"),
        ("'deep1.json5'", "more than 10 levels deep"),
    ] {
        let include = if include.starts_with('/') {
            format!("'{include}'")
        } else {
            include.to_owned()
        };
        let text = format!("{{\n models: {{ $include: {include}, mode: 'merge' }} }}");
        let home = home(&[
            ("openclaw.json", &text),
            ("m.json5", "{}"),
            ("broken.json5", "{"),
            ("self.json5", "{ $include: 'self.json5' }"),
            ("text.json5", "'text'"),
        ]);
        for level in 1..=11 {
            let text = format!("{{ $include: 'deep{}.json5' }}", level + 1);
            fs::write(home.path(&format!("deep{level}.json5")), text).unwrap();
        }
        fs::write(home.path("deep12.json5"), "{}").unwrap();
        let error = load(&home).unwrap_err();
        assert!(error.message().contains(says), "{include}: {error}");
        assert!(error.hint().is_some(), "{error}");
    }
    let home = home(&[(
        "openclaw.json",
        &format!("{{ models: {{ $include: '{named}' }} }}"),
    )])
    .with(
        "OPENCLAW_INCLUDE_ROOTS",
        &outside.path().parent().unwrap().display().to_string(),
    );
    let settings = load(&home).unwrap().settings(&acme()).unwrap();
    assert_eq!(settings.discovery, DiscoveryMode::ConfiguredOnly);
}

#[test]
fn ten_levels_are_followed() {
    let home = home(&[("openclaw.json", "{ $include: 'l1.json5' }")]);
    for level in 1..10 {
        let text = format!("{{ $include: 'l{}.json5' }}", level + 1);
        fs::write(home.path(&format!("l{level}.json5")), text).unwrap();
    }
    fs::write(home.path("l10.json5"), "{ models: { mode: 'replace' } }").unwrap();
    let settings = load(&home).unwrap().settings(&acme()).unwrap();
    assert_eq!(settings.discovery, DiscoveryMode::ConfiguredOnly);
}

#[test]
fn onboarding_writes_beside_an_include_and_never_over_it_or_into_it() {
    let models = "// by hand\n{ providers: { acme: { baseUrl: 'https://gateway.test/v1', models: [] } } }";
    let agents = "{ defaults: { model: { primary: 'acme/small/two', fallbacks: ['acme/x/y'] } } }";
    let home = home(&[
        (
            "openclaw.json",
            "{ models: { $include: 'm.json5' }, agents: { $include: 'a.json5' } }",
        ),
        ("m.json5", models),
        ("a.json5", agents),
    ]);
    let mut decided = Onboarding {
        base_url: None,
        key: Secret::new("acme-key").map(StoredKey::Plain),
        profile: None,
        model: "acme/big/one".to_owned(),
        replaces_default: true,
        alias: Alias::IfNone("Acme".to_owned()),
        fallbacks: None,
    };
    load(&home).unwrap().onboard(&acme(), &decided).unwrap();
    assert_eq!(fs::read_to_string(home.path("m.json5")).unwrap(), models);
    assert_eq!(fs::read_to_string(home.path("a.json5")).unwrap(), agents);
    let own: Value = json5::from_str(&fs::read_to_string(home.path("openclaw.json")).unwrap()).unwrap();
    assert_eq!(
        own["models"],
        serde_json::json!({ "$include": "m.json5", "mode": "merge" })
    );
    assert_eq!(own["agents"]["$include"], "a.json5");
    let configuration = load(&home).unwrap();
    let settings = configuration.settings(&acme()).unwrap();
    assert_eq!(settings.base_url.unwrap().as_str(), "https://gateway.test/v1");
    assert_eq!(
        configuration.default_model(&acme()).unwrap().chain(),
        ["acme/big/one", "acme/x/y"]
    );
    // Lists are concatenated with included ones, so that another list cannot be written here.
    decided.fallbacks = Some(vec!["acme/z/z".to_owned()]);
    let before = fs::read_to_string(home.path("openclaw.json")).unwrap();
    let error = load(&home).unwrap().onboard(&acme(), &decided).unwrap_err();
    assert!(error.message().contains("a.json5"), "{error}");
    assert_eq!(fs::read_to_string(home.path("openclaw.json")).unwrap(), before);
}
