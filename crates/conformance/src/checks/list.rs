//! Checks of the model list: its source, its order, and its fallback.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use model_provider_host::contract::{
    DiscoveryMode, Model, ModelCatalog, ModelSource,
    settings::{ConfiguredModel, CredentialState},
};

use crate::{
    check::{Verdict, checks, expect, not_tested},
    session::Bench,
};

checks! {
    "list/live", "`live` if the list comes from the upstream, `configured` for `configured-only`, else `bundled`." => live;
    "list/no-duplicates", "Configured ones first, in their order. No `id` occurs twice." => no_duplicates;
    "list/configured-first", "Configured ones first, in their order. No `id` occurs twice." => configured_first;
    "list/configured-fields", "Replaces the plugin's name for it." => configured_fields;
    "list/configured-only", "No, and without bundled models: only those of the settings." => configured_only;
    "list/off", "No: configured and bundled models, no network." => off;
    "list/authenticated", "Only if the settings say that a credential is attached or not required." => authenticated;
    "list/authenticated-sends", "Only if the settings say that a credential is attached or not required." => authenticated_sends;
    "list/always", "Yes, also without a credential; the upstream may then list fewer." => always;
    "list/failure-is-no-error", "An upstream that cannot be reached, fails or lists nothing is no error: the bundled list is returned, with a warning that says why." => failure_is_no_error;
    "list/fallback-source", "`live` if the list comes from the upstream, `configured` for `configured-only`, else `bundled`." => fallback_source;
    "list/fallback-warning", "Why the list is not live, how many rows were skipped. A fallback is never silent." => fallback_warning;
    "list/rows-skipped", "Why the list is not live, how many rows were skipped. A fallback is never silent." => rows_skipped;
    "list/timeout", "The deadline of the whole of `list-models`." => timeout;
}

pub(crate) const WINDOW: u32 = 12_345;

/// A configured model of this id.
pub(crate) fn configured(id: &str) -> ConfiguredModel {
    ConfiguredModel {
        id: id.to_owned(),
        display_name: Some("A Name of One's Own".to_owned()),
        reasoning: Some(true),
        input: vec!["text".to_owned()],
        context_window: Some(WINDOW),
        max_output_tokens: None,
        price: None,
        extras: Vec::new(),
    }
}

pub(crate) async fn listed(bench: &Bench, situation: &str) -> Result<ModelCatalog, Verdict> {
    bench
        .with()
        .list(situation)?
        .start()
        .await?
        .list(DiscoveryMode::Always)
        .await
}

/// The bundled list.
pub(crate) async fn bundled(bench: &Bench) -> Result<ModelCatalog, Verdict> {
    bench.with().start().await?.list(DiscoveryMode::Off).await
}

fn names(models: &[Model]) -> Vec<&str> {
    models.iter().map(|model| model.id.as_str()).collect()
}

async fn live(bench: &Bench) -> Result<(), Verdict> {
    let catalog = listed(bench, "list").await?;
    let ids = names(&catalog.models);
    let is_so =
        catalog.source == ModelSource::Live && ["acme/alpha", "acme/beta"].iter().all(|id| ids.contains(id));
    expect(is_so, "source `live`, with `acme/alpha` and `acme/beta`", || {
        format!("{:?}: {ids:?}", catalog.source)
    })
}

async fn no_duplicates(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["list", "list-duplicates", "list-status-500"] {
        let setup = bench.with().list(situation)?.configured(configured("acme/beta"));
        let catalog = setup.start().await?.list(DiscoveryMode::Always).await?;
        let mut seen = HashSet::new();
        let twice = catalog.models.iter().find(|model| !seen.insert(&model.id));
        expect(twice.is_none(), "each `id` once", || {
            format!("`{situation}`: {:?}", names(&catalog.models))
        })?;
    }
    Ok(())
}

async fn configured_first(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list")?;
    let setup = setup
        .configured(configured("acme/zulu"))
        .configured(configured("acme/beta"));
    let catalog = setup.start().await?.list(DiscoveryMode::Always).await?;
    let ids = names(&catalog.models);
    expect(
        ids.starts_with(&["acme/zulu", "acme/beta"]),
        "`acme/zulu`, `acme/beta`, then the remaining models",
        || format!("{ids:?}"),
    )
}

async fn configured_fields(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list")?.configured(configured("acme/beta"));
    let catalog = setup.start().await?.list(DiscoveryMode::Always).await?;
    let found = catalog.models.iter().find(|model| model.id == "acme/beta");
    let is_so = found.is_some_and(|model| {
        model.display_name == "A Name of One's Own"
            && model.context_window == Some(WINDOW)
            && model.reasoning == Some(true)
    });
    expect(is_so, "the configured name, context window and reasoning", || {
        format!("{found:?}")
    })
}

async fn configured_only(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list")?.configured(configured("acme/zulu"));
    let mut session = setup.start().await?;
    let catalog = session.list(DiscoveryMode::ConfiguredOnly).await?;
    let sent = session.upstream.begun();
    let is_so =
        catalog.source == ModelSource::Configured && names(&catalog.models) == ["acme/zulu"] && sent == 0;
    expect(
        is_so,
        "source `configured`, `acme/zulu` alone, no request",
        || {
            format!(
                "{:?}: {:?}, {sent} requests",
                catalog.source,
                names(&catalog.models)
            )
        },
    )
}

