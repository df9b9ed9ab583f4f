//! What onboarding writes, into an empty home and into a file with a user's own entries.

use super::*;
use model_provider_host::Secret;

/// Where keys are stored.
const KEYS: &str = "agents/main/agent/auth-profiles.json";

fn decided(model: &str) -> Onboarding {
    Onboarding {
        base_url: None,
        key: Secret::new("acme-key-1234").map(StoredKey::Plain),
        profile: None,
        model: model.to_owned(),
        replaces_default: true,
        alias: Alias::IfNone("Acme".to_owned()),
        fallbacks: None,
    }
}

fn read(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path(name)).unwrap()
}

fn value(home: &Home) -> Value {
    json5::from_str(&read(home, "openclaw.json")).unwrap()
}

#[test]
fn into_nothing_everything_that_is_needed_is_written_and_twice_is_once() {
    let home = Home::new(&[]);
    let onboarded = home.load().onboard(&acme(), &decided("acme/big/one")).unwrap();
    assert_eq!(
        onboarded,
        Onboarded {
            profile: Some("acme:default".into()),
            default: "acme/big/one".into(),
            configuration_changed: true,
            profiles_changed: true
        }
    );
    assert_eq!(
        value(&home),
        serde_json::json!({
            "auth": { "profiles": { "acme:default": { "provider": "acme", "mode": "api_key" } } },
            "models": {
                "mode": "merge",
                "providers": { "acme": { "baseUrl": "https://api.acme.test/v1", "models": [] } },
            },
            "agents": { "defaults": {
                "model": { "primary": "acme/big/one" },
                "models": { "acme/big/one": { "alias": "Acme" } },
            } },
            "meta": { "migrations": { "modelPolicyAllowlist": true } },
        })
    );
    let stored = home.load().stored_secret(&acme()).unwrap().unwrap();
    assert_eq!(
        (stored.secret.expose(), stored.profile.as_str()),
        ("acme-key-1234", "acme:default")
    );
    let before = (read(&home, "openclaw.json"), read(&home, KEYS));
    let again = home.load().onboard(&acme(), &decided("acme/big/one")).unwrap();
    assert!(!again.configuration_changed && !again.profiles_changed);
    assert_eq!(before, (read(&home, "openclaw.json"), read(&home, KEYS)));
    assert!(
        !home.path("openclaw.json.bak").exists(),
        "there was nothing to back up"
    );
}

const OWN: &str = "// my file
{
  auth: { order: { acme: ['acme:work', 'acme:default'] }, profiles: { 'acme:work': { provider: 'acme' } } },
  models: {
    providers: {
      ' acme ': { baseUrl: 'https://gateway.test', headers: { a: 'b' }, models: [{ id: 'own/model' }] }, // gateway
      zeta: { baseUrl: 'https://zeta.test' },
    },
    bedrockDiscovery: { enabled: false },
  },
  agents: { defaults: {
    workspace: '~/w',
    model: { primary: 'zeta/x', fallbacks: ['acme/small/two', 'zeta/y'] },
    models: {
      'ACME/big/one': { params: { temperature: 0.5 } },
      'acme/small/two': { alias: 'Acme' }, /* the small one */
    },
  } },
}
";

