//! The page's second half: the list of models, their names, their suffixes and their references.

use mock_router::{MockOptions, MockRouter, Script};
use model_provider_host::contract::{DiscoveryMode, Model, ModelCatalog, ModelSource, types::Routing};
use serde_json::{Value, json};

use super::{
    DEFAULT,
    blocks::{Block, configured, configured_with, page},
};
use crate::{
    harness::{Harness, Setup, TOKEN},
    http::Serving,
    terminal::{Home, key, person},
};

/// The models that the page lists, with their names there.
const LISTED: [(&str, &str); 10] = [
    ("DeepSeek R1", "deepseek-ai/DeepSeek-R1"),
    ("DeepSeek V3.2", "deepseek-ai/DeepSeek-V3.2"),
    ("Qwen3 8B", "Qwen/Qwen3-8B"),
    ("Qwen2.5 7B Instruct", "Qwen/Qwen2.5-7B-Instruct"),
    ("Qwen3 32B", "Qwen/Qwen3-32B"),
    ("Llama 3.3 70B Instruct", "meta-llama/Llama-3.3-70B-Instruct"),
    ("Llama 3.1 8B Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
    ("GPT-OSS 120B", "openai/gpt-oss-120b"),
    ("GLM 4.7", "zai-org/GLM-4.7"),
    ("Kimi K2.5", "moonshotai/Kimi-K2.5"),
];

async fn listed(setup: Setup, mode: DiscoveryMode) -> (Harness, ModelCatalog) {
    let harness = setup.start().await;
    let catalog = harness.host.list_models(mode).await.expect("a list");
    let catalog = ModelCatalog::clone(&catalog);
    (harness, catalog)
}

/// What the service's own address lists without a key: no request is sent.
async fn without_a_key() -> Value {
    let home = Home::new("");
    person(move || home.run(&["models", "--format", "json"]))
        .await
        .json()
}

fn find<'a>(catalog: &'a ModelCatalog, id: &str) -> &'a Model {
    let model = catalog.models.iter().find(|model| model.id == id);
    model.unwrap_or_else(|| panic!("{id} is not listed"))
}

#[tokio::test]
async fn models_are_discovered_by_one_get_request_to_the_services_list() {
    let (harness, catalog) = listed(Harness::with(), DiscoveryMode::Authenticated).await;
    assert_eq!(catalog.source, ModelSource::Live);
    let sent = harness.mock.requests();
    let [sent] = sent.as_slice() else {
        panic!("{} requests", sent.len());
    };
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("GET", "/v1/models"));
}

