//! Fast path for a chunk that differs from the one before only in the text of its delta: only that text is parsed.
//!
//! It applies when the rest of the chunk changes nothing if it is repeated. This module must not know how chunks are
//! framed, or how their shapes are compared.

use alloc::borrow::Cow;
use core::ops::Range;

use super::ResponseDecoder;
use crate::{
    json,
    wire::chunk::{CallFragment, Chunk, Message},
};

/// The kind of text in a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Text,
    Reasoning,
    /// Arguments of the tool call at this index.
    Arguments(Option<i64>),
}

/// How to read the next chunk if it has the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alike {
    said: Said,
    /// Whether the delta also has an empty `content`.
    has_empty_text: bool,
}

/// The text of the last chunk, and how to read the next one.
#[derive(Debug)]
pub(super) struct Last {
    alike: Alike,
    /// Address of the text in memory, quotes included. It is only compared while the event that holds it is alive.
    address: usize,
    length: usize,
}

impl Last {
    /// Describes a chunk whose choice was read, if repeating the rest of it changes nothing.
    pub(super) fn of(chunk: &Chunk<'_>) -> Option<Self> {
        let choice = &chunk.choice;
        let says_nothing_else = chunk.choices == 1
            && !(chunk.is_error || chunk.is_message || chunk.is_detail || chunk.is_unread)
            && chunk.warnings.is_none()
            && chunk.calls.is_empty()
            && choice.beside.is_empty()
            && choice.message.is_none()
            && choice.text.is_none()
            && choice.error.is_none()
            && choice.finish_reason.is_none_or(json::is_blank)
            && choice.delta.plain.is_none()
            && choice.delta.reasoning_details.is_none_or(json::is_blank)
            && choice
                .delta
                .passthrough
                .iter()
                .flatten()
                .all(|raw| json::is_blank(raw));
        let (said, raw, has_empty_text) = Self::said(&choice.delta).filter(|_| says_nothing_else)?;
        raw.starts_with('"').then_some(Self {
            alike: Alike { said, has_empty_text },
            address: raw.as_ptr().addr(),
            length: raw.len(),
        })
    }

    /// The single text of a delta, and whether an empty `content` accompanies it.
    fn said<'a>(delta: &Message<'a>) -> Option<(Said, &'a str, bool)> {
        let mut reasoning = delta
            .reasoning
            .iter()
            .flatten()
            .filter(|raw| !json::is_blank(raw));
        let has_empty_text = match delta.content {
            None => false,
            Some("\"\"") => true,
            Some(content) => {
                let is_alone = reasoning.next().is_none() && delta.calls.is_empty();
                return is_alone.then_some((Said::Text, content, false));
            }
        };
        match (reasoning.next(), reasoning.next(), delta.calls.as_slice()) {
            (Some(raw), None, []) => Some((Said::Reasoning, *raw, has_empty_text)),
            (None, None, [call]) if call.id.is_none() && call.name.is_none() && !call.is_legacy => {
                Some((Said::Arguments(call.index), call.raw_arguments?, has_empty_text))
            }
            // The empty text may be the one that is filled in the next chunk.
            (None, None, []) if has_empty_text => Some((Said::Text, delta.content?, false)),
            _ => None,
        }
    }

    /// The range of the text within these bytes, if it lies there.
    pub(super) fn within(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let start = self.address.checked_sub(bytes.as_ptr().addr())?;
        let range = start..start.checked_add(self.length)?;
        (range.end <= bytes.len()).then_some(range)
    }

    pub(super) fn alike(&self) -> Alike {
        self.alike
    }
}

impl ResponseDecoder {
    /// Reads a chunk of the same shape as the last one; `raw` is its text as JSON.
    pub(super) fn take_alike(&mut self, alike: Alike, raw: &str) {
        let text = json::text(raw).unwrap_or_default();
        self.chunks = self.chunks.saturating_add(1);
        if alike.said == Said::Reasoning {
            self.seen.reasoning |= self.add_reasoning(&text);
        }
        if alike.has_empty_text {
            self.seen.text |= self.add_text("");
        }
        match alike.said {
            Said::Text => self.seen.text |= self.add_text(&text),
            Said::Reasoning => {}
            Said::Arguments(index) => self.more_arguments(index, text),
        }
    }

