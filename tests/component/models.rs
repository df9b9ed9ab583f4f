//! Lists and references through the component.

use model_provider_host::{
    ErrorKind,
    contract::{DiscoveryMode, ModelSource, ProviderErrorKind, types::Routing},
};

use crate::harness::Harness;

#[tokio::test]
async fn a_live_list_has_routes_prices_and_windows() {
    let harness = Harness::start().await;
    let catalog = harness
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .unwrap();
    assert_eq!(catalog.source, ModelSource::Live);
    let model = catalog
        .models
        .iter()
        .find(|model| model.id == "deepseek-ai/DeepSeek-R1")
        .unwrap();
    assert!(model.routes.len() > 1);
    assert!(model.price.is_some() && model.context_window.is_some());
    assert_eq!(model.reasoning, Some(true));
}

#[tokio::test]
async fn with_an_unreachable_router_the_bundled_list_is_returned_with_the_reason() {
    let harness = Harness::with()
        .mock(|mock| mock.scenario("models-500"))
        .start()
        .await;
    let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    assert_eq!(catalog.source, ModelSource::Bundled);
    assert_eq!(catalog.models.len(), 10);
    assert_eq!(catalog.warnings[0].code, "catalog-not-live");
}

#[tokio::test]
async fn a_policy_locks_the_provider_and_keeps_the_models_metadata() {
    let harness = Harness::start().await;
    let found = harness
        .host
        .resolve("HuggingFace/deepseek-ai/DeepSeek-R1:CHEAPEST")
        .await
        .unwrap();
    assert_eq!(found.canonical, "huggingface/deepseek-ai/DeepSeek-R1:cheapest");
    assert_eq!(found.wire_id, "deepseek-ai/DeepSeek-R1:cheapest");
    assert_eq!(found.routing, Routing::Policy("cheapest".to_owned()));
    assert!(found.provider_locked);
    assert_eq!(found.metadata.unwrap().reasoning, Some(true));
}

#[tokio::test]
async fn an_invalid_reference_comes_with_suggestions() {
    let harness = Harness::start().await;
    let error = harness.host.resolve("huggingface/DeepSeek-R1").await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Provider(ProviderErrorKind::InvalidReference)
    );
    assert_eq!(
        error.details().suggestions.first().map(String::as_str),
        Some("huggingface/deepseek-ai/DeepSeek-R1")
    );
}

#[tokio::test]
async fn a_list_is_cached_for_later_resolutions() {
    let harness = Harness::start().await;
    harness.host.list_models(DiscoveryMode::Always).await.unwrap();
    let listed = harness
        .host
        .resolve("huggingface/deepseek-ai/DeepSeek-R1:together")
        .await
        .unwrap();
    assert!(!listed.metadata.unwrap().routes.is_empty());
}
