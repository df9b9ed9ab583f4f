//! The lists to pick from: models with their policies, and the backends of a model.

use std::{collections::HashMap, fmt};

use super::prompt::Entry;
use crate::{format, output::models};
use model_provider_host::{
    contract::{Model, ModelCatalog, Policy, ProviderInfo, Route},
    sanitize,
};

/// Longer names are cut in a list.
const WIDEST_NAME: usize = 38;
/// In a narrow terminal, figures are dropped before names are cut to less than this.
const NARROWEST_NAME: usize = 24;
/// The prefix of an entry, and one column for a cursor after it.
const MARGIN: usize = 3;
/// The width of `from $0.269 / $0.40`.
const PRICE_WIDTH: usize = 19;

/// A reference to choose.
#[derive(Clone, Debug)]
pub(super) struct Pick {
    pub(super) reference: String,
    /// The display name.
    pub(super) label: String,
    /// Its policy, if there is one.
    pub(super) policy: Option<Policy>,
    /// The routes to choose from: none if the reference fixes the backend, or none is known.
    pub(super) routes: Vec<Route>,
    line: String,
    searched: String,
}

impl Pick {
    /// A reference that is in no list.
    pub(super) fn only(reference: String, label: String) -> Self {
        Self {
            line: label.clone(),
            searched: String::new(),
            policy: None,
            routes: Vec::new(),
            reference,
            label,
        }
    }

    /// The backend suffix with which a reference names this model, if it has one.
    pub(super) fn backend_in<'r>(&self, reference: &'r str) -> Option<&'r str> {
        let backend = reference.strip_prefix(&self.reference)?.strip_prefix(':')?;
        self.policy.is_none().then_some(backend)
    }

    /// The same model pinned to one backend.
    pub(super) fn from(mut self, backend: &str) -> Self {
        self.reference = format!("{}:{backend}", self.reference);
        self.label = format!("{} ({backend})", self.label);
        self
    }
}

/// The next fallback model, or none.
#[derive(Clone, Debug)]
pub(super) enum StandIn {
    /// The label of that choice.
    Nobody(&'static str),
    Model(Pick),
}

/// A backend to choose, or none.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) name: Option<String>,
    line: String,
    searched: String,
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Entry for Pick {
    const FIGURES: &'static str = "$ per M in / out, window";

    fn searched(&self) -> &str {
        &self.searched
    }

    fn chosen(&self) -> &str {
        &self.reference
    }
}

impl fmt::Display for StandIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(line) => f.write_str(line),
            Self::Model(pick) => pick.fmt(f),
        }
    }
}

impl Entry for StandIn {
    const FIGURES: &'static str = Pick::FIGURES;

    fn searched(&self) -> &str {
        match self {
            Self::Nobody(line) => line,
            Self::Model(pick) => pick.searched(),
        }
    }

    fn chosen(&self) -> &str {
        match self {
            Self::Nobody(line) => line,
            Self::Model(pick) => pick.chosen(),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Entry for Backend {
    const FIGURES: &'static str = "$ per M in / out, window, speed";

    fn searched(&self) -> &str {
        &self.searched
    }

    fn chosen(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.line)
    }
}

/// Every model without suffix and by each policy: the provider's default first, the others by name. A line is no wider
/// than the terminal, which would wrap it.
pub(super) fn picks(
    info: &ProviderInfo,
    catalog: &ModelCatalog,
    aliases: &HashMap<String, String>,
    width: Option<u16>,
) -> Vec<Pick> {
    let mut all: Vec<&Model> = catalog.models.iter().collect();
    all.sort_by_cached_key(|model| {
        let is_default = info.default_model.as_deref() == Some(models::reference(info, model).as_str());
        (
            !is_default,
            models::shown_name(model).to_lowercase(),
            model.id.clone(),
        )
    });
    let mut picks: Vec<(Pick, [String; 3])> = all
        .iter()
        .flat_map(|model| of_model(info, model, aliases))
        .collect();
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| text.chars().count()).max().unwrap_or_default()
    };
    let names = widest(&mut picks.iter().map(|(pick, _)| &pick.line)).min(WIDEST_NAME);
    let figures = [0, 1, 2].map(|at| widest(&mut picks.iter().filter_map(|(_, texts)| texts.get(at))));
    let room = room(width);
    let mut shown = figures.len();
    let taken = |shown: usize| figures.iter().take(shown).sum::<usize>();
    while shown > 0 && names.min(NARROWEST_NAME) + taken(shown) > room {
        shown -= 1;
    }
    let names = names.min(room.saturating_sub(taken(shown)));
    for (pick, texts) in &mut picks {
        pick.searched = format!("{} {}", pick.label, pick.reference).to_lowercase();
        pick.line = format!("{:names$}", shortened(&pick.line, names));
        texts.iter().take(shown).for_each(|text| pick.line += text);
        pick.line.truncate(pick.line.trim_end().len());
    }
    picks.into_iter().map(|(pick, _)| pick).collect()
}

