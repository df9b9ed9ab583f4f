//! Interactive onboarding: the order of the dialogue, and the key. `model_dialogue` chooses the models. Writes nothing.

use super::{
    credential,
    key::{self, Verdict},
    model_picker,
    prompt::{self, Entry},
    providers::Provider,
};
use crate::{args::OnboardArgs, models::aliases_by_reference, session::Ground, table, terminal::Terminal};
use model_provider_host::{
    Error, Host, Result, Secret,
    contract::{DiscoveryMode, ProviderInfo, is_credential_optional},
    sanitize,
};
use openclaw_config::{Alias, FoundSecret, Onboarding, SecretSource, StoredKey};

/// The user's choices, and the host that they were made with.
pub(super) struct Decided {
    pub(super) onboarding: Onboarding,
    pub(super) host: Host,
    pub(super) wants_test: bool,
}

/// A key that was decided on.
struct Settled {
    host: Host,
    /// To be stored.
    key: Option<StoredKey>,
    profile: Option<String>,
    /// Whether the service refused it and the user stores it anyway.
    is_refused: bool,
}

/// What the user does about a refused key.
#[derive(Clone)]
struct Remedy {
    line: &'static str,
    again: bool,
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.line)
    }
}

impl Entry for Remedy {
    fn searched(&self) -> &str {
        self.line
    }

    fn chosen(&self) -> &str {
        self.line
    }
}

/// The dialogue.
pub(super) struct Wizard<'a> {
    pub(super) terminal: Terminal,
    pub(super) ground: &'a Ground,
    pub(super) provider: &'a Provider,
    /// Whether keys are checked with the service and a test message is offered.
    pub(super) checks: bool,
    pub(super) args: &'a OnboardArgs,
}

