//! The bytes of an answer of success to events: a stream, or a whole answer where a stream was asked for.
//!
//! Which of the two it is, its first byte says; servers' content types are not reliable. Bytes that are no
//! UTF-8 become U+FFFD. This module must not know attempts, headers or time.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{events::Events, faults, finish, think::Think, tools::Tools, usage};
use crate::contract::types::{ChatEvent, Error, Extra, FinishReason, Usage};
use crate::error;
use crate::wire::{
    chunk::{Choice, Chunk, Extras, OTHERS},
    json, sse,
    text::lossy,
};

/// What is known of an answer at its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finished {
    pub(super) reason: FinishReason,
    pub(super) word: Option<String>,
    pub(super) usage: Usage,
    pub(super) extras: Vec<Extra>,
}

/// How the bytes are to be read.
#[derive(Debug)]
enum Form {
    /// No byte has told yet.
    Unknown,
    Stream(sse::Decoder),
    Whole(Vec<u8>),
}

/// Why no more bytes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// `[DONE]`, or the end of a whole answer.
    Said,
    /// The end of the body.
    Body,
}

/// One answer of success.
#[derive(Debug)]
pub(super) struct Answer {
    form: Form,
    events: Events,
    think: Think,
    tools: Tools,
    finish_word: Option<String>,
    usage: Usage,
    extras: Extras,
    /// Whether there was one chunk at least.
    any_chunk: bool,
    result: Option<Result<Finished, Error>>,
}

impl Answer {
    pub(super) fn new(salt: u64) -> Self {
        Self {
            form: Form::Unknown,
            events: Events::default(),
            think: Think::default(),
            tools: Tools::new(salt),
            finish_word: None,
            usage: usage::NONE,
            extras: Extras::default(),
            any_chunk: false,
            result: None,
        }
    }

    pub(super) fn take_events(&mut self, max: usize) -> Vec<ChatEvent> {
        self.events.take(max)
    }

    pub(super) fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether it gave an event, handed out or not.
    pub(super) fn gave_events(&self) -> bool {
        self.events.any()
    }

    /// How it ended, once it has.
    pub(super) fn result(&self) -> Option<&Result<Finished, Error>> {
        self.result.as_ref()
    }

