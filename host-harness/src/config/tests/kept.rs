//! `models.json`: what discovery writes and what a person has written.

use super::*;
use crate::contract::{Extra, Model, ModelCatalog, ModelSource, Price, Route};

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
        routes: vec![Route {
            backend: "one".into(),
            status: "live".into(),
            context_window: Some(1000),
            price: None,
            supports_tools: None,
            supports_structured_output: Some(false),
            first_token_latency_ms: Some(12.5),
            tokens_per_second: None,
            extras: vec![Extra {
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
