//! Onboarding where there is something already: what is configured is what Enter keeps.

use host_harness::mock::{MockOptions, MockRouter};

use crate::{
    harness::TOKEN,
    onboarding::primary,
    terminal::{Home, person},
};

#[tokio::test]
async fn a_model_that_is_configured_with_a_backend_is_kept_by_pressing_enter() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    // A backend that is listed, and one that is not.
    for backend in ["cerebras", "together"] {
        let configured = format!("huggingface/Qwen/Qwen3-32B:{backend}");
        let config = format!(
            r#"{{ "agents": {{ "defaults": {{
                "model": {{ "primary": "{configured}" }},
                "models": {{ "{configured}": {{ "alias": "Mine" }} }}
            }} }} }}"#
        );
        let home = Home::new(&mock.base_url())
            .variable("HF_TOKEN", TOKEN)
            .file("openclaw.json", &config);
        person(move || {
            let mut terminal = home.open(&["onboard", "--skip-health"]);
            for question in [
                "Provider",
                "Use existing",
                "Default Hugging Face model",
                "Prefer a specific backend?",
                "Alias",
                "Fallbacks",
            ] {
                terminal.answers(question, "");
            }
            assert_eq!(terminal.ends(), 0, "{}", terminal.screen());
            assert_eq!(primary(&home), configured, "{}", terminal.screen());
            assert_eq!(
                home.config()["agents"]["defaults"]["models"][&configured]["alias"],
                "Mine"
            );
        })
        .await;
    }
}
