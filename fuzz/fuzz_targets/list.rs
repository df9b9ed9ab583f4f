//! Fuzz target of the router's model list: any bytes give a catalog that holds its invariants.
#![no_main]

use std::collections::HashSet;

use huggingface_protocol::{catalog, settings::PlainSettings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let settings = PlainSettings::default();
    let catalog = catalog::from_list(body, &settings);
    assert!(
        !catalog.models.is_empty(),
        "without a usable row the catalog has the bundled models"
    );
    let ids: HashSet<&str> = catalog.models.iter().map(|model| model.id.as_str()).collect();
    assert_eq!(ids.len(), catalog.models.len(), "no id occurs twice");
    for model in &catalog.models {
        assert!(!model.display_name.trim().is_empty(), "{:?}", model.id);
        assert_eq!(model.id, model.id.trim());
        for price in model
            .routes
            .iter()
            .filter_map(|route| route.price.as_ref())
            .chain(&model.price)
        {
            for amount in [
                Some(&price.input),
                Some(&price.output),
                price.cached_input.as_ref(),
            ]
            .into_iter()
            .flatten()
            {
                let is_decimal = amount.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                assert!(
                    is_decimal && amount.parse::<f64>().is_ok_and(f64::is_finite),
                    "{amount:?}"
                );
            }
        }
        for pick in &model.picks {
            assert!(
                model.routes.iter().any(|route| route.backend == pick.backend),
                "{pick:?}"
            );
        }
        for extra in &model.extras {
            serde_json::from_str::<&serde_json::value::RawValue>(&extra.value_json)
                .expect("an extra is JSON");
        }
    }
    // The same list again, with its own models cached, gives the same.
    let listed = PlainSettings {
        listed: catalog.models.clone(),
        ..settings
    };
    assert_eq!(catalog::from_list(body, &listed).models, catalog.models);
});
