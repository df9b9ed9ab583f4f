//! The configuration of a provider that does not exist, with everything in it.

use std::{fs, path::PathBuf, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::{
    contract::{CredentialSpec, DiscoveryMode, Model, ModelCatalog, ModelSource, Price},
    edge::Secret,
    grants::Grant,
};

pub(super) fn acme() -> ProviderInfo {
    ProviderInfo {
        id: "acme".into(),
        name: "Acme".into(),
        version: "1.0.0".into(),
        docs_url: None,
        default_base_url: "https://api.acme.test/v1".into(),
        default_model: Some("acme/big/one".into()),
        policies: Vec::new(),
        credential: Some(CredentialSpec {
            env_vars: vec!["ACME_FIRST".into(), "ACME_TOKEN".into(), "NOT_GRANTED".into()],
            header: "x-acme-key".into(),
            prefix: String::new(),
            label: "Acme key".into(),
            note: None,
            help_url: None,
        }),
    }
}

fn grant() -> Grant {
    let mut grant = Grant::asked_by(&acme()).unwrap();
    grant.env_vars.retain(|name| name.starts_with("ACME"));
    grant
}

/// A home with these files below `.openclaw`, and what was read of it.
struct Home {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".openclaw")).unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(".openclaw").join(name), text).unwrap();
        }
        let variables = vec![("PATH", "/usr/bin:/bin".to_owned())];
        Self { dir, variables }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(".openclaw").join(name)
    }

    fn environment(&self) -> Environment {
        Environment::new(self.variables.clone(), Some(self.dir.path().to_owned()))
    }

    fn load(&self) -> Configuration {
        Configuration::load(None, &self.environment()).unwrap()
    }

    /// The token and its source, as a flag of this text and the grant find them.
    async fn secret(&self, flag: Option<&str>) -> Option<(String, String)> {
        let found = self
            .load()
            .secret(&acme(), Some(&grant()), flag, &self.environment())
            .await;
        found
            .unwrap()
            .map(|found| (found.secret.expose().to_owned(), found.source.to_string()))
    }
}

const FULL: &str = r#"{
  // Everything that is used.
  models: {
    mode: 'merge',
    providers: {
      ' acme ': {
        baseUrl: "https://gateway.test/${PART}/v1/",
        headers: { 'X-Team': 'red', 'X-Key': '${GATEWAY_KEY}' },
        models: [
          { id: 'big/one:fast', name: ' Own name ', alias: 'Fast', reasoning: true, input: ['text', 'image'],
            cost: { input: 0.060000000000000005, output: 1e-1, cacheRead: 3, cacheWrite: 9 },
            contextWindow: 131072, maxTokens: 8192, compat: { tools: false }, color: 'red', },
          { id: ' acme/small/two ', alias: 'Small' },
          { id: 'bare', name: null, cost: { output: 1 } },
        ],
      },
      other: { baseUrl: 5, models: 'whatever' },
    },
  },
  agents: { defaults: {
    model: { primary: ' Small ', fallbacks: ['acme/big/one', 'zeta/x', 'My/alias'] },
    models: {
      'acme/big/one': { alias: ' Big  One ', params: { temperature: 0.5 } },
      'ACME/big/one:fast': { alias: 'My/alias' },
      'acme/none': {},
      'zeta/x': { alias: 7 },
    },
  } },
  plugins: { entries: { acme: { enabled: true, config: {
    'max-retries': 0, 'idle-timeout-ms': '5000', 'max-events': 7, discovery: { enabled: false },
    'ca-file': 'certs/own.pem', team: '12', level: 3, nested: { a: [1] }, gone: null,
  } } } },
  env: { vars: { PART: 'api' }, GATEWAY_KEY: 'gate' },
  unknown: [1, { two: 3 }],
}"#;

