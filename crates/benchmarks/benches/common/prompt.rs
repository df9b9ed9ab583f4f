//! One request in the types of each contract: those of the host and of the protocol are generated separately.

use std::sync::LazyLock;

use frozen_protocol::contract::types as frozen;
use huggingface_protocol::contract::types as native;
use model_provider_host::{
    ChatOptions, ChatStream, Host, Principal,
    contract::{ChatEvent, ChatRequest},
};

/// A request.
pub(crate) struct Prompt {
    pub(crate) model: &'static str,
    /// The texts of user and assistant in turns; the first and the last are the user's.
    pub(crate) texts: Vec<String>,
    /// An image for the last text.
    pub(crate) png: Option<Vec<u8>>,
    /// Schemas of tools.
    pub(crate) tools: Vec<String>,
    pub(crate) max_tokens: Option<u32>,
}

/// The request in a contract's types. The caller passes what differs between contracts: messages, media and tools.
macro_rules! request {
    ($prompt:expr, $($contract:ident)::+, $user:expr, $assistant:expr, $media:expr, $tool:expr) => {{
        use $($contract)::+ as contract;
        let messages = $prompt.texts.iter().enumerate().map(|(at, text)| {
            if at % 2 == 1 {
                return contract::Message::Assistant($assistant(vec![contract::AssistantPart::Text(text.clone())]));
            }
            let mut parts = vec![contract::ContentPart::Text(text.clone())];
            let png = $prompt.png.clone().filter(|_| at + 1 == $prompt.texts.len());
            parts.extend(png.map(|png| contract::ContentPart::Media($media(png))));
            contract::Message::User($user(parts))
        });
        contract::ChatRequest {
            model: $prompt.model.to_owned(),
            messages: messages.collect(),
            tools: $prompt.tools.iter().enumerate().map($tool).collect(),
            tool_choice: None,
            response_format: None,
            reasoning_effort: None,
            max_output_tokens: $prompt.max_tokens,
            temperature: None,
            top_p: None,
            frequency_penalty: None,
            presence_penalty: None,
            seed: None,
            stop: Vec::new(),
            extras: Vec::new(),
        }
    }};
    // The current contract.
    ($prompt:expr, $($contract:ident)::+) => {{
        use $($contract)::+ as today;
        request!(
            $prompt,
            $($contract)::+,
            |content| today::UserMessage { content, extras: Vec::new() },
            |content| today::AssistantMessage { content, extras: Vec::new() },
            |png| today::Media {
                mime_type: "image/png".to_owned(),
                source: today::MediaSource::Data(png),
                extras: Vec::new(),
            },
            |(at, schema): (usize, &String)| {
                today::Tool::Function(today::FunctionTool {
                    name: format!("tool_{at}"),
                    description: Some(DESCRIPTION.to_owned()),
                    parameters_json: schema.clone(),
                    strict: None,
                    extras: Vec::new(),
                })
            }
        )
    }};
}

/// Of every tool.
const DESCRIPTION: &str = "Reads a file, and says \"not found\" where there is none.";

impl Prompt {
    /// A short request; a mock that composes its response repeats these words, so they suffice for `max_tokens`.
    pub(crate) fn short() -> Self {
        Self {
            model: "meta-llama/Llama-3.3-70B-Instruct",
            texts: vec!["say it in many words ".repeat(12)],
            png: None,
            tools: Vec::new(),
            // With the role, the finish reason, the usage and `[DONE]` this makes 50 events.
            max_tokens: Some(46),
        }
    }

    /// A request with so many kilobytes of prose and code, in so many messages (an odd number).
    pub(crate) fn long(kilobytes: usize, messages: usize) -> Self {
        const TEXT: &str =
            "The quick brown fox jumps over the lazy dog, and reads on.\n\tlet name = \"value\"; // ü\n";
        let each = kilobytes * 1_000 / messages;
        Self {
            texts: vec![TEXT.repeat(each.div_ceil(TEXT.len())); messages],
            ..Self::short()
        }
    }

    /// A short request with tools whose schemas have so many kilobytes in all.
    pub(crate) fn with_tools(tools: usize, kilobytes: usize) -> Self {
        const MEMBER: &str = "\"path\": {\"type\": \"string\", \"description\": \"A path below the workspace, without \\\"..\\\"\"}";
        let members = kilobytes * 1_000 / tools / MEMBER.len();
        let member = |at| MEMBER.replacen("path", &format!("path_{at}"), 1);
        let members = (0..members).map(member).collect::<Vec<_>>().join(", ");
        Self {
            tools: vec![format!("{{\"type\": \"object\", \"properties\": {{{members}}}}}"); tools],
            ..Self::short()
        }
    }

    /// A request with an image of so many bytes.
    pub(crate) fn picture(bytes: usize) -> Self {
        let mut png = vec![0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
        let noise = (0..bytes - png.len()).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
        png.extend(noise);
        Self {
            model: "Qwen/Qwen2.5-VL-7B-Instruct",
            texts: vec!["What is in this picture?".to_owned()],
            png: Some(png),
            tools: Vec::new(),
            max_tokens: None,
        }
    }

    /// For the host.
    pub(crate) fn for_host(&self) -> ChatRequest {
        request!(self, model_provider_host::contract)
    }

    /// For the twin.
    pub(crate) fn for_twin(&self) -> native::ChatRequest {
        request!(self, huggingface_protocol::contract::types)
    }

    /// For the frozen twin.
    pub(crate) fn for_frozen(&self) -> frozen::ChatRequest {
        request!(
            self,
            frozen_protocol::contract::types,
            |parts| parts,
            |parts| parts,
            |png| frozen::Media {
                mime_type: "image/png".to_owned(),
                source: frozen::MediaSource::Data(png),
            },
            |(at, schema): (usize, &String)| frozen::Tool {
                name: format!("tool_{at}"),
                description: Some(DESCRIPTION.to_owned()),
                parameters_json: schema.clone(),
                strict: None,
            }
        )
    }
}

/// Sends a request to the host and waits for the first event.
pub(crate) async fn first(host: &Host, prompt: &Prompt, options: ChatOptions) -> (ChatStream, ChatEvent) {
    let completion = host.chat_with(prompt.for_host(), options).await;
    let mut completion = completion.expect("a response");
    let event = completion.next().await.expect("an event").expect("not the end");
    (completion, event)
}

/// Sends a request to the host and reads the response to its end; returns the length of its text.
pub(crate) async fn whole(host: &Host, prompt: &Prompt) -> usize {
    whole_with(host, prompt, ChatOptions::default()).await
}

/// The same with these options.
pub(crate) async fn whole_with(host: &Host, prompt: &Prompt, options: ChatOptions) -> usize {
    let completion = host.chat_with(prompt.for_host(), options).await;
    drain(&mut completion.expect("a response")).await
}

/// The options of requests that share stores, where the sandbox allows it.
pub(crate) fn sharing() -> ChatOptions {
    // Made once, so that it is in no measurement.
    static SHARING: LazyLock<ChatOptions> =
        LazyLock::new(|| ChatOptions::default().with_principal(Principal::named("bench")));
    *SHARING
}

/// Reads a response to its end; returns the length of its text.
pub(crate) async fn drain(completion: &mut ChatStream) -> usize {
    let mut length = 0;
    while let Some(event) = completion.next().await.expect("an event") {
        if let ChatEvent::Text(text) = event {
            length += text.len();
        }
    }
    length
}
