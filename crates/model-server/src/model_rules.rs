//! The model rules of a key: resolved references, and patterns. Knows no keys.

use model_provider_host::contract::ModelRef;

use super::resolved::Resolver;

/// Whether one of the rules allows a model. A rule that does not resolve allows nothing.
pub(super) async fn allow(rules: &[String], requested: &ModelRef, resolver: &Resolver) -> bool {
    let requested = ModelNames::of(requested);
    for rule in rules {
        let rule = rule.trim();
        let is_allowed = if rule.contains('*') {
            requested.all().any(|name| matches(rule, name))
        } else {
            let Ok(rule) = resolver.resolve(rule).await else {
                continue;
            };
            let rule = ModelNames::of(&rule);
            // Without a suffix, a rule allows every routing of the model.
            rule.canonical == requested.canonical || (rule.has_no_suffix() && rule.base == requested.base)
        };
        if is_allowed {
            return true;
        }
    }
    false
}

/// The same for a listed model, which has no suffix: whether any routing of it is allowed.
pub(super) async fn list(rules: &[String], provider: &str, id: &str, resolver: &Resolver) -> bool {
    let base = format!("{provider}/{id}");
    for rule in rules {
        let rule = rule.trim();
        let is_listed = if rule.contains('*') {
            // The suffix after the colon is a route.
            let model = rule.split_once(':').map_or(rule, |(model, _)| model);
            matches(model, id) || matches(model, &base)
        } else {
            let resolved = resolver.resolve(rule).await;
            resolved.is_ok_and(|rule| ModelNames::of(&rule).base == base)
        };
        if is_listed {
            return true;
        }
    }
    false
}

/// The spellings of a reference that patterns are compared with.
struct ModelNames {
    canonical: String,
    /// Without the suffix.
    base: String,
    /// The end of the provider's prefix.
    prefix: usize,
}

impl ModelNames {
    fn of(reference: &ModelRef) -> Self {
        let canonical = reference.canonical.clone();
        let prefix = canonical.find('/').map_or(0, |at| at + 1);
        let base = format!("{}{}", &canonical[..prefix], reference.model);
        Self {
            canonical,
            base,
            prefix,
        }
    }

    fn has_no_suffix(&self) -> bool {
        self.canonical == self.base
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let names = [&self.canonical, &self.base];
        names
            .into_iter()
            .flat_map(|name| [&**name, name.get(self.prefix..).unwrap_or_default()])
    }
}

/// Whether a text matches a pattern, in which `*` matches any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_characters() {
        for (pattern, text, is_match) in [
            ("Qwen/*", "Qwen/Qwen3-8B", true),
            ("Qwen/*", "Qwen/", true),
            ("Qwen/*", "other/Qwen/x", false),
            ("*", "", true),
            ("*/*-8B*", "Qwen/Qwen3-8B:cheapest", true),
            ("*-8B", "Qwen/Qwen3-8B:cheapest", false),
            ("a*a", "a", false),
            ("a*b*a", "aba", true),
            ("a*b*b", "ab", false),
            ("é*", "école", true),
        ] {
            assert_eq!(matches(pattern, text), is_match, "{pattern} {text}");
        }
    }
}
