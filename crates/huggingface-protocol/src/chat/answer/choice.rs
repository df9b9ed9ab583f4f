//! What the choice of one chunk, or of a whole response, says: text, reasoning, tool calls and the finish reason to
//! events. This module must not know how chunks are framed, or when a response is over.

use super::Answer;
use crate::wire::{chunk::{Choice, OTHERS}, json};

impl Answer {
    /// Takes what a choice says; false if it says that it failed.
    pub(super) fn choice(&mut self, choice: &Choice<'_>) -> bool {
        self.reasoning(choice);
        match choice.content {
            Some(parts) if parts.starts_with('[') => {
                json::items(parts, &mut |part| self.part(part));
            }
            Some(text) => self.text(text),
            None => {}
        }
        if !choice.calls.is_empty() {
            self.think.flush(&mut self.events);
            // What stands beside the message counts if there is nothing in it.
            let is_beside = choice.calls.iter().all(|piece| piece.is_beside);
            for piece in choice.calls.iter().filter(|piece| piece.is_beside == is_beside) {
                self.tools.push(piece, self.chunks, &mut self.events);
            }
        }
        for (key, value) in OTHERS.iter().zip(choice.others) {
            if let Some(value) = value.filter(|value| !json::is_blank(value)) {
                self.events.other(key, value);
            }
        }
        if let Some(word) = choice
            .finish_reason
            .and_then(json::text)
            .filter(|word| !word.is_empty())
        {
            if word == "error" {
                return false;
            }
            self.finish_word = Some(word.into_owned());
        }
        choice.error.is_none()
    }

    fn text(&mut self, raw: &str) {
        if let Some(text) = json::text(raw) {
            self.think.push(&text, &mut self.events);
        }
    }

    /// A piece of content that is a list of parts.
    fn part(&mut self, raw: &str) {
        let (mut kind, mut text, mut thinking) = (None, None, None);
        json::members(raw, &mut |key, value| match key {
            "type" => kind = json::text(value),
            "text" => text = Some(value),
            "thinking" => thinking = Some(value),
            _ => {}
        });
        match (kind.as_deref(), text, thinking) {
            (None | Some("text"), Some(text), _) => self.text(text),
            (Some("thinking"), _, Some(thinking)) => self.thoughts(thinking),
            _ if json::is_blank(raw) => {}
            _ => self.events.other("content", raw),
        }
    }

    /// Thoughts beside the text: of the fields that say the same, the first that says anything.
    fn reasoning(&mut self, choice: &Choice<'_>) {
        let plain = choice
            .reasoning
            .iter()
            .flatten()
            .filter_map(|raw| json::text(raw))
            .find(|text| !text.is_empty());
        if let Some(text) = &plain {
            self.thought(text);
        }
        let Some(details) = choice.reasoning_details else {
            return;
        };
        json::items(details, &mut |detail| {
            let mut signature = None;
            json::members(detail, &mut |key, value| match key {
                "text" | "summary" if plain.is_none() => self.thoughts(value),
                "signature" | "data" => signature = json::text(value).filter(|text| !text.is_empty()),
                _ => {}
            });
            if let Some(signature) = signature {
                self.events.signature(signature.into_owned());
            }
        });
    }

    /// A thought as text, or as a list of parts with text.
    fn thoughts(&mut self, raw: &str) {
        match json::text(raw) {
            Some(text) => self.thought(&text),
            None => {
                json::items(raw, &mut |part| {
                    json::members(part, &mut |key, value| {
                        if let ("text", Some(text)) = (key, json::text(value)) {
                            self.thought(&text);
                        }
                    });
                });
            }
        }
    }

    /// Reasoning that did not come in the text.
    fn thought(&mut self, text: &str) {
        if !text.is_empty() {
            self.think.beside();
            self.events.reasoning(text);
        }
    }
}
