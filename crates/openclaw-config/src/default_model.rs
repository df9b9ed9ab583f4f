//! The default model and its fallbacks: `agents.defaults.model`.
//! Knows which references and aliases are this provider's and which are another's; resolving a reference is the
//! plugin's job.

use serde_json::Value;

use super::{
    Configuration,
    schema::{AgentModel, Text},
    strip_prefix,
};
use model_provider_host::{Result, contract::ProviderInfo, settings::ModelSettings};

/// The default model and its fallbacks.
///
/// ```
/// use openclaw_config::DefaultModel;
///
/// let model = DefaultModel {
///     primary: Some("acme/big".to_owned()),
///     fallbacks: vec!["acme/small".to_owned()],
///     ..DefaultModel::default()
/// };
/// assert_eq!(model.chain(), ["acme/big", "acme/small"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultModel {
    /// The first: a reference of this provider, or an alias.
    pub primary: Option<String>,
    /// Its fallback models, in order.
    pub fallbacks: Vec<String>,
    /// References and aliases of other providers, as written. A host of this provider skips them.
    pub elsewhere: Vec<String>,
    /// The stored profile that the primary reference names after an `@`.
    pub profile: Option<String>,
}

/// A model reference as a user writes it, split from the profile after its `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedModel {
    /// The reference or alias.
    pub reference: String,
    /// The profile whose credential is to be used.
    pub profile: Option<String>,
}

/// The profile whose credential is preferred to any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pinned {
    pub(super) profile: String,
    /// Whether the user named it for this command. Then no other profile replaces it.
    pub(super) is_asked_for: bool,
}

impl DefaultModel {
    /// All references of this provider, in the order in which they are tried.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        self.primary.iter().chain(&self.fallbacks).cloned().collect()
    }
}

impl Configuration {
    /// The default model and its fallbacks, from `agents.defaults.model` (text, or primary and fallbacks), without
    /// the profile that a reference may name.
    ///
    /// # Errors
    /// One of its keys has the wrong type.
    pub fn default_model(&self, info: &ProviderInfo) -> Result<DefaultModel> {
        let (primary, fallbacks) = self.agent_model()?;
        let known = self.aliases(info)?;
        let mut model = DefaultModel::default();
        if let Some(text) = primary {
            match self.own_reference(info, &known, &text)? {
                Some((reference, profile)) => (model.primary, model.profile) = (Some(reference), profile),
                None => model.elsewhere.push(text),
            }
        }
        for text in fallbacks {
            match self.own_reference(info, &known, &text)? {
                Some((reference, _)) => model.fallbacks.push(reference),
                None => model.elsewhere.push(text),
            }
        }
        Ok(model)
    }

    /// Splits a reference or alias from the profile that it may name.
    ///
    /// # Errors
    /// A key on the path to the aliases has the wrong type.
    pub fn named_model(&self, info: &ProviderInfo, text: &str) -> Result<NamedModel> {
        let known = self.aliases(info)?;
        let own = self.own_reference(info, &known, text)?;
        let (reference, profile) = own.unwrap_or_else(|| {
            // A user may omit the provider.
            let (model, profile) = split_profile(text);
            (model.to_owned(), profile.map(str::to_owned))
        });
        Ok(NamedModel { reference, profile })
    }

    /// The preferred profile: that of the requested model, else that of the default model if it is the requested
    /// one.
    pub(super) fn pinned_profile(&self, info: &ProviderInfo) -> Result<Option<Pinned>> {
        // Problems with the default model are reported when it is used.
        let default = self.default_model(info).unwrap_or_default();
        let of_default = default.profile.map(|profile| Pinned {
            profile,
            is_asked_for: false,
        });
        let Some(text) = &self.requested_model else {
            return Ok(of_default);
        };
        let requested = self.named_model(info, text)?;
        let spelled = [
            requested.reference.clone(),
            format!("{}/{}", info.id, requested.reference),
        ];
        let is_default = default.primary.is_some_and(|primary| {
            let mut spelled = spelled.iter();
            spelled.any(|reference| self.is_meant(info, &primary, reference))
        });
        Ok(match requested.profile {
            Some(profile) => Some(Pinned {
                profile,
                is_asked_for: true,
            }),
            None => of_default.filter(|_| is_default),
        })
    }

