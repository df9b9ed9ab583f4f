//! Redaction of the events of one response.
//!
//! Text, reasoning and the arguments of each tool call are searched across events. Held-back text is released
//! before its part ends, so that the order of events, and the parts that they form, are unchanged.

use std::collections::VecDeque;

use super::{finder::Finder, results, text::TextRedactor};
use crate::contract::{ChatEvent, Reasoning, Summary, ToolCallDelta, ToolCallEnd, ToolCallStart};

/// Redacts one response.
pub(crate) struct EventRedactor {
    finder: Finder,
    text: TextRedactor,
    reasoning: TextRedactor,
    /// Of incomplete tool calls, by index.
    arguments: Vec<(u32, TextRedactor)>,
}

impl EventRedactor {
    pub(crate) fn new(finder: Finder) -> Self {
        Self {
            finder,
            text: TextRedactor::default(),
            reasoning: TextRedactor::default(),
            arguments: Vec::new(),
        }
    }

    /// Takes the next event; adds what may be released to `out`.
    pub(crate) fn push(&mut self, event: ChatEvent, out: &mut VecDeque<ChatEvent>) {
        match event {
            ChatEvent::Text(piece) => {
                self.end_reasoning(out);
                let now = self.text.push(&self.finder, piece);
                if !now.is_empty() {
                    out.push_back(ChatEvent::Text(now));
                }
            }
            ChatEvent::Reasoning(Reasoning {
                text: piece,
                mut signature,
                mut extras,
            }) => {
                self.end_text(out);
                results::extras(&self.finder, &mut extras);
                let mut text = self.reasoning.push(&self.finder, piece);
                if let Some(signature) = &mut signature {
                    // It ends its part.
                    text.push_str(&self.reasoning.flush(&self.finder));
                    self.finder.clean(signature);
                }
                if !text.is_empty() || signature.is_some() || !extras.is_empty() {
                    out.push_back(ChatEvent::Reasoning(Reasoning {
                        text,
                        signature,
                        extras,
                    }));
                }
            }
            ChatEvent::ToolCallStart(ToolCallStart {
                index,
                mut id,
                mut name,
            }) => {
                self.end_part(out);
                self.finder.clean(&mut id);
                self.finder.clean(&mut name);
                out.push_back(ChatEvent::ToolCallStart(ToolCallStart { index, id, name }));
            }
            // Belongs to its call wherever it comes: text and other calls need not end before it.
            ChatEvent::ToolCallDelta(ToolCallDelta {
                index,
                arguments_fragment,
            }) => {
                let at = self.arguments.iter().position(|(of, _)| *of == index);
                let at = at.unwrap_or_else(|| {
                    self.arguments.push((index, TextRedactor::default()));
                    self.arguments.len() - 1
                });
                if let Some((_, arguments)) = self.arguments.get_mut(at) {
                    let now = arguments.push(&self.finder, arguments_fragment);
                    delta(index, now, out);
                }
            }
            ChatEvent::ToolCallEnd(ToolCallEnd { index, mut extras }) => {
                results::extras(&self.finder, &mut extras);
                if let Some(at) = self.arguments.iter().position(|(of, _)| *of == index) {
                    let (_, mut arguments) = self.arguments.swap_remove(at);
                    delta(index, arguments.flush(&self.finder), out);
                }
                out.push_back(ChatEvent::ToolCallEnd(ToolCallEnd { index, extras }));
            }
            ChatEvent::Media(mut media) => {
                self.end_part(out);
                results::media(&self.finder, &mut media);
                out.push_back(ChatEvent::Media(media));
            }
            ChatEvent::Other(mut other) => {
                self.end_part(out);
                results::extras(&self.finder, std::slice::from_mut(&mut other));
                out.push_back(ChatEvent::Other(other));
            }
        }
    }

    /// Releases the rest at the end of a response, successful or not.
    pub(crate) fn finish(&mut self, out: &mut VecDeque<ChatEvent>) {
        self.end_part(out);
        for (index, mut arguments) in std::mem::take(&mut self.arguments) {
            delta(index, arguments.flush(&self.finder), out);
        }
    }

    /// Redacts the summary.
    pub(crate) fn summary(&self, summary: &mut Summary) {
        results::summary(&self.finder, summary);
    }

    /// Text and reasoning end before another part begins. At most one of them holds something back.
    fn end_part(&mut self, out: &mut VecDeque<ChatEvent>) {
        self.end_text(out);
        self.end_reasoning(out);
    }

    fn end_text(&mut self, out: &mut VecDeque<ChatEvent>) {
        if self.text.holds() {
            out.push_back(ChatEvent::Text(self.text.flush(&self.finder)));
        }
    }

    fn end_reasoning(&mut self, out: &mut VecDeque<ChatEvent>) {
        if self.reasoning.holds() {
            let text = self.reasoning.flush(&self.finder);
            out.push_back(ChatEvent::Reasoning(Reasoning::new(text)));
        }
    }
}