/// The columns that a line may use.
fn room(width: Option<u16>) -> usize {
    width.map_or(usize::MAX, |width| usize::from(width).saturating_sub(MARGIN))
}

/// A model's entries, whose lines are only their names so far, and their figures.
fn of_model(
    info: &ProviderInfo,
    model: &Model,
    aliases: &HashMap<String, String>,
) -> Vec<(Pick, [String; 3])> {
    let base = models::reference(info, model);
    let suffix = |reference: &str| {
        reference
            .strip_prefix(&base)?
            .strip_prefix(':')
            .map(str::to_owned)
    };
    let own_suffix = model.id.rsplit_once(':').map(|(_, suffix)| suffix.to_owned());
    let variants = models::variants(info, model, aliases);
    let by_route = |reference: &str| {
        suffix(reference).is_some_and(|suffix| info.policies.iter().all(|policy| policy.suffix != suffix))
    };
    variants
        .into_iter()
        .filter(|variant| !by_route(&variant.reference))
        .map(|variant| {
            let suffix = suffix(&variant.reference).or_else(|| own_suffix.clone());
            let policy = info
                .policies
                .iter()
                .find(|policy| Some(&policy.suffix) == suffix.as_ref());
            let routes = if suffix.is_some() {
                Vec::new()
            } else {
                model
                    .routes
                    .iter()
                    .filter(|route| is_usable(route))
                    .cloned()
                    .collect()
            };
            let now = variant.backend.as_deref();
            let figures = [
                format!("  {:>PRICE_WIDTH$}", variant.shown_price),
                format!("  {:>6}", format::known_tokens(variant.context_window)),
                now.map_or_else(String::new, |backend| {
                    format!("  now {}", sanitize::name(backend))
                }),
            ];
            let pick = Pick {
                line: sanitize::name(&variant.label).into_owned(),
                searched: String::new(),
                label: variant.label,
                reference: variant.reference,
                policy: policy.cloned(),
                routes,
            };
            (pick, figures.map(|figure| sanitize::line(&figure).into_owned()))
        })
        .collect()
}

/// The index of a reference in a list: as it is, else as its model without the backend.
pub(super) fn standing(picks: &[Pick], reference: &str) -> Option<usize> {
    let as_it_is = picks.iter().position(|pick| pick.reference == reference);
    as_it_is.or_else(|| picks.iter().position(|pick| pick.backend_in(reference).is_some()))
}

/// No preference first, then every usable route, then the configured backend if it is none of them; and the index of the
/// configured one.
pub(super) fn backends(routes: &[Route], current: Option<&str>, width: Option<u16>) -> (Vec<Backend>, usize) {
    let widest = routes
        .iter()
        .map(|route| sanitize::name(&route.backend).chars().count())
        .max()
        .unwrap_or_default();
    let mut all = vec![Backend {
        name: None,
        line: "no, let the router choose".to_owned(),
        searched: "no, let the router choose".to_owned(),
    }];
    all.extend(routes.iter().map(|route| {
        let line = format!(
            "{:widest$}  {:>PRICE_WIDTH$}  {:>6}  {}",
            sanitize::name(&route.backend),
            format::price(route.price.as_ref()),
            format::known_tokens(route.context_window),
            format::speed(route.tokens_per_second)
        );
        Backend {
            name: Some(route.backend.clone()),
            searched: route.backend.to_lowercase(),
            line: shortened(&sanitize::line(&line), room(width)),
        }
    }));
    let Some(current) = current else {
        return (all, 0);
    };
    let is_current = |backend: &Backend| {
        let name = backend.name.as_deref();
        name.is_some_and(|name| name.eq_ignore_ascii_case(current))
    };
    let at = all.iter().position(is_current).unwrap_or_else(|| {
        all.push(Backend {
            name: Some(current.to_owned()),
            searched: current.to_lowercase(),
            line: sanitize::line(&format!("{}  as it is configured", sanitize::name(current))).into_owned(),
        });
        all.len() - 1
    });
    (all, at)
}

