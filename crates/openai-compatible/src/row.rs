//! Parser of one row of a server's model list. Each server has its own fields; an invalid one counts as unknown.
//!
//! OpenRouter: `name`, `context_length`, `architecture`, `pricing` for each token, `supported_parameters`, `top_provider`.
//! llama.cpp: `meta.n_ctx`, `meta.n_ctx_train`. vLLM: `max_model_len`. Others: `context_window` and the like.

use alloc::{format, string::String, vec::Vec};

use chat_completions::{
    contract::types::{Extra, Model, ModelSource, Price},
    json,
    model::{
        blank, decimal,
        lenient::{count, is_scalar, line},
        suggests_reasoning,
    },
};

/// Longest id and name, most modalities, and longest and most values of unknown members, in bytes.
const MAX_TEXT: usize = 256;
const MAX_MODALITIES: usize = 8;
const MAX_EXTRA: usize = 512;
const MAX_EXTRAS: usize = 8;

/// Members that say the context window, the better one first: what is served before what the model could do.
const WINDOWS: [&str; 7] = [
    "loaded_context_length",
    "max_model_len",
    "n_ctx",
    "context_length",
    "context_window",
    "max_context_length",
    "n_ctx_train",
];

/// What a row says.
#[derive(Default)]
struct Row {
    id: Option<String>,
    name: Option<String>,
    windows: [Option<u32>; WINDOWS.len()],
    max_output: Option<u32>,
    input: Vec<String>,
    output: Vec<String>,
    price: Option<Price>,
    /// `supported_parameters`, if there are any.
    parameters: Option<Parameters>,
    extras: Vec<Extra>,
}

/// The parameters that count here.
#[derive(Clone, Copy, Default)]
struct Parameters {
    tools: bool,
    structured: bool,
    reasoning: bool,
}

/// Reads a row; `None` if it names no model.
pub(crate) fn read(raw: &str) -> Option<Model> {
    let mut row = Row::default();
    json::members(raw, &mut |name, value| row.member(name, value));
    let id = row.id?;
    let mut model = blank(&id, ModelSource::Live);
    model.display_name = row.name.unwrap_or_else(|| id.clone());
    model.context_window = row.windows.into_iter().flatten().next();
    model.max_output_tokens = row.max_output;
    model.input = row.input;
    model.output = row.output;
    model.price = row.price;
    model.reasoning = match row.parameters {
        Some(known) => Some(known.reasoning),
        None => suggests_reasoning(&id).then_some(true),
    };
    model.supports_tools = row.parameters.map(|known| known.tools);
    model.supports_structured_output = row.parameters.map(|known| known.structured);
    model.extras = row.extras;
    Some(model)
}

impl Row {
    fn member(&mut self, name: &str, value: &str) {
        match name {
            "id" => self.id = line(value, MAX_TEXT),
            "name" | "display_name" => self.name = line(value, MAX_TEXT).or(self.name.take()),
            "max_completion_tokens" | "max_output_tokens" => self.max_output = count(value),
            "architecture" => {
                json::members(value, &mut |name, value| match name {
                    "input_modalities" => self.input = words(value),
                    "output_modalities" => self.output = words(value),
                    _ => {}
                });
            }
            "top_provider" => {
                json::members(value, &mut |name, value| {
                    if name == "max_completion_tokens" {
                        self.max_output = count(value).or(self.max_output);
                    }
                });
            }
            "meta" => {
                json::members(value, &mut |name, value| self.window(name, value));
            }
            "pricing" => self.price = price(value),
            "supported_parameters" => self.parameters = parameters(value),
            "object" | "created" => {}
            _ if WINDOWS.contains(&name) => self.window(name, value),
            _ => self.extra(name, value),
        }
    }

    fn window(&mut self, name: &str, value: &str) {
        let place = WINDOWS.iter().position(|known| *known == name);
        if let Some(place) = place.and_then(|at| self.windows.get_mut(at)) {
            *place = count(value);
        }
    }

    fn extra(&mut self, name: &str, value: &str) {
        let is_new = self.extras.iter().all(|known| known.key != name);
        if is_scalar(value) && value.len() <= MAX_EXTRA && self.extras.len() < MAX_EXTRAS && is_new {
            self.extras.push(Extra {
                key: name.into(),
                value_json: value.into(),
            });
        }
    }
}

/// The modalities of a list.
fn words(raw: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    json::items(raw, &mut |item| {
        if let Some(word) = line(item, MAX_TEXT).map(|word| word.to_ascii_lowercase())
            && words.len() < MAX_MODALITIES
            && !words.contains(&word)
        {
            words.push(word);
        }
    });
    words
}

fn parameters(raw: &str) -> Option<Parameters> {
    let mut known = Parameters::default();
    let is_list = json::items(raw, &mut |item| match json::text(item).as_deref() {
        Some("tools") => known.tools = true,
        Some("structured_outputs") => known.structured = true,
        Some("reasoning" | "include_reasoning") => known.reasoning = true,
        _ => {}
    });
    is_list.then_some(known)
}