fn delta(index: u32, arguments_fragment: String, out: &mut VecDeque<ChatEvent>) {
    if !arguments_fragment.is_empty() {
        out.push_back(ChatEvent::ToolCallDelta(ToolCallDelta {
            index,
            arguments_fragment,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contract::Extra, redact::text::HELD};

    const TOKEN: &str = "sk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456";

    fn text(piece: &str) -> ChatEvent {
        ChatEvent::Text(piece.to_owned())
    }

    fn thought(piece: &str, signature: Option<&str>) -> ChatEvent {
        ChatEvent::Reasoning(Reasoning {
            signature: signature.map(str::to_owned),
            ..Reasoning::new(piece)
        })
    }

    fn start(index: u32, name: &str) -> ChatEvent {
        ChatEvent::ToolCallStart(ToolCallStart {
            index,
            id: format!("call-{index}"),
            name: name.to_owned(),
        })
    }

    fn arguments(index: u32, piece: &str) -> ChatEvent {
        ChatEvent::ToolCallDelta(ToolCallDelta {
            index,
            arguments_fragment: piece.to_owned(),
        })
    }

    fn end(index: u32) -> ChatEvent {
        let extras = Vec::new();
        ChatEvent::ToolCallEnd(ToolCallEnd { index, extras })
    }

    fn other(json: &str) -> ChatEvent {
        ChatEvent::Other(Extra {
            key: "citations".to_owned(),
            value_json: json.to_owned(),
        })
    }

    fn through(events: impl IntoIterator<Item = ChatEvent>) -> Vec<ChatEvent> {
        let mut redactor = EventRedactor::new(Finder::new([TOKEN], HELD));
        let mut out = VecDeque::new();
        for event in events {
            redactor.push(event, &mut out);
        }
        redactor.finish(&mut out);
        out.into()
    }

    #[test]
    fn held_back_text_is_released_before_the_next_part() {
        for next in [start(0, "f"), thought("Hm.", None), other("1")] {
            let out = through([text("Let me look:immediately"), next.clone()]);
            assert_eq!(out, [text("Let me look:im"), text("mediately"), next]);
        }
        let out = through([thought("Hm, considering", None), text("Yes.")]);
        assert_eq!(
            out,
            [thought("Hm, conside", None), thought("ring", None), text("Yes.")]
        );
        let out = through([thought("Considering", Some("sig")), text("Yes.")]);
        assert_eq!(out, [thought("Considering", Some("sig")), text("Yes.")]);
    }

    #[test]
    fn arguments_are_complete_before_their_call_ends_and_other_calls_continue() {
        let out = through([
            start(0, "f"),
            start(1, "g"),
            arguments(0, r#"{"a":"bcdef"#),
            arguments(1, r#"{"z":"y"}"#),
            arguments(0, r#"gh"}"#),
            end(0),
            end(1),
        ]);
        let of = |index| {
            let pieces = out.iter().filter_map(move |event| match event {
                ChatEvent::ToolCallDelta(delta) if delta.index == index => {
                    Some(delta.arguments_fragment.as_str())
                }
                _ => None,
            });
            pieces.collect::<String>()
        };
        assert_eq!(
            (of(0), of(1)),
            (r#"{"a":"bcdefgh"}"#.to_owned(), r#"{"z":"y"}"#.to_owned())
        );
        let ended = |index| out.iter().position(|event| *event == end(index));
        let last = |index| {
            out.iter()
                .rposition(|event| matches!(event, ChatEvent::ToolCallDelta(d) if d.index == index))
        };
        assert!(last(0) < ended(0) && last(1) < ended(1) && ended(0) < ended(1));
    }

    #[test]
    fn a_secret_is_found_in_every_stream_however_it_is_cut() {
        let escaped = TOKEN.replace('A', r"\u0041");
        for size in [1, 3, 8, 20, 60] {
            for secret in [TOKEN, escaped.as_str()] {
                let pieces: Vec<String> = secret
                    .as_bytes()
                    .chunks(size)
                    .map(|piece| String::from_utf8_lossy(piece).into_owned())
                    .collect();
                let mut events: Vec<ChatEvent> = vec![text("My key: ")];
                events.extend(pieces.iter().map(|piece| text(piece)));
                events.push(thought("It is ", None));
                events.extend(pieces.iter().map(|piece| thought(piece, None)));
                events.extend([
                    start(0, TOKEN),
                    start(1, "g"),
                    arguments(0, r#"{"k": ""#),
                    arguments(1, "["),
                ]);
                for piece in &pieces {
                    events.extend([arguments(0, piece), arguments(1, "1,")]);
                }
                events.extend([arguments(0, r#""}"#), end(0)]);
                events.push(other(&format!("[\"{secret}\"]")));
                let out = format!("{:?}", through(events));
                for shown in [&secret[..8], &secret[2..12], &secret[20..]] {
                    assert!(
                        !out.replace("\\\\", "\\").contains(shown),
                        "{size}: {shown} in {out}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_is_lost_at_a_bad_end() {
        let out = through([text("unfortunately"), start(0, "f"), arguments(0, r#"{"half":"#)]);
        let said = format!("{out:?}");
        assert!(said.contains("unfortu") && said.contains("nately"), "{said}");
        assert_eq!(out.len(), 5, "{said}");
    }
}
