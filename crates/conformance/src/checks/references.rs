//! Checks of model references: parsing, printing, equality, aliases, and invalid ones.

use model_provider_host::contract::{ModelRef, ProviderErrorKind, Routing};

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, Setup, words},
};

checks! {
    "references/canonical-form", "The whole reference in its canonical spelling, `<provider id>/<model>[:<suffix>]`." => canonical_form;
    "references/fixpoint", "Equal references have equal text, and it resolves to itself." => fixpoint;
    "references/prefix-in-any-case", "The grammar of references, which a provider may narrow (surrounding white space is ignored, prefix and suffix are read in any case):" => prefix_in_any_case;
    "references/white-space", "The grammar of references, which a provider may narrow (surrounding white space is ignored, prefix and suffix are read in any case):" => white_space;
    "references/without-prefix", "a model that the plugin or the settings know; an alias" => without_prefix;
    "references/unknown-model", "a reference to an unknown model, which is no error." => unknown_model;
    "references/invalid", "Not a valid model reference, or an alias of two models." => invalid;
    "references/alias", "Resolves a model reference or an alias." => alias;
    "references/alias-spelling", "an alias (compared trimmed, in any case, runs of white space as one)" => alias_spelling;
    "references/alias-shown", "The alias that the settings give to exactly this reference." => alias_shown;
    "references/alias-of-two", "An alias of two references is `invalid-reference`, both in `suggestions`." => alias_of_two;
    "references/prefixed-is-no-alias", "A text that begins with the provider's id and `/` is always a reference." => prefixed_is_no_alias;
    "references/known-before-alias", "Any other is, in this order: a model that the plugin or the settings know; an alias" => known_before_alias;
    "references/display-name", "The model's display name; never empty." => display_name;
    "references/model", "The model's name without prefix and suffix." => model;
    "references/metadata", "What is known of the model without a request." => metadata;
    "references/no-network", "Uses the settings, not the network." => no_network;
    "references/suggestions", "Model references that may have been meant, best first; for `invalid-reference` and `model-unavailable`." => suggestions;
    "references/nothing-sent", "False only if no request left the plugin, so that a retry cannot be billed twice." => nothing_sent;
}

/// The fact of a provider that takes any name as its upstream's own, whatever the grammar says of parts and suffixes.
const ANY_MODEL_ID: &str = "any-model-id";

async fn resolve(setup: Setup<'_>, text: &str) -> Result<ModelRef, Verdict> {
    let mut session = setup.start().await?;
    let resolved = session.instance.resolve(text).await?;
    resolved.map_err(|error| failed(format!("{text:?} resolves"), words(&error)))
}

/// Another model's reference, which no list holds.
async fn unlisted(bench: &Bench) -> Result<String, Verdict> {
    let known = bench.resolved().await?;
    Ok(format!("{}/{}-unlisted", bench.info().id, known.model))
}

/// What the routing adds to the model's name.
fn suffix(found: &ModelRef) -> String {
    match &found.routing {
        Routing::Default => String::new(),
        Routing::Policy(suffix) | Routing::Backend(suffix) => format!(":{suffix}"),
    }
}

async fn canonical_form(bench: &Bench) -> Result<(), Verdict> {
    let found = bench.resolved().await?;
    let expected = format!("{}/{}{}", bench.info().id, found.model, suffix(&found));
    expect(found.canonical == expected, format!("`{expected}`"), || {
        format!("`{}`", found.canonical)
    })
}

async fn fixpoint(bench: &Bench) -> Result<(), Verdict> {
    for text in [bench.model().to_owned(), unlisted(bench).await?] {
        let first = resolve(bench.with(), &text).await?;
        let again = resolve(bench.with(), &first.canonical).await?;
        expect(again == first, format!("{first:?}"), || {
            format!("`{}` resolves to {again:?}", first.canonical)
        })?;
    }
    Ok(())
}

async fn same(bench: &Bench, setup: Setup<'_>, text: &str, canonical: &str) -> Result<(), Verdict> {
    let found = resolve(setup, text).await?;
    let _ = bench;
    expect(
        found.canonical == canonical,
        format!("{text:?} resolves to `{canonical}`"),
        || format!("`{}`", found.canonical),
    )
}

