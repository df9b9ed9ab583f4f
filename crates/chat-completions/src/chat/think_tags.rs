//! Splits reasoning from text where a model writes both into one text: `<think>` … `</think>` at its beginning.
//!
//! Tags are removed, also when a read cuts them. White space before the opening tag is removed with it; all other
//! white space stays. A tag anywhere else is text.
//!
//! Where the model's chat template opens the block, the response begins inside of it and has only the closing tag. A
//! text that begins like JSON has no block: with an enforced grammar the model cannot reason in text. For other
//! models a closing tag without an opening one splits nothing, but is reported as a warning at the end.

use alloc::string::String;
use core::mem;

use super::events::Events;
use crate::text::split_once;

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// How much white space may precede the opening tag: it bounds what is held back.
const INDENT: usize = 64;

/// The position in the text.
#[derive(Debug, Default)]
enum Place {
    /// At the beginning; the text that is held back may become a tag.
    #[default]
    Beginning,
    Held(String),
    /// In the block; the text that is held back may become the closing tag.
    Block(String),
    /// After the block, or there is none.
    Text,
}

/// Splits the text of one response.
#[derive(Debug, Default)]
pub(super) struct ThinkTags {
    place: Place,
    /// Whether the text begins inside of the block.
    is_opened: bool,
    /// The text since, as long as there may be no block.
    unclosed: String,
    /// Whether any of the text was reasoning.
    has_reasoned: bool,
    stray: Stray,
}

impl ThinkTags {
    /// `is_opened` says that the model's template opens the block.
    pub(super) fn new(is_opened: bool) -> Self {
        Self {
            is_opened,
            ..Self::default()
        }
    }

    /// Reads the next fragment of the text.
    pub(super) fn push(&mut self, text: &str, events: &mut Events) {
        match &mut self.place {
            Place::Text => self.text(text, events),
            Place::Block(held) if held.is_empty() => self.reasoning(text, events),
            Place::Block(held) => {
                let joined = mem::take(held) + text;
                self.reasoning(&joined, events);
            }
            Place::Beginning => self.beginning(text, events),
            Place::Held(held) => {
                let joined = mem::take(held) + text;
                self.beginning(&joined, events);
            }
        }
    }

    /// Reports reasoning beside the text: the server has already split the block.
    pub(super) fn beside(&mut self) {
        self.is_opened &= !matches!(self.place, Place::Beginning | Place::Held(_));
    }

    /// Emits the text that is held back. Text after it continues in the same place.
    pub(super) fn flush(&mut self, events: &mut Events) {
        if let Place::Held(held) = &mut self.place {
            let held = mem::take(held);
            self.unopened(&held, events);
        }
        if let Place::Block(held) = &mut self.place {
            let held = mem::take(held);
            self.within(&held, events);
        }
    }

    /// Whether the text has a closing tag without an opening one.
    pub(super) fn is_unopened(&self) -> bool {
        self.stray == Stray::Found
    }

    /// Whether any of the text was reasoning.
    pub(super) fn has_reasoned(&self) -> bool {
        self.has_reasoned
    }

    /// The whole text, where the template opened a block that nothing has closed.
    pub(super) fn take_unclosed(&mut self) -> Option<String> {
        Some(mem::take(&mut self.unclosed)).filter(|text| !text.is_empty())
    }

    fn beginning(&mut self, text: &str, events: &mut Events) {
        let trimmed = text.trim_start();
        if text.len() - trimmed.len() > INDENT {
            self.unopened(text, events);
        } else if let Some(reasoning) = trimmed.strip_prefix(OPEN) {
            // Opened by its own tag, whatever the template does.
            self.is_opened = false;
            self.stray = Stray::None;
            self.place = Place::Block(String::new());
            self.reasoning(reasoning, events);
        } else if OPEN.starts_with(trimmed) {
            self.place = Place::Held(String::from(text));
        } else {
            self.unopened(text, events);
        }
    }

    /// A text that begins without an opening tag.
    fn unopened(&mut self, text: &str, events: &mut Events) {
        if text.trim_start().starts_with(['{', '[']) {
            self.is_opened = false;
        }
        if self.is_opened {
            self.stray = Stray::None;
            self.place = Place::Block(String::new());
            self.reasoning(text, events);
        } else {
            self.place = Place::Text;
            self.text(text, events);
        }
    }

    fn reasoning(&mut self, text: &str, events: &mut Events) {
        if let Some((reasoning, text)) = split_once(text, CLOSE) {
            events.reasoning(reasoning);
            self.has_reasoned |= !reasoning.is_empty();
            self.unclosed = String::new();
            self.place = Place::Text;
            self.text(text, events);
            return;
        }
        let end = text.len() - overlap(text);
        let (reasoning, held) = text.split_at_checked(end).unwrap_or((text, ""));
        self.place = Place::Block(String::from(held));
        self.within(reasoning, events);
    }

    /// More text of the block.
    fn within(&mut self, reasoning: &str, events: &mut Events) {
        events.reasoning(reasoning);
        self.has_reasoned |= !reasoning.is_empty();
        if self.is_opened {
            self.unclosed.push_str(reasoning);
        }
    }

    fn text(&mut self, text: &str, events: &mut Events) {
        events.text(text);
        self.stray.look(text);
    }
}

/// Whether a closing tag precedes any opening one.
#[derive(Debug, PartialEq, Eq)]
enum Stray {
    /// No tag yet; the text's end may become one.
    Looking(String),
    Found,
    None,
}

impl Default for Stray {
    fn default() -> Self {
        Self::Looking(String::new())
    }
}