    /// Every entry of `agents.defaults.model.fallbacks`, those of other providers included, in file order.
    ///
    /// # Errors
    /// One of its keys has the wrong type.
    pub fn fallbacks(&self) -> Result<Vec<String>> {
        self.agent_model().map(|(_, fallbacks)| fallbacks)
    }

    /// The primary model, of any provider.
    ///
    /// # Errors
    /// One of its keys has the wrong type.
    pub fn primary(&self) -> Result<Option<String>> {
        self.agent_model().map(|(primary, _)| primary)
    }

    /// The reference of another provider that an alias of `agents.defaults.models` resolves to, with its profile if
    /// it names one.
    ///
    /// # Errors
    /// A key on the path has the wrong type.
    pub fn reference_elsewhere(&self, info: &ProviderInfo, alias: &str) -> Result<Option<String>> {
        let models = self.root().at(&["agents", "defaults", "models"])?;
        let has_it = |value: Option<&Value>, alias: &str| {
            let known = value.and_then(|entry| entry.get("alias")).and_then(Value::as_str);
            known.is_some_and(|known| !known.trim().is_empty() && is_same_alias(known, alias))
        };
        let entries = models.entries()?;
        let of_alias = |alias: &str| {
            entries.iter().find(|(reference, node)| {
                strip_prefix(reference, &info.id).is_none() && has_it(node.value(), alias)
            })
        };
        let found = of_alias(alias).or_else(|| of_alias(split_profile(alias).0));
        Ok(found.map(|(reference, _)| reference.trim().to_owned()))
    }

    /// Keys that choose models for OpenClaw's agents and have no effect here.
    #[must_use]
    pub fn unused_choices(&self) -> Vec<String> {
        let agents = self.value().get("agents");
        let mut keys = Vec::new();
        let list = agents
            .and_then(|agents| agents.get("list"))
            .and_then(Value::as_array);
        for (index, agent) in list.into_iter().flatten().enumerate() {
            if agent.get("model").is_some_and(|model| !model.is_null()) {
                keys.push(format!("agents.list[{index}].model"));
            }
        }
        let entries = agents
            .and_then(|agents| agents.get("entries"))
            .and_then(Value::as_object);
        for (name, agent) in entries.into_iter().flatten() {
            if agent.get("model").is_some_and(|model| !model.is_null()) {
                keys.push(format!("agents.entries.{name}.model"));
            }
        }
        let allow = self.value().pointer("/agents/defaults/modelPolicy/allow");
        if allow
            .and_then(Value::as_array)
            .is_some_and(|allow| !allow.is_empty())
        {
            keys.push("agents.defaults.modelPolicy.allow".to_owned());
        }
        keys
    }

    /// Parses a text of the configuration as a reference or alias of this provider and its profile; `None` if it is
    /// another provider's.
    fn own_reference(
        &self,
        info: &ProviderInfo,
        known: &ModelSettings,
        text: &str,
    ) -> Result<Option<(String, Option<String>)>> {
        let is_alias = |text: &str| known.find_alias(text).next().is_some();
        let (model, profile) = if is_alias(text) {
            (text, None)
        } else {
            split_profile(text)
        };
        let reference = match strip_prefix(model, &info.id) {
            // OpenClaw accepts the name of a model as its id.
            Some(rest) if !rest.contains('/') && is_alias(rest) => rest.trim(),
            None if !is_alias(model)
                && (model.contains('/') || self.reference_elsewhere(info, model)?.is_some()) =>
            {
                return Ok(None);
            }
            Some(_) | None => model,
        };
        Ok(Some((reference.to_owned(), profile.map(str::to_owned))))
    }

