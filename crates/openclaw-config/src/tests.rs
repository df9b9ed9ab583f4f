//! The configuration of a fictitious provider that uses every key.

mod choice;
mod default_model;
mod guarded;
mod includes;
mod models_cache;
mod onboarding;
mod params;
mod places;
mod profiles;
mod references;
mod stored;
mod tokens;

use std::{fs, path::PathBuf, time::Duration};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use model_provider_host::{
    Grant,
    contract::{CredentialSpec, DiscoveryMode, Price},
};

pub(crate) fn acme() -> ProviderInfo {
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
        endpoints: Vec::new(),
        extras: Vec::new(),
    }
}

fn grant() -> Grant {
    let mut grant = Grant::requested_by(&acme()).unwrap();
    grant.env_vars.retain(|name| name.starts_with("ACME"));
    grant
}

/// A home directory with these files below `.openclaw`, and the configuration read from it.
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

    /// The result of the token lookup of a provider.
    async fn search(&self, info: &ProviderInfo, grant: &Grant) -> SecretSearch {
        let environment = self.environment();
        let configuration = self.load();
        let search = configuration.search_secret(info, Some(grant), None, &environment);
        search.await.unwrap()
    }

    /// The token and its source, for this flag and the grant.
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
    let headers = settings.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    assert_eq!(headers, [("X-Team", "red"), ("X-Key", "gate")]);
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
    assert_eq!(
        small.id, "small/two",
        "a whole reference is taken as the model that it names"
    );
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
    let mut request = model_provider_host::contract::ChatRequest::new("");
    configuration
        .params(&acme())
        .unwrap()
        .fill(&mut request, &["ACME/big/one"]);
    assert_eq!(request.temperature, Some(0.5));
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
            "neither `http://` nor `https://`",
        ),
        (
            "{models:{providers:{acme:{\n headers: { A: 4711 }}}}}",
            "line 2, column 16",
            "`models.providers.acme.headers.A`",
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
        let Err(error) = home.load().settings(&acme()) else {
            panic!("accepted: {text}");
        };
        let message = error.message();
        assert_eq!(error.kind(), ErrorKind::Configuration);
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
    let here = std::env::current_dir().unwrap();
    assert_eq!(
        plain.state_dir(),
        here,
        "whatever becomes of the working directory"
    );

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

proptest! {
    #[test]
    fn no_text_makes_it_fail_otherwise_than_with_an_error(
        at in 0..FULL.len(),
        length in 0..40usize,
        put in "[\\[\\]{}:,'\"/*$ \\\\a0.e+-]{0,6}|null|Infinity|\\PC{0,3}",
    ) {
        let mut text: Vec<char> = FULL.chars().collect();
        let end = (at + length).min(text.len());
        let start = at.min(end);
        text.splice(start..end, put.chars());
        let text: String = text.into_iter().collect();
        let environment = Environment::new([("ACME_TOKEN", "x")], Some(PathBuf::from("/nowhere")));
        let path = PathBuf::from("c.json5");
        if let Ok(document) = Document::parse(&path, text) {
            let state_dir = PathBuf::from("/nowhere");
            let configuration = Configuration { document, path, state_dir, is_present: true, leaves_list_out: false, leaves_dotenv_out: false, environment, declared: model_provider_host::settings::DeclaredSettings::default(), requested_model: None };
            let _ = configuration.settings(&acme());
            let _ = configuration.default_model(&acme());
        }
    }
}
