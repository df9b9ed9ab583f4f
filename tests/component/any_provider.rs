//! What the host does for any provider, shown with two: the workspace's own component, and a tiny one of another id,
//! header, prefix and variable. No test here knows which one it has.

use std::time::Duration;

use model_provider_host::{
    ErrorKind, Grant, Grants, Plugin, Secret,
    contract::{DiscoveryMode, FinishReason, ProviderErrorKind, settings::CredentialState},
};
use tempfile::TempDir;

use crate::{
    guests::{tiny, tiny_plugin},
    harness::{Harness, Setup, TOKEN, collect, parts_text, plugin, question},
};

/// One provider, with its grant.
struct Provider {
    plugin: Plugin,
    grant: Grant,
    model: String,
}

impl Provider {
    fn of(plugin: Plugin) -> Self {
        Self {
            grant: Grant::requested_by(plugin.info()).expect("it names an origin"),
            model: plugin
                .info()
                .default_model
                .clone()
                .expect("it has a default model"),
            plugin,
        }
    }

    fn setup(&self) -> Setup {
        // The mock checks one provider's keys only; here the test looks at what arrives.
        let setup = Harness::with().mock(|mock| mock.require_key(false));
        setup.grants(|grants| grants.insert(self.plugin.info().id.clone(), self.grant.clone()))
    }

    async fn start(&self) -> Harness {
        self.setup().start_with(self.plugin.clone()).await
    }
}

