//! `models.json`: entries of discovery and of users.

use super::*;
use model_provider_host::contract::{Extra, Model, ModelCatalog, ModelSource, Price, Route};

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

fn catalog(models: Vec<Model>) -> ModelCatalog {
    ModelCatalog {
        models,
        source: ModelSource::Live,
        warnings: Vec::new(),
    }
}

#[test]
fn a_live_list_is_cached_and_a_user_s_entries_stay() {
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
    let kept = configuration.cached_models(&acme()).unwrap().unwrap();
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
        configuration.cached_models(&acme()).unwrap().is_some(),
        "a list that is not live changes nothing"
    );
}

#[test]
fn what_a_person_wrote_stays_to_the_letter_whatever_its_form() {
    let own = r#"{ "id": "mine", "n": 1e0, "big": 12345678901234567890123, "f": 0.10, "\u0061": "\u00e9" }"#;
    // Angle brackets mark what discovery wrote.
    let forms = [
        r#"{"note":1e0,"providers":{"acme":{"baseUrl":"x","models":[OWN]}},"z":-0}"#,
        r#"{"providers":{"acme":{"models":[<,>OWN/*so*/,<,>{"id":"also"}]}}}"#,
        "{ /* why */ providers: { acme: { models: [\n  OWN // so\n] } } } // end",
        "{ providers: { acme: { models: [\n  OWN // so\n,<\n>] } } }",
        "{ providers: { acme: { models: [/*a*/<,>/*b*/] } }, own: OWN }",
        "{\n  // why\n  providers: {\n    ' acme': {\n      models: [\n<,>        // of mine\n        OWN, // so\n\
         <, >// last\n      ],\n    },\n  }, // end\n}\n",
    ];
    for form in forms {
        let (id, text) = ("{ source: 'live', id: 'gone' }", form.replace("OWN", own));
        // Commas may come and go.
        let words = |text: &str| text.replace([',', ' ', '\n'], "");
        let rest = text.replace(['<', '>'], "");
        let text = text.replace('<', id).replace('>', "");
        let home = Home::new(&[("models.json", &text)]);
        let configuration = home.load();
        let path = configuration.models_path();
        let read = || fs::read_to_string(&path).unwrap();
        let lists = [
            vec![live("a/b"), live("mine"), live("c/d")],
            vec![live("c/d")],
            Vec::new(),
        ];
        for models in lists {
            let (before, list) = (read(), catalog(models));
            configuration.write_models(&acme(), &list).unwrap();
            let new = read();
            let is_plain = |text: &str| serde_json::from_str::<Value>(text).is_ok();
            assert!(is_plain(&new) || !is_plain(&before), "{new}");
            assert!(new.contains(own) && !new.contains("gone"), "{new}");
            assert_eq!(
                fs::read_to_string(path.with_extension("json.bak")).unwrap(),
                before
            );
            let kept = configuration.cached_models(&acme()).unwrap();
            let kept = kept.map(|kept| kept.models).unwrap_or_default();
            assert!(kept.iter().all(|model| *model == live(&model.id)), "{kept:?}");
            let is_listed = |id: &str| list.models.iter().any(|model| model.id == id);
            assert_eq!(
                ["a/b", "c/d"].map(|id| kept.iter().any(|model| model.id == id)),
                ["a/b", "c/d"].map(is_listed)
            );
            let at = fs::metadata(&path).unwrap().modified().unwrap();
            configuration.write_models(&acme(), &list).unwrap();
            assert_eq!(read(), new, "the same again changes nothing");
            assert!(
                fs::metadata(&path).unwrap().modified().unwrap() > at,
                "but the list's age"
            );
        }
        assert_eq!(words(&read()), words(&rest), "{form}");
    }
}

#[test]
fn a_list_that_is_only_discovered_is_renewed_without_a_copy_beside_it() {
    let home = Home::new(&[]);
    let configuration = home.load();
    let path = configuration.models_path();
    for ids in [["a/b", "c/d"], ["c/d", "e/f"]] {
        configuration
            .write_models(&acme(), &catalog(ids.map(live).to_vec()))
            .unwrap();
        let kept = configuration.cached_models(&acme()).unwrap().unwrap();
        assert_eq!(kept.models, ids.map(live));
        let text = std::fs::read_to_string(&path).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            text.trim_end(),
            format!("{value:#}"),
            "it is laid out as its nesting is"
        );
    }
    assert!(!path.with_extension("json.bak").exists());
    // Any text of a user, anywhere, requires a backup.
    let text = fs::read_to_string(&path).unwrap();
    let with_own = text.replacen("\"acme\": {", "\"acme\": {\n      \"baseUrl\": \"x\",", 1);
    assert_ne!(text, with_own);
    fs::write(&path, &with_own).unwrap();
    let list = catalog(vec![live("a/b")]);
    configuration.write_models(&acme(), &list).unwrap();
    assert_eq!(
        fs::read_to_string(path.with_extension("json.bak")).unwrap(),
        with_own
    );
}

#[test]
fn a_list_file_that_cannot_be_edited_stays_as_it_is() {
    for (text, what) in [
        (
            "{ providers: { acme: { models: {} } } }",
            "`providers.acme.models` is not a list",
        ),
        ("{ providers: [] }", "`providers` is not an object"),
        ("{ providers: {", "line 1, column 15"),
    ] {
        let home = Home::new(&[("models.json", text)]);
        let configuration = home.load();
        let written = configuration.write_models(&acme(), &catalog(vec![live("a/b")]));
        let error = written.unwrap_err();
        assert!(
            error.message().contains(what) && error.hint().is_some(),
            "{error}"
        );
        assert_eq!(fs::read_to_string(configuration.models_path()).unwrap(), text);
    }
}

proptest! {
    #[test]
    fn any_model_name_of_an_upstream_is_cached(
        name in "\\PC{1,20}|[\u{0}-\u{7f}\u{2028}\u{feff}]{1,20}",
        number in any::<f64>(),
        whole in any::<u64>(),
    ) {
        let home = Home::new(&[]);
        let configuration = home.load();
        let mut model = live("a/b");
        model.display_name = format!("N{name}N");
        model.routes[0].first_token_latency_ms = Some(number).filter(|number| number.is_finite());
        for value_json in [whole.to_string(), format!("{number:e}").replace("NaN", "0").replace("inf", "1")] {
            model.extras.push(Extra { key: format!("k{}", model.extras.len()), value_json });
        }
        let list = catalog(vec![model.clone()]);
        configuration.write_models(&acme(), &list).unwrap();
        let kept = configuration.cached_models(&acme()).unwrap().unwrap();
        prop_assert_eq!(&kept.models[0].display_name, &model.display_name);
        prop_assert_eq!(&kept.models[0].routes, &model.routes);
    }
}
