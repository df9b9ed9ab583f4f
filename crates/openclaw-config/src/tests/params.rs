//! Parameters of models, as a configuration writes them.

use super::*;
use model_provider_host::contract::ChatRequest;

fn filled(params: &str, name: &str, mut request: ChatRequest) -> ChatRequest {
    let config =
        format!("{{ agents: {{ defaults: {{ models: {{ 'acme/a/b:fast': {{ params: {params} }} }} }} }} }}");
    let home = Home::new(&[("openclaw.json", &config)]);
    home.load()
        .params(&acme())
        .unwrap()
        .fill(&mut request, &["thinker", name]);
    request
}

#[test]
fn parameters_fill_what_a_request_leaves_open_and_no_more() {
    let all = "{ temperature: 0.2, topP: 0.9, frequency_penalty: 1, presencePenalty: -1, maxTokens: 64, seed: -7, \
               stop: 'END', reasoningEffort: 'high', extra_body: { top_k: 5, min_p: 0.1 } }";
    let request = filled(all, "Acme/a/b:FAST", ChatRequest::new(""));
    assert_eq!(
        (
            request.temperature,
            request.top_p,
            request.frequency_penalty,
            request.presence_penalty
        ),
        (Some(0.2), Some(0.9), Some(1.0), Some(-1.0))
    );
    assert_eq!((request.max_output_tokens, request.seed), (Some(64), Some(-7)));
    assert_eq!(
        (request.stop.as_slice(), request.reasoning_effort.as_deref()),
        (&["END".to_owned()][..], Some("high"))
    );
    let extras = |request: &ChatRequest| -> Vec<String> {
        request
            .extras
            .iter()
            .map(|extra| format!("{}={}", extra.key, extra.value_json))
            .collect()
    };
    assert_eq!(extras(&request), ["top_k=5", "min_p=0.1"]);

    let mut own = ChatRequest::new("");
    own.temperature = Some(1.0);
    own.stop = vec!["STOP".into()];
    own.extras = vec![model_provider_host::contract::Extra {
        key: "top_k".into(),
        value_json: "9".into(),
    }];
    let request = filled(all, "acme/a/b:fast", own);
    assert_eq!((request.temperature, request.top_p), (Some(1.0), Some(0.9)));
    assert_eq!(request.stop, ["STOP"]);
    assert_eq!(extras(&request), ["top_k=9", "min_p=0.1"]);

    let other = filled(all, "acme/a/b", ChatRequest::new(""));
    assert_eq!(
        (other.temperature, other.extras.len()),
        (None, 0),
        "they are for exactly this reference"
    );
}

#[test]
fn a_parameter_of_the_wrong_type_is_an_error_and_an_unknown_one_is_reported() {
    let config = |params: &str| {
        let config =
            format!("{{ agents: {{ defaults: {{ models: {{ 'acme/a/b': {{ params: {params} }} }} }} }} }}");
        Home::new(&[("openclaw.json", &config)]).load().params(&acme())
    };
    for wrong in [
        "{ temperature: 'hot' }",
        "{ maxTokens: 0 }",
        "{ seed: 1.5 }",
        "{ stop: [1] }",
        "7",
    ] {
        let error = config(wrong).unwrap_err();
        assert!(
            error
                .message()
                .contains("`agents.defaults.models[\"acme/a/b\"].params"),
            "{wrong}: {error}"
        );
    }
    let params = config("{ transport: 'sse', temperature: null }").unwrap();
    assert_eq!(
        params.unknown,
        ["agents.defaults.models[\"acme/a/b\"].params.transport"]
    );
}