async fn off(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench
        .with()
        .list("list")?
        .configured(configured("acme/zulu"))
        .start()
        .await?;
    let catalog = session.list(DiscoveryMode::Off).await?;
    let sent = session.upstream.begun();
    let has_configured = names(&catalog.models).contains(&"acme/zulu");
    expect(
        sent == 0 && has_configured && catalog.source == ModelSource::Bundled,
        "`acme/zulu` and bundled models, no request",
        || {
            format!(
                "{:?}: {:?}, {sent} requests",
                catalog.source,
                names(&catalog.models)
            )
        },
    )
}

async fn authenticated(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list")?;
    let setup = setup.settings(|snapshot| snapshot.credential = CredentialState::Missing);
    let mut session = setup.start().await?;
    let catalog = session.list(DiscoveryMode::Authenticated).await?;
    let sent = session.upstream.begun();
    expect(
        sent == 0 && catalog.source != ModelSource::Live,
        "no request without a credential",
        || format!("{sent} requests, source {:?}", catalog.source),
    )
}

async fn authenticated_sends(bench: &Bench) -> Result<(), Verdict> {
    if listed(bench, "list").await?.source != ModelSource::Live {
        return Err(not_tested("it has no live list"));
    }
    for state in [CredentialState::AttachedByHost, CredentialState::NotRequired] {
        let setup = bench.with().list("list")?;
        let setup = setup.settings(|snapshot| snapshot.credential = state);
        let catalog = setup.start().await?.list(DiscoveryMode::Authenticated).await?;
        expect(
            catalog.source == ModelSource::Live,
            format!("a live list with the credential {state:?}"),
            || format!("source {:?}", catalog.source),
        )?;
    }
    Ok(())
}

async fn always(bench: &Bench) -> Result<(), Verdict> {
    if listed(bench, "list").await?.source != ModelSource::Live {
        return Err(not_tested("it has no live list"));
    }
    let setup = bench.with().list("list")?;
    let setup = setup.settings(|snapshot| snapshot.credential = CredentialState::Missing);
    let mut session = setup.start().await?;
    session.list(DiscoveryMode::Always).await?;
    expect(
        !session.upstream.seen().is_empty(),
        "a request also without a credential",
        || "none".to_owned(),
    )
}

const FAILURES: [&str; 5] = [
    "list-status-500",
    "list-status-401",
    "list-refused",
    "list-malformed",
    "list-empty",
];

/// Each failure that the upstream's dialect has.
async fn for_each_failure(
    bench: &Bench,
    judge: impl Fn(&str, &ModelCatalog) -> Result<(), Verdict>,
) -> Result<(), Verdict> {
    let mut tested = 0;
    for situation in FAILURES {
        match listed(bench, situation).await {
            Ok(catalog) => judge(situation, &catalog)?,
            Err(Verdict::NotTested { .. }) => continue,
            Err(other) => return Err(other),
        }
        tested += 1;
    }
    expect_some(tested)
}

fn expect_some(tested: usize) -> Result<(), Verdict> {
    if tested == 0 {
        Err(not_tested("the router file has none of these situations"))
    } else {
        Ok(())
    }
}

async fn failure_is_no_error(bench: &Bench) -> Result<(), Verdict> {
    let bundled = bundled(bench).await?;
    for_each_failure(bench, |situation, catalog| {
        expect(
            names(&catalog.models) == names(&bundled.models),
            "the bundled list",
            || format!("`{situation}`: {:?}", names(&catalog.models)),
        )
    })
    .await
}

async fn fallback_source(bench: &Bench) -> Result<(), Verdict> {
    for_each_failure(bench, |situation, catalog| {
        expect(catalog.source == ModelSource::Bundled, "source `bundled`", || {
            format!("`{situation}`: {:?}", catalog.source)
        })
    })
    .await
}

async fn fallback_warning(bench: &Bench) -> Result<(), Verdict> {
    for_each_failure(bench, |situation, catalog| {
        let kebab = |code: &str| {
            !code.is_empty()
                && code
                    .bytes()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-')
        };
        let is_said = catalog
            .warnings
            .iter()
            .any(|warning| kebab(&warning.code) && !warning.message.is_empty());
        expect(is_said, "a warning with a code in kebab-case", || {
            format!("`{situation}`: {:?}", catalog.warnings)
        })
    })
    .await
}

async fn rows_skipped(bench: &Bench) -> Result<(), Verdict> {
    let catalog = listed(bench, "list-odd-row").await?;
    if catalog.source != ModelSource::Live {
        return expect(!catalog.warnings.is_empty(), "a warning", || "none".to_owned());
    }
    let plain = listed(bench, "list").await?;
    let is_said = catalog.warnings.len() > plain.warnings.len();
    expect(is_said, "a warning for the row without an id", || {
        format!("{:?}", catalog.warnings)
    })
}

async fn timeout(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list-silent")?;
    let mut session = setup
        .settings(|snapshot| snapshot.list_timeout_ms = 400)
        .start()
        .await?;
    let began = Instant::now();
    let catalog = session.list(DiscoveryMode::Always).await?;
    let took = began.elapsed();
    // Far beyond the setting, and below the other timeouts of a session.
    expect(
        took < Duration::from_millis(5_000) && catalog.source != ModelSource::Live,
        "the fallback after 400 ms",
        || format!("{:?} after {} ms", catalog.source, took.as_millis()),
    )
}