async fn prefix_in_any_case(bench: &Bench) -> Result<(), Verdict> {
    let (known, id) = (bench.resolved().await?, &bench.info().id);
    let upper = format!("{}/{}", id.to_uppercase(), known.model);
    if upper == format!("{id}/{}", known.model) {
        return Err(not_tested("the provider's id has no letters"));
    }
    same(bench, bench.with(), &upper, &format!("{id}/{}", known.model)).await
}

async fn white_space(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    same(
        bench,
        bench.with(),
        &format!(" \t{}\n", bench.model()),
        &known.canonical,
    )
    .await
}

async fn without_prefix(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let canonical = format!("{}/{}", bench.info().id, known.model);
    same(bench, bench.with(), &known.model, &canonical).await?;
    let name = format!("{}-configured", known.model);
    let setup = bench.with().configured(super::list::configured(&name));
    same(bench, setup, &name, &format!("{}/{name}", bench.info().id)).await
}

async fn unknown_model(bench: &Bench) -> Result<(), Verdict> {
    let unlisted = unlisted(bench).await?;
    same(bench, bench.with(), &unlisted, &unlisted).await
}

async fn invalid(bench: &Bench) -> Result<(), Verdict> {
    let (known, id) = (bench.resolved().await?, &bench.info().id);
    let model = &known.model;
    let never = [String::new(), format!("{id}/"), format!("{id}/{model}\u{0}")];
    for text in never {
        is_invalid(bench, &text).await?;
    }
    if bench.has_fact(ANY_MODEL_ID) {
        return Err(not_tested(format!(
            "its models may have any name (`{ANY_MODEL_ID}`); without a name and with a control character a text is invalid"
        )));
    }
    let outside_the_grammar = [
        format!("{id}//{model}"),
        format!("{id}/{model}/"),
        format!("{id}/{model} {model}"),
        format!("{id}/{model}?"),
        format!("{id}/{model}:"),
    ];
    for text in outside_the_grammar {
        is_invalid(bench, &text).await?;
    }
    Ok(())
}

async fn is_invalid(bench: &Bench, text: &str) -> Result<(), Verdict> {
    let mut session = bench.with().start().await?;
    let expected = format!("{text:?} is `invalid-reference`");
    match session.instance.resolve(text).await? {
        Err(error) => expect(
            error.kind == ProviderErrorKind::InvalidReference,
            expected,
            || words(&error),
        ),
        Ok(found) => Err(failed(expected, format!("it resolves to `{}`", found.canonical))),
    }
}

async fn alias(bench: &Bench) -> Result<(), Verdict> {
    let (known, other) = (bench.resolved().await?, unlisted(bench).await?);
    let setup = bench
        .with()
        .alias("My Favourite", &known.canonical)
        .alias("The Other", &other);
    same(bench, setup, "The Other", &other).await
}

async fn alias_spelling(bench: &Bench) -> Result<(), Verdict> {
    let other = unlisted(bench).await?;
    for text in ["  the other ", "THE OTHER", "The \t Other"] {
        same(bench, bench.with().alias("The Other", &other), text, &other).await?;
    }
    Ok(())
}

async fn alias_shown(bench: &Bench) -> Result<(), Verdict> {
    let other = unlisted(bench).await?;
    let found = resolve(bench.with().alias("The Other", &other), &other).await?;
    expect(
        found.alias.as_deref() == Some("The Other"),
        "the alias `The Other`",
        || format!("{:?}", found.alias),
    )?;
    let known = resolve(bench.with().alias("The Other", &other), bench.model()).await?;
    expect(known.alias.is_none(), "no alias of another model", || {
        format!("{:?}", known.alias)
    })
}

async fn alias_of_two(bench: &Bench) -> Result<(), Verdict> {
    let (known, other) = (bench.resolved().await?, unlisted(bench).await?);
    let setup = bench.with().alias("Mine", &known.canonical).alias("mine", &other);
    let mut session = setup.start().await?;
    let expected = format!(
        "`invalid-reference` with `{}` and `{other}` in `suggestions`",
        known.canonical
    );
    match session.instance.resolve("mine").await? {
        Err(error) => {
            let has = |reference: &String| error.suggestions.contains(reference);
            let is_so =
                error.kind == ProviderErrorKind::InvalidReference && has(&known.canonical) && has(&other);
            expect(is_so, expected, || {
                format!("{}; suggestions {:?}", words(&error), error.suggestions)
            })
        }
        Ok(found) => Err(failed(expected, format!("it resolves to `{}`", found.canonical))),
    }
}

