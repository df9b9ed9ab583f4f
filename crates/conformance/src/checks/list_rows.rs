//! Checks of the rows of a model list: names, sources, prices, and unknown values.

use model_provider_host::contract::{DiscoveryMode, Model, ModelSource, Price, settings::ConfiguredModel};

use super::list::{bundled, configured, listed};
use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::Bench,
};

checks! {
    "list/display-names", "Its display name; never empty." => display_names;
    "list/ids", "Its name without prefix and suffix: `deepseek-ai/DeepSeek-R1`." => ids;
    "list/row-source", "The source of the row; single fields may be filled in from elsewhere." => row_source;
    "list/unknown-is-none", "Unknown is `none` (or the empty list), never zero, false or \"\"." => unknown_is_none;
    "list/prices", "US dollars per million tokens, as decimal text: digits and at most one point. Never a float." => prices;
    "list/picks", "One of the model's routes." => picks;
    "list/configured-limits", "A model that a person has configured. The plugin fills in what it leaves out." => configured_limits;
    "list/configured-without-name", "Its display name; never empty." => configured_without_name;
    "list/extras", "`-json` in a name is one JSON value as text, `-ms` is milliseconds." => extras;
    "list/alias", "The alias that the settings give it. Shown instead of `display-name`." => alias;
}

/// Every row of the live list and of the bundled one.
async fn rows(bench: &Bench) -> Result<Vec<Model>, Verdict> {
    let mut models = bundled(bench).await?.models;
    match listed(bench, "list").await {
        Ok(catalog) => models.extend(catalog.models),
        Err(Verdict::NotTested { .. }) => {}
        Err(other) => return Err(other),
    }
    if models.is_empty() {
        Err(not_tested("it lists no models"))
    } else {
        Ok(models)
    }
}

async fn display_names(bench: &Bench) -> Result<(), Verdict> {
    let rows = rows(bench).await?;
    let blank = rows.iter().find(|model| model.display_name.trim().is_empty());
    expect(blank.is_none(), "a display name in every row", || {
        format!("{blank:?}")
    })
}

async fn ids(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().start().await?;
    for model in rows(bench).await? {
        // By itself too: an id with the prefix in it would lose it there.
        for reference in [format!("{}/{}", bench.info().id, model.id), model.id.clone()] {
            let expected = format!("`{reference}` is the model `{}`", model.id);
            match session.instance.resolve(&reference).await? {
                Ok(found) => expect(found.model == model.id, expected, || format!("`{}`", found.model))?,
                Err(error) => return Err(failed(expected, error.message)),
            }
        }
    }
    Ok(())
}

async fn row_source(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list")?.configured(configured("acme/zulu"));
    let catalog = setup.start().await?.list(DiscoveryMode::Always).await?;
    let source = |id: &str| {
        catalog
            .models
            .iter()
            .find(|model| model.id == id)
            .map(|model| model.source)
    };
    if catalog.source != ModelSource::Live {
        return Err(not_tested("it has no live list"));
    }
    let found = (source("acme/alpha"), source("acme/zulu"));
    expect(
        found == (Some(ModelSource::Live), Some(ModelSource::Configured)),
        "`acme/alpha` live, `acme/zulu` configured",
        || format!("{found:?}"),
    )
}

async fn unknown_is_none(bench: &Bench) -> Result<(), Verdict> {
    for model in rows(bench).await? {
        let zero = [model.context_window, model.max_output_tokens].contains(&Some(0))
            || model.routes.iter().any(|route| route.context_window == Some(0));
        let blank = model.alias.as_deref() == Some("") || model.input.iter().any(String::is_empty);
        expect(!zero && !blank, "`none` where nothing is known", || {
            format!("{model:?}")
        })?;
    }
    Ok(())
}