/// Runs each test once per provider.
macro_rules! for_each_provider {
    ($($(#[$doc:meta])* async fn $name:ident($provider:ident: Provider) $body:block)*) => {
        mod own {
            use super::*;
            $($(#[$doc])* #[tokio::test] async fn $name() {
                super::$name(Provider::of(plugin().await)).await;
            })*
        }
        mod second {
            use super::*;
            $($(#[$doc])* #[tokio::test] async fn $name() {
                super::$name(Provider::of(tiny_plugin().await)).await;
            })*
        }
        $(async fn $name($provider: Provider) $body)*
    };
}

for_each_provider! {
    async fn it_lists_its_default_model(provider: Provider) {
        let harness = provider.start().await;
        let found = harness.host.resolve(&provider.model).await.unwrap();
        for mode in [DiscoveryMode::Off, DiscoveryMode::Authenticated, DiscoveryMode::Always] {
            let catalog = harness.host.list_models(mode).await.unwrap();
            assert!(catalog.models.iter().any(|model| model.id == found.model), "{mode:?}");
        }
        let none = harness.host.list_models(DiscoveryMode::ConfiguredOnly).await.unwrap();
        assert!(none.models.is_empty());
    }

    async fn a_reference_resolves_to_itself_and_nonsense_to_suggestions(provider: Provider) {
        let harness = provider.start().await;
        let found = harness.host.resolve(&provider.model).await.unwrap();
        let prefix = format!("{}/", provider.plugin.info().id);
        assert!(found.canonical.starts_with(&prefix), "{}", found.canonical);
        assert_eq!(harness.host.resolve(&found.canonical).await.unwrap().canonical, found.canonical);
        let error = harness.host.resolve(&format!("{prefix}no such model")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Provider(ProviderErrorKind::InvalidReference));
        assert!(harness.mock.requests().is_empty(), "a reference needs no network");
    }

    async fn a_stream_and_a_complete_response_have_the_same_content(provider: Provider) {
        let harness = provider.start().await;
        let streamed = harness.ask(&provider.model).await;
        let summary = streamed.summary();
        assert!(!streamed.text().is_empty());
        assert_eq!((summary.finish_reason, summary.attempts), (FinishReason::Stop, 1));
        assert!(summary.usage.input_tokens.is_some() && summary.usage.output_tokens.is_some());
        let whole = harness.host.complete(question(&provider.model, "Hello!")).await.unwrap();
        assert_eq!(parts_text(&whole.content), streamed.text());
        assert_eq!(whole.summary.usage, summary.usage);
    }

    async fn the_host_adds_the_granted_header_and_nothing_else_carries_the_token(provider: Provider) {
        let harness = provider.start().await;
        assert_eq!(harness.host.credential(), CredentialState::AttachedByHost);
        harness.ask(&provider.model).await.summary();
        let requests = harness.mock.requests();
        let request = requests.last().unwrap();
        let value = format!("{}{TOKEN}", provider.grant.prefix);
        assert_eq!(request.header(&provider.grant.header), Some(value.as_str()));
        let with_token = request.headers.values();
        let with_token = with_token.filter(|value| value.to_str().is_ok_and(|text| text.contains(TOKEN)));
        assert_eq!(with_token.count(), 1);
        assert!(!String::from_utf8_lossy(&request.body).contains(TOKEN));
    }

    async fn without_a_grant_there_is_no_credential(provider: Provider) {
        let setup = provider.setup().grants(|grants| *grants = Grants::default());
        let harness = setup.start_with(provider.plugin.clone()).await;
        assert_eq!(harness.host.credential(), CredentialState::Missing);
        let heard = harness.ask(&provider.model).await;
        assert_eq!(heard.error().kind(), ErrorKind::Provider(ProviderErrorKind::Unauthenticated));
        assert!(!heard.error().details().request_sent && harness.mock.requests().is_empty());
    }

    async fn without_a_grant_and_a_base_url_nothing_can_be_reached(provider: Provider) {
        let options = model_provider_host::HostOptions::default().with_credential(Secret::new(TOKEN));
        let host = model_provider_host::Host::start(provider.plugin.clone(), options).unwrap();
        assert_eq!(host.credential(), CredentialState::Missing);
        host.complete(question(&provider.model, "Hello!")).await.unwrap_err();
        assert_eq!(host.connections_opened(), 0);
    }

    async fn a_grant_that_was_written_is_there_for_the_next_run(provider: Provider) {
        let state = TempDir::new().unwrap();
        let info = provider.plugin.info();
        let mut grants = Grants::parse(component_build::GRANT)
            .unwrap()
            .with_state_dir(state.path())
            .unwrap();
        let file = grants
            .write(&info.id, &[provider.plugin.digest().to_owned()], provider.grant.clone())
            .unwrap()
            .to_owned();
        assert!(file.starts_with(state.path()));
        let again = Grants::parse(component_build::GRANT)
            .unwrap()
            .with_state_dir(state.path())
            .unwrap();
        assert_eq!(again.check(&provider.plugin).unwrap(), Some(&provider.grant));
        let setup = provider.setup().grants(|grants| *grants = again);
        let harness = setup.start_with(provider.plugin.clone()).await;
        assert_eq!(harness.host.credential(), CredentialState::AttachedByHost);
        harness.ask(&provider.model).await.summary();
    }

    async fn dropping_a_stream_closes_its_connection(provider: Provider) {
        let setup = provider.setup().mock(|mock| mock.scenario("stall"));
        let harness = setup.start_with(provider.plugin.clone()).await;
        let mut completion = harness.host.chat(question(&provider.model, "Hello!")).await.unwrap();
        completion.next().await.unwrap();
        drop(completion);
        tokio::time::timeout(Duration::from_secs(5), harness.mock.wait_disconnects(1))
            .await
            .expect("the connection is closed");
    }

    async fn a_swap_lets_the_old_response_finish_and_the_new_plugin_respond(provider: Provider) {
        let setup = provider.setup().mock(|mock| mock.pace(Duration::from_millis(20)));
        let harness = setup.start_with(provider.plugin.clone()).await;
        let old = harness.host.chat(question(&provider.model, "Hello!")).await.unwrap();
        let report = harness.host.swap(provider.plugin.path()).await.unwrap();
        assert_eq!((report.from.number, report.to.number, report.draining), (1, 2, 1));
        let new = harness.host.chat(question(&provider.model, "Hello!")).await.unwrap();
        assert_eq!((old.generation().number, new.generation().number), (1, 2));
        let (old, new) = tokio::join!(collect(old), collect(new));
        old.summary();
        new.summary();
        assert_eq!(old.text(), new.text());
    }

    async fn another_provider_cannot_take_its_place(provider: Provider) {
        let harness = provider.start().await;
        let other = if provider.plugin.path() == tiny() { plugin().await.path().to_owned() } else { tiny() };
        let error = harness.host.swap(&other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(&provider.plugin.info().id), "{error}");
        harness.ask(&provider.model).await.summary();
        assert_eq!(harness.host.generation().number, 1);
    }
}
