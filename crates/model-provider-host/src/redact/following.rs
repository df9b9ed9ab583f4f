//! Events that wait for the held-back text before them: log probabilities are told with their text.
//!
//! Knows no secret. How long an event waits depends on how much text is held back, which depends on its form alone.

use std::collections::VecDeque;

use crate::contract::{ChatEvent, Extra, Reasoning};

/// The most events that wait, and the most bytes of them. Of more, the first ones pass before their text: the text
/// stays held back. Each character that is held back may have its own event.
const MOST: usize = 1024;
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Events behind held-back text.
#[derive(Debug, Default)]
pub(super) struct Following {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// How much text was released.
    given: u64,
}

#[derive(Debug)]
struct Waiting {
    /// How much text comes before it.
    behind: u64,
    event: ChatEvent,
}

impl Following {
    /// Takes an event that comes after so much held-back text.
    pub(super) fn push(&mut self, event: ChatEvent, held: usize, out: &mut VecDeque<ChatEvent>) {
        if held == 0 {
            return out.push_back(event);
        }
        self.bytes += size(&event);
        let behind = self.given + held as u64;
        self.waiting.push_back(Waiting { behind, event });
        while self.waiting.len() > MOST || self.bytes > MOST_BYTES {
            self.pass(out);
        }
    }

    /// Releases text, cut where events wait, and each of them after the text that came before it. Returns the text
    /// after the last of them.
    pub(super) fn release(
        &mut self,
        text: String,
        event: impl Fn(String) -> ChatEvent,
        out: &mut VecDeque<ChatEvent>,
    ) -> String {
        let (before, mut from) = (self.given, 0);
        self.given += text.len() as u64;
        while let Some(next) = self.waiting.front()
            && next.behind <= self.given
        {
            let to = usize::try_from(next.behind.saturating_sub(before)).unwrap_or(text.len());
            if let Some(piece) = text.get(from..to)
                && !piece.is_empty()
            {
                out.push_back(event(piece.to_owned()));
                from = to;
            }
            self.pass(out);
        }
        match from {
            0 => text,
            _ => text.get(from..).unwrap_or_default().to_owned(),
        }
    }

    /// Passes on what still waits at the end of a response.
    pub(super) fn finish(&mut self, out: &mut VecDeque<ChatEvent>) {
        while !self.waiting.is_empty() {
            self.pass(out);
        }
    }

    /// Lets the first one pass.
    fn pass(&mut self, out: &mut VecDeque<ChatEvent>) {
        if let Some(Waiting { event, .. }) = self.waiting.pop_front() {
            self.bytes -= size(&event);
            out.push_back(event);
        }
    }
}

/// About what an event takes.
fn size(event: &ChatEvent) -> usize {
    let extra = |extra: &Extra| size_of::<Extra>() + extra.key.len() + extra.value_json.len();
    let more = match event {
        ChatEvent::Other(other) => extra(other),
        ChatEvent::Reasoning(Reasoning {
            text,
            signature,
            extras,
        }) => {
            text.len() + signature.as_ref().map_or(0, String::len) + extras.iter().map(extra).sum::<usize>()
        }
        // None of them waits.
        ChatEvent::Text(_)
        | ChatEvent::ToolCallStart(_)
        | ChatEvent::ToolCallDelta(_)
        | ChatEvent::ToolCallEnd(_)
        | ChatEvent::Media(_) => 0,
    };
    size_of::<Waiting>() + more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(json: &str) -> ChatEvent {
        ChatEvent::Other(Extra {
            key: "logprobs".to_owned(),
            value_json: json.to_owned(),
        })
    }

    fn text(text: &str) -> ChatEvent {
        ChatEvent::Text(text.to_owned())
    }

    #[test]
    fn text_is_cut_where_events_wait_for_it() {
        let (mut following, mut out) = (Following::default(), VecDeque::new());
        following.push(other("0"), 0, &mut out);
        for (json, held) in [("1", 2), ("2", 2), ("3", 5)] {
            following.push(other(json), held, &mut out);
        }
        assert_eq!(out, [other("0")]);
        out.clear();
        let rest = following.release("abc".to_owned(), ChatEvent::Text, &mut out);
        assert_eq!(
            (rest.as_str(), &out),
            ("c", &[text("ab"), other("1"), other("2")].into())
        );
        out.clear();
        let rest = following.release("déf".to_owned(), ChatEvent::Text, &mut out);
        let whole = ("déf", &[other("3")].into());
        assert_eq!((rest.as_str(), &out), whole, "no character is cut");
    }

    #[test]
    fn so_many_events_wait_and_the_first_of_more_pass() {
        let (mut following, mut out) = (Following::default(), VecDeque::new());
        for number in 0..3 * MOST {
            following.push(other(&number.to_string()), 9, &mut out);
        }
        assert_eq!(following.waiting.len(), MOST);
        assert_eq!(out.len(), 2 * MOST);
        assert_eq!(out.front(), Some(&other("0")));
        let large = other(&"1".repeat(MOST_BYTES));
        following.push(large.clone(), 9, &mut out);
        assert!(following.waiting.is_empty() && following.bytes == 0);
        assert_eq!(out.back(), Some(&large));
        let rest = following.release("123456789".to_owned(), ChatEvent::Text, &mut out);
        assert_eq!(rest, "123456789");
    }
}