#[test]
fn everything_of_a_provider_arrives_in_its_settings() {
    let home = Home::new(&[("openclaw.json", FULL)]);
    let configuration = home.load();
    let settings = configuration.settings(&acme()).unwrap();
    assert_eq!(
        settings.base_url.unwrap().as_str(),
        "https://gateway.test/api/v1/"
    );
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        settings.headers,
        [header("X-Team", "red"), header("X-Key", "gate")]
    );
    assert_eq!(settings.max_retries, 0);
    assert_eq!(settings.idle_timeout, Duration::from_secs(5));
    assert_eq!(settings.limits.events, 7);
    assert_eq!(settings.discovery, DiscoveryMode::Off);
    assert_eq!(settings.ca_file, Some(home.path("certs/own.pem")));
    let extras: Vec<_> = settings
        .extras
        .iter()
        .map(|(name, json)| (name.as_str(), json.as_str()))
        .collect();
    assert_eq!(
        extras,
        [("level", "3"), ("nested", r#"{"a":[1]}"#), ("team", "\"12\"")]
    );

    let [fast, small, bare] = settings.models.configured() else {
        panic!("three models");
    };
    assert_eq!(
        (fast.id.as_str(), fast.display_name.as_deref()),
        ("big/one:fast", Some("Own name"))
    );
    assert_eq!(
        (fast.reasoning, &fast.input),
        (Some(true), &vec!["text".to_owned(), "image".to_owned()])
    );
    assert_eq!(
        (fast.context_window, fast.max_output_tokens),
        (Some(131_072), Some(8192))
    );
    let price = Price {
        input: "0.06".into(),
        output: "0.1".into(),
        cached_input: Some("3".into()),
    };
    assert_eq!(fast.price, Some(price));
    let extras: Vec<_> = fast
        .extras
        .iter()
        .map(|it| (it.key.as_str(), it.value_json.as_str()))
        .collect();
    assert_eq!(extras, [("compat", r#"{"tools":false}"#), ("color", "\"red\"")]);
    assert_eq!(small.id, "acme/small/two");
    assert_eq!((bare.display_name.as_ref(), bare.price.as_ref()), (None, None));

    let aliases: Vec<_> = settings
        .models
        .aliases()
        .iter()
        .map(|it| (it.alias.as_str(), it.reference.as_str()))
        .collect();
    assert_eq!(
        aliases,
        [
            ("Big  One", "acme/big/one"),
            ("My/alias", "ACME/big/one:fast"),
            ("Fast", "acme/big/one:fast"),
            ("Small", "acme/small/two"),
        ]
    );
    let model = configuration.default_model(&acme()).unwrap();
    assert_eq!(model.chain(), ["Small", "acme/big/one", "My/alias"]);
    assert_eq!(model.elsewhere, ["zeta/x"]);
    let params = configuration.params("acme/big/one").unwrap().unwrap();
    assert_eq!(params["temperature"], 0.5);
    assert!(configuration.params("acme/none").unwrap().is_none());
    assert_eq!(configuration.value()["unknown"][1]["two"], 3);
    assert!(!format!("{configuration:?}").contains("gate"));
}

#[test]
fn a_default_model_may_be_plain_text_and_replace_lists_only_what_is_configured() {
    let text = "{ agents: { defaults: { model: 'acme/a/b' } }, models: { mode: 'replace' } }";
    let configuration = Home::new(&[("openclaw.json", text)]).load();
    assert_eq!(
        configuration.default_model(&acme()).unwrap().chain(),
        ["acme/a/b"]
    );
    assert_eq!(
        configuration.settings(&acme()).unwrap().discovery,
        DiscoveryMode::ConfiguredOnly
    );
}

#[test]
fn what_is_wrong_is_named_with_place_and_key_and_without_its_value() {
    for (text, place, says) in [
        (
            "{ models: [] }",
            "line 1, column 11",
            "`models` is a list, where an object",
        ),
        (
            "{models:{providers:{acme:{\nbaseUrl: 'ftp://sesame'}}}}",
            "line 2, column 10",
            "http or https",
        ),
        (
            "{models:{providers:{acme:{\n headers: { A: 4711 }}}}}",
            "line 2, column 16",
            "`models.providers.acme.headers.A`",
        ),
        (
            "{models:{providers:{acme:{headers:{A:'${NO_SUCH}'}}}}}",
            "line 1, column 38",
            "`NO_SUCH`",
        ),
        (
            "{models:{providers:{acme:{models:[{name:'x'}]}}}}",
            "line 1, column 35",
            "models[0]` has no `id`",
        ),
        (
            "{models:{providers:{acme:{models:['x']}}}}",
            "line 1, column 35",
            "an object in braces",
        ),
        (
            "{models:{providers:{acme:{models:[{id:'x',contextWindow:0}]}}}}",
            "column 57",
            "above 0",
        ),
        (
            "{models:{providers:{acme:{models:[{id:'x',contextWindow:1.5}]}}}}",
            "column 57",
            "above 0",
        ),
        (
            "{models:{providers:{acme:{models:[{id:'x',cost:{input:-1}}]}}}}",
            "column 55",
            "models[0].cost.input",
        ),
        (
            "{models:{providers:{acme:{models:[{id:'x',input:['text',1]}]}}}}",
            "column 57",
            "models[0].input[1]",
        ),
        (
            "{plugins:{entries:{acme:{config:{'max-retrys':1}}}}}",
            "column 47",
            "did you mean `max-retries`",
        ),
        (
            "{plugins:{entries:{acme:{config:{'max-retries':'x'}}}}}",
            "column 48",
            "whole number",
        ),
        (
            "{agents:{defaults:{models:{'acme/a/b':{alias:4711}}}}}",
            "column 46",
            "[\"acme/a/b\"].alias",
        ),
    ] {
        let home = Home::new(&[("openclaw.json", text)]);
        let error = home.load().settings(&acme()).unwrap_err();
        let message = error.message();
        assert_eq!(error.kind(), Kind::Configuration);
        assert!(
            message.starts_with(&home.path("openclaw.json").display().to_string()),
            "{message}"
        );
        assert!(message.contains(place), "{message} / {place}");
        assert!(message.contains(says), "{message} / {says}");
        assert!(!message.contains("4711"), "{message}");
        assert!(error.hint().is_some(), "{message}");
    }
    let home = Home::new(&[("openclaw.json", "{ agents: { defaults: { model: 3 } } }")]);
    let error = home.load().default_model(&acme()).unwrap_err();
    assert!(
        error
            .message()
            .contains("column 32: `agents.defaults.model` is a number"),
        "{error}"
    );
}

#[test]
fn the_file_and_the_state_are_found_where_they_are_said_to_be() {
    let home = Home::new(&[]);
    let configuration = home.load();
    assert!(!configuration.is_present());
    assert_eq!(configuration.path(), home.path("openclaw.json"));
    assert_eq!(
        configuration.state_dir(),
        home.path("").parent().unwrap().join(".openclaw")
    );

    let named = home.dir.path().join("own/c.json5");
    let error = Configuration::load(Some(&named), &home.environment()).unwrap_err();
    assert!(
        error.message().contains("there is no configuration file"),
        "{error}"
    );
    let new = Configuration::load_or_empty(Some(&named), &home.environment()).unwrap();
    assert_eq!((new.path(), new.state_dir()), (&*named, named.parent().unwrap()));
    let plain = Configuration::load_or_empty(Some(Path::new("no-such.json5")), &home.environment()).unwrap();
    assert_eq!(plain.state_dir(), Path::new("."));

    let home = home
        .with("OPENCLAW_CONFIG_PATH", " ~/c.json5 ")
        .with("OPENCLAW_STATE_DIR", "~/state");
    let configuration = home.load();
    assert_eq!(configuration.path(), home.dir.path().join("c.json5"));
    assert_eq!(configuration.state_dir(), home.dir.path().join("state"));

    let nowhere = Environment::new([("A", "b")], None);
    assert!(Configuration::load(None, &nowhere).is_err());
    let state = Environment::new([("OPENCLAW_STATE_DIR", home.dir.path().to_str().unwrap())], None);
    assert!(!Configuration::load(None, &state).unwrap().is_present());
}

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
fn a_stored_profile_is_private_and_leaves_others_alone() {
    let old = r#"{"version":3,"profiles":{"zeta:default":{"type":"api_key","provider":"zeta","key":"z"},
      "acme:default":{"type":"token","token":"old","provider":"acme","note":"kept"}},"lastGood":{}}"#;
    let home = Home::new(&[("auth-profiles.json", old)]);
    let configuration = home.load();
    let stored = |configuration: &Configuration| {
        let (secret, name) = configuration.stored_secret(&acme()).unwrap().unwrap();
        (secret.expose().to_owned(), name)
    };
    assert_eq!(
        stored(&configuration),
        ("old".to_owned(), "acme:default".to_owned())
    );
    let secret = Secret::new("new").unwrap();
    for _ in 0..2 {
        assert_eq!(
            configuration.store_profile(&acme(), &secret).unwrap(),
            "acme:default"
        );
    }
    assert_eq!(
        stored(&configuration),
        ("new".to_owned(), "acme:default".to_owned())
    );
    let path = configuration.profiles_path();
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
    let error = configuration.store_profile(&acme(), &secret).unwrap_err();
    assert!(!error.to_string().contains("4711"), "{error}");
    assert!(configuration.stored_secret(&acme()).is_err());
}

#[test]
fn the_configured_order_of_profiles_counts() {
    let profiles = r#"{"profiles":{"acme:default":{"key":"d"},"acme:work":{"type":"api_key","key":"w"},
      "acme:oauth":{"type":"oauth"},"zeta:x":{"key":"z"}}}"#;
    let config = "{ auth: { order: { acme: ['acme:oauth', 'zeta:x', 'acme:work'] } } }";
    let home = Home::new(&[("openclaw.json", config), ("auth-profiles.json", profiles)]);
    assert_eq!(
        home.load().stored_secret(&acme()).unwrap().unwrap().1,
        "acme:work"
    );
}

