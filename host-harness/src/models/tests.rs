//! What the table of models says.

use super::*;
use crate::output::fixtures;
use model_provider_host::contract::{ModelSource, Price};

fn catalog(models: Vec<Model>) -> ModelCatalog {
    ModelCatalog {
        models,
        source: ModelSource::Live,
        warnings: Vec::new(),
    }
}

fn named(name: &str, output: Option<&str>, window: Option<u32>) -> Model {
    Model {
        alias: None,
        display_name: name.into(),
        price: output.map(|output| Price {
            input: "1".into(),
            output: output.into(),
            cached_input: None,
        }),
        context_window: window,
        ..fixtures::model()
    }
}

fn order(sort: SortKey, models: Vec<Model>) -> Vec<String> {
    let mut catalog = catalog(models);
    text(Style::PLAIN, &fixtures::info(), &mut catalog, sort, None);
    catalog
        .models
        .iter()
        .map(|model| model.display_name.clone())
        .collect()
}

#[test]
fn a_row_has_all_that_fits_on_a_line() {
    let text = models_table(Style::PLAIN, &fixtures::info(), &[fixtures::model()]);
    let words: Vec<_> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(
        words.join(" "),
        "Big acme/org/big-model 64K $0.27 / $1.10 text, image yes 2 40.5 tok/s"
    );
}

#[test]
fn an_unknown_value_is_a_dash() {
    let bare = Model {
        input: Vec::new(),
        routes: Vec::new(),
        supports_tools: None,
        ..named("x", None, None)
    };
    let text = models_table(Style::PLAIN, &fixtures::info(), &[bare]);
    let words: Vec<_> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(words.join(" "), "x acme/org/big-model – – – – – –");
}

#[test]
fn a_price_that_depends_on_the_route_is_a_lowest_price() {
    let mut model = fixtures::model();
    assert_eq!(shown_price(&model), "$0.27 / $1.10");
    model.routes[1].price = Some(Price {
        input: "3".into(),
        output: "7".into(),
        cached_input: None,
    });
    assert_eq!(shown_price(&model), "$0.27 / $1.10", "that route is down");
    model.routes[1].status = "live".into();
    assert_eq!(shown_price(&model), "from $0.27 / $1.10");
}

#[test]
fn a_filter_requires_all_its_words_in_any_case() {
    let (info, model) = (fixtures::info(), fixtures::model());
    for filter in ["BIG", "org east", "big model", "acme/", ""] {
        assert!(matches(&info, &model, filter), "{filter}");
    }
    assert!(!matches(&info, &model, "big north"));
}

#[test]
fn the_table_is_sorted_and_unknown_values_come_last() {
    let models = || {
        vec![
            named("b", None, Some(10)),
            named("C", Some("0.5"), None),
            named("a", Some("0.06"), Some(1000)),
        ]
    };
    assert_eq!(order(SortKey::Name, models()), ["a", "b", "C"]);
    assert_eq!(order(SortKey::Price, models()), ["a", "C", "b"]);
    assert_eq!(order(SortKey::Window, models()), ["a", "b", "C"]);
}

#[test]
fn every_variant_has_a_line_and_shows_whether_it_is_provider_locked() {
    let mut catalog = catalog(vec![fixtures::model()]);
    let text = text(
        Style::PLAIN,
        &fixtures::info(),
        &mut catalog,
        SortKey::Name,
        Some(&HashMap::new()),
    );
    assert_eq!(text.lines().count(), 2 + 5, "{text}");
    let locked = text
        .lines()
        .find(|line| line.contains(":thrifty"))
        .unwrap_or_default();
    let words: Vec<_> = locked.split_whitespace().collect();
    assert_eq!(
        words.join(" "),
        "Big (thrifty) acme/org/big-model:thrifty east yes 64K $0.27 / $1.10 yes"
    );
}

#[test]
fn the_footer_counts() {
    let catalog = catalog(vec![fixtures::model()]);
    assert_eq!(footer(&catalog, 1), "1 model (live)");
    assert_eq!(footer(&catalog, 3), "1 of 3 models (live)");
}
