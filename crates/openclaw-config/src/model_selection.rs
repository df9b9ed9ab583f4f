//! Changes of the model selection in a user's file: default model, alias, fallbacks. Edits like onboarding.

use serde_json::{Value, json};

use super::{
    Configuration,
    onboarding::{Alias, name_model},
};
use model_provider_host::{Error, ErrorKind, Result, contract::ProviderInfo};

/// The path of the fallbacks.
const FALLBACKS: [&str; 4] = ["agents", "defaults", "model", "fallbacks"];

/// Whether OpenClaw's own commands accept a text as an alias: letters, digits and `._:-`.
#[must_use]
pub fn is_plain_alias(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c))
}

/// The nearest alias that OpenClaw's own commands accept.
pub(super) fn plain_alias(text: &str) -> String {
    let mut alias = String::with_capacity(text.len());
    for c in text.trim().chars() {
        if c.is_ascii_alphanumeric() || "._:-".contains(c) {
            alias.push(c);
        } else if !alias.is_empty() && !alias.ends_with('-') {
            alias.push('-');
        }
    }
    alias.trim_end_matches('-').to_owned()
}

impl Configuration {
    /// Makes a reference the default model; returns whether the file changed.
    ///
    /// # Errors
    /// The file is broken or cannot be written.
    pub fn set_default_model(&self, info: &ProviderInfo, reference: &str) -> Result<bool> {
        self.edit(|edit| {
            name_model(edit, reference, None)?;
            self.name_entry(edit, info, reference, &Alias::Keep)
        })
    }

    /// Sets the alias of a reference, replacing an earlier one; returns whether the file changed.
    ///
    /// # Errors
    /// Another reference has this alias, or it has the form of a reference; the file is broken or cannot be
    /// written.
    pub fn set_alias(&self, info: &ProviderInfo, alias: &str, reference: &str) -> Result<bool> {
        let alias = alias.trim();
        if alias.is_empty() || alias.contains('/') {
            let message = format!("`{alias}` cannot be a name: expected text without `/`");
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("letters, digits and `._:-` work everywhere, such as `Small-Qwen`"));
        }
        if let Some(other) = self.reference_of(info, alias)?
            && !super::is_same_reference(&other, reference, &info.id)
        {
            let message = format!("`{alias}` is the name of {other} already");
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("choose another name, or rename that one first"));
        }
        if let Some(other) = self.reference_elsewhere(info, alias)? {
            let message = format!("`{alias}` is the name of {other} already, a model of another provider");
            return Err(Error::new(ErrorKind::Configuration, message).with_hint("choose another name"));
        }
        self.edit(|edit| self.name_entry(edit, info, reference, &Alias::Set(alias.to_owned())))
    }

    /// Removes the alias of a reference; returns whether the file changed.
    ///
    /// # Errors
    /// The file is broken or cannot be written, or `models.providers.<id>.models` defines the alias.
    pub fn remove_alias(&self, info: &ProviderInfo, reference: &str) -> Result<bool> {
        let changed = self.edit(|edit| {
            let models = ["agents", "defaults", "models"];
            let key = edit.key(&models, |key| super::is_same_reference(key, reference, &info.id));
            match key {
                Some(key) => edit.remove(&["agents", "defaults", "models", &key, "alias"]),
                None => Ok(()),
            }
        })?;
        if changed {
            return Ok(true);
        }
        let message = format!("`agents.defaults.models` has no alias for {reference}");
        Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("the alias is defined in `models.providers` or in models.json; remove it there"))
    }

    /// Appends a reference to the fallbacks; returns whether the file changed.
    ///
    /// # Errors
    /// The file is broken or cannot be written.
    pub fn add_fallback(&self, info: &ProviderInfo, reference: &str) -> Result<bool> {
        let known = self.fallbacks()?;
        let is_there = |text: &String| self.is_meant(info, text, reference);
        if known.iter().any(is_there) {
            return Ok(false);
        }
        self.edit(|edit| {
            open_model(edit)?;
            let mut all = known.clone();
            all.push(reference.to_owned());
            edit.renew(&FALLBACKS, |_| false, &[reference.into()])?;
            edit.check(&FALLBACKS, &json!(all))?;
            self.name_entry(edit, info, reference, &Alias::Keep)
        })
    }

    /// Removes a reference or alias of any provider from the fallbacks; returns whether it was one of them.
    ///
    /// # Errors
    /// The file is broken or cannot be written.
    pub fn remove_fallback(&self, info: &ProviderInfo, reference: &str) -> Result<bool> {
        let known = self.fallbacks()?;
        let left: Vec<&String> = known
            .iter()
            .filter(|text| !self.is_meant(info, text, reference))
            .collect();
        if left.len() == known.len() {
            return Ok(false);
        }
        self.edit(|edit| {
            let is_stale = |value: &Value| {
                value
                    .as_str()
                    .is_some_and(|text| self.is_meant(info, text, reference))
            };
            edit.renew(&FALLBACKS, is_stale, &[])?;
            edit.check(&FALLBACKS, &json!(left))
        })
    }

    /// Whether a text of the file resolves to a reference: the reference itself, with the prefix in any case, or an
    /// alias.
    pub(super) fn is_meant(&self, info: &ProviderInfo, text: &str, reference: &str) -> bool {
        text.trim() == reference.trim()
            || super::is_same_reference(
                &self.stands_for(info, text),
                &self.stands_for(info, reference),
                &info.id,
            )
    }
}

/// Makes `agents.defaults.model` an object, so that it can have fallbacks.
fn open_model(edit: &mut super::edit::Edit) -> Result<()> {
    let model = ["agents", "defaults", "model"];
    match edit.seen(&model) {
        Some(Value::String(text)) => edit.set(&model, json!({ "primary": text.trim() })),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposed_name_is_one_that_openclaw_takes() {
        for (text, alias) in [
            ("DeepSeek R1 (rápido)", "DeepSeek-R1-r-pido"),
            ("Hugging Face", "Hugging-Face"),
            ("R1", "R1"),
            (" a:b_c.d ", "a:b_c.d"),
        ] {
            assert_eq!(plain_alias(text), alias);
            assert!(is_plain_alias(alias));
        }
        assert!(!is_plain_alias("Small Qwen") && !is_plain_alias(""));
    }
}
