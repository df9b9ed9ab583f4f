//! From the configuration to the settings of one provider: its own keys, models and aliases.

use serde_json::Value;

use super::{Configuration, price, provider_in, strip_prefix, tree::Node, variables};
use crate::{
    contract::{
        DiscoveryMode, Extra, Price, ProviderInfo,
        settings::{ConfiguredModel, ModelAlias},
    },
    edge::Secret,
    error::Result,
    settings::{ModelSettings, Settings, base_url},
};

impl Configuration {
    /// The settings of a provider: `models.providers.<id>.{baseUrl, headers, models}`, then
    /// `plugins.entries.<id>.config`, which has the last word; `models.mode: "replace"`; aliases; and the entries
    /// that a person has put into `models.json`.
    ///
    /// # Errors
    /// A key that is used here is of the wrong type or has a value that cannot be; named with its place.
    pub fn settings(&self, info: &ProviderInfo) -> Result<Settings> {
        let mut settings = Settings::default();
        let provider = self.provider(info)?;
        if let Some(url) = self.expanded(&provider.get("baseUrl")?)? {
            let node = provider.get("baseUrl")?;
            let url = base_url(&url).map_err(|what| {
                node.wrong(&format!("cannot be used: {what}"))
                    .with_hint("give an http or https URL, such as \"http://127.0.0.1:8080/v1\"")
            })?;
            settings.base_url = Some(url);
        }
        for (name, node) in provider.get("headers")?.entries()? {
            if let Some(value) = self.expanded(&node)?.as_deref().and_then(Secret::new) {
                settings.headers.push((name.to_owned(), value));
            }
        }
        self.plugin_config(info, &mut settings)?;
        if self.root().at(&["models", "mode"])?.word()? == Some("replace") {
            settings.discovery = DiscoveryMode::ConfiguredOnly;
        }
        settings.models = std::sync::Arc::new(self.models(info)?);
        Ok(settings)
    }

    /// The names that the configuration gives to references of a provider, without those of `models.json`.
    pub(super) fn aliases(&self, info: &ProviderInfo) -> Result<ModelSettings> {
        let mut models = Models::new(info);
        models.add_aliases(&self.root().at(&["agents", "defaults", "models"])?)?;
        models.add(&self.provider(info)?.get("models")?)?;
        Ok(models.done())
    }

    /// All that a person has said of models: of the configuration, then of `models.json`.
    fn models(&self, info: &ProviderInfo) -> Result<ModelSettings> {
        let mut models = Models::new(info);
        models.add_aliases(&self.root().at(&["agents", "defaults", "models"])?)?;
        models.add(&self.provider(info)?.get("models")?)?;
        self.add_kept(&mut models)?;
        Ok(models.done())
    }

    /// What a person has put into `models.json`, by itself.
    pub(super) fn own_kept_models(&self, info: &ProviderInfo) -> Result<ModelSettings> {
        let mut models = Models::new(info);
        self.add_kept(&mut models)?;
        Ok(models.done())
    }

    fn add_kept(&self, models: &mut Models<'_>) -> Result<()> {
        let Some(kept) = self.kept_document()? else {
            return Ok(());
        };
        let provider = provider_in(&kept.root().get("providers")?, &models.info.id)?;
        for entry in provider.get("models")?.items()? {
            if !super::kept::is_discovered(entry.value()) {
                models.add_one(&entry)?;
            }
        }
        Ok(())
    }

    fn plugin_config(&self, info: &ProviderInfo, settings: &mut Settings) -> Result<()> {
        let config = self.root().at(&["plugins", "entries", &info.id, "config"])?;
        for (name, node) in config.entries()? {
            let Some(value) = node.value() else {
                continue;
            };
            let result = match (name, value) {
                // OpenClaw's own spelling.
                ("discovery", Value::Object(_)) => match node.get("enabled")?.flag()? {
                    Some(false) => settings.set(name, "off"),
                    _ => Ok(()),
                },
                ("ca-file", Value::String(text)) => {
                    let path = self.environment.expand_home(text.trim());
                    settings.ca_file = Some(super::folder(&self.path).join(path));
                    Ok(())
                }
                _ => settings.set_json(name, value),
            };
            result.map_err(|error| {
                node.wrong(&format!("cannot be used: {error}"))
                    .with_hint("the names and values are those of --set NAME=VALUE")
            })?;
        }
        Ok(())
    }