impl Wizard<'_> {
    pub(super) fn info(&self) -> &ProviderInfo {
        self.provider.plugin.info()
    }

    pub(super) async fn hold(&self) -> Result<Decided> {
        let settled = self.key().await?;
        let host = settled.host;
        let settings = self.ground.settings(self.info())?;
        let discovery = match settings.discovery {
            DiscoveryMode::Authenticated | DiscoveryMode::Always if settled.is_refused => DiscoveryMode::Off,
            discovery => discovery,
        };
        let catalog = {
            let _turning = self
                .terminal
                .spinner(format!("loading the models of {}", self.info().name));
            host.list_models(discovery).await?
        };
        let warnings = catalog.warnings.iter().map(|warning| warning.message.as_str());
        self.terminal.warn_of(warnings);
        let aliases = aliases_by_reference(&host, &settings).await;
        let picks = model_picker::picks(self.info(), &catalog, &aliases, table::terminal_width());
        let current = self.current(&host).await?;
        let pick = self.model(&host, picks.clone(), current.as_deref()).await?;
        let chosen = self.backend(pick, current.as_deref()).await?;
        let alias = self.alias(&chosen, settings.models).await?;
        let replaces_default = self.replaces_default(&chosen.reference).await?;
        let fallbacks = if replaces_default {
            Some(self.fallbacks(&host, &chosen.reference, picks).await?)
        } else {
            None
        };
        let wants_test = self.checks
            && prompt::yes_or_no(
                format!("Send a test message to {}?", chosen.reference),
                !settled.is_refused,
                Some("a few words; it may cost a fraction of a cent"),
            )
            .await?;
        let onboarding = Onboarding {
            key: settled.key,
            profile: settled.profile,
            base_url: self.ground.named_base_url().map(str::to_owned),
            model: chosen.reference,
            replaces_default,
            alias: Alias::Set(alias),
            fallbacks,
        };
        Ok(Decided {
            onboarding,
            host,
            wants_test,
        })
    }

    /// A key: the given one, a found and confirmed one, or a typed one; checked with the service.
    async fn key(&self) -> Result<Settled> {
        let info = self.info();
        let settings = self.ground.settings(info)?;
        let settle = |secret: Option<Secret>, found: Option<&FoundSecret>| {
            let plugin = self.provider.plugin.clone();
            let named = found.cloned().map(FoundSecret::named);
            let host = self.ground.start(plugin, settings.clone(), named)?;
            let mode = self.args.secret_input_mode;
            let (key, profile) = credential::to_store(
                self.ground,
                &self.provider.plugin,
                mode,
                secret,
                found.map(|found| &found.source),
            )?;
            Result::Ok(Settled {
                host,
                key,
                profile,
                is_refused: false,
            })
        };
        let Some(spec) = &info.credential else {
            return settle(None, None);
        };
        let mut next = if let Some(key) = &self.provider.key {
            Some((key.clone(), SecretSource::Flag))
        } else {
            self.say_note(spec.note.as_deref(), spec.help_url.as_deref());
            self.reused().await?
        };
        if next.is_none() && is_credential_optional(info) {
            let has_one = credential::granted_any(self.ground, &self.provider.plugin)?
                && prompt::yes_or_no(
                    "Does the server want a key?".to_owned(),
                    false,
                    Some("servers on this machine often want none"),
                )
                .await?;
            if !has_one {
                return settle(None, None);
            }
        }
        loop {
            let (secret, source) = match next.take() {
                Some(found) => found,
                None => (self.typed().await?, SecretSource::Flag),
            };
            let found = FoundSecret { secret, source };
            let mut settled = match settle(Some(found.secret.clone()), Some(&found)) {
                Ok(settled) => settled,
                Err(error) => {
                    // Such as characters that are invalid in a header.
                    self.say(&error);
                    continue;
                }
            };
            if !self.checks {
                return Ok(settled);
            }
            let verdict = {
                let _turning = self.terminal.spinner("checking the key");
                key::check(&settled.host, info).await
            };
            match verdict {
                Verdict::Good => {
                    self.terminal
                        .note(&format!("{} the key is good", self.terminal.err.green("✓")));
                    return Ok(settled);
                }
                Verdict::Unknown { why, hint } => {
                    self.terminal
                        .warn(&format!("the key could not be checked: {why}"));
                    if let Some(hint) = hint {
                        let hint = sanitize::line(&hint);
                        self.terminal
                            .note(&format!("{} {hint}", self.terminal.err.cyan("hint:")));
                    }
                    return Ok(settled);
                }
                Verdict::Bad(error) => {
                    self.say(&error);
                    let remedies = vec![
                        Remedy {
                            line: "Enter another key",
                            again: true,
                        },
                        Remedy {
                            line: "Keep this key and go on with the built-in list",
                            again: false,
                        },
                    ];
                    if !prompt::one_of("What now?".to_owned(), remedies, 0).await?.again {
                        settled.is_refused = true;
                        return Ok(settled);
                    }
                }
            }
        }
    }

    fn say(&self, error: &Error) {
        self.terminal
            .note(&crate::output::error::for_a_person(self.terminal.err, error));
    }

    fn say_note(&self, note: Option<&str>, url: Option<&str>) {
        self.terminal
            .note(&self.terminal.err.bold(&sanitize::name(&self.info().name)));
        if let Some(note) = note {
            match table::terminal_width() {
                Some(width) => self.terminal.note(&table::wrapped(&sanitize::line(note), width)),
                None => self.terminal.note(&sanitize::line(note)),
            }
        }
        if let Some(url) = url {
            self.terminal
                .note(&format!("Create one at: {}", sanitize::name(url)));
        }
    }

    /// An existing key, if the user wants to use it.
    async fn reused(&self) -> Result<Option<(Secret, SecretSource)>> {
        let info = self.info();
        let Some(found) = credential::found(self.ground, &self.provider.plugin, None).await? else {
            return Ok(None);
        };
        let question = format!(
            "Use existing {} token ({}, {})?",
            info.name,
            found.source,
            found.secret.preview()
        );
        let reuse = prompt::yes_or_no(question, true, None).await?;
        Ok(reuse.then_some((found.secret, found.source)))
    }

    async fn typed(&self) -> Result<Secret> {
        let spec = self.info().credential.clone();
        let label = spec.as_ref().map_or("key", |spec| spec.label.as_str());
        let question = format!("Enter {label}");
        let is_key = {
            let spec = spec.clone();
            move |text: &str| key::pasted(text, spec.as_ref()).is_some()
        };
        loop {
            let text = prompt::hidden(question.clone(), is_key.clone()).await?;
            if let Some(secret) = key::pasted(&text, spec.as_ref()) {
                return Ok(secret);
            }
        }
    }
}
