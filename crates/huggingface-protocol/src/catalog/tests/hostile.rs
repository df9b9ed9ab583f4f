//! Malicious and broken lists.

use alloc::{collections::BTreeMap, format, vec};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn a_hostile_row_never_loses_the_good_ones() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let long = "x".repeat(100_000);
    let bad = [
        format!(r#"{{"id":"a/deep","providers":{deep}}}"#),
        format!(r#"{{"id":"a/deeper","architecture":{objects},"x":{deep}}}"#),
        deep,
        objects,
        format!(r#"{{"id":"{long}"}}"#),
        format!(r#"{{"id":"a/long-name","name":"{long}","{long}":1}}"#),
        String::from(r#"{"id":"\ud800","\ud800":1}"#),
        String::from(
            r#"{"id":"a/big","created":1e999999,"providers":[{"provider":"x","context_length":1e9}]}"#,
        ),
    ];
    let rows: Vec<String> = bad
        .iter()
        .flat_map(|bad| [bad.clone(), format!(r#"{{"id":"good/{}"}}"#, bad.len())])
        .collect();
    let mut body = format!(r#"{{"data":[{}],"more":"#, rows.join(",")).into_bytes();
    body.extend(b"\"\xff\xfe\"}");
    let catalog = from_list(&body, &PlainSettings::default());
    assert_eq!(catalog.source, ModelSource::Live, "{:?}", catalog.warnings);
    for bad in &bad {
        assert!(
            catalog
                .models
                .iter()
                .any(|model| model.id == format!("good/{}", bad.len()))
        );
    }
    let ids: Vec<&str> = catalog
        .models
        .iter()
        .map(|model| model.id.as_str())
        .filter(|id| id.starts_with("a/"))
        .collect();
    assert_eq!(ids, ["a/deep", "a/deeper", "a/long-name", "a/big"]);
    assert_eq!(catalog.warnings.len(), 1);
    assert!(
        catalog.warnings[0].message.starts_with("4 of the rows"),
        "{}",
        catalog.warnings[0].message
    );
}

#[test]
fn a_list_without_end_is_cut_and_says_so() {
    let rows: Vec<Value> = (0..10_500).map(|n| json!({ "id": format!("a/m{n}") })).collect();
    let catalog = from_rows(&rows);
    assert_eq!(catalog.models.len(), 10_000);
    assert_eq!(catalog.warnings[0].code, LIST_CUT);
    assert!(
        catalog.warnings[0].message.contains("500"),
        "{}",
        catalog.warnings[0].message
    );

    let routes: Vec<Value> = (0..200)
        .map(|n| json!({ "provider": format!("p{n}"), "status": "live" }))
        .collect();
    let catalog = from_rows(&[
        json!({ "id": "a/b", "providers": routes }),
        json!({ "id": "a/c" }),
    ]);
    assert_eq!((catalog.models[0].routes.len(), catalog.models.len()), (64, 2));
    assert_eq!(catalog.warnings[0].code, LIST_CUT);

    let catalog = from_list(&vec![b' '; MAX_LIST_BYTES + 1], &PlainSettings::default());
    assert_eq!(catalog.warnings[0].code, CATALOG_NOT_LIVE);
}

#[test]
fn routes_of_rows_that_are_not_kept_take_no_room_from_others() {
    let routes: Vec<Value> = (0..list::MAX_ROUTES)
        .map(|at| json!({ "provider": format!("p{at}") }))
        .collect();
    let nameless = vec![json!({ "providers": routes }); 400];
    let repeated = vec![json!({ "id": "a/b", "providers": routes }); 400];
    let last = json!({ "id": "c/d", "providers": routes });
    let rows: Vec<Value> = nameless.into_iter().chain(repeated).chain([last]).collect();
    let catalog = from_rows(&rows);
    let counts: Vec<usize> = catalog.models.iter().map(|model| model.routes.len()).collect();
    assert_eq!(counts, [list::MAX_ROUTES; 2], "{:?}", catalog.warnings);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = prop::sample::select(vec![
            "name",
            "title",
            "architecture",
            "input_modalities",
            "providers",
            "provider",
            "status",
            "context_length",
            "pricing",
            "input",
            "output",
            "supports_tools",
            "throughput",
            "created",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|map| map
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn garbage_between_good_rows_never_loses_one(garbage in prop::collection::vec(any_json(), 0..12)) {
        let mut rows = Vec::new();
        for (n, garbage) in garbage.iter().enumerate() {
            rows.push(garbage.clone());
            let mut row = json!({ "id": format!("good/{n}"), "name": "Good", "spoilt": garbage });
            for key in ["architecture", "providers", "title", "owned_by"] {
                row[key] = garbage[key].clone();
            }
            rows.push(row);
        }
        rows.push(json!({ "id": "good/last" }));
        let catalog = from_rows(&rows);
        prop_assert_eq!(catalog.source, ModelSource::Live);
        let by_id: BTreeMap<&str, &Model> = catalog.models.iter().map(|model| (model.id.as_str(), model)).collect();
        prop_assert_eq!(by_id.len(), catalog.models.len(), "an id occurs twice");
        for n in 0..garbage.len() {
            prop_assert_eq!(&by_id[format!("good/{n}").as_str()].display_name, "Good");
        }
        prop_assert!(by_id.contains_key("good/last"));
    }

    #[test]
    fn any_bytes_give_a_catalog(body in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(!from_list(&body, &PlainSettings::default()).models.is_empty());
    }

    #[test]
    fn a_list_cut_anywhere_gives_a_catalog(at in 0_usize..200) {
        let body = r#"{"object":"list","data":[{"id":"a/b","providers":[{"provider":"x","status":"live","pricing":{"input":1,"output":2}}]},{"id":"a/é"}]}"#;
        let cut = &body.as_bytes()[..at.min(body.len())];
        let catalog = from_list(cut, &PlainSettings::default());
        prop_assert_eq!(catalog.source == ModelSource::Live, at >= body.len());
    }
}
