//! One question in both vocabularies: the host's types and the protocol's are generated apart.

use huggingface_protocol::contract::types as native;
use model_provider_host::{
    Completion, Host,
    contract::{ChatEvent, ChatRequest},
};

/// A question.
pub(crate) struct Ask {
    pub(crate) model: &'static str,
    pub(crate) text: String,
    /// A picture to go with it.
    pub(crate) png: Option<Vec<u8>>,
    pub(crate) max_tokens: Option<u32>,
}

macro_rules! request {
    ($ask:expr, $($contract:ident)::+) => {{
        use $($contract)::+ as contract;
        let mut parts = vec![contract::ContentPart::Text($ask.text.clone())];
        parts.extend($ask.png.clone().map(|png| {
            contract::ContentPart::Media(contract::Media {
                mime_type: "image/png".to_owned(),
                source: contract::MediaSource::Data(png),
                extras: Vec::new(),
            })
        }));
        contract::ChatRequest {
            model: $ask.model.to_owned(),
            messages: vec![contract::Message::User(contract::UserMessage {
                content: parts,
                extras: Vec::new(),
            })],
            tools: Vec::new(),
            tool_choice: None,
            response_format: None,
            reasoning_effort: None,
            max_output_tokens: $ask.max_tokens,
            temperature: None,
            top_p: None,
            frequency_penalty: None,
            presence_penalty: None,
            seed: None,
            stop: Vec::new(),
            extras: Vec::new(),
        }
    }};
}

impl Ask {
    /// A short question; a mock that composes its answer says these words back, so they are enough for `max_tokens`.
    pub(crate) fn short() -> Self {
        Self {
            model: "meta-llama/Llama-3.3-70B-Instruct",
            text: "say it in many words ".repeat(12),
            png: None,
            // With the role, the finish reason, the usage and `[DONE]` that makes 50 events.
            max_tokens: Some(46),
        }
    }

    /// A question with a picture of this many bytes.
    pub(crate) fn picture(bytes: usize) -> Self {
        let mut png = vec![0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a];
        let noise = (0..bytes - png.len()).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
        png.extend(noise);
        Self {
            model: "Qwen/Qwen2.5-VL-7B-Instruct",
            text: "What is in this picture?".to_owned(),
            png: Some(png),
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
}

/// Asks the host and waits for the first event.
pub(crate) async fn first(host: &Host, ask: &Ask) -> (Completion, ChatEvent) {
    let mut completion = host.chat(ask.for_host()).await.expect("an answer begins");
    let event = completion.next().await.expect("an event").expect("not the end");
    (completion, event)
}

/// Asks the host and reads the answer to its end; the length of its text.
pub(crate) async fn whole(host: &Host, ask: &Ask) -> usize {
    let mut completion = host.chat(ask.for_host()).await.expect("an answer begins");
    drain(&mut completion).await
}

/// Reads an answer to its end; the length of its text.
pub(crate) async fn drain(completion: &mut Completion) -> usize {
    let mut length = 0;
    while let Some(event) = completion.next().await.expect("an event") {
        if let ChatEvent::Text(text) = event {
            length += text.len();
        }
    }
    length
}
