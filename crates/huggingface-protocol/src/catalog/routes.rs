//! Metadata that follows from a model's routes: window, price, abilities, and the routes that the policies choose.

use alloc::{string::String, vec::Vec};

use chat_completions::model::decimal;

use crate::contract::types::{Model, PolicyPick, Price, Route};

/// Whether requests can use the route; an unknown status counts as usable.
pub(crate) fn is_usable(route: &Route) -> bool {
    !["error", "offline"]
        .iter()
        .any(|status| route.status.eq_ignore_ascii_case(status))
}

/// The smallest window, so that a request fits whichever route the router takes.
fn window(usable: &[&Route]) -> Option<u32> {
    usable.iter().filter_map(|route| route.context_window).min()
}

/// The route with the lowest output price, then the lowest input price, then the first.
fn cheapest<'r>(usable: &[&'r Route]) -> Option<(&'r Route, &'r Price)> {
    let order = |a: &Price, b: &Price| {
        decimal::compare(&a.output, &b.output).then_with(|| decimal::compare(&a.input, &b.input))
    };
    (usable.iter())
        .filter_map(|route| Some((*route, route.price.as_ref()?)))
        .min_by(|(_, a), (_, b)| order(a, b))
}

/// The route with the highest throughput, the first of equals.
fn fastest<'r>(usable: &[&'r Route]) -> Option<&'r Route> {
    let mut best: Option<(&Route, f64)> = None;
    for route in usable {
        if let Some(speed) = route.tokens_per_second
            && best.is_none_or(|(_, least)| speed > least)
        {
            best = Some((route, speed));
        }
    }
    best.map(|(route, _)| route)
}

/// True if a usable route has it, false if there are usable routes and none has it, else unknown.
fn ability(usable: &[&Route], says: fn(&Route) -> Option<bool>) -> Option<bool> {
    let mut all_deny = None;
    for route in usable {
        match says(route) {
            Some(true) => return Some(true),
            Some(false) => all_deny = all_deny.or(Some(true)),
            None => all_deny = Some(false),
        }
    }
    (all_deny == Some(true)).then_some(false)
}

/// Fills what follows from a model's routes.
pub(super) fn summarize(model: &mut Model) {
    let usable: Vec<&Route> = model.routes.iter().filter(|route| is_usable(route)).collect();
    let cheapest = cheapest(&usable);
    let pick = |policy: &str, route: &Route| PolicyPick {
        policy: String::from(policy),
        backend: route.backend.clone(),
    };
    model.context_window = window(&usable);
    model.price = cheapest.map(|(_, price)| price.clone());
    model.supports_tools = ability(&usable, |route| route.supports_tools);
    model.supports_structured_output = ability(&usable, |route| route.supports_structured_output);
    let cheapest = cheapest.map(|(route, _)| pick("cheapest", route));
    let fastest = fastest(&usable).map(|route| pick("fastest", route));
    model.picks = cheapest.into_iter().chain(fastest).collect();
}

/// The route to a backend.
pub(crate) fn find<'m>(model: &'m Model, backend: &str) -> Option<&'m Route> {
    model
        .routes
        .iter()
        .find(|route| route.backend.eq_ignore_ascii_case(backend))
}

/// Narrows a model to one backend. A figure that no route has stays the model's own; one that only routes of other
/// backends have is unknown.
pub(super) fn narrow(model: &mut Model, backend: &str) {
    if model.routes.is_empty() {
        return;
    }
    let chosen = find(model, backend).cloned();
    fn at<T>(
        model: &mut Model,
        chosen: Option<&Route>,
        own: fn(&mut Model) -> &mut Option<T>,
        of: fn(&Route) -> Option<T>,
    ) {
        if model.routes.iter().any(|route| of(route).is_some()) {
            *own(model) = chosen.and_then(of);
        }
    }
    let route = chosen.as_ref();
    at(model, route, |m| &mut m.context_window, |r| r.context_window);
    at(model, route, |m| &mut m.price, |r| r.price.clone());
    at(model, route, |m| &mut m.supports_tools, |r| r.supports_tools);
    at(
        model,
        route,
        |m| &mut m.supports_structured_output,
        |r| r.supports_structured_output,
    );
    model.routes = chosen.into_iter().collect();
    model.picks.clear();
}