async fn prefixed_is_no_alias(bench: &Bench) -> Result<(), Verdict> {
    let (known, other) = (bench.resolved().await?, unlisted(bench).await?);
    let setup = bench.with().alias(&known.canonical, &other);
    same(bench, setup, &known.canonical, &known.canonical).await
}

async fn known_before_alias(bench: &Bench) -> Result<(), Verdict> {
    let (known, other) = (bench.resolved().await?, unlisted(bench).await?);
    let name = format!("{}-configured", known.model);
    let setup = bench
        .with()
        .configured(super::list::configured(&name))
        .alias(&name, &other);
    same(bench, setup, &name, &format!("{}/{name}", bench.info().id)).await
}

async fn display_name(bench: &Bench) -> Result<(), Verdict> {
    for text in [bench.model().to_owned(), unlisted(bench).await?] {
        let found = resolve(bench.with(), &text).await?;
        expect(
            !found.display_name.trim().is_empty(),
            format!("a name of `{text}`"),
            || "none".to_owned(),
        )?;
    }
    Ok(())
}

async fn model(bench: &Bench) -> Result<(), Verdict> {
    for text in [bench.model().to_owned(), unlisted(bench).await?] {
        let found = resolve(bench.with(), &text).await?;
        let prefix = format!("{}/", bench.info().id);
        let whole = found.canonical.strip_prefix(&prefix).unwrap_or_default();
        let name = if bench.has_fact(ANY_MODEL_ID) {
            // A `:` belongs to the name, unless what follows is the routing.
            whole.strip_suffix(&suffix(&found)).unwrap_or(whole)
        } else {
            whole.split(':').next().unwrap_or_default()
        };
        expect(found.model == name, format!("`{name}`"), || {
            format!("`{}`", found.model)
        })?;
    }
    Ok(())
}

async fn metadata(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let name = format!("{}-configured", known.model);
    let reference = format!("{}/{name}", bench.info().id);
    let found = resolve(
        bench.with().configured(super::list::configured(&name)),
        &reference,
    )
    .await?;
    let window = found.metadata.as_ref().and_then(|model| model.context_window);
    expect(
        window == Some(super::list::WINDOW),
        "the configured context window",
        || format!("{:?}", found.metadata),
    )
}

async fn no_network(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench
        .with()
        .list("list")
        .or_else(|_| Ok(bench.with()))?
        .start()
        .await?;
    for text in [bench.model(), "no such model", "some/unknown-model", "/"] {
        // The meaning does not matter here.
        let _ = session.instance.resolve(text).await?;
    }
    let begun = session.upstream.begun();
    expect(begun == 0, "no request", || format!("{begun} requests"))
}

async fn suggestions(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let mut session = bench.with().start().await?;
    // Of a provider whose models may have any name only this one is invalid.
    let odd = if bench.has_fact(ANY_MODEL_ID) {
        "\u{1}"
    } else {
        " ?"
    };
    let text = format!("{}/{}{odd}", bench.info().id, known.model);
    let Err(error) = session.instance.resolve(&text).await? else {
        return Err(failed(format!("{text:?} is no reference"), "it resolves"));
    };
    if error.suggestions.is_empty() {
        return Err(not_tested(format!("{text:?} has no suggestions")));
    }
    for suggestion in &error.suggestions {
        if let Err(error) = session.instance.resolve(suggestion).await? {
            return Err(failed(
                format!("the suggestion `{suggestion}` resolves"),
                words(&error),
            ));
        }
    }
    Ok(())
}

async fn nothing_sent(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().start().await?;
    match session.instance.resolve("").await? {
        Err(error) => expect(
            !error.request_sent && error.attempts == 0,
            "`request-sent` false and no attempts",
            || {
                format!(
                    "`request-sent` {}, {} attempts",
                    error.request_sent, error.attempts
                )
            },
        ),
        Ok(_) => Err(failed("an error for an empty text", "it resolves")),
    }
}