    /// Text with its `${NAME}` replaced; blank is none.
    fn expanded(&self, node: &Node<'_>) -> Result<Option<String>> {
        let Some(text) = node.word()? else {
            return Ok(None);
        };
        if !text.contains("${") {
            return Ok(Some(text.to_owned()));
        }
        let dotenv = self.dotenv()?;
        variables::expand(text, |name| self.variable(name, &self.environment, &dotenv))
            .map(Some)
            .map_err(|name| {
                node.wrong(&format!("needs the variable `{name}`, which is not set"))
                    .with_hint(format!(
                        "set `{name}` in the environment, in {}, or under `env.vars`",
                        self.state_dir.join(".env").display()
                    ))
            })
    }
}

/// Models and aliases while they are collected.
struct Models<'i> {
    info: &'i ProviderInfo,
    configured: Vec<ConfiguredModel>,
    aliases: Vec<ModelAlias>,
}

impl<'i> Models<'i> {
    fn new(info: &'i ProviderInfo) -> Self {
        Self {
            info,
            configured: Vec::new(),
            aliases: Vec::new(),
        }
    }

    fn done(self) -> ModelSettings {
        ModelSettings::new(self.configured, self.aliases)
    }

    /// `agents.defaults.models`: references of this provider, each with its alias.
    fn add_aliases(&mut self, models: &Node<'_>) -> Result<()> {
        for (reference, entry) in models.entries()? {
            if strip_prefix(reference, &self.info.id).is_some()
                && let Some(alias) = entry.get("alias")?.word()?
            {
                self.alias(alias, reference.trim().to_owned());
            }
        }
        Ok(())
    }

    fn alias(&mut self, alias: &str, reference: String) {
        let known = self
            .aliases
            .iter()
            .any(|known| known.alias == alias && known.reference == reference);
        if !known {
            self.aliases.push(ModelAlias {
                alias: alias.to_owned(),
                reference,
            });
        }
    }

    fn add(&mut self, list: &Node<'_>) -> Result<()> {
        list.items()?.iter().try_for_each(|entry| self.add_one(entry))
    }

    fn add_one(&mut self, entry: &Node<'_>) -> Result<()> {
        entry
            .object()?
            .ok_or_else(|| entry.fault("an object in braces"))?;
        let id = entry.get("id")?.word()?.ok_or_else(|| {
            entry
                .wrong("has no `id`")
                .with_hint("give the model's id as text in quotes")
        })?;
        // A whole reference, as people copy it; `acme/x` alone may well be a model of that name.
        let id = strip_prefix(id, &self.info.id)
            .filter(|rest| rest.contains('/'))
            .unwrap_or(id);
        let mut model = ConfiguredModel {
            id: id.to_owned(),
            display_name: None,
            reasoning: None,
            input: Vec::new(),
            context_window: None,
            max_output_tokens: None,
            price: None,
            extras: Vec::new(),
        };
        for (name, node) in entry.entries()? {
            match name {
                "id" | "source" => {}
                "name" => model.display_name = node.word()?.map(str::to_owned),
                "alias" => {
                    if let Some(alias) = node.word()? {
                        self.alias(alias, format!("{}/{id}", self.info.id));
                    }
                }
                "reasoning" => model.reasoning = node.flag()?,
                "input" => model.input = node.texts()?,
                "contextWindow" => model.context_window = node.count()?,
                "maxTokens" => model.max_output_tokens = node.count()?,
                "cost" => model.price = price_of(&node)?,
                _ => {
                    if let Some(value) = node.value() {
                        model.extras.push(Extra {
                            key: name.to_owned(),
                            value_json: value.to_string(),
                        });
                    }
                }
            }
        }
        self.configured.push(model);
        Ok(())
    }
}

/// `cost`: a price needs both directions; one alone says nothing of what an answer costs.
pub(super) fn price_of(cost: &Node<'_>) -> Result<Option<Price>> {
    let amount = |name: &str| -> Result<Option<String>> {
        let node = cost.get(name)?;
        let Some(value) = node.value() else {
            return Ok(None);
        };
        let text = price::decimal(value).ok_or_else(|| node.fault("a number that is not below 0"))?;
        Ok(Some(text))
    };
    let (input, output) = (amount("input")?, amount("output")?);
    let cached_input = amount("cacheRead")?;
    Ok(input.zip(output).map(|(input, output)| Price {
        input,
        output,
        cached_input,
    }))
}
