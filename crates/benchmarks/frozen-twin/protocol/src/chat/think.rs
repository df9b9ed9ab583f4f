//! Telling a thought from the answer where a model writes both into one text: `<think>` … `</think>` at its
//! beginning. Tags are removed, also when a read cuts them; white space before the opening tag goes with it,
//! all other white space stays. A tag anywhere else is text.

use alloc::string::String;

use super::events::Events;
use crate::text::split_once;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// How much white space may stand before the opening tag: what is held back has a bound.
const INDENT: usize = 64;

/// Where in the text we are.
#[derive(Debug, Default)]
pub(super) enum Think {
    /// At its beginning; what was held back may become a tag.
    #[default]
    Beginning,
    Held(String),
    /// In the thought; what was held back may become the closing tag.
    Thought(String),
    /// Behind it, or there is none.
    Text,
}

impl Think {
    /// Takes the next piece of the text.
    pub(super) fn push(&mut self, text: &str, events: &mut Events) {
        match self {
            Think::Text => events.text(text),
            Think::Thought(held) => {
                if held.is_empty() {
                    Self::thought(self, text, events);
                } else {
                    let joined = core::mem::take(held) + text;
                    Self::thought(self, &joined, events);
                }
            }
            Think::Beginning => Self::beginning(self, text, events),
            Think::Held(held) => {
                let joined = core::mem::take(held) + text;
                Self::beginning(self, &joined, events);
            }
        }
    }

    /// Gives what was held back for what it then is. Behind it the text goes on where it was.
    pub(super) fn flush(&mut self, events: &mut Events) {
        match self {
            Think::Held(held) => {
                events.text(held);
                *self = Think::Text;
            }
            Think::Thought(held) => {
                events.reasoning(held);
                held.clear();
            }
            Think::Beginning | Think::Text => {}
        }
    }

    fn beginning(&mut self, text: &str, events: &mut Events) {
        let trimmed = text.trim_start();
        if text.len() - trimmed.len() > INDENT {
            *self = Think::Text;
            events.text(text);
        } else if let Some(thought) = trimmed.strip_prefix(OPEN) {
            *self = Think::Thought(String::new());
            self.thought(thought, events);
        } else if OPEN.starts_with(trimmed) {
            *self = Think::Held(String::from(text));
        } else {
            *self = Think::Text;
            events.text(text);
        }
    }

    fn thought(&mut self, text: &str, events: &mut Events) {
        if let Some((thought, answer)) = split_once(text, CLOSE) {
            events.reasoning(thought);
            *self = Think::Text;
            events.text(answer);
            return;
        }
        let end = text.len() - overlap(text);
        events.reasoning(text.get(..end).unwrap_or(text));
        *self = Think::Thought(String::from(text.get(end..).unwrap_or_default()));
    }
}

/// How many bytes at the end of the text could be the beginning of the closing tag.
fn overlap(text: &str) -> usize {
    (1..CLOSE.len())
        .rev()
        .find(|&length| text.ends_with(CLOSE.get(..length).unwrap_or(CLOSE)))
        .unwrap_or(0)
}