    fn more_arguments(&mut self, index: Option<i64>, arguments: Cow<'_, str>) {
        // A fragment without arguments has no effect.
        if arguments.is_empty() {
            return;
        }
        let fragment = CallFragment {
            index,
            arguments: Some(arguments),
            ..CallFragment::default()
        };
        self.fragments(core::slice::from_ref(&fragment), true);
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use crate::{
        chat::response::{RequestFacts, ResponseDecoder},
        contract::types::ChatEvent,
    };

    fn read<'a>(fragments: impl IntoIterator<Item = &'a [u8]>) -> (Vec<ChatEvent>, String) {
        let mut response = ResponseDecoder::new(7, RequestFacts::default());
        fragments
            .into_iter()
            .for_each(|fragment| response.on_bytes(fragment));
        response.on_end();
        (
            response.take_events(usize::MAX),
            format!("{:?}", response.result()),
        )
    }

    /// Byte by byte, the decoder never recognises a repeated shape.
    #[test]
    fn similar_chunks_decode_as_they_do_one_by_one() {
        let delta =
            |delta: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{{delta}}}}}]}}\n\n");
        for deltas in [
            &[
                "\"content\":\"a\"",
                "\"content\":\"\"",
                "\"content\":\"b\\n<\"",
                "\"content\":\"\\ud800\"",
            ][..],
            &[
                "\"content\":\"<think>\"",
                "\"content\":\"a\"",
                "\"content\":\"</think>\"",
                "\"content\":\"b\"",
            ],
            &[
                "\"content\":\"\",\"reasoning\":\"a\"",
                "\"content\":\"\",\"reasoning\":\"\"",
                "\"content\":\"c\",\"reasoning\":\"\"",
            ],
            &[
                "\"reasoning\":\"\",\"content\":\"a\"",
                "\"reasoning\":\"\",\"content\":\"b\"",
                "\"reasoning\":\"c\",\"content\":\"b\"",
            ],
            &[
                "\"reasoning\":\"a\",\"reasoning_content\":\"\"",
                "\"reasoning\":\"\",\"reasoning_content\":\"\"",
            ],
            &[
                "\"content\":\"a\",\"content\":\"b\"",
                "\"content\":\"a\",\"content\":\"c\"",
                "\"content\":\"a\",\"content\":\"\"",
            ],
            &[
                "\"content\":\"a\",\"usage\":{\"prompt_tokens\":1}",
                "\"content\":\"b\",\"usage\":{\"prompt_tokens\":1}",
            ],
            &[
                "\"refusal\":\"a\",\"content\":\"\"",
                "\"refusal\":\"a\",\"content\":\"\"",
                "\"refusal\":\"b\",\"content\":\"\"",
            ],
        ] {
            // Each delta twice, so that each follows one of its shape.
            let stream: String = deltas
                .iter()
                .flat_map(|text| [delta(text), delta(text)])
                .collect();
            let stream = stream + "data: [DONE]\n\n";
            assert_eq!(
                read([stream.as_bytes()]),
                read(stream.as_bytes().chunks(1)),
                "{deltas:?}"
            );
        }
    }

    #[test]
    fn repeated_argument_chunks_belong_to_their_call() {
        let call =
            |call: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{{call}}}]}}}}]}}\n\n");
        let more = |index, text| {
            call(&format!(
                "\"index\":{index},\"function\":{{\"arguments\":\"{text}\"}}"
            ))
        };
        let begin = |index| {
            call(&format!(
                "\"index\":{index},\"id\":\"c{index}\",\"function\":{{\"name\":\"f\",\"arguments\":\"\"}}"
            ))
        };
        let stream = [
            begin(0),
            more(0, "{\\\"a\\\""),
            more(0, ""),
            more(0, ":"),
            more(0, "1}"),
            begin(1),
            more(1, "{"),
            more(1, "}"),
            String::from("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"),
        ]
        .concat();
        let (events, end) = read([stream.as_bytes()]);
        assert_eq!(
            (&events, &end),
            (
                &read(stream.as_bytes().chunks(1)).0,
                &read(stream.as_bytes().chunks(1)).1
            )
        );
        let arguments: String = events
            .iter()
            .filter_map(|event| match event {
                ChatEvent::ToolCallDelta(delta) => Some(delta.arguments_fragment.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(arguments, "{\"a\":1}{}");
    }

    #[test]
    fn an_error_between_chunks_alike_ends_the_response() {
        let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
        let error = "data: {\"error\":{\"message\":\"m\"}}\n\n";
        let stream = [text, text, error, text].concat();
        let (events, end) = read([stream.as_bytes()]);
        assert_eq!(events, [ChatEvent::Text(String::from("aa"))]);
        assert!(end.contains("Err"), "{end}");
    }
}
