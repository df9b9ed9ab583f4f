//! Checks that every part of a request is sent: each has a marker, which is searched in the request body.

use model_provider_host::contract::{
    AssistantPart, ChatRequest, ContentPart, Extra, FunctionTool, JsonSchema, Media, MediaSource, Message,
    ResponseFormat, Tool, ToolCall, ToolChoice,
};

use super::sent::{body, carried, unescaped};
use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, words},
};

checks! {
    "parts/system", "Nothing is left out in silence: what cannot be sent is an `unsupported` error, or a warning in the summary if the response is useful without it." => system;
    "parts/numbers", "Nothing is left out in silence: what cannot be sent is an `unsupported` error, or a warning in the summary if the response is useful without it." => numbers;
    "parts/stop", "Stop sequences: the response ends before the first of them." => stop;
    "parts/reasoning-effort", "Reasoning effort: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`. Open; models differ." => reasoning_effort;
    "parts/tools", "The tools that the model may call." => tools;
    "parts/tool-choice", "It calls the function of this name." => tool_choice;
    "parts/other-tool", "A tool in the upstream's own form: `key` is its type (`browser_search`), `value-json` the whole tool, its type included." => other_tool;
    "parts/json-schema", "JSON that follows a schema." => json_schema;
    "parts/image-url", "A URL that the upstream fetches; the plugin does not." => image_url;
    "parts/image-bytes", "The raw bytes; never base64." => image_bytes;
    "parts/audio", "Nothing is left out in silence: what cannot be sent is an `unsupported` error, or a warning in the summary if the response is useful without it." => audio;
    "parts/other-part", "A part in the upstream's own form: `key` is its type, `value-json` the whole part, its type included." => other_part;
    "parts/tool-conversation", "The result of one `tool-call` of an assistant message before." => tool_conversation;
    "parts/odd-arguments", "In a request a text that is not JSON is sent as the text it is." => odd_arguments;
    "parts/request-extras", "Other parameters, sent unchanged." => request_extras;
    "parts/message-extras", "the plugin sends them on, or leaves them out with a warning in the summary. They are never an error." => message_extras;
    "parts/part-extras", "Nothing is left out in silence: what cannot be sent is an `unsupported` error, or a warning in the summary if the response is useful without it." => part_extras;
    "parts/tool-extras", "Other members of the tool or of its function: `cache_control`, `return`." => tool_extras;
}

fn extra(key: &str, value_json: &str) -> Extra {
    Extra {
        key: key.to_owned(),
        value_json: value_json.to_owned(),
    }
}

pub(super) fn function(extras: Vec<Extra>) -> FunctionTool {
    FunctionTool {
        name: "kit_weather".to_owned(),
        description: Some("The kit's weather".to_owned()),
        parameters_json: r#"{"type":"object","properties":{"kit_city":{"type":"string"}}}"#.to_owned(),
        // A plugin that cannot send it would warn in each request, and a warning hides other omissions.
        strict: None,
        extras,
    }
}

async fn system(bench: &Bench) -> Result<(), Verdict> {
    let request = bench.request(vec![
        Message::system("kit-system-prompt"),
        Message::user("kit-user-prompt"),
    ]);
    carried(bench, &request, &["kit-system-prompt", "kit-user-prompt"], false).await
}

/// Sets one parameter of a request.
type Change = fn(&mut ChatRequest);

async fn numbers(bench: &Bench) -> Result<(), Verdict> {
    let each: [(Change, &str); 6] = [
        (|request| request.max_output_tokens = Some(4321), "4321"),
        (|request| request.temperature = Some(0.625), "0.625"),
        (|request| request.top_p = Some(0.875), "0.875"),
        (|request| request.frequency_penalty = Some(-1.25), "-1.25"),
        (|request| request.presence_penalty = Some(1.125), "1.125"),
        (|request| request.seed = Some(987_654_321), "987654321"),
    ];
    let mut tested = 0;
    for (change, mark) in each {
        let mut request = bench.question();
        change(&mut request);
        match carried(bench, &request, &[mark], true).await {
            Ok(()) => tested += 1,
            Err(Verdict::NotTested { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    if tested == 0 {
        Err(not_tested("it supports none of them"))
    } else {
        Ok(())
    }
}

async fn stop(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        stop: vec!["kit-stop-one".to_owned(), "kit-stop-two".to_owned()],
        ..bench.question()
    };
    carried(bench, &request, &["kit-stop-one", "kit-stop-two"], true).await
}

async fn reasoning_effort(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        reasoning_effort: Some("low".to_owned()),
        ..bench.question()
    };
    carried(bench, &request, &["low"], true).await
}

async fn tools(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        tools: vec![Tool::Function(function(Vec::new()))],
        ..bench.question()
    };
    carried(
        bench,
        &request,
        &["kit_weather", "The kit's weather", "kit_city"],
        true,
    )
    .await
}

async fn tool_choice(bench: &Bench) -> Result<(), Verdict> {
    let other = FunctionTool {
        name: "kit_time".to_owned(),
        ..function(Vec::new())
    };
    let mut request = ChatRequest {
        tools: vec![Tool::Function(function(Vec::new())), Tool::Function(other)],
        tool_choice: Some(ToolChoice::Auto),
        ..bench.question()
    };
    let open = body(bench, &request).await?.matches("kit_time").count();
    request.tool_choice = Some(ToolChoice::Named("kit_time".to_owned()));
    let named = body(bench, &request).await?.matches("kit_time").count();
    expect(named > open, "the name of the chosen tool one more time", || {
        format!("{open} times without the choice, {named} times with it")
    })
}

async fn other_tool(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        tools: vec![Tool::Other(extra(
            "kit_search",
            r#"{"type":"kit_search","depth":77}"#,
        ))],
        ..bench.question()
    };
    carried(bench, &request, &["kit_search", "77"], true).await
}