    /// The reference that a text of the configuration resolves to, of any provider; the text itself if it is no
    /// alias.
    pub(super) fn stands_for(&self, info: &ProviderInfo, text: &str) -> String {
        let of_alias = |text: &str| {
            let own = self.reference_of(info, text).ok().flatten();
            own.or_else(|| self.reference_elsewhere(info, text).ok().flatten())
        };
        of_alias(text).unwrap_or_else(|| {
            let (model, _) = split_profile(text);
            let bare = strip_prefix(model, &info.id).filter(|rest| !rest.contains('/'));
            of_alias(bare.unwrap_or(model)).unwrap_or_else(|| model.to_owned())
        })
    }

    fn agent_model(&self) -> Result<(Option<String>, Vec<String>)> {
        let node = self.root().at(&["agents", "defaults", "model"])?;
        let (primary, fallbacks) = match node.value() {
            Some(Value::String(text)) => (Some(text.trim().to_owned()), Vec::new()),
            Some(Value::Object(_)) => {
                let model = node.read::<AgentModel>()?.unwrap_or_default();
                (model.primary, texts(model.fallbacks))
            }
            None => (None, Vec::new()),
            Some(_) => return Err(node.invalid("a reference in quotes, or { primary, fallbacks }")),
        };
        Ok((primary.filter(|text| !text.is_empty()), fallbacks))
    }
}

fn texts(texts: Vec<Text>) -> Vec<String> {
    let texts = texts.into_iter().map(|text| text.0);
    texts.filter(|text| !text.is_empty()).collect()
}

/// Whether two texts are the same alias: case-insensitive, runs of white space count as one.
fn is_same_alias(a: &str, b: &str) -> bool {
    let key = |text: &str| {
        text.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase()
    };
    key(a) == key(b)
}

/// Splits a reference from the profile after its `@`. A version (`@20250101`) or a quantization (`@q4_k_m`,
/// `@8bit`) belongs to the model.
fn split_profile(text: &str) -> (&str, Option<&str>) {
    let text = text.trim();
    let mut from = text.rfind('/').map_or(0, |at| at + 1);
    while let Some(at) = text[from..].find('@').map(|at| from + at) {
        let (model, profile) = (text[..at].trim(), text[at + 1..].trim());
        if !is_of_the_model(profile.split('@').next().unwrap_or_default()) {
            let is_meant = !model.is_empty() && !profile.is_empty();
            return if is_meant {
                (model, Some(profile))
            } else {
                (text, None)
            };
        }
        from = at + 1;
    }
    (text, None)
}

/// Whether the text after an `@` is a version or a quantization.
fn is_of_the_model(suffix: &str) -> bool {
    let suffix = suffix.to_ascii_lowercase();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let bits = suffix.strip_suffix("bit").is_some_and(is_number);
    let quantized = suffix.strip_prefix("iq").or_else(|| suffix.strip_prefix('q'));
    let quantized = quantized.is_some_and(|rest| {
        let mut parts = rest.split('_');
        parts.next().is_some_and(is_number)
            && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    });
    bits || quantized || suffix.len() == 8 && is_number(&suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_distinguished_from_a_version_or_a_quantization() {
        for (text, model, profile) in [
            ("acme/a/b@work", "acme/a/b", Some("work")),
            ("acme/a/b:fast@acme:work", "acme/a/b:fast", Some("acme:work")),
            ("Small@work", "Small", Some("work")),
            ("acme/a/b@20250101", "acme/a/b@20250101", None),
            ("acme/a/b@20250101@work", "acme/a/b@20250101", Some("work")),
            ("acme/a/b@q4_k_m@work", "acme/a/b@q4_k_m", Some("work")),
            ("acme/a/b@8bit", "acme/a/b@8bit", None),
            ("acme/@scope/b", "acme/@scope/b", None),
            ("acme/a/b@", "acme/a/b@", None),
            ("@work", "@work", None),
        ] {
            assert_eq!(split_profile(text), (model, profile), "{text}");
        }
    }
}