/// Whether a backend is available now; an unknown status counts as available.
fn is_usable(route: &Route) -> bool {
    !matches!(route.status.as_str(), "error" | "offline")
}

fn shortened(text: &str, widest: usize) -> String {
    if text.chars().count() <= widest {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(widest.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixtures;

    #[test]
    fn the_default_is_first_and_each_model_comes_with_its_policies() {
        let mut info = fixtures::info();
        let mut other = fixtures::model();
        other.id = "a/first".into();
        other.alias = Some("A first".into());
        for (route, status) in other.routes.iter_mut().zip(["error", "staging"]) {
            route.status = status.into();
        }
        let usable = other.routes.len() - 1;
        let catalog = ModelCatalog {
            models: vec![other, fixtures::model()],
            source: model_provider_host::contract::ModelSource::Live,
            warnings: Vec::new(),
        };
        info.default_model = Some("acme/org/big-model".into());
        let picks = picks(&info, &catalog, &HashMap::new(), None);
        assert_eq!(picks[0].reference, "acme/org/big-model");
        let policies = info.policies.len();
        assert_eq!(picks.len(), 2 * (1 + policies));
        assert_eq!(picks[1].policy.as_ref().unwrap().suffix, info.policies[0].suffix);
        assert!(picks[1].routes.is_empty(), "a policy takes the choice");
        let first = &picks[1 + policies];
        assert_eq!(
            (first.reference.as_str(), first.routes.len()),
            ("acme/a/first", usable)
        );
        assert!(first.searched().contains("a first") && first.searched().contains("acme/a/first"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let info = fixtures::info();
        let mut model = fixtures::model();
        model.alias = Some("A name that is longer than anybody would want it to be".into());
        let catalog = ModelCatalog {
            models: vec![model.clone()],
            source: model_provider_host::contract::ModelSource::Live,
            warnings: Vec::new(),
        };
        for width in [20, 40, 60, 80, 200] {
            let picks = picks(&info, &catalog, &HashMap::new(), Some(width));
            let (backends, _) = backends(&model.routes, None, Some(width));
            let lines = picks.iter().map(|pick| &pick.line);
            for line in lines.chain(backends.iter().skip(1).map(|backend| &backend.line)) {
                assert!(2 + line.chars().count() < usize::from(width), "{width}: {line}");
            }
            let has_price = picks.iter().any(|pick| pick.line.contains('$'));
            assert_eq!(width >= 60, has_price, "{width}: {}", picks[0].line);
        }
    }

    #[test]
    fn backends_begin_with_no_preference() {
        let routes = fixtures::model().routes;
        let (all, first) = backends(&routes, None, None);
        assert!(all[0].name.is_none());
        assert_eq!((all[1].name.as_ref(), first), (Some(&routes[0].backend), 0));
        assert_eq!(all.len(), 1 + routes.len());
    }

    #[test]
    fn the_configured_backend_is_offered_first_even_if_it_is_not_listed() {
        let routes = fixtures::model().routes;
        let listed = routes[0].backend.to_uppercase();
        assert_eq!(backends(&routes, Some(&listed), None).1, 1);
        let (all, first) = backends(&routes, Some("gone"), None);
        assert_eq!((all.len(), first), (2 + routes.len(), 1 + routes.len()));
        assert_eq!(all[first].name.as_deref(), Some("gone"));
        let pick = |reference: &str| Pick::only(reference.to_owned(), String::new());
        let picks = ["acme/a", "acme/b", "acme/b:fastest"].map(pick);
        assert_eq!(standing(&picks, "acme/b:fastest"), Some(2));
        assert_eq!(standing(&picks, "acme/b:gone"), Some(1));
        assert_eq!(standing(&picks, "acme/bc"), None);
    }
}
