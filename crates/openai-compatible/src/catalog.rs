//! Model catalog: the server's current list, with configured models first.
//!
//! Nothing is built in: without a list there are the configured models only. Knows no network: the caller fetches the
//! list and hands its bytes in.

use alloc::{format, string::String, vec::Vec};

use chat_completions::{
    contract::{
        settings::CredentialState,
        types::{DiscoveryMode, Model, ModelCatalog, ModelSource, Warning},
    },
    model::{Index, blank, overlay},
    settings::Settings,
    text::lossy,
    warning::{CATALOG_NOT_LIVE, CONFIGURED_SKIPPED, LIST_CUT, ROWS_SKIPPED, warning},
    wire::list::Rows,
};

use crate::{
    provider::ENV_VAR,
    reference::{canonical, id_of},
    row,
};

/// The longest list that is read, in bytes, and most rows.
pub(crate) const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;
const MAX_ROWS: usize = 10_000;

/// Whether the server's list may be requested. If not, the error has the catalog's warnings about it.
pub(crate) fn may_fetch_list(mode: DiscoveryMode, credential: CredentialState) -> Result<(), Vec<Warning>> {
    match (mode, credential) {
        (DiscoveryMode::ConfiguredOnly | DiscoveryMode::Off, _) => Err(Vec::new()),
        (DiscoveryMode::Authenticated, CredentialState::Missing) => Err(Vec::from([not_live(&format!(
            "no request was sent, because no key is attached (set {ENV_VAR}; a key is sent over https or within this \
             machine only), and `discovery` is `authenticated`"
        ))])),
        (DiscoveryMode::Authenticated | DiscoveryMode::Always, _) => Ok(()),
    }
}

/// The warning that goes with a catalog that does not come from the server; `why` continues "no list from the server:".
pub(crate) fn not_live(why: &str) -> Warning {
    let why = why.trim_end_matches('.');
    warning(
        CATALOG_NOT_LIVE,
        format!("There is no list from the server: {why}. Only configured models are known."),
    )
}

/// The catalog without the server's list.
pub(crate) fn offline(mode: DiscoveryMode, settings: &impl Settings, why: Vec<Warning>) -> ModelCatalog {
    let source = match mode {
        DiscoveryMode::ConfiguredOnly => ModelSource::Configured,
        DiscoveryMode::Off | DiscoveryMode::Authenticated | DiscoveryMode::Always => ModelSource::Bundled,
    };
    merged(Vec::new(), source, settings, why)
}

/// The catalog from the server's response. One that is no list gives the configured models with a warning that says why.
pub(crate) fn from_list(body: &[u8], settings: &impl Settings) -> ModelCatalog {
    let fall_back = |why: &str| offline(DiscoveryMode::Always, settings, Vec::from([not_live(why)]));
    // A byte that is no UTF-8 spoils one text, not the list.
    let body = lossy(body);
    let body = body.trim_start_matches('\u{feff}');
    let Ok(rows) = Rows::read(body, MAX_ROWS) else {
        return fall_back("its response is no JSON, or was cut off");
    };
    if !rows.is_list {
        return fall_back("its response has no list named \"data\"");
    }
    let mut warnings = Vec::new();
    if rows.cut > 0 {
        let message = format!(
            "The server's list has more than {MAX_ROWS} rows; {} were left out.",
            rows.cut
        );
        warnings.push(warning(LIST_CUT, message));
    }
    let (mut models, mut ids, mut skipped) = (Vec::new(), Index::default(), 0);
    for raw in rows.rows {
        match row::read(raw) {
            None => skipped += 1,
            Some(model) => {
                if ids.note(&model.id, models.len()) {
                    models.push(model);
                }
            }
        }
    }
    if skipped > 0 {
        let message = format!("{skipped} of the rows of the server's list name no model and were left out.");
        warnings.push(warning(ROWS_SKIPPED, message));
    }
    if models.is_empty() {
        warnings.insert(0, not_live("its response lists no model"));
        return offline(DiscoveryMode::Always, settings, warnings);
    }
    merged(models, ModelSource::Live, settings, warnings)
}

/// The configured models in their order, completed, then the remaining listed ones.
fn merged(
    others: Vec<Model>,
    source: ModelSource,
    settings: &impl Settings,
    mut warnings: Vec<Warning>,
) -> ModelCatalog {
    let mut listed = Index::default();
    for (at, model) in others.iter().enumerate() {
        listed.note(&model.id, at);
    }
    let (mut models, mut seen, mut without_id) = (Vec::new(), Index::default(), 0);
    for configured in settings.list_configured() {
        let id = String::from(id_of(&configured.id));
        if id.is_empty() {
            without_id += 1;
        } else if seen.note(&id, 0) {
            let known = listed.get(&id).and_then(|at| others.get(at)).cloned();
            models.push(overlay(configured, known.unwrap_or_else(|| unknown(&id))));
        }
    }
    models.extend(others.into_iter().filter(|model| seen.get(&model.id).is_none()));
    if without_id > 0 {
        let message = format!("{without_id} of the configured models have no id and were left out.");
        warnings.push(warning(CONFIGURED_SKIPPED, message));
    }
    for alias in settings.list_aliases() {
        let (name, id) = (alias.alias.trim(), id_of(&alias.reference));
        let mut models = models.iter_mut();
        if let Some(model) = models.find(|model| model.id == id)
            && !name.is_empty()
        {
            model.alias.get_or_insert_with(|| String::from(name));
        }
    }
    ModelCatalog {
        models,
        source,
        warnings,
    }
}