    /// Takes the next bytes.
    pub(super) fn on_bytes(&mut self, bytes: &[u8]) {
        if self.result.is_some() {
            return;
        }
        let mut bytes = bytes;
        if matches!(self.form, Form::Unknown) {
            // White space and a byte-order mark before the first line mean nothing in either form.
            let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF);
            let start = bytes
                .iter()
                .position(|byte| !is_blank(byte))
                .unwrap_or(bytes.len());
            bytes = bytes.get(start..).unwrap_or_default();
            self.form = match bytes.first() {
                None => return,
                Some(b'{' | b'[') => Form::Whole(Vec::new()),
                Some(b'<') => return self.fail(faults::page()),
                Some(_) => Form::Stream(sse::Decoder::default()),
            };
        }
        match &mut self.form {
            Form::Whole(body) if body.len() + bytes.len() > sse::LIMIT => {
                self.fail(faults::too_long("The answer"));
            }
            Form::Whole(body) => body.extend_from_slice(bytes),
            Form::Stream(decoder) => {
                decoder.push(bytes);
                self.read_events();
            }
            Form::Unknown => {}
        }
    }

    /// Says that the body is over.
    pub(super) fn on_end(&mut self) {
        if self.result.is_some() {
            return;
        }
        match &mut self.form {
            Form::Unknown => self.conclude(End::Body),
            Form::Whole(body) => {
                let body = core::mem::take(body);
                let text = lossy(&body);
                match Chunk::decode(&text, &self.extras) {
                    Ok(chunk) => {
                        self.chunk(&chunk, &text);
                        if self.result.is_none() {
                            self.conclude(End::Said);
                        }
                    }
                    Err(_) => self.fail(faults::no_json("The answer")),
                }
            }
            Form::Stream(decoder) => {
                decoder.end();
                self.read_events();
                if self.result.is_none() {
                    self.conclude(End::Body);
                }
            }
        }
    }

    /// Says that the body broke off. An answer that has said why it ended, or whose calls are all there, is whole all
    /// the same: what is missing is the end of the transport. Gives whether that is so.
    pub(super) fn on_cut(&mut self) -> bool {
        let is_whole =
            (self.finish_word.is_some() || self.tools.all_whole()) && !matches!(self.form, Form::Whole(_));
        if is_whole {
            self.on_end();
        } else {
            self.think.flush(&mut self.events);
        }
        is_whole
    }

    /// Reads the events that are in the decoder.
    fn read_events(&mut self) {
        let form = core::mem::replace(&mut self.form, Form::Unknown);
        let Form::Stream(mut decoder) = form else { return };
        while self.result.is_none() {
            match decoder.next() {
                Ok(Some(event)) => self.event(&event),
                Ok(None) => break,
                Err(sse::TooLong) => self.fail(faults::too_long("A line of the answer")),
            }
        }
        self.form = Form::Stream(decoder);
    }

    fn event(&mut self, event: &sse::Event<'_>) {
        let text = lossy(event.data);
        let data = text.trim_ascii();
        if data.is_empty() {
            return;
        }
        if event.is_error {
            return self.fail(error::from_event(data));
        }
        // Some servers leave out the blank lines between events: then each line is one.
        let is_read =
            self.data(data) || (data.contains('\n') && data.lines().all(|line| self.data(line.trim_ascii())));
        if !is_read && event.is_closed {
            self.fail(faults::no_json("An event of the answer"));
        }
    }

    /// Takes the data of one event; false if it is none.
    fn data(&mut self, data: &str) -> bool {
        if self.result.is_some() || data.is_empty() {
            return true;
        }
        if data == "[DONE]" {
            self.conclude(End::Said);
            return true;
        }
        Chunk::decode(data, &self.extras)
            .map(|chunk| self.chunk(&chunk, data))
            .is_ok()
    }

    /// Takes a chunk or a whole answer; `raw` is its text.
    fn chunk(&mut self, chunk: &Chunk<'_>, raw: &str) {
        self.any_chunk = true;
        self.extras.keep(chunk);
        if let Some(usage) = chunk.usage.and_then(usage::parse) {
            self.usage = usage;
        }
        self.choice(&chunk.choice);
        if chunk.is_error || (chunk.is_message && !chunk.has_choices) {
            self.fail(error::from_event(raw));
        }
    }

    fn choice(&mut self, choice: &Choice<'_>) {
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
            let is_whole = matches!(self.form, Form::Whole(_));
            for piece in &choice.calls {
                self.tools.push(piece, is_whole, &mut self.events);
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
            self.finish_word = Some(word.into_owned());
            self.tools.settle(&mut self.events);
        }
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
            self.events.reasoning(text);
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
            Some(text) => self.events.reasoning(&text),
            None => {
                json::items(raw, &mut |part| {
                    json::members(part, &mut |key, value| {
                        if let ("text", Some(text)) = (key, json::text(value)) {
                            self.events.reasoning(&text);
                        }
                    });
                });
            }
        }
    }

    /// Judges the answer: nothing more will come.
    fn conclude(&mut self, end: End) {
        let said_why = self.finish_word.is_some();
        self.think.flush(&mut self.events);
        let is_empty = !self.any_chunk || (end == End::Said && !self.events.any() && !self.tools.any());
        if is_empty && !said_why {
            return self.fail(faults::empty());
        }
        if end == End::Body && !said_why && !self.tools.all_whole() {
            return self.fail(faults::cut_off());
        }
        if let Err(broken) = self.tools.finish(&mut self.events) {
            return self.fail(faults::broken_call(broken, self.finish_word.as_deref()));
        }
        let extras = self.extras.take().map(|(name, value_json)| Extra {
            key: name.to_string(),
            value_json,
        });
        self.result = Some(Ok(Finished {
            reason: finish::reason(self.finish_word.as_deref(), self.tools.any()),
            word: self.finish_word.take(),
            usage: self.usage,
            extras: extras.collect(),
        }));
    }

    fn fail(&mut self, error: Error) {
        self.think.flush(&mut self.events);
        self.result = Some(Err(error));
    }
}