async fn json_schema(bench: &Bench) -> Result<(), Verdict> {
    let schema = JsonSchema {
        name: "kit_answer".to_owned(),
        description: Some("What the kit wants".to_owned()),
        schema_json: r#"{"type":"object","properties":{"kit_field":{"type":"string"}}}"#.to_owned(),
        strict: Some(true),
        extras: vec![extra("kit_schema_extra", "\"kit-schema-mark\"")],
    };
    let request = ChatRequest {
        response_format: Some(ResponseFormat::JsonSchema(schema)),
        ..bench.question()
    };
    carried(
        bench,
        &request,
        &["kit_answer", "kit_field", "kit-schema-mark"],
        true,
    )
    .await
}

fn with_media(bench: &Bench, media: Media) -> ChatRequest {
    bench.request(vec![Message::user_parts(vec![
        ContentPart::Text("kit-beside".to_owned()),
        ContentPart::Media(media),
    ])])
}

/// What every JSON API encodes the bytes of [`bytes`] as, up to where the padding may differ.
const BYTES: &str = "iVBORyBraXQgYnl0ZX";

fn bytes(mime_type: &str) -> Media {
    Media::new(mime_type, MediaSource::Data(b"\x89PNG kit bytes".to_vec()))
}

async fn image_url(bench: &Bench) -> Result<(), Verdict> {
    let media = Media::new(
        "image/png",
        MediaSource::Url("https://pictures.test/kit.png".to_owned()),
    );
    let url = "https://pictures.test/kit.png";
    carried(bench, &with_media(bench, media), &["kit-beside", url], true).await
}

async fn image_bytes(bench: &Bench) -> Result<(), Verdict> {
    let request = with_media(bench, bytes("image/png"));
    carried(bench, &request, &["kit-beside", BYTES], true).await?;
    // Some APIs have no place for the type. Where it is written, it is this one.
    let sent = unescaped(&body(bench, &request).await?);
    let is_typed = sent.contains("image/") || sent.contains("data:");
    expect(
        !is_typed || sent.contains("image/png"),
        "the type `image/png`, or none",
        || sent.clone(),
    )
}

async fn audio(bench: &Bench) -> Result<(), Verdict> {
    let request = with_media(bench, bytes("audio/wav"));
    carried(bench, &request, &["kit-beside", BYTES], true).await
}

async fn other_part(bench: &Bench) -> Result<(), Verdict> {
    let part = r#"{"type":"text","text":"kit-other-part","cache_control":{"type":"kit-ephemeral"}}"#;
    let request = bench.request(vec![Message::user_parts(vec![ContentPart::Other(extra(
        "text", part,
    ))])]);
    carried(bench, &request, &["kit-other-part", "kit-ephemeral"], true).await
}

pub(super) fn conversation(bench: &Bench, arguments: &str, extras: Vec<Extra>) -> ChatRequest {
    let call = ToolCall {
        extras,
        ..ToolCall::new("kit-call-1", "kit_weather", arguments)
    };
    let parts = vec![
        AssistantPart::Text("kit-said-before".to_owned()),
        AssistantPart::ToolCall(call),
    ];
    ChatRequest {
        tools: vec![Tool::Function(function(Vec::new()))],
        ..bench.request(vec![
            Message::user("Weather?"),
            Message::assistant_parts(parts),
            Message::tool_result("kit-call-1", "kit-result-sunny"),
        ])
    }
}

