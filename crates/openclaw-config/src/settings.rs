//! From the configuration to the settings of one provider: its own keys, models and aliases.

use std::time::Duration;

use super::{
    Configuration,
    document::Node,
    interpolation, provider_facts, provider_in,
    report::Unresolved,
    schema::{self, Provider},
    secret_ref::SecretInput,
    strip_prefix,
};
use model_provider_host::{
    Result, Secret, Settings,
    contract::{
        DiscoveryMode, Extra, ProviderInfo,
        settings::{ConfiguredModel, ModelAlias},
    },
    settings::{ModelSettings, base_url},
};

/// Applies one setting to the settings.
pub(super) type Apply<'a> = &'a mut dyn FnMut(&Node<'_>, &str) -> Result<()>;

impl Configuration {
    /// The settings of a provider. From lowest to highest precedence: `models.providers.<id>.{baseUrl, headers,
    /// models, timeoutSeconds, request}`, `plugins.entries.<id>.config`, `host-harness.json5`. Also `models.mode:
    /// "replace"`, the aliases, and the entries that a user wrote to `models.json`.
    ///
    /// # Errors
    /// A key that is used here has the wrong type or an invalid value; the error names its position. A header whose
    /// value does not resolve is skipped and logged.
    pub fn settings(&self, info: &ProviderInfo) -> Result<Settings> {
        let mut unresolved = Vec::new();
        let settings = self.settings_and(info, &mut unresolved)?;
        unresolved.iter().for_each(Unresolved::log);
        if let Some(misplaced) = self.misplaced_settings(info)? {
            misplaced.log();
        }
        Ok(settings)
    }

    /// The settings of a provider that do not resolve and are skipped.
    ///
    /// # Errors
    /// As of [`settings`](Self::settings).
    pub fn unresolved_settings(&self, info: &ProviderInfo) -> Result<Vec<Unresolved>> {
        let mut unresolved = Vec::new();
        self.settings_and(info, &mut unresolved)?;
        Ok(unresolved)
    }

    pub(super) fn settings_and(
        &self,
        info: &ProviderInfo,
        unresolved: &mut Vec<Unresolved>,
    ) -> Result<Settings> {
        let mut settings = Settings::declaring(self.declared);
        settings.public_headers = provider_facts::public_headers(info);
        let node = self.provider(info)?;
        let provider = node.read::<Provider>()?.unwrap_or_default();
        settings.base_url = self.configured_base_url(&node, &provider)?;
        let headers = provider.headers.0.iter().map(|header| ("headers", header));
        let headers = headers.chain(
            provider
                .request
                .headers
                .0
                .iter()
                .map(|header| ("request.headers", header)),
        );
        for (place, (name, input)) in headers {
            let place = format!("{}.{place}.{name}", node.key());
            if let Some(value) = self.header(&place, input, unresolved)? {
                settings
                    .headers
                    .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                settings.headers.push((name.clone(), value));
            }
        }
        if let Some(seconds) = provider.timeout_seconds {
            let timeout = Duration::from_secs(seconds.into());
            settings.connect_timeout = settings.connect_timeout.min(timeout);
            settings.first_byte_timeout = timeout;
            settings.idle_timeout = timeout;
            settings.limits.wall_clock = timeout;
        }
        settings.allow_private = provider.request.allow_private_network.unwrap_or(false);
        if self
            .root()
            .at(&["models", &format!("{}Discovery", info.id), "enabled"])?
            .flag()?
            == Some(false)
        {
            settings.discovery = DiscoveryMode::Off;
        }
        let mut apply = |node: &Node<'_>, name: &str| self.apply(node, name, &mut settings);
        self.apply_plugin_config(info, &mut apply)?;
        self.apply_host_file(info, &mut apply)?;
        if self.root().at(&["models", "mode"])?.word()? == Some("replace") {
            settings.discovery = DiscoveryMode::ConfiguredOnly;
        }
        self.settings_of_tools(info, &mut settings, unresolved);
        settings.models = std::sync::Arc::new(self.models(info)?);
        Ok(settings)
    }

    /// The settings as far as each of them can be read by itself: to see what decides where requests go.
    pub(super) fn readable_settings(&self, info: &ProviderInfo) -> Settings {
        let mut settings = Settings::declaring(self.declared);
        if let Ok(node) = self.provider(info)
            && let Ok(Some(provider)) = node.read::<Provider>()
        {
            settings.base_url = self.configured_base_url(&node, &provider).unwrap_or_default();
        }
        let mut apply = |node: &Node<'_>, name: &str| {
            self.apply(node, name, &mut settings).ok();
            Ok(())
        };
        self.apply_plugin_config(info, &mut apply).ok();
        self.apply_host_file(info, &mut apply).ok();
        settings
    }

    fn configured_base_url(&self, node: &Node<'_>, provider: &Provider) -> Result<Option<url::Url>> {
        let Some(url) = &provider.base_url else {
            return Ok(None);
        };
        let node = node.get("baseUrl")?;
        let url = base_url(&self.expanded(&node, url)?).map_err(|what| {
            node.wrong(&format!("cannot be used: {what}"))
                .with_hint("give an http or https URL, such as \"http://127.0.0.1:8080/v1\"")
        })?;
        Ok(Some(url))
    }

    /// The aliases that the configuration defines for references of a provider, without those of `models.json`.
    pub(super) fn aliases(&self, info: &ProviderInfo) -> Result<ModelSettings> {
        Ok(self.configured_models(info)?.done())
    }

    /// All model entries that a user wrote: in the configuration, then in `models.json`.
    fn models(&self, info: &ProviderInfo) -> Result<ModelSettings> {
        let mut models = self.configured_models(info)?;
        self.add_kept(&mut models)?;
        Ok(models.done())
    }

    fn configured_models<'i>(&self, info: &'i ProviderInfo) -> Result<Models<'i>> {
        let mut models = Models::new(info);
        models.add_aliases(&self.root().at(&["agents", "defaults", "models"])?)?;
        let provider = self.provider(info)?;
        models.max_tokens = provider
            .read::<Provider>()?
            .and_then(|provider| provider.max_tokens);
        for entry in provider.get("models")?.items()? {
            models.add_one(&entry)?;
        }
        models.max_tokens = None;
        for (id, extras) in self.model_settings(info)? {
            models.add_extras(&id, extras);
        }
        Ok(models)
    }

    /// The model entries that a user wrote to `models.json`.
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
            if !super::models_cache::is_discovered(entry.value()) {
                models.add_one(&entry)?;
            }
        }
        Ok(())
    }

    /// A header's value; `None` if it is blank or does not resolve.
    fn header(
        &self,
        place: &str,
        input: &SecretInput,
        unresolved: &mut Vec<Unresolved>,
    ) -> Result<Option<Secret>> {
        let dotenv = self.dotenv()?;
        let look_up = |name: &str| self.variable(name, &self.environment, &dotenv);
        let value = match input {
            // A header need not be a credential.
            SecretInput::Text(text) => interpolation::plain(text, &look_up).map(|text| Secret::new(&text)),
            SecretInput::Ref(_) | SecretInput::Wrong => self
                .secret_of(input, |_| false, look_up)
                .map(|found| found.and_then(|found| Secret::new(&found.value))),
        };
        Ok(value.unwrap_or_else(|why| {
            let fix = "set what it refers to; until then the header is not sent";
            unresolved.push(Unresolved::new(place, why, fix));
            None
        }))
    }

    /// Text with its `${NAME}` replaced.
    fn expanded(&self, node: &Node<'_>, text: &str) -> Result<String> {
        if !text.contains("${") {
            return Ok(text.to_owned());
        }
        let dotenv = self.dotenv()?;
        interpolation::expand(text, |name| self.variable(name, &self.environment, &dotenv)).map_err(|name| {
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
    /// The default `max_tokens` of models without one.
    max_tokens: Option<u32>,
}

impl<'i> Models<'i> {
    fn new(info: &'i ProviderInfo) -> Self {
        Self {
            info,
            configured: Vec::new(),
            aliases: Vec::new(),
            max_tokens: None,
        }
    }

    fn done(self) -> ModelSettings {
        ModelSettings::new(self.configured, self.aliases)
    }

    /// `agents.defaults.models`: references of this provider, each with its alias.
    fn add_aliases(&mut self, models: &Node<'_>) -> Result<()> {
        for (reference, node) in models.entries()? {
            if strip_prefix(reference, &self.info.id).is_some()
                && let Some(entry) = node.read::<schema::ModelEntry>()?
                && let Some(alias) = entry.alias
            {
                self.alias(&alias, reference.trim().to_owned());
            }
        }
        Ok(())
    }

    /// Adds plugin settings for a model; they override existing ones with the same name.
    fn add_extras(&mut self, id: &str, extras: Vec<Extra>) {
        let id = strip_prefix(id, &self.info.id)
            .filter(|rest| rest.contains('/'))
            .unwrap_or(id);
        match self.configured.iter_mut().find(|model| model.id == id) {
            Some(model) => {
                model
                    .extras
                    .retain(|known| extras.iter().all(|extra| extra.key != known.key));
                model.extras.extend(extras);
            }
            None => self.configured.push(ConfiguredModel {
                id: id.to_owned(),
                display_name: None,
                reasoning: None,
                input: Vec::new(),
                context_window: None,
                max_output_tokens: None,
                price: None,
                extras,
            }),
        }
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

    fn add_one(&mut self, entry: &Node<'_>) -> Result<()> {
        let model = entry
            .read::<schema::Model>()?
            .ok_or_else(|| entry.invalid("an object in braces"))?;
        let id = model.id.as_deref().ok_or_else(|| {
            entry
                .wrong("has no `id`")
                .with_hint("give the model's id as text in quotes")
        })?;
        // A whole reference, as users copy it. `acme/x` alone may be a model of that name.
        let id = strip_prefix(id, &self.info.id)
            .filter(|rest| rest.contains('/'))
            .unwrap_or(id);
        if let Some(alias) = &model.alias {
            self.alias(alias, format!("{}/{id}", self.info.id));
        }
        let mut extras = Vec::new();
        if !model.compat.is_empty() {
            extras.push(Extra {
                key: "compat".to_owned(),
                value_json: serde_json::Value::Object(model.compat).to_string(),
            });
        }
        let used = schema::keys_of::<schema::Model>();
        for (name, node) in entry.entries()? {
            // Headers may hold secrets, which must not get to the plugin.
            if let Some(value) = node
                .value()
                .filter(|_| !used.contains(&name) && name != "headers")
            {
                extras.push(Extra {
                    key: name.to_owned(),
                    value_json: value.to_string(),
                });
            }
        }
        self.configured.push(ConfiguredModel {
            id: id.to_owned(),
            display_name: model.name,
            reasoning: model.reasoning,
            input: model.input.into_iter().map(|word| word.0).collect(),
            context_window: model.context_window,
            max_output_tokens: model.max_tokens.or(self.max_tokens),
            price: model.cost.and_then(schema::Cost::price),
            extras,
        });
        Ok(())
    }
}