fn live(id: &str) -> Model {
    Model {
        id: id.into(),
        display_name: format!("Name of {id}"),
        alias: None,
        source: ModelSource::Live,
        input: vec!["text".into()],
        output: vec!["text".into()],
        reasoning: Some(false),
        context_window: Some(1000),
        max_output_tokens: None,
        price: Some(Price {
            input: "0.06".into(),
            output: "12".into(),
            cached_input: None,
        }),
        supports_tools: Some(true),
        supports_structured_output: None,
        routes: vec![crate::contract::Route {
            backend: "one".into(),
            status: "live".into(),
            context_window: Some(1000),
            price: None,
            supports_tools: None,
            supports_structured_output: Some(false),
            first_token_latency_ms: Some(12.5),
            tokens_per_second: None,
            extras: vec![crate::contract::Extra {
                key: "is_free".into(),
                value_json: "true".into(),
            }],
        }],
        picks: Vec::new(),
        extras: Vec::new(),
    }
}

#[test]
fn a_live_list_is_kept_and_what_a_person_wrote_stays() {
    let old = r#"{"note":1,"providers":{"zeta":{"models":[{"id":"z"}]},"acme":{"baseUrl":"x","models":[
      {"id":"gone","source":"live"},{"id":"mine","alias":"Mine","options":{"a":1}}]}}}"#;
    let home = Home::new(&[
        ("models.json", old),
        (
            "openclaw.json",
            "{models:{providers:{acme:{models:[{id:'first'}]}}}}",
        ),
    ]);
    let configuration = home.load();
    let catalog = |models| ModelCatalog {
        models,
        source: ModelSource::Live,
        warnings: Vec::new(),
    };
    let list = catalog(vec![live("a/b"), live("mine"), live("c/d")]);
    configuration.write_models(&acme(), &list).unwrap();
    configuration.write_models(&acme(), &list).unwrap();

    let value: Value =
        serde_json::from_str(&fs::read_to_string(configuration.models_path()).unwrap()).unwrap();
    assert_eq!(
        (&value["note"], &value["providers"]["zeta"]["models"][0]["id"]),
        (&1.into(), &"z".into())
    );
    assert_eq!(value["providers"]["acme"]["baseUrl"], "x");
    assert_eq!(value["providers"]["acme"]["models"][0]["options"]["a"], 1);
    let kept = configuration.kept_models(&acme()).unwrap().unwrap();
    assert_eq!(kept.models, [live("a/b"), live("c/d")]);
    assert!(kept.written.is_some());
    let settings = configuration.settings(&acme()).unwrap();
    let ids: Vec<_> = settings
        .models
        .configured()
        .iter()
        .map(|model| model.id.as_str())
        .collect();
    assert_eq!(ids, ["first", "mine"]);
    assert_eq!(settings.models.aliases()[0].reference, "acme/mine");

    let bundled = ModelCatalog {
        source: ModelSource::Bundled,
        ..catalog(Vec::new())
    };
    configuration.write_models(&acme(), &bundled).unwrap();
    assert!(
        configuration.kept_models(&acme()).unwrap().is_some(),
        "a list that is not live changes nothing"
    );
}

#[test]
fn a_list_file_with_comments_is_read_but_not_rewritten() {
    let text = "{ /* mine */ providers: { acme: { models: [{ id: 'm' }] } } }";
    let home = Home::new(&[("models.json", text)]);
    let configuration = home.load();
    assert_eq!(
        configuration.settings(&acme()).unwrap().models.configured().len(),
        1
    );
    let catalog = ModelCatalog {
        models: vec![live("a/b")],
        source: ModelSource::Live,
        warnings: Vec::new(),
    };
    assert!(configuration.write_models(&acme(), &catalog).is_err());
    assert_eq!(fs::read_to_string(configuration.models_path()).unwrap(), text);
}
