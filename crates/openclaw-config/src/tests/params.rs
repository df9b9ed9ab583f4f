//! Parameters of models, as a configuration writes them.

use super::*;
use model_provider_host::contract::{ChatRequest, FunctionTool, ResponseFormat, Tool, ToolChoice};

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
fn members_of_the_extra_body_are_defaults_of_the_fields_that_a_request_has_for_them() {
    let body = "{ extra_body: { tool_choice: 'required', reasoning_effort: 'low', max_completion_tokens: 100, \
                temperature: 0.5, response_format: { type: 'json_object' }, top_k: 5 }, \
                chatTemplateKwargs: { enable_thinking: false }, parallel_tool_calls: false }";
    let request = filled(body, "acme/a/b:fast", ChatRequest::new("").max_output_tokens(50));
    assert_eq!(request.max_output_tokens, Some(50), "the request's own");
    assert_eq!(request.temperature, Some(0.5));
    assert_eq!(request.reasoning_effort.as_deref(), Some("low"));
    assert_eq!(request.tool_choice, None, "there are no tools");
    assert!(
        matches!(&request.response_format, Some(ResponseFormat::Other(other)) if other.key == "json_object")
    );
    let extras: Vec<&str> = request.extras.iter().map(|extra| &*extra.key).collect();
    assert_eq!(
        extras,
        ["top_k", "chat_template_kwargs"],
        "without tools nothing is parallel"
    );

    let tool = Tool::Function(FunctionTool {
        name: "f".into(),
        description: None,
        parameters_json: "{}".into(),
        strict: None,
        extras: Vec::new(),
    });
    let mut with_tools = ChatRequest::new("");
    with_tools.tools = vec![tool];
    let chosen = filled(body, "acme/a/b:fast", with_tools.clone());
    assert_eq!(chosen.tool_choice, Some(ToolChoice::Required));
    assert!(
        chosen
            .extras
            .iter()
            .any(|extra| extra.key == "parallel_tool_calls")
    );
    with_tools.tool_choice = Some(ToolChoice::Auto);
    let chosen = filled(body, "acme/a/b:fast", with_tools);
    assert_eq!(chosen.tool_choice, Some(ToolChoice::Auto));
}

fn extras(request: &ChatRequest) -> Vec<(&str, &str)> {
    let extras = request.extras.iter();
    extras.map(|extra| (&*extra.key, &*extra.value_json)).collect()
}

#[test]
fn an_output_limit_of_the_extra_body_keeps_its_name() {
    let body = "{ extra_body: { max_completion_tokens: 100 } }";
    let request = filled(body, "acme/a/b:fast", ChatRequest::new(""));
    assert_eq!(request.max_output_tokens, Some(100));
    assert_eq!(extras(&request), [("max_completion_tokens", "100")]);
    for older in ["max_tokens", "maxTokens", "maxCompletionTokens"] {
        let body = format!("{{ extra_body: {{ {older}: 100 }} }}");
        let request = filled(&body, "acme/a/b:fast", ChatRequest::new(""));
        assert_eq!((request.max_output_tokens, extras(&request)), (Some(100), vec![]));
    }
    let own = filled(body, "acme/a/b:fast", ChatRequest::new("").max_output_tokens(5));
    assert_eq!((own.max_output_tokens, extras(&own)), (Some(5), vec![]));
    let both = "{ extra_body: { max_completion_tokens: 100 }, maxTokens: 7 }";
    let request = filled(both, "acme/a/b:fast", ChatRequest::new(""));
    assert_eq!((request.max_output_tokens, extras(&request)), (Some(7), vec![]));
}

#[test]
fn a_value_of_the_extra_body_that_no_field_can_have_is_sent_as_it_is() {
    let body = "{ temperature: 0.5, extra_body: { max_tokens: -1, temperature: '0.7' } }";
    let request = filled(body, "acme/a/b:fast", ChatRequest::new(""));
    assert_eq!((request.max_output_tokens, request.temperature), (None, None));
    assert_eq!(
        extras(&request),
        [("max_tokens", "-1"), ("temperature", "\"0.7\"")]
    );
    let own = ChatRequest::new("").max_output_tokens(5).temperature(0.1);
    assert_eq!(extras(&filled(body, "acme/a/b:fast", own)), []);
}

#[test]
fn null_in_the_extra_body_takes_back_what_is_inherited() {
    let config = "{ agents: { defaults: { params: { temperature: 0.5, extra_body: { top_k: 5, min_p: 1, \
                  max_completion_tokens: 9 } }, models: { 'acme/a/b': { params: { extra_body: { top_k: null, \
                  temperature: null, max_tokens: null } } } } } } }";
    let mut request = ChatRequest::new("");
    Home::new(&[("openclaw.json", config)])
        .load()
        .params(&acme())
        .unwrap()
        .fill(&mut request, &["acme/a/b"]);
    assert_eq!((request.temperature, request.max_output_tokens), (None, None));
    assert_eq!(extras(&request), [("min_p", "1")]);
}

#[test]
fn members_of_the_extra_body_that_every_request_sets_itself_are_reported() {
    let config = "{ agents: { defaults: { params: { extra_body: { stream: false, n: 2, top_k: 1 } } } } }";
    let params = Home::new(&[("openclaw.json", config)])
        .load()
        .params(&acme())
        .unwrap();
    let named = |name: &str| params.unknown.iter().any(|key| key.ends_with(name));
    assert!(
        named("stream") && named("n") && !named("top_k"),
        "{:?}",
        params.unknown
    );
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
