//! Test bench for a component, and sessions on it: one instance with settings and an upstream that plays named
//! situations.

use std::time::{Duration, Instant};

use model_provider_host::contract::{
    ChatRequest, DiscoveryMode, Error, Extra, Message, Model, ModelCatalog, ModelRef, ProviderInfo,
    settings::{ConfiguredModel, CredentialState, ModelAlias, Snapshot},
};
use wasmtime::component::ResourceAny;

use crate::{
    Options,
    check::{Verdict, failed, not_tested},
    dialect::{BASE_URL, Dialect},
    heard::Heard,
    instance::Instance,
    state::HostSettings,
    subject::Subject,
    upstream::{End, Exchange, Upstream},
};

/// Longer than any response of the kit, whatever the settings' timeouts are. In a plugin that ignores its timeouts,
/// reads would wait for ever.
const MOST_TIME: Duration = Duration::from_secs(15);

/// The component under test, and its metadata.
pub(crate) struct Bench {
    pub(crate) subject: Subject,
    dialect: Dialect,
    settings: Vec<Extra>,
    info: ProviderInfo,
    /// The model reference for chats.
    model: String,
}

impl Bench {
    pub(crate) async fn new(subject: &Subject, options: &Options) -> Result<Self, Verdict> {
        let mut instance = Instance::new(subject, HostSettings::default(), Upstream::default()).await?;
        let info = instance.describe().await?;
        let named = options
            .dialect
            .model
            .clone()
            .or_else(|| info.default_model.clone());
        let model = named.unwrap_or_else(|| format!("{}/acme/alpha", info.id));
        let extra = |(key, value): &(String, serde_json::Value)| Extra {
            key: key.clone(),
            value_json: value.to_string(),
        };
        Ok(Self {
            subject: subject.clone(),
            dialect: options.dialect.clone(),
            settings: options.settings.iter().map(extra).collect(),
            info,
            model,
        })
    }

    pub(crate) fn info(&self) -> &ProviderInfo {
        &self.info
    }

    /// Whether the plugin states this fact about itself: `true` in the `extras` of its description.
    pub(crate) fn has_fact(&self, key: &str) -> bool {
        let mut facts = self.info.extras.iter();
        facts.any(|fact| fact.key == key && fact.value_json.trim() == "true")
    }

    /// The exchange of a situation.
    pub(crate) fn exchange(&self, situation: &str) -> Result<Exchange, Verdict> {
        self.dialect.exchange(situation)
    }

    /// The upstream's own word for the reason why the response of a situation ends.
    pub(crate) fn finish_reason<'a>(&'a self, situation: &str, usual: &'a str) -> &'a str {
        self.dialect.finish_reason(situation).unwrap_or(usual)
    }

    pub(crate) fn model(&self) -> &str {
        &self.model
    }

    pub(crate) fn question(&self) -> ChatRequest {
        self.request(vec![Message::user("Hello!")])
    }

    pub(crate) fn request(&self, messages: Vec<Message>) -> ChatRequest {
        ChatRequest {
            model: self.model.clone(),
            messages,
            ..ChatRequest::new("")
        }
    }

    /// A builder for a session.
    pub(crate) fn with(&self) -> Setup<'_> {
        let mut host_settings = HostSettings::default();
        host_settings.snapshot.base_url = Some(BASE_URL.to_owned());
        host_settings.snapshot.extras.clone_from(&self.settings);
        if self.info.credential.is_none() {
            host_settings.snapshot.credential = CredentialState::NotRequired;
        }
        Setup {
            bench: self,
            host_settings,
            chat: Vec::new(),
            list: Vec::new(),
        }
    }

    /// Resolves the component's own model reference; without it nothing can be tested.
    pub(crate) async fn resolved(&self) -> Result<ModelRef, Verdict> {
        let mut session = self.with().start().await?;
        let resolved = session.instance.resolve(&self.model).await?;
        resolved.map_err(|error| failed(format!("`{}` resolves", self.model), words(&error)))
    }

    /// A session with one chat in one situation.
    pub(crate) async fn hear(&self, situation: &str) -> Result<Heard, Verdict> {
        let mut session = self.with().chat(situation)?.start().await?;
        session.hear(&self.question()).await
    }
}

/// A builder of a session.
pub(crate) struct Setup<'a> {
    bench: &'a Bench,
    host_settings: HostSettings,
    chat: Vec<Exchange>,
    list: Vec<Exchange>,
}

