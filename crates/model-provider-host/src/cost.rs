//! The cost of a response, exact.
//!
//! `None` as soon as one factor is unknown: no sum is better than one that may be wrong.

mod usd;

pub use usd::Usd;

use crate::contract::{Model, ModelSource, Price, Summary, Usage};

/// The cost of a response. Cached input tokens have their own price if there is one, else the input price.
///
/// ```
/// use model_provider_host::{contract::{Price, Usage}, cost};
///
/// let price = Price {
///     input: "0.10".to_owned(),
///     output: "0.40".to_owned(),
///     cached_input: None,
/// };
/// let usage = Usage {
///     input_tokens: Some(1_000),
///     cached_input_tokens: None,
///     output_tokens: Some(500),
///     reasoning_tokens: None,
/// };
/// assert_eq!(cost::of(&usage, &price).expect("known").to_string(), "0.0003");
/// ```
#[must_use]
pub fn of(usage: &Usage, price: &Price) -> Option<Usd> {
    let input = usage.input_tokens?;
    let output = usage.output_tokens?;
    let cached = usage.cached_input_tokens.unwrap_or(0).min(input);
    let cached_price = price.cached_input.as_ref().unwrap_or(&price.input);
    Usd::of_tokens(&price.input, input - cached)?
        .checked_add(Usd::of_tokens(cached_price, cached)?)?
        .checked_add(Usd::of_tokens(&price.output, output)?)
}

/// The cost of a response of this model, if every factor is known.
#[must_use]
pub fn of_response(model: &Model, summary: &Summary) -> Option<Usd> {
    let backend = summary.backend.as_deref();
    let mut routes = model.routes.iter();
    let is_listed = match backend {
        Some(name) => routes.any(|route| route.backend.eq_ignore_ascii_case(name)),
        None => routes.next().is_some(),
    };
    if model.source != ModelSource::Configured && !is_listed {
        // The model's price is some backend's, but perhaps not this one's. A configured price holds for all.
        return None;
    }
    of(&summary.usage, price(model, backend)?)
}

/// The highest possible cost of this usage of a model; `None` if one of its prices is unknown.
#[must_use]
pub fn upper_bound(model: &Model, usage: &Usage) -> Option<Usd> {
    let routes = model.routes.iter().map(|route| route.price.as_ref());
    let own = model.routes.is_empty().then_some(model.price.as_ref());
    let costs = routes.chain(own).map(|price| of(usage, price?));
    let costs: Vec<Usd> = costs.collect::<Option<_>>()?;
    costs.into_iter().max()
}

