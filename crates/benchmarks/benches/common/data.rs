//! Synthetic lists, streams and settings, in the form and size of recorded ones.

use std::{fmt::Write as _, path::PathBuf, sync::Arc};

use huggingface_protocol::settings::PlainSettings;
use model_provider_host::settings::ModelSettings;
use tempfile::TempDir;

/// The size of every event of [`stream`] in bytes, so that a mock can split it into them.
pub(crate) const EVENT: usize = 288;
/// Number of models in the router's list, and in one of about 4 MB.
pub(crate) const ROUTER_LIST: usize = 136;
pub(crate) const LONG_LIST: usize = 5_700;

/// A list of this many models, about 700 bytes each.
pub(crate) fn list(models: usize) -> String {
    let mut text = String::from("{\"object\":\"list\",\"data\":[");
    for at in 0..models {
        if at > 0 {
            text.push(',');
        }
        let _ = write!(
            text,
            "{{\"id\":\"org-{}/Model-{at}-Instruct\",\"object\":\"model\",\"created\":{},\"owned_by\":\"org-{}\",\
             \"architecture\":{{\"input_modalities\":[\"text\"{}],\"output_modalities\":[\"text\"]}},\"providers\":[",
            at % 40,
            1_730_000_000 + at,
            at % 40,
            if at % 4 == 0 { ",\"image\"" } else { "" },
        );
        let routes = 1 + at % 3;
        for route in 0..routes {
            if route > 0 {
                text.push(',');
            }
            let _ = write!(
                text,
                "{{\"provider\":\"{}\",\"status\":\"live\",\"context_length\":{},\"pricing\":{{\"input\":0.{},\
                 \"output\":{}.{}}},\"is_free\":false,\"supports_tools\":{},\"supports_structured_output\":{},\
                 \"first_token_latency_ms\":{},\"throughput\":{}.{}408437934,\"is_model_author\":false}}",
                ["together", "novita", "fireworks-ai"][route],
                32_768 << (at % 3),
                10 + at % 89,
                at % 7,
                at % 10,
                route != 1,
                at % 2 == 0,
                300 + at % 900,
                20 + at % 80,
                at % 97,
            );
        }
        text.push_str("]}");
    }
    text.push_str("]}");
    text
}

/// Texts of chunks, with escapes and letters of several bytes. All have the same length as JSON.
const TEXTS: [&str; 8] = [
    " and the fox",
    " quick brown",
    " jumps over ",
    " the dog.\\n ",
    " „jumps“",
    " it is quick",
    " \\\"quick\\\" b",
    " every day. ",
];
/// Texts of several lengths.
const WORDS: [&str; 8] = [
    " the",
    " quick",
    " brown",
    " fox\\n",
    " „jumps“",
    " over",
    " it",
    ".",
];

/// A streaming response of so many events, each of [`EVENT`] bytes. As in recorded ones, most chunks differ from the
/// one before only in their text.
pub(crate) fn stream(events: usize) -> String {
    stream_of(events, &TEXTS)
}

/// The same with chunks that differ in two places: the second compensates the length of the text. Of recorded chunks,
/// one in five differs from the one before in more than its text.
pub(crate) fn unlike(events: usize) -> String {
    stream_of(events, &WORDS)
}

fn stream_of(events: usize, texts: &[&str]) -> String {
    let mut text = String::with_capacity(events * EVENT);
    let chunk = |choices: &str, usage: &str| {
        let open = format!(
            "data: {{\"id\":\"chatcmpl-40118d7bdadd42cda1cf489ccf37cd6f\",\"object\":\"chat.completion.chunk\",\
             \"created\":1780264614,\"model\":\"meta-llama/Llama-3.3-70B-Instruct\",\"choices\":[{choices}],\
             \"usage\":{usage},\"system_fingerprint\":\"fp_"
        );
        let close = "\"}\n\n";
        let filler = "5".repeat(EVENT - open.len() - close.len());
        format!("{open}{filler}{close}")
    };
    let delta = |content: &str| {
        format!("{{\"index\":0,\"delta\":{{\"content\":\"{content}\"}},\"finish_reason\":null}}")
    };
    for at in 0..events.saturating_sub(3) {
        text.push_str(&chunk(&delta(texts[at % texts.len()]), "null"));
    }
    text.push_str(&chunk(
        "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}",
        "null",
    ));
    text.push_str(&chunk(
        "",
        "{\"prompt_tokens\":7,\"completion_tokens\":50,\"total_tokens\":57}",
    ));
    let done = "\ndata: [DONE]\n\n";
    let _ = write!(text, ":{}{done}", " ".repeat(EVENT - done.len() - 1));
    text
}

/// A whole response of a few dozen words.
pub(crate) fn response() -> String {
    format!(
        "{{\"id\":\"chatcmpl-40118d7bdadd42cda1cf489ccf37cd6f\",\"object\":\"chat.completion\",\"created\":1780264614,\
         \"model\":\"meta-llama/Llama-3.3-70B-Instruct\",\"choices\":[{{\"index\":0,\"message\":{{\"role\":\"assistant\",\
         \"content\":\"{}\"}},\"logprobs\":null,\"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":48,\
         \"completion_tokens\":47,\"total_tokens\":95}},\"system_fingerprint\":\"fp_5555555555\"}}",
        "The quick brown fox jumps over it.\\n".repeat(7),
    )
}

macro_rules! models {
    ($count:expr, $($settings:ident)::+) => {{
        use $($settings)::+ as settings;
        let configured = (0..$count).map(|at| settings::ConfiguredModel {
            id: format!("team-{at}/Own-Model-{at}"),
            display_name: Some(format!("Own Model {at}")),
            reasoning: None,
            input: vec!["text".to_owned()],
            context_window: Some(32_768),
            max_output_tokens: Some(4_096),
            price: None,
            extras: Vec::new(),
        });
        let aliases = (0..$count).map(|at| settings::ModelAlias {
            alias: format!("Own {at}"),
            reference: format!("huggingface/team-{at}/Own-Model-{at}:cheapest"),
        });
        (configured.collect::<Vec<_>>(), aliases.collect::<Vec<_>>())
    }};
}

/// So many configured models with an alias each, for the host.
pub(crate) fn models(count: usize) -> Arc<ModelSettings> {
    let (configured, aliases) = models!(count, model_provider_host::contract::settings);
    Arc::new(ModelSettings::new(configured, aliases))
}

/// The same for the twin.
pub(crate) fn twin_settings(count: usize) -> PlainSettings {
    let (configured, aliases) = models!(count, huggingface_protocol::contract::settings);
    PlainSettings {
        configured,
        aliases,
        ..PlainSettings::default()
    }
}

/// Files for a mock to replay; the folder is deleted with this value.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn stream(&self, events: usize) -> PathBuf {
        self.write(&format!("{events}.sse"), &stream(events))
    }

    pub(crate) fn unlike(&self, events: usize) -> PathBuf {
        self.write(&format!("{events}-unlike.sse"), &unlike(events))
    }

    pub(crate) fn list(&self, models: usize) -> PathBuf {
        let recorded = format!("{{\"status\":200,\"response_body\":{}}}", list(models));
        self.write(&format!("list-{models}.json"), &recorded)
    }

    /// A whole response of a few dozen words.
    pub(crate) fn response(&self) -> PathBuf {
        let recorded = format!("{{\"status\":200,\"response_body\":{}}}", response());
        self.write("answer.json", &recorded)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}