/// A model's metadata without a request to the server: the settings take precedence over the cached list.
pub(crate) fn entry(id: &str, settings: &impl Settings) -> Option<Model> {
    let listed = settings.find_listed(id);
    // A configured id may have the prefix.
    let configured = settings
        .find_configured(id)
        .or_else(|| settings.find_configured(&canonical(id)));
    match configured {
        Some(configured) => Some(overlay(configured, listed.unwrap_or_else(|| unknown(id)))),
        None => listed,
    }
}

fn unknown(id: &str) -> Model {
    let mut model = blank(id, ModelSource::Configured);
    model.display_name.push_str(id);
    model
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use chat_completions::{
        contract::settings::{ConfiguredModel, ModelAlias},
        settings::PlainSettings,
    };
    use proptest::prelude::*;

    use super::*;

    fn settings() -> PlainSettings {
        let configured = |id: &str| ConfiguredModel {
            id: id.into(),
            display_name: Some("Mine".into()),
            reasoning: Some(true),
            input: vec![],
            context_window: None,
            max_output_tokens: Some(64),
            price: None,
            extras: vec![],
        };
        PlainSettings {
            configured: vec![configured("openai-compatible/b"), configured(""), configured("b")],
            aliases: vec![ModelAlias {
                alias: " Quick ".into(),
                reference: "openai-compatible/a:1".into(),
            }],
            ..PlainSettings::default()
        }
    }

    #[test]
    fn configured_models_come_first_and_keep_what_the_list_says_of_them() {
        let list = br#"{"object":"list","data":[{"id":"a:1","max_model_len":8},{"id":"b","max_model_len":9},{"id":"a:1"},{}]}"#;
        let catalog = from_list(list, &settings());
        assert_eq!(catalog.source, ModelSource::Live);
        let ids: Vec<&str> = catalog.models.iter().map(|model| model.id.as_str()).collect();
        assert_eq!(ids, ["b", "a:1"]);
        let [b, a] = catalog.models.as_slice() else {
            panic!()
        };
        assert_eq!(
            (b.context_window, b.max_output_tokens, b.display_name.as_str()),
            (Some(9), Some(64), "Mine")
        );
        assert_eq!((a.context_window, a.alias.as_deref()), (Some(8), Some("Quick")));
        let codes: Vec<&str> = catalog
            .warnings
            .iter()
            .map(|warning| warning.code.as_str())
            .collect();
        assert_eq!(codes, [ROWS_SKIPPED, CONFIGURED_SKIPPED]);
    }

    #[test]
    fn what_is_no_list_leaves_the_configured_models_and_says_why() {
        for (body, why) in [
            (&b""[..], "no JSON"),
            (b"<html>", "no JSON"),
            (b"{\"data\":[", "cut off"),
            (b"{\"models\":[]}", "no list named"),
            (b"{\"object\":\"list\",\"data\":null}", "no list named"),
            (b"{\"data\":[]}", "lists no model"),
        ] {
            let catalog = from_list(body, &settings());
            assert_eq!((catalog.source, catalog.models.len()), (ModelSource::Bundled, 1));
            let first = &catalog.warnings[0];
            assert_eq!(first.code, CATALOG_NOT_LIVE);
            assert!(first.message.contains(why), "{}", first.message);
        }
    }

    #[test]
    fn the_list_is_requested_without_a_key_where_none_is_needed_or_on_demand() {
        use CredentialState::{Missing, NotRequired};
        use DiscoveryMode::{Always, Authenticated, Off};
        assert_eq!(may_fetch_list(Authenticated, NotRequired), Ok(()));
        assert_eq!(may_fetch_list(Always, Missing), Ok(()));
        assert_eq!(may_fetch_list(Off, NotRequired), Err(vec![]));
        assert!(
            may_fetch_list(Authenticated, Missing).unwrap_err()[0]
                .message
                .contains(ENV_VAR)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_catalog(body in prop::collection::vec(any::<u8>(), 0..200), rows in "[{}\\[\\]\",:a-z0-9]{0,60}") {
            for body in [body, format!("{{\"data\":[{rows}]}}").into_bytes()] {
                let catalog = from_list(&body, &settings());
                prop_assert_eq!(catalog.models[0].id.as_str(), "b");
            }
        }
    }
}
