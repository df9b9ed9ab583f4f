//! Checks of what a text means: the order of models, aliases and references, and what the settings tell of a model.

use model_provider_host::contract::{DiscoveryMode, Model, ModelRef, ModelSource};

use super::list::{WINDOW, configured};
use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, Setup, words},
};

checks! {
    "references/alias-twice-the-same", "An alias of two references is `invalid-reference`, both in `suggestions`." => alias_twice_the_same;
    "references/bundled-before-alias", "Any other is, in this order: a model that the plugin or the settings know; an alias" => bundled_before_alias;
    "references/alias-like-a-reference", "a reference to an unknown model, which is no error." => alias_like_a_reference;
    "references/configured-name", "Replaces the plugin's name for it." => configured_name;
    "references/listed-metadata", "What is known of the model without a request." => listed_metadata;
}

async fn resolve(setup: Setup<'_>, text: &str) -> Result<ModelRef, Verdict> {
    let mut session = setup.start().await?;
    let resolved = session.instance.resolve(text).await?;
    resolved.map_err(|error| failed(format!("{text:?} resolves"), words(&error)))
}

async fn means(setup: Setup<'_>, text: &str, canonical: &str) -> Result<(), Verdict> {
    let found = resolve(setup, text).await?;
    expect(
        found.canonical == canonical,
        format!("{text:?} resolves to `{canonical}`"),
        || format!("`{}`", found.canonical),
    )
}

/// One reference in two spellings is not two references.
async fn alias_twice_the_same(bench: &Bench) -> Result<(), Verdict> {
    let (known, id) = (bench.resolved().await?, &bench.info().id);
    let canonical = format!("{id}/{}", known.model);
    let setup = bench
        .with()
        .alias("Mine", &canonical)
        .alias("mine", &format!(" {}/{} ", id.to_uppercase(), known.model));
    means(setup, "mine", &canonical).await
}

async fn bundled_before_alias(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().start().await?;
    let bundled = session.list(DiscoveryMode::Off).await?.models;
    let Some(model) = bundled.first() else {
        return Err(not_tested("it bundles no models"));
    };
    let id = &bench.info().id;
    let setup = bench
        .with()
        .alias(&model.id, &format!("{id}/{}-unlisted", model.id));
    means(setup, &model.id, &format!("{id}/{}", model.id)).await
}

/// An alias may look like the name of a model, and comes before it.
async fn alias_like_a_reference(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let setup = bench.with().alias("kit-org/kit-name", &known.canonical);
    means(setup, "kit-org/kit-name", &known.canonical).await
}

async fn configured_name(bench: &Bench) -> Result<(), Verdict> {
    let name = format!("{}-configured", bench.resolved().await?.model);
    let reference = format!("{}/{name}", bench.info().id);
    let found = resolve(bench.with().configured(configured(&name)), &reference).await?;
    expect(
        found.display_name == "A Name of One's Own",
        "the configured name",
        || format!("`{}`", found.display_name),
    )
}

async fn listed_metadata(bench: &Bench) -> Result<(), Verdict> {
    let name = format!("{}-listed", bench.resolved().await?.model);
    let reference = format!("{}/{name}", bench.info().id);
    let listed = Model {
        id: name.clone(),
        display_name: name,
        alias: None,
        source: ModelSource::Live,
        input: Vec::new(),
        output: Vec::new(),
        reasoning: None,
        context_window: Some(WINDOW),
        max_output_tokens: None,
        price: None,
        supports_tools: None,
        supports_structured_output: None,
        routes: Vec::new(),
        picks: Vec::new(),
        extras: Vec::new(),
    };
    let found = resolve(bench.with().listed(listed), &reference).await?;
    let window = found.metadata.as_ref().and_then(|model| model.context_window);
    expect(
        window == Some(WINDOW),
        "the context window of the cached list",
        || format!("{:?}", found.metadata),
    )
}
