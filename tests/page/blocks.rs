//! The configurations of the provider's page, and what each resolves to.
//!
//! They are read from the page itself if `PROVIDER_PAGE` names it; it is not part of the project. Otherwise the
//! configurations of `fixtures/config` replace them, with the same models and policies.

use std::{fs, path::Path};

use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    Grants, Host, HostOptions, Secret, contract::types::Routing, settings::ModelSettings,
};
use openclaw_config::{Configuration, DefaultModel, Environment};

use crate::harness::{TOKEN, collect, plugin, question};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/config");

/// The blocks of the page in its order, and the configuration that replaces each without the page.
#[derive(Clone, Copy)]
pub enum Block {
    DefaultModel,
    OwnNames,
    QwenFallback,
    QwenVariants,
    ThreeVendors,
    OneBackend,
    ManyWithPolicies,
}

impl Block {
    pub fn text(self) -> String {
        if let Some(page) = page() {
            let blocks: Vec<&str> = page
                .split("```json5\n")
                .skip(1)
                .filter_map(|rest| Some(rest.split_once("```")?.0))
                .collect();
            assert_eq!(
                blocks.len(),
                7,
                "the page has other configurations than are tested"
            );
            return blocks[self as usize].to_owned();
        }
        let name = match self {
            Self::DefaultModel => {
                return "{ agents: { defaults: { model: { primary: \
                                          'huggingface/deepseek-ai/DeepSeek-R1' } } } }"
                    .to_owned();
            }
            Self::OwnNames => {
                return "{ agents: { defaults: { models: {
                    'huggingface/deepseek-ai/DeepSeek-R1': { alias: 'R1 (quick)' },
                    'huggingface/deepseek-ai/DeepSeek-R1:cheapest': { alias: 'R1 (thrifty)' },
                } } } }"
                    .to_owned();
            }
            Self::QwenFallback => "deepseek-with-qwen-fallback",
            Self::QwenVariants => "qwen-with-policy-variants",
            Self::ThreeVendors => "deepseek-llama-gpt-oss-with-aliases",
            Self::OneBackend => "one-backend",
            Self::ManyWithPolicies => "several-models-with-policies",
        };
        fs::read_to_string(Path::new(FIXTURES).join(format!("{name}.json5"))).expect("a fixture")
    }
}

/// The page, if it is given.
pub fn page() -> Option<String> {
    let path = std::env::var_os("PROVIDER_PAGE")?;
    Some(fs::read_to_string(path).expect("PROVIDER_PAGE names a page that can be read"))
}

/// A host with a configuration, in front of a mock router.
pub struct Configured {
    pub mock: MockRouter,
    pub host: Host,
    pub model: DefaultModel,
    pub models: ModelSettings,
}

/// Applies a configuration.
pub async fn configured(text: &str) -> Configured {
    configured_with(text, None).await
}

/// The same, with a `models.json` beside it.
pub async fn configured_with(text: &str, models: Option<&str>) -> Configured {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let state = tempfile::tempdir().expect("a directory");
    fs::write(state.path().join("openclaw.json"), text).expect("written");
    if let Some(models) = models {
        fs::write(state.path().join("models.json"), models).expect("written");
    }
    let state_dir = state.path().to_string_lossy().into_owned();
    let environment = Environment::new([("OPENCLAW_STATE_DIR", state_dir)], Some(state.path().into()));
    let configuration = Configuration::load_or_empty(None, &environment)
        .expect("it can be read")
        .declaring(model_server::SETTINGS);
    let plugin = plugin().await;
    let model = configuration.default_model(plugin.info()).expect("models");
    let mut settings = configuration.settings(plugin.info()).expect("settings");
    settings.base_url = Some(mock.base_url().parse().expect("a URL"));
    let models = ModelSettings::clone(&settings.models);
    let options = HostOptions::default()
        .with_settings(settings)
        .with_credential(Secret::new(TOKEN))
        .with_grants(Grants::parse(component_build::GRANT).expect("grants"));
    let host = Host::start(plugin, options).expect("a host");
    Configured {
        mock,
        host,
        model,
        models,
    }
}

impl Configured {
    /// Checks that a text resolves to a reference, and that this model is sent to the service.
    pub async fn means(&self, text: &str, reference: &str) {
        let found = self
            .host
            .resolve(text)
            .await
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(found.canonical, reference, "{text}");
        let wire = reference.trim_start_matches("huggingface/");
        assert_eq!(found.wire_id, wire, "{text}");
        let suffix = wire.split_once(':').map(|(_, suffix)| suffix.to_owned());
        let (routing, is_locked) = match suffix.as_deref() {
            None => (Routing::Default, false),
            Some("cheapest" | "fastest") => (Routing::Policy(suffix.unwrap_or_default()), true),
            Some(backend) => (Routing::Backend(backend.to_owned()), false),
        };
        assert_eq!(
            (found.routing, found.provider_locked),
            (routing, is_locked),
            "{text}"
        );
        let said = collect(
            self.host
                .chat(question(text, "Hello!"))
                .await
                .expect("it is sent"),
        )
        .await;
        said.summary();
        let requests = self.mock.requests();
        let sent = requests.last().expect("a request").json();
        assert_eq!(sent["model"], wire, "{text}");
    }
}

/// Checks that every model of a block, and every alias that it gives one, resolves as its author meant.
pub async fn means_what_its_author_meant(block: Block, primary: &str, fallbacks: &[&str]) {
    let configured = configured(&block.text()).await;
    assert_eq!(configured.model.primary.as_deref(), Some(primary));
    assert_eq!(configured.model.fallbacks, fallbacks);
    assert!(configured.model.elsewhere.is_empty());
    for reference in configured.model.chain() {
        configured.means(&reference, &reference).await;
    }
    for alias in configured.models.aliases() {
        let (name, reference) = (&alias.alias, &alias.reference);
        // As written, in another case, and with other spaces, as users type it.
        for typed in [
            name.clone(),
            name.to_lowercase(),
            format!("  {} ", name.replace(' ', "  ")),
        ] {
            configured.means(&typed, reference).await;
        }
        let shown = configured.host.resolve(reference).await.expect("a reference");
        assert_eq!(shown.alias.as_ref(), Some(name), "{reference}");
    }
}
