//! The content of a response, folded: deltas of one part joined, so that two readings of the same response can be
//! compared however they were cut into events.

use crate::contract::{ChatEvent, Reasoning, ToolCallDelta, types::Extra};

/// The parts of a response so far.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Folded(Vec<ChatEvent>);

impl Folded {
    /// Adds the next event; returns how many bytes it adds.
    pub(super) fn push(&mut self, event: &ChatEvent) -> usize {
        let size = size(event);
        match (event, self.0.last_mut()) {
            (ChatEvent::Text(piece), Some(ChatEvent::Text(text))) => {
                text.push_str(piece);
                return size;
            }
            (ChatEvent::Reasoning(piece), Some(ChatEvent::Reasoning(reasoning)))
                // A signature ends its part.
                if reasoning.signature.is_none() =>
            {
                reasoning.text.push_str(&piece.text);
                reasoning.signature.clone_from(&piece.signature);
                reasoning.extras.extend_from_slice(&piece.extras);
                return size;
            }
            (ChatEvent::ToolCallDelta(piece), _) => {
                // Fragments of several calls may alternate.
                let mut of_call = self.0.iter_mut().rev().filter(|part| match part {
                    ChatEvent::ToolCallDelta(delta) => delta.index == piece.index,
                    ChatEvent::ToolCallStart(start) => start.index == piece.index,
                    _ => false,
                });
                if let Some(ChatEvent::ToolCallDelta(delta)) = of_call.next() {
                    delta.arguments_fragment.push_str(&piece.arguments_fragment);
                    return size;
                }
            }
            _ => {}
        }
        self.0.push(event.clone());
        size_of::<ChatEvent>() + size
    }
}

fn size(event: &ChatEvent) -> usize {
    let extras = |extras: &[Extra]| -> usize {
        extras
            .iter()
            .map(|extra| extra.key.len() + extra.value_json.len())
            .sum()
    };
    match event {
        ChatEvent::Text(text) => text.len(),
        ChatEvent::Reasoning(Reasoning {
            text,
            signature,
            extras: more,
        }) => text.len() + signature.as_ref().map_or(0, String::len) + extras(more),
        ChatEvent::ToolCallStart(start) => start.id.len() + start.name.len(),
        ChatEvent::ToolCallDelta(ToolCallDelta {
            arguments_fragment, ..
        }) => arguments_fragment.len(),
        ChatEvent::ToolCallEnd(end) => extras(&end.extras),
        ChatEvent::Media(media) => {
            use crate::contract::types::MediaSource;
            let source = match &media.source {
                MediaSource::Url(url) => url.len(),
                MediaSource::Data(data) => data.len(),
            };
            media.mime_type.len() + source + extras(&media.extras)
        }
        ChatEvent::Other(other) => extras(std::slice::from_ref(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(events: &[ChatEvent]) -> Folded {
        let mut folded = Folded::default();
        for event in events {
            folded.push(event);
        }
        folded
    }

    fn text(text: &str) -> ChatEvent {
        ChatEvent::Text(text.to_owned())
    }

    fn delta(index: u32, fragment: &str) -> ChatEvent {
        ChatEvent::ToolCallDelta(ToolCallDelta {
            index,
            arguments_fragment: fragment.to_owned(),
        })
    }

    #[test]
    fn deltas_of_a_part_are_joined_however_they_were_cut() {
        let one = folded(&[
            text("Hel"),
            text("lo"),
            delta(0, "{"),
            delta(1, "["),
            delta(0, "}"),
        ]);
        let other = folded(&[text("Hello"), delta(0, "{}"), delta(1, "[")]);
        assert_eq!(one, other);
        assert_ne!(one, folded(&[text("Hello"), delta(0, "{}"), delta(1, "]")]));
        assert_ne!(one, folded(&[text("Hello")]));
    }

    #[test]
    fn a_signature_ends_its_part() {
        let thought = |text: &str, signature: Option<&str>| {
            ChatEvent::Reasoning(Reasoning {
                text: text.to_owned(),
                signature: signature.map(str::to_owned),
                extras: Vec::new(),
            })
        };
        let signed = [thought("a", None), thought("", Some("s")), thought("b", None)];
        assert_eq!(
            folded(&signed),
            folded(&[thought("a", Some("s")), thought("b", None)])
        );
        assert_ne!(folded(&signed), folded(&[thought("ab", Some("s"))]));
    }
}