async fn prices(bench: &Bench) -> Result<(), Verdict> {
    let decimal = |text: &str| {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        digits(whole) && digits(rest)
    };
    let mut tested = 0;
    for model in rows(bench).await? {
        let prices = model
            .price
            .iter()
            .chain(model.routes.iter().filter_map(|route| route.price.as_ref()));
        for price in prices {
            tested += 1;
            let texts = [
                Some(&price.input),
                Some(&price.output),
                price.cached_input.as_ref(),
            ];
            let odd = texts.into_iter().flatten().find(|text| !decimal(text));
            expect(odd.is_none(), "digits and at most one point", || {
                format!("`{}`: {price:?}", model.id)
            })?;
        }
    }
    if tested == 0 {
        Err(not_tested("no row has a price"))
    } else {
        Ok(())
    }
}

async fn picks(bench: &Bench) -> Result<(), Verdict> {
    let mut tested = 0;
    for model in rows(bench).await? {
        for pick in &model.picks {
            tested += 1;
            let is_route = model.routes.iter().any(|route| route.backend == pick.backend);
            expect(is_route, "one of the model's routes", || {
                format!("`{}`: {pick:?}", model.id)
            })?;
        }
    }
    if tested == 0 {
        Err(not_tested("no row has picks"))
    } else {
        Ok(())
    }
}

/// The one row of a configured model.
async fn row(bench: &Bench, model: ConfiguredModel) -> Result<Model, Verdict> {
    let mut session = bench.with().configured(model).start().await?;
    let catalog = session.list(DiscoveryMode::ConfiguredOnly).await?;
    let row = catalog.models.into_iter().next();
    row.ok_or_else(|| failed("the configured model", "no row"))
}

async fn configured_limits(bench: &Bench) -> Result<(), Verdict> {
    let price = Price {
        input: "1.25".to_owned(),
        output: "2.5".to_owned(),
        cached_input: None,
    };
    let model = ConfiguredModel {
        max_output_tokens: Some(777),
        price: Some(price),
        input: vec!["text".to_owned(), "image".to_owned()],
        ..configured("acme/zulu")
    };
    let row = row(bench, model).await?;
    let price = row.price.as_ref();
    let is_so = row.max_output_tokens == Some(777)
        && price.is_some_and(|price| price.input == "1.25" && price.output == "2.5")
        && ["text", "image"]
            .iter()
            .all(|input| row.input.iter().any(|known| known == input));
    expect(
        is_so,
        "the configured output limit, price and input modalities",
        || format!("{row:?}"),
    )
}

async fn configured_without_name(bench: &Bench) -> Result<(), Verdict> {
    let model = ConfiguredModel {
        display_name: None,
        reasoning: None,
        input: Vec::new(),
        context_window: None,
        ..configured("acme/zulu")
    };
    let row = row(bench, model).await?;
    expect(
        !row.display_name.trim().is_empty(),
        "a display name of the plugin's making",
        || format!("{row:?}"),
    )
}

async fn extras(bench: &Bench) -> Result<(), Verdict> {
    let mut found = 0;
    for model in rows(bench).await? {
        let extras = model
            .extras
            .iter()
            .chain(model.routes.iter().flat_map(|route| &route.extras));
        for extra in extras {
            found += 1;
            let is_json = serde_json::from_str::<serde_json::Value>(&extra.value_json).is_ok();
            expect(is_json, format!("one JSON value in `{}`", extra.key), || {
                format!("`{}`: {}", model.id, extra.value_json)
            })?;
        }
    }
    if found == 0 {
        Err(not_tested("its rows have no extras"))
    } else {
        Ok(())
    }
}

async fn alias(bench: &Bench) -> Result<(), Verdict> {
    let reference = format!("{}/acme/zulu", bench.info().id);
    let setup = bench
        .with()
        .configured(configured("acme/zulu"))
        .alias("Zulu!", &reference);
    let catalog = setup.start().await?.list(DiscoveryMode::ConfiguredOnly).await?;
    let alias = catalog.models.first().and_then(|model| model.alias.clone());
    expect(alias.as_deref() == Some("Zulu!"), "the alias `Zulu!`", || {
        format!("{alias:?}")
    })
}