#[tokio::test]
async fn the_token_is_sent_for_the_whole_list_and_is_not_needed_for_a_part() {
    let (harness, _) = listed(Harness::with(), DiscoveryMode::Always).await;
    let sent = harness.mock.requests();
    assert_eq!(
        sent[0].header("authorization"),
        Some(format!("Bearer {TOKEN}").as_str())
    );
    let (harness, catalog) = listed(Harness::with().token(None), DiscoveryMode::Always).await;
    assert_eq!(catalog.source, ModelSource::Live);
    assert_eq!(harness.mock.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn the_list_has_openais_format() {
    let harness = Harness::start().await;
    let data = json!([{"id": "Qwen/Qwen3-8B", "object": "model", "owned_by": "Qwen"}, {"id": "new/one", "owned_by": "new"}]);
    harness
        .mock
        .push_models(Script::json(200, &json!({"object": "list", "data": data})));
    let catalog = harness
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .expect("a list");
    assert_eq!(catalog.source, ModelSource::Live);
    find(&catalog, "Qwen/Qwen3-8B");
    find(&catalog, "new/one");
}

#[tokio::test]
async fn a_key_is_what_turns_discovery_on() {
    let (_, catalog) = listed(Harness::with(), DiscoveryMode::Authenticated).await;
    assert_eq!(catalog.source, ModelSource::Live);
    let catalog = without_a_key().await;
    assert_eq!(catalog["source"], "bundled");
    let why = catalog["warnings"][0]["message"].as_str().expect("a warning");
    assert!(
        why.contains("no request was sent, because no token is attached"),
        "{why}"
    );
}

#[tokio::test]
async fn onboarding_offers_the_services_list_or_the_built_in_one_if_that_fails() {
    for (scenario, offers) in [(None, true), (Some("models-500"), false)] {
        let options = MockOptions::immediate();
        let options = scenario.map_or(options.clone(), |name| options.scenario(name));
        let router = MockRouter::start(options).await.expect("a mock router");
        let home = Home::new(&router.base_url()).variable("HF_TOKEN", TOKEN);
        person(move || {
            let mut terminal =
                home.open(&["onboard", "--auth-choice", "huggingface-api-key", "--skip-health"]);
            terminal.answers("Use existing", "y");
            terminal.sees("Default Hugging Face model");
            terminal.types("kimi");
            let screen = terminal.waits_for("the models", |screen| {
                screen.contains("> Kimi") && screen.contains("Kimi K2.5") && !screen.contains("Qwen3")
            });
            // A model that only the service lists.
            assert_eq!(screen.contains("Kimi K2 Thinking"), offers, "{screen}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_gateway_requests_the_list_when_it_starts() {
    let serving = Serving::start().await;
    tokio::time::timeout(
        std::time::Duration::from_secs(20),
        serving.harness.mock.wait_requests(1),
    )
    .await
    .expect("it sends the request by itself");
    let sent = serving.harness.mock.requests();
    assert_eq!(
        (sent[0].method.as_str(), sent[0].path.as_str()),
        ("GET", "/v1/models")
    );
}

#[tokio::test]
async fn the_list_is_merged_with_the_built_in_models_for_window_and_cost() {
    let harness = Harness::start().await;
    let bare = json!({"object": "list", "data": [{"id": "deepseek-ai/DeepSeek-R1", "object": "model"}]});
    harness.mock.push_models(Script::json(200, &bare));
    let catalog = harness
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .expect("a list");
    let model = find(&catalog, "deepseek-ai/DeepSeek-R1");
    assert!(
        model.context_window.is_some() && model.price.is_some(),
        "{model:?}"
    );
}

#[tokio::test]
async fn if_the_request_fails_or_there_is_no_key_only_the_built_in_models_are_used() {
    let failed = Harness::with().mock(|mock| mock.scenario("models-500"));
    let (_, catalog) = listed(failed, DiscoveryMode::Authenticated).await;
    assert_eq!(catalog.source, ModelSource::Bundled);
    let of_a_failure = catalog.models.iter().map(|model| model.id.clone());
    let without_a_key = without_a_key().await;
    let of_no_key = without_a_key["models"].as_array().expect("models").iter();
    let of_no_key = of_no_key.map(|model| model["id"].as_str().unwrap_or_default().to_owned());
    for ids in [of_a_failure.collect::<Vec<_>>(), of_no_key.collect()] {
        assert_eq!(ids.len(), LISTED.len());
        assert!(
            LISTED.iter().all(|(_, id)| ids.iter().any(|known| known == id)),
            "{ids:?}"
        );
    }
}

#[tokio::test]
async fn a_name_comes_from_name_title_or_display_name_and_else_from_the_id() {
    let harness = Harness::start().await;
    let data = json!([
        {"id": "a/one", "name": "First"},
        {"id": "a/two", "title": "Second"},
        {"id": "a/three", "display_name": "Third"},
        {"id": "deepseek-ai/DeepSeek-R1"},
        {"id": "a/some-New-Model"},
    ]);
    harness
        .mock
        .push_models(Script::json(200, &json!({"object": "list", "data": data})));
    let catalog = harness
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .expect("a list");
    for (id, name) in [
        ("a/one", "First"),
        ("a/two", "Second"),
        ("a/three", "Third"),
        ("deepseek-ai/DeepSeek-R1", "DeepSeek R1"),
        ("a/some-New-Model", "Some New Model"),
    ] {
        assert_eq!(find(&catalog, id).display_name, name);
    }
}

#[tokio::test]
async fn a_model_can_be_given_a_custom_name() {
    let configured = configured(&Block::OwnNames.text()).await;
    let aliases = configured.models.aliases();
    assert_eq!(aliases.len(), 2);
    for alias in aliases {
        configured.means(&alias.alias, &alias.reference).await;
        assert!(alias.alias.contains(['(', ' ']), "{}", alias.alias);
    }
    let catalog = configured
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .expect("a list");
    assert!(
        find(&catalog, "deepseek-ai/DeepSeek-R1").alias.is_some(),
        "lists show it"
    );
}

#[tokio::test]
async fn a_suffix_selects_the_backend_and_a_policy_is_provider_locked() {
    let configured = configured("{}").await;
    for suffix in ["fastest", "cheapest", "sambanova", "together"] {
        let reference = format!("{DEFAULT}:{suffix}");
        let found = configured.host.resolve(&reference).await.expect("a reference");
        let routing = match suffix {
            "fastest" | "cheapest" => Routing::Policy(suffix.to_owned()),
            _ => Routing::Backend(suffix.to_owned()),
        };
        assert_eq!(
            found.provider_locked,
            matches!(routing, Routing::Policy(_)),
            "{suffix}"
        );
        assert_eq!(found.routing, routing);
        assert_eq!(found.wire_id, format!("deepseek-ai/DeepSeek-R1:{suffix}"));
    }
}

#[tokio::test]
async fn a_choice_of_cheapest_or_fastest_skips_the_backend_prompt() {
    for policy in ["cheapest", "fastest"] {
        let router = MockRouter::start(MockOptions::immediate())
            .await
            .expect("a mock router");
        let home = Home::new(&router.base_url()).variable("HF_TOKEN", TOKEN);
        person(move || {
            let mut terminal =
                home.open(&["onboard", "--auth-choice", "huggingface-api-key", "--skip-health"]);
            terminal.answers("Use existing", "y");
            terminal.sees("Default Hugging Face model");
            terminal.types(&format!("r1 {policy}"));
            let wanted = format!("> DeepSeek R1 ({policy})");
            terminal.waits_for("the model", |screen| screen.contains(&wanted));
            terminal.types(key::ENTER);
            terminal.sees("Provider locked");
            let screen = terminal.sees("Alias");
            assert!(!screen.contains("specific backend"), "{screen}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_model_with_a_suffix_can_be_an_entry_of_its_own() {
    let text = json!({ "models": { "providers": { "huggingface": { "models": [
        { "id": "deepseek-ai/DeepSeek-R1:cheapest", "name": "R1, thrifty", "alias": "thrifty" },
        { "id": "deepseek-ai/DeepSeek-R1:fastest", "name": "R1, quick", "alias": "quick" },
    ] } } } });
    let configured = configured(&text.to_string()).await;
    let catalog = configured
        .host
        .list_models(DiscoveryMode::Authenticated)
        .await
        .expect("a list");
    for (suffix, name, alias) in [
        ("cheapest", "R1, thrifty", "thrifty"),
        ("fastest", "R1, quick", "quick"),
    ] {
        let model = find(&catalog, &format!("deepseek-ai/DeepSeek-R1:{suffix}"));
        assert_eq!(model.display_name, name);
        configured.means(alias, &format!("{DEFAULT}:{suffix}")).await;
    }
}

#[tokio::test]
async fn the_primary_model_can_have_a_suffix() {
    let text = json!({ "agents": { "defaults": { "model": { "primary": format!("{DEFAULT}:cheapest") } } } });
    let configured = configured(&text.to_string()).await;
    let primary = configured.model.primary.clone().expect("a model");
    configured.means(&primary, &format!("{DEFAULT}:cheapest")).await;
}

#[tokio::test]
async fn without_a_suffix_the_order_of_the_account_decides() {
    configured("{}").await.means(DEFAULT, DEFAULT).await;
}

#[tokio::test]
async fn existing_entries_keep_their_aliases_and_options_when_lists_are_merged() {
    let own = |name: &str, alias: &str| json!({ "id": "Qwen/Qwen3-8B", "name": name, "alias": alias, "contextWindow": 1234, "mine": true });
    let provider = |entry| json!({ "huggingface": { "baseUrl": "https://router.huggingface.co/v1", "models": [entry] } });
    let in_config = json!({ "models": { "providers": provider(own("Mine", "mine")) } }).to_string();
    let in_models = json!({ "providers": provider(own("Kept", "kept")) }).to_string();
    for (config, models, name, alias) in [
        (in_config.as_str(), None, "Mine", "mine"),
        ("{}", Some(in_models.as_str()), "Kept", "kept"),
    ] {
        let configured = configured_with(config, models).await;
        let catalog = configured
            .host
            .list_models(DiscoveryMode::Authenticated)
            .await
            .expect("a list");
        assert_eq!(catalog.source, ModelSource::Live);
        let model = find(&catalog, "Qwen/Qwen3-8B");
        assert_eq!(
            (model.display_name.as_str(), model.context_window),
            (name, Some(1234))
        );
        assert!(model.extras.iter().any(|extra| extra.key == "mine"), "{model:?}");
        configured.means(alias, "huggingface/Qwen/Qwen3-8B").await;
    }
}

#[tokio::test]
async fn a_reference_is_huggingface_then_organisation_and_model() {
    let harness = Harness::start().await;
    for reference in ["huggingface/Qwen/Qwen3-8B", "Qwen/Qwen3-8B"] {
        let found = harness.host.resolve(reference).await.expect("a reference");
        assert_eq!(found.canonical, "huggingface/Qwen/Qwen3-8B");
    }
    assert!(harness.host.resolve("huggingface/Qwen3-8B").await.is_err());
}

#[tokio::test]
async fn the_list_of_the_service_may_hold_more_than_the_page() {
    let (_, catalog) = listed(Harness::with(), DiscoveryMode::Authenticated).await;
    assert!(catalog.models.len() > LISTED.len());
}

#[tokio::test]
async fn every_model_of_the_table_is_known_under_its_name() {
    if let Some(page) = page() {
        // The id itself is tested, as it is written.
        for (name, id) in LISTED {
            let row = page.lines().find(|line| line.contains(&format!("`{id}`")));
            assert!(row.is_some_and(|row| row.contains(name)), "{name}");
        }
    }
    let harness = Harness::with().token(None).start().await;
    for (name, id) in LISTED {
        let found = harness
            .host
            .resolve(&format!("huggingface/{id}"))
            .await
            .expect("a reference");
        assert_eq!(found.display_name, name);
        let known = found.metadata.expect("it is bundled");
        assert!(known.context_window.is_some(), "{id}");
    }
}

#[tokio::test]
async fn every_model_of_the_table_takes_a_suffix() {
    let harness = Harness::with().token(None).start().await;
    for (_, id) in LISTED {
        for suffix in ["fastest", "cheapest", "together", "sambanova"] {
            let reference = format!("huggingface/{id}:{suffix}");
            let found = harness.host.resolve(&reference).await.expect("a reference");
            assert_eq!(
                (found.canonical, found.wire_id),
                (reference, format!("{id}:{suffix}"))
            );
        }
    }
}