/// The price of a response from a backend: its route's. Without a backend, or for an unlisted one, it is the
/// model's own price, unless its routes differ: then it is unknown.
#[must_use]
pub fn price<'m>(model: &'m Model, backend: Option<&str>) -> Option<&'m Price> {
    let route = backend.and_then(|backend| {
        let mut routes = model.routes.iter();
        routes.find(|route| route.backend.eq_ignore_ascii_case(backend))
    });
    if let Some(route) = route {
        route.price.as_ref()
    } else {
        let price = model.price.as_ref()?;
        let same = |other: &Option<Price>| other.as_ref().is_some_and(|other| other == price);
        model
            .routes
            .iter()
            .all(|route| same(&route.price))
            .then_some(price)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::{ModelSource, Route};

    fn price_of(input: &str, output: &str, cached: Option<&str>) -> Price {
        Price {
            input: input.into(),
            output: output.into(),
            cached_input: cached.map(Into::into),
        }
    }

    fn usd(text: &str) -> Option<Usd> {
        Some(Usd::parse(text).expect(text))
    }

    fn usage(input: Option<u32>, cached: Option<u32>, output: Option<u32>) -> Usage {
        Usage {
            input_tokens: input,
            cached_input_tokens: cached,
            output_tokens: output,
            reasoning_tokens: None,
        }
    }

    #[test]
    fn a_cost_is_exact() {
        let price = price_of("0.1", "0.2", None);
        assert_eq!(of(&usage(Some(3), None, Some(3)), &price), usd("0.0000009"));
        let price = price_of("3", "7.00", Some("0.3"));
        let tokens = usage(Some(1_000_000), Some(500_000), Some(1_000_000));
        assert_eq!(of(&tokens, &price), usd("8.65"));
        let free = price_of("0", "0", None);
        assert_eq!(of(&tokens, &free), usd("0"));
    }

    #[test]
    fn cached_tokens_without_a_price_of_their_own_count_as_input() {
        let tokens = usage(Some(1_000_000), Some(400_000), Some(0));
        assert_eq!(of(&tokens, &price_of("3", "7", None)), usd("3"));
        let more_cached_than_sent = usage(Some(10), Some(20), Some(0));
        assert_eq!(
            of(&more_cached_than_sent, &price_of("1", "1", Some("0"))),
            usd("0")
        );
    }

    #[test]
    fn a_cost_with_an_unknown_factor_is_unknown() {
        let price = price_of("1", "1", None);
        assert_eq!(of(&usage(None, None, Some(1)), &price), None);
        assert_eq!(of(&usage(Some(1), None, None), &price), None);
        let tokens = usage(Some(u32::MAX), None, Some(u32::MAX));
        for bad in [
            "",
            ".",
            "-1",
            "1e3",
            "1.2.3",
            "٣",
            "0.1234567890123456789",
            &"9".repeat(60),
        ] {
            assert_eq!(of(&tokens, &price_of(bad, "1", None)), None, "{bad}");
        }
    }

    #[test]
    fn the_price_is_that_of_the_backend_that_responded() {
        let route = |backend: &str, price: Option<Price>| Route {
            backend: backend.into(),
            status: "live".into(),
            context_window: None,
            price,
            supports_tools: None,
            supports_structured_output: None,
            first_token_latency_ms: None,
            tokens_per_second: None,
            extras: Vec::new(),
        };
        let (low, high) = (price_of("1", "1", None), price_of("2", "2", None));
        let mut model = Model {
            id: "a/b".into(),
            display_name: "B".into(),
            alias: None,
            source: ModelSource::Live,
            input: Vec::new(),
            output: Vec::new(),
            reasoning: None,
            context_window: None,
            max_output_tokens: None,
            price: Some(low.clone()),
            supports_tools: None,
            supports_structured_output: None,
            routes: vec![
                route("one", Some(low.clone())),
                route("two", Some(high.clone())),
                route("three", None),
            ],
            picks: Vec::new(),
            extras: Vec::new(),
        };
        assert_eq!(price(&model, Some("Two")), Some(&high));
        assert_eq!(price(&model, Some("three")), None);
        assert_eq!(price(&model, None), None, "the backend is not known");
        let tokens = usage(Some(1_000_000), None, Some(0));
        assert_eq!(upper_bound(&model, &tokens), None, "the third may cost anything");
        model.routes.truncate(2);
        assert_eq!(upper_bound(&model, &tokens), usd("2"));
        model.routes.truncate(1);
        assert_eq!(price(&model, None), Some(&low));
        model.routes.clear();
        assert_eq!(price(&model, Some("elsewhere")), Some(&low));
    }

    proptest! {
        #[test]
        fn whole_prices_agree_with_integer_arithmetic(i in 0u32..1000, o in 0u32..1000, a: u32, b: u32) {
            let cost = of(&usage(Some(a), None, Some(b)), &price_of(&i.to_string(), &o.to_string(), None)).unwrap();
            let micro = u64::from(a) * u64::from(i) + u64::from(b) * u64::from(o);
            let exact = Usd::parse(&format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000));
            prop_assert_eq!(Some(cost), exact);
        }

        #[test]
        fn no_price_makes_it_fail(text in ".{0,50}", a: u32) {
            let _ = of(&usage(Some(a), Some(a), Some(a)), &price_of(&text, &text, Some(&text)));
        }
    }
}