/// A price for each token as one for a million. Where one of the two parts is missing or senseless, it is unknown.
fn price(raw: &str) -> Option<Price> {
    let (mut input, mut output, mut cached_input) = (None, None, None);
    json::members(raw, &mut |name, value| match name {
        "prompt" => input = million(value),
        "completion" => output = million(value),
        "input_cache_read" => cached_input = million(value),
        _ => {}
    });
    Some(Price {
        input: input?,
        output: output?,
        cached_input,
    })
}

/// A number, or a text that is one, times a million: by its digits, never through a float.
fn million(raw: &str) -> Option<String> {
    let text = json::text(raw);
    let number = text.as_deref().unwrap_or(raw).trim();
    let digits = number.bytes().position(|byte| matches!(byte, b'e' | b'E'));
    let (digits, exponent) = match digits {
        Some(at) => (number.get(..at)?, number.get(at + 1..)?.parse::<i32>().ok()?),
        None => (number, 0),
    };
    decimal::price_text(&format!("{digits}e{}", exponent.checked_add(6)?))
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_openrouter_says_of_a_model_is_read() {
        let model = read(
            r#"{"id":"acme/small:free","name":"Acme: Small (free)","created":1,"context_length":32768,
                "architecture":{"input_modalities":["text","Image","text"],"output_modalities":["text"]},
                "pricing":{"prompt":"0.00000015","completion":"6e-7","input_cache_read":"0","image":"1"},
                "top_provider":{"max_completion_tokens":8192,"is_moderated":false},
                "supported_parameters":["tools","temperature","structured_outputs"],"owned_by":"acme"}"#,
        )
        .unwrap();
        assert_eq!(
            (model.id.as_str(), model.display_name.as_str()),
            ("acme/small:free", "Acme: Small (free)")
        );
        assert_eq!(
            (model.context_window, model.max_output_tokens),
            (Some(32768), Some(8192))
        );
        assert_eq!(model.input, vec!["text", "image"]);
        let price = model.price.unwrap();
        assert_eq!((price.input.as_str(), price.output.as_str()), ("0.15", "0.6"));
        assert_eq!(price.cached_input.as_deref(), Some("0"));
        assert_eq!(
            (
                model.supports_tools,
                model.supports_structured_output,
                model.reasoning
            ),
            (Some(true), Some(true), Some(false))
        );
        let keys: Vec<&str> = model.extras.iter().map(|extra| extra.key.as_str()).collect();
        assert_eq!(keys, ["owned_by"]);
    }

    #[test]
    fn each_server_has_a_name_of_its_own_for_the_window_and_what_is_served_counts_first() {
        for (row, window) in [
            (
                r#"{"id":"m","meta":{"n_ctx_train":131072,"n_ctx":4096}}"#,
                Some(4096),
            ),
            (r#"{"id":"m","meta":{"n_ctx_train":131072}}"#, Some(131_072)),
            (r#"{"id":"m","max_model_len":8192}"#, Some(8192)),
            (
                r#"{"id":"m","max_context_length":8192,"loaded_context_length":2048}"#,
                Some(2048),
            ),
            (r#"{"id":"m","context_window":"many","meta":null}"#, None),
        ] {
            assert_eq!(read(row).unwrap().context_window, window, "{row}");
        }
    }

    #[test]
    fn a_row_with_an_id_alone_is_a_model_of_which_nothing_else_is_known() {
        let model = read(r#"{"id":"llama3.2:3b","object":"model"}"#).unwrap();
        assert_eq!(model.display_name, "llama3.2:3b");
        assert_eq!(
            (model.supports_tools, model.price, model.reasoning),
            (None, None, None)
        );
        assert_eq!(read(r#"{"id":"qwen3-thinking"}"#).unwrap().reasoning, Some(true));
        for row in [r#"{"object":"model"}"#, r#"{"id":7}"#, r#"{"id":" "}"#, "[]", "7"] {
            assert_eq!(read(row), None, "{row}");
        }
    }

    #[test]
    fn a_price_that_makes_no_sense_is_unknown() {
        for pricing in [
            r#"{"prompt":"-1","completion":"-1"}"#,
            r#"{"prompt":"0.1"}"#,
            r#"{"prompt":"free","completion":"free"}"#,
            r#"{"prompt":"1e2147483647","completion":"1"}"#,
            "null",
        ] {
            let row = format!(r#"{{"id":"m","pricing":{pricing}}}"#);
            assert_eq!(read(&row).unwrap().price, None, "{pricing}");
        }
        assert_eq!(million("2.5e-06").as_deref(), Some("2.5"));
        assert_eq!(million("0"), Some("0".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_a_row_or_none(text in r#"(\{"id":"m",)?[{}\[\]",:a-z0-9_. e-]{0,60}"#) {
            if let Some(model) = read(&text) {
                prop_assert!(!model.id.trim().is_empty() && !model.display_name.trim().is_empty());
            }
        }
    }
}