impl Stray {
    fn look(&mut self, text: &str) {
        let Self::Looking(end) = self else { return };
        // The usual fragment, in which nothing can be a tag.
        if end.is_empty() && !text.as_bytes().contains(&b'<') {
            return;
        }
        let joined = mem::take(end) + text;
        let mut rest = joined.as_str();
        while let Some(tag) = rest.find('<').and_then(|at| rest.get(at..)) {
            if tag.starts_with(CLOSE) {
                *self = Self::Found;
                return;
            }
            if tag.starts_with(OPEN) {
                *self = Self::None;
                return;
            }
            if CLOSE.starts_with(tag) || OPEN.starts_with(tag) {
                *self = Self::Looking(String::from(tag));
                return;
            }
            rest = tag.get(1..).unwrap_or_default();
        }
    }
}

/// How many bytes at the end of the text could be the beginning of the closing tag.
fn overlap(text: &str) -> usize {
    (1..CLOSE.len())
        .rev()
        .find(|&length| text.ends_with(CLOSE.get(..length).unwrap_or(CLOSE)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::ChatEvent;
    use proptest::prelude::*;

    fn read<'a>(fragments: impl IntoIterator<Item = &'a str>) -> (String, String) {
        let (reasoning, text, _) = split(false, fragments);
        (reasoning, text)
    }

    /// Reasoning, text, and whether a closing tag came without an opening one.
    fn split<'a>(is_opened: bool, fragments: impl IntoIterator<Item = &'a str>) -> (String, String, bool) {
        let (mut think_tags, mut events) = (ThinkTags::new(is_opened), Events::default());
        fragments
            .into_iter()
            .for_each(|fragment| think_tags.push(fragment, &mut events));
        think_tags.flush(&mut events);
        let (mut reasoning, mut text) = (String::new(), String::new());
        for event in events.take(usize::MAX) {
            match event {
                ChatEvent::Text(more) => text.push_str(&more),
                ChatEvent::Reasoning(more) => reasoning.push_str(&more.text),
                other => panic!("{other:?}"),
            }
        }
        (reasoning, text, think_tags.is_unopened())
    }

    #[test]
    fn a_block_that_the_template_opened_ends_at_its_closing_tag() {
        for (whole, reasoning, text) in [
            ("a</think>b", "a", "b"),
            ("a\n</think>\n\nb</think>", "a\n", "\n\nb</think>"),
            ("</think>b", "", "b"),
            (" <think>a</think>b", "a", "b"),
            ("a <think>b</think>c", "a <think>b", "c"),
            ("<thin", "<thin", ""),
            ("a", "a", ""),
        ] {
            assert_eq!(
                split(true, [whole]),
                (reasoning.into(), text.into(), false),
                "{whole}"
            );
        }
    }

    #[test]
    fn a_closing_tag_without_an_opening_one_splits_nothing_and_is_known() {
        for (fragments, is_unopened) in [
            (&["a</think>b"][..], true),
            (&["a<", "/thi", "nk>"], true),
            (&["<", "</think>"], true),
            (&["</thin", "</think", ">"], true),
            (&["a</thin", "g>"], false),
            (&["a <think>b</think>"], false),
            (&["<think>a</think>b</think>"], false),
            (&["a<b", "</thinking>"], false),
        ] {
            assert_eq!(
                split(false, fragments.iter().copied()).2,
                is_unopened,
                "{fragments:?}"
            );
        }
    }

    #[test]
    fn reasoning_beside_the_text_means_that_the_block_was_taken_out() {
        let (mut think_tags, mut events) = (ThinkTags::new(true), Events::default());
        think_tags.push("\n", &mut events);
        think_tags.beside();
        think_tags.push("b", &mut events);
        think_tags.flush(&mut events);
        let said = events.take(usize::MAX);
        assert!(
            matches!(&said[..], [ChatEvent::Text(text)] if text == "\nb"),
            "{said:?}"
        );
    }

    #[test]
    fn a_block_that_nothing_closed_is_known_whole() {
        let (mut think_tags, mut events) = (ThinkTags::new(true), Events::default());
        for fragment in ["a", "b</", "c"] {
            think_tags.push(fragment, &mut events);
        }
        think_tags.flush(&mut events);
        assert_eq!(think_tags.take_unclosed().as_deref(), Some("ab</c"));
        assert_eq!(think_tags.take_unclosed(), None);
    }

    #[test]
    fn only_a_block_at_the_beginning_is_reasoning() {
        for (whole, reasoning, text) in [
            ("<think>a</think>b", "a", "b"),
            ("\n <think>\na\n</think>\n\nb", "\na\n", "\n\nb"),
            ("a <think>b</think>", "", "a <think>b</think>"),
            ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
            ("<think>a</thin", "a</thin", ""),
            ("<thi", "", "<thi"),
            ("<thinking>a", "", "<thinking>a"),
            ("  ", "", "  "),
            ("a</think>b", "", "a</think>b"),
            ("<think>a<</think>b", "a<", "b"),
        ] {
            assert_eq!(read([whole]), (reasoning.into(), text.into()), "{whole}");
        }
    }

    proptest! {
        #[test]
        fn no_split_changes_reasoning_and_text(
            whole in "[ \n]?(<think>|\\{)?([a<é]|</thi|</think>|<think>){0,6}",
            cut in 0usize..60,
            is_opened: bool,
        ) {
            let cut = (0..=cut.min(whole.len())).rev().find(|&at| whole.is_char_boundary(at)).unwrap();
            let expected = split(is_opened, [whole.as_str()]);
            prop_assert_eq!(&split(is_opened, [&whole[..cut], &whole[cut..]]), &expected);
            prop_assert_eq!(&split(is_opened, whole.split_inclusive(|_| true)), &expected);
        }
    }
}