impl Setup<'_> {
    /// The next chat request gets this situation; the last situation also serves all later requests.
    pub(crate) fn chat(mut self, situation: &str) -> Result<Self, Verdict> {
        self.chat.push(self.bench.dialect.exchange(situation)?);
        Ok(self)
    }

    /// The same, with the whole body at once.
    pub(crate) fn chat_at_once(mut self, situation: &str) -> Result<Self, Verdict> {
        let mut exchange = self.bench.dialect.exchange(situation)?;
        if let Exchange::Response(played) = &mut exchange {
            played.body = vec![played.body.concat().into()];
        }
        self.chat.push(exchange);
        Ok(self)
    }

    /// The same, with a body that does not end.
    pub(crate) fn chat_that_stalls(mut self, situation: &str) -> Result<Self, Verdict> {
        let mut exchange = self.bench.dialect.exchange(situation)?;
        if let Exchange::Response(played) = &mut exchange {
            played.end = End::Stall;
        }
        self.chat.push(exchange);
        Ok(self)
    }

    /// The same, with the body byte by byte.
    pub(crate) fn chat_in_bytes(mut self, situation: &str) -> Result<Self, Verdict> {
        let mut exchange = self.bench.dialect.exchange(situation)?;
        let Exchange::Response(played) = &mut exchange else {
            return Err(not_tested(format!(
                "`{situation}` of the router file has no body"
            )));
        };
        let bytes = played.body.iter().flat_map(|piece| piece.iter().copied());
        played.body = bytes.map(|byte| bytes::Bytes::copy_from_slice(&[byte])).collect();
        self.chat.push(exchange);
        Ok(self)
    }

    /// The response to a list request.
    pub(crate) fn list(mut self, situation: &str) -> Result<Self, Verdict> {
        self.list.push(self.bench.dialect.exchange(situation)?);
        Ok(self)
    }

    pub(crate) fn settings(mut self, change: impl FnOnce(&mut Snapshot)) -> Self {
        change(&mut self.host_settings.snapshot);
        self
    }

    pub(crate) fn configured(mut self, model: ConfiguredModel) -> Self {
        self.host_settings.configured.push(model);
        self
    }

    /// A model of an earlier list, as the host has it in its cache.
    pub(crate) fn listed(mut self, model: Model) -> Self {
        self.host_settings.listed.push(model);
        self
    }

    pub(crate) fn alias(mut self, alias: &str, reference: &str) -> Self {
        self.host_settings.aliases.push(ModelAlias {
            alias: alias.to_owned(),
            reference: reference.to_owned(),
        });
        self
    }

    pub(crate) async fn start(self) -> Result<Session, Verdict> {
        let owned = self
            .bench
            .info
            .credential
            .as_ref()
            .map(|spec| spec.header.clone());
        let upstream = Upstream::new(self.chat, self.list, owned);
        let instance = Instance::new(&self.bench.subject, self.host_settings, upstream.clone()).await?;
        Ok(Session { instance, upstream })
    }
}

/// One instance with its upstream.
pub(crate) struct Session {
    pub(crate) instance: Instance,
    pub(crate) upstream: Upstream,
}

impl Session {
    /// Reads a chat to its end. An error before the first event is an end as well.
    pub(crate) async fn hear(&mut self, request: &ChatRequest) -> Result<Heard, Verdict> {
        match self.instance.stream(request).await? {
            Ok(completion) => self.read_all(completion).await,
            Err(error) => Ok(Heard {
                events: Vec::new(),
                end: Err(error),
            }),
        }
    }

    pub(crate) async fn read_all(&mut self, completion: ResourceAny) -> Result<Heard, Verdict> {
        let mut events = Vec::new();
        let began = Instant::now();
        while began.elapsed() < MOST_TIME {
            match self.instance.read(completion, 64, 2_000).await? {
                Ok(progress) => {
                    events.extend(progress.events);
                    if let Some(summary) = progress.finished {
                        return Ok(Heard {
                            events,
                            end: Ok(summary),
                        });
                    }
                }
                Err(error) => {
                    return Ok(Heard {
                        events,
                        end: Err(error),
                    });
                }
            }
        }
        Err(failed(
            "an end of the response within the timeouts of the settings",
            format!("none in {} s", MOST_TIME.as_secs()),
        ))
    }

    /// Starts a chat that must start.
    pub(crate) async fn begin(&mut self, request: &ChatRequest) -> Result<ResourceAny, Verdict> {
        let begun = self.instance.stream(request).await?;
        begun.map_err(|error| failed("a completion", words(&error)))
    }

    pub(crate) async fn list(&mut self, mode: DiscoveryMode) -> Result<ModelCatalog, Verdict> {
        let listed = self.instance.list(mode).await?;
        listed.map_err(|error| failed("a list", words(&error)))
    }
}

/// Formats an error on one line.
pub(crate) fn words(error: &Error) -> String {
    let message: String = error.message.chars().take(200).collect();
    format!("an error of kind `{:?}`: {message}", error.kind)
}