#[test]
fn what_a_person_wrote_survives() {
    let home = Home::new(&[("openclaw.json", OWN)]);
    home.load().onboard(&acme(), &decided("acme/big/one")).unwrap();
    let text = read(&home, "openclaw.json");
    for kept in [
        "// my file",
        "// gateway",
        "/* the small one */",
        "workspace: '~/w'",
        "['acme/small/two', 'zeta/y']",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let new = value(&home);
    let mut expected: Value = json5::from_str(OWN).unwrap();
    expected["auth"]["order"]["acme"] = serde_json::json!(["acme:default", "acme:work"]);
    expected["auth"]["profiles"]["acme:default"] =
        serde_json::json!({ "provider": "acme", "mode": "api_key" });
    expected["models"]["mode"] = "merge".into();
    expected["agents"]["defaults"]["model"]["primary"] = "acme/big/one".into();
    // `Acme` is the alias of another model already; a duplicate would be ambiguous.
    assert_eq!(new, expected);
    assert_eq!(read(&home, "openclaw.json.bak"), OWN);
}

#[test]
fn a_requested_alias_is_set_and_a_blank_one_removes_it() {
    let home = Home::new(&[("openclaw.json", OWN)]);
    let alias = |alias: &str| Onboarding {
        alias: Alias::Set(alias.to_owned()),
        fallbacks: Some(vec!["zeta/y".into()]),
        ..decided("acme/big/one")
    };
    home.load().onboard(&acme(), &alias(" Big One ")).unwrap();
    assert_eq!(
        home.load().alias_of(&acme(), "acme/big/one").unwrap().as_deref(),
        Some("Big One")
    );
    assert_eq!(
        home.load().reference_of(&acme(), "big  one").unwrap().as_deref(),
        Some("ACME/big/one")
    );
    assert_eq!(home.load().fallbacks().unwrap(), ["zeta/y"]);
    home.load().onboard(&acme(), &alias(" ")).unwrap();
    assert_eq!(home.load().alias_of(&acme(), "acme/big/one").unwrap(), None);
    let entry = &value(&home)["agents"]["defaults"]["models"]["ACME/big/one"];
    assert_eq!(*entry, serde_json::json!({ "params": { "temperature": 0.5 } }));
}

#[test]
fn a_model_in_plain_text_stays_so_if_it_says_the_same() {
    let config = "{ agents: { defaults: { model: 'acme/big/one' } } }";
    let home = Home::new(&[("openclaw.json", config)]);
    let model = |home: &Home| value(home)["agents"]["defaults"]["model"].clone();
    home.load().onboard(&acme(), &decided("acme/big/one")).unwrap();
    assert_eq!(model(&home), "acme/big/one");
    home.load().onboard(&acme(), &decided("acme/small/two")).unwrap();
    assert_eq!(model(&home), serde_json::json!({ "primary": "acme/small/two" }));
}

#[test]
fn a_new_key_comes_before_the_profiles_that_are_named_already() {
    let config = "{ auth: { profiles: { 'acme:work': { provider: 'acme', mode: 'api_key' }, 'zeta:x': { provider: 'zeta', mode: 'api_key' } } } }";
    let home = Home::new(&[("openclaw.json", config)]);
    fs::create_dir_all(home.path(KEYS).parent().unwrap()).unwrap();
    fs::write(
        home.path(KEYS),
        r#"{"version":1,"profiles":{"acme:work":{"type":"api_key","provider":"acme","key":"w"}}}"#,
    )
    .unwrap();
    let stored = || home.load().stored_secret(&acme()).unwrap().unwrap();
    assert_eq!(stored().secret.expose(), "w");
    home.load().onboard(&acme(), &decided("acme/big/one")).unwrap();
    assert_eq!(stored().secret.expose(), "acme-key-1234");
    assert_eq!(
        value(&home)["auth"]["order"],
        serde_json::json!({ "acme": ["acme:default", "acme:work"] })
    );
}

#[test]
fn a_file_that_cannot_take_it_stays_and_no_key_is_stored() {
    let config = "{ models: { providers: ['acme'] } }";
    let home = Home::new(&[("openclaw.json", config)]);
    let error = home
        .load()
        .onboard(&acme(), &decided("acme/big/one"))
        .unwrap_err();
    assert!(
        error.message().contains("`models.providers` is not an object"),
        "{error}"
    );
    assert_eq!(read(&home, "openclaw.json"), config);
    assert!(!home.path(KEYS).exists());
}

#[test]
fn where_the_file_of_keys_is_broken_the_configuration_stays_too() {
    for (broken, hint) in [
        (b"{ profiles: ".as_slice(), "JSON5"),
        (b"\xff\xfe{\0}\0", "UTF-8"),
    ] {
        let home = Home::new(&[("openclaw.json", "{}")]);
        fs::create_dir_all(home.path(KEYS).parent().unwrap()).unwrap();
        fs::write(home.path(KEYS), broken).unwrap();
        let error = home
            .load()
            .onboard(&acme(), &decided("acme/big/one"))
            .unwrap_err();
        assert!(error.message().contains("auth-profiles.json"), "{error}");
        assert!(
            error.hint().is_some_and(|words| words.contains(hint)),
            "{error:?}"
        );
        assert_eq!(read(&home, "openclaw.json"), "{}");
    }
}