async fn tool_conversation(bench: &Bench) -> Result<(), Verdict> {
    let request = conversation(bench, r#"{"kit_city":"Lisbon"}"#, Vec::new());
    let marks = ["kit-call-1", "kit-said-before", "Lisbon", "kit-result-sunny"];
    carried(bench, &request, &marks, true).await
}

async fn odd_arguments(bench: &Bench) -> Result<(), Verdict> {
    let request = conversation(bench, "kit-no-json {", Vec::new());
    carried(bench, &request, &["kit-no-json {"], true).await
}

async fn request_extras(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        extras: vec![
            extra("kit_top_k", "40"),
            extra("kit_nested", r#"{"kit_inner":["kit-extra-mark",1.5]}"#),
        ],
        ..bench.question()
    };
    carried(
        bench,
        &request,
        &["kit_top_k", "kit_inner", "kit-extra-mark"],
        false,
    )
    .await
}

async fn message_extras(bench: &Bench) -> Result<(), Verdict> {
    const MARKS: [&str; 4] = [
        "kit-extra-system",
        "kit-extra-user",
        "kit-extra-assistant",
        "kit-extra-tool",
    ];
    let marked = |mut request: ChatRequest| {
        for message in &mut request.messages {
            let (extras, mark) = match message {
                Message::System(message) => (&mut message.extras, MARKS[0]),
                Message::User(message) => (&mut message.extras, MARKS[1]),
                Message::Assistant(message) => (&mut message.extras, MARKS[2]),
                Message::Tool(message) => (&mut message.extras, MARKS[3]),
            };
            extras.push(extra("kit_member", &format!("\"{mark}\"")));
        }
        request
    };
    let spoken = marked(bench.request(vec![
        Message::system("Be brief."),
        Message::user("Weather?"),
        Message::assistant_parts(vec![AssistantPart::Text("Sunny.".to_owned())]),
        Message::user("And now?"),
    ]));
    carried(bench, &spoken, &MARKS[..3], false).await?;
    never_refused(bench).await?;
    // A plugin without tools refuses this one, whatever members its messages have.
    let with_tools = marked(conversation(bench, "{}", Vec::new()));
    match carried(bench, &with_tools, &MARKS[1..], true).await {
        Err(Verdict::NotTested { .. }) => Ok(()),
        verdict => verdict,
    }
}

/// Members that the plugin writes itself may be among them, from a conversation of another provider.
async fn never_refused(bench: &Bench) -> Result<(), Verdict> {
    let mut request = bench.question();
    if let Some(Message::User(message)) = request.messages.first_mut() {
        message.extras = vec![extra("role", "\"kit-role\""), extra("content", "\"kit-content\"")];
    }
    let mut session = bench.with().chat("text")?.start().await?;
    let summary = session.hear(&request).await?.end.map_err(|error| {
        let expected = "a response to a message whose extras are called `role` and `content`";
        failed(expected, words(&error))
    })?;
    let seen = session.upstream.seen();
    let sent = seen
        .first()
        .map(|seen| unescaped(&seen.text()))
        .unwrap_or_default();
    expect(sent.contains("Hello!"), "the message's own content", || {
        sent.clone()
    })?;
    let are_sent = sent.contains("kit-role") && sent.contains("kit-content");
    expect(
        are_sent || !summary.warnings.is_empty(),
        "the extras, or a warning",
        || sent.clone(),
    )
}

async fn part_extras(bench: &Bench) -> Result<(), Verdict> {
    let of_url = Media::new(
        "image/png",
        MediaSource::Url("https://pictures.test/kit.png".to_owned()),
    );
    let mut media = Err(not_tested("it takes no image"));
    for source in [of_url, bytes("image/png")] {
        let image = Media {
            extras: vec![extra("kit_detail", "\"kit-media-extra\"")],
            ..source
        };
        media = carried(bench, &with_media(bench, image), &["kit-media-extra"], true).await;
        if !matches!(media, Err(Verdict::NotTested { .. })) {
            break;
        }
    }
    let request = conversation(bench, "{}", vec![extra("kit_member", "\"kit-call-extra\"")]);
    let call = carried(bench, &request, &["kit-call-extra"], true).await;
    match (media, call) {
        (Err(failed @ Verdict::Failed { .. }), _) | (_, Err(failed @ Verdict::Failed { .. })) => Err(failed),
        (Err(neither), Err(_)) => Err(neither),
        _ => Ok(()),
    }
}

async fn tool_extras(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        tools: vec![Tool::Function(function(vec![extra(
            "kit_member",
            "\"kit-tool-extra\"",
        )]))],
        ..bench.question()
    };
    carried(bench, &request, &["kit-tool-extra"], true).await
}
