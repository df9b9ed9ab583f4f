//! The bytes of an answer of success to events: a stream, or a whole answer where a stream was asked for.
//!
//! Which of the two it is, its first byte says; servers' content types are not reliable. Bytes that are no
//! UTF-8 become U+FFFD. This module must not know attempts, headers or time.

mod choice;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{events::Events, faults, finish, notices::Notices, think::Think, tools::Tools, usage};
use crate::{contract::types::{ChatEvent, Error, Extra, FinishReason, Usage, Warning}, error, wire::{chunk::{Chunk, Extras}, sse, text::lossy}};

/// What is known of an answer at its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finished {
    pub(super) reason: FinishReason,
    pub(super) word: Option<String>,
    pub(super) usage: Usage,
    pub(super) warnings: Vec<Warning>,
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

/// What of the request and its model counts for reading the response.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// Whether the model's template opens a block of reasoning.
    pub(super) opens_reasoning: bool,
    /// Whether texts were given at which the response ends.
    pub(super) has_stops: bool,
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
    notices: Notices,
    has_stops: bool,
    /// How many chunks there were.
    chunks: u32,
    /// The index of the first choice.
    index: Option<i64>,
    result: Option<Result<Finished, Error>>,
}

impl Answer {
    /// `salt` makes made-up ids differ between responses.
    pub(super) fn new(salt: u64, asked: Asked) -> Self {
        Self {
            has_stops: asked.has_stops,
            form: Form::Unknown,
            events: Events::default(),
            think: Think::new(asked.opens_reasoning),
            tools: Tools::new(salt),
            finish_word: None,
            usage: usage::NONE,
            extras: Extras::default(),
            notices: Notices::default(),
            chunks: 0,
            index: None,
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
                match Chunk::decode(&text, &self.extras, self.index) {
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
                // What is behind a line without end cannot be read.
                Err(sse::TooLong) if self.finish_word.is_some() => {
                    self.notices.late += 1;
                    self.conclude(End::Body);
                }
                Err(sse::TooLong) => self.fail(faults::too_long("A line of the answer")),
            }
        }
        self.form = Form::Stream(decoder);
    }

    fn event(&mut self, event: &sse::Event<'_>) {
        let text = lossy(event.data);
        let data = text.trim_ascii();
        match event.kind {
            _ if data.is_empty() => {}
            sse::Kind::Error => self.broken(error::from_event(data)),
            sse::Kind::Other => self.notices.skipped += 1,
            sse::Kind::Message if self.data(data) => {}
            // Some servers leave out the blank lines between events: then each line is one.
            sse::Kind::Message => {
                for line in data.lines().map(str::trim_ascii) {
                    if !self.data(line) {
                        self.unread(line, event.is_closed);
                    }
                }
            }
        }
    }

    /// Takes the data of one event; false if it is no chunk.
    fn data(&mut self, data: &str) -> bool {
        if self.result.is_some() || data.is_empty() {
            return true;
        }
        if !data.starts_with('{') && data.trim_matches('"') == "[DONE]" {
            // In quotes it is no chunk, but it is plain what it means.
            if data.starts_with('"') {
                self.unread(data, true);
            }
            self.conclude(End::Said);
            return true;
        }
        Chunk::decode(data, &self.extras, self.index)
            .map(|chunk| self.chunk(&chunk, data))
            .is_ok()
    }

    /// Passes over an event that is no chunk: a heartbeat, or anything behind the finish reason. A chunk that is broken
    /// is a part of the response that is lost, and what the end of the body cut is told there.
    fn unread(&mut self, data: &str, is_closed: bool) {
        if self.finish_word.is_some() {
            self.notices.late += 1;
        } else if !data.starts_with('{') {
            self.notices.skipped += 1;
        } else if is_closed {
            self.fail(faults::no_json("An event of the answer"));
        }
    }

    /// Takes a chunk or a whole answer; `raw` is its text.
    fn chunk(&mut self, chunk: &Chunk<'_>, raw: &str) {
        self.chunks = self.chunks.saturating_add(1);
        self.extras.keep(chunk);
        if let Some(usage) = chunk.usage.and_then(usage::parse) {
            self.usage = usage;
        }
        if let Some(warnings) = chunk.warnings {
            self.notices.hear(warnings);
        }
        let was_finished = self.finish_word.is_some();
        let is_failed = chunk.choices > 0 && self.counts(chunk) && !self.choice(&chunk.choice);
        let error = if chunk.is_error || (chunk.is_message && !chunk.has_choices) {
            error::from_event(raw)
        } else if is_failed {
            error::from_event(chunk.choice.error.unwrap_or_default())
        } else {
            return;
        };
        if was_finished {
            self.notices.late += 1;
        } else {
            self.fail(error);
        }
    }

    /// Whether a chunk's choice is of the response: of several the first that came, and a single one in any case. Some
    /// servers count the parts of a response by the choice's index.
    fn counts(&mut self, chunk: &Chunk<'_>) -> bool {
        let index = *self.index.get_or_insert(chunk.choice.index);
        self.notices.has_others |= chunk.choices > 1;
        !self.notices.has_others || index == chunk.choice.index
    }

    /// An error in place of a chunk.
    fn broken(&mut self, error: Error) {
        if self.finish_word.is_some() {
            self.notices.late += 1;
        } else {
            self.fail(error);
        }
    }

    /// Judges the answer: nothing more will come.
    fn conclude(&mut self, end: End) {
        let said_why = self.finish_word.is_some();
        self.think.flush(&mut self.events);
        let is_empty = self.chunks == 0 || (end == End::Said && !self.events.any() && !self.tools.any());
        if is_empty && !said_why {
            return self.fail(if self.chunks == 0 && self.notices.skipped > 0 {
                faults::no_json("What came as a stream of events")
            } else {
                faults::empty()
            });
        }
        if end == End::Body && !said_why && !self.tools.all_whole() {
            return self.fail(faults::cut_off());
        }
        if let Err(broken) = self.tools.finish(&mut self.events) {
            return self.fail(faults::broken_call(broken, self.finish_word.as_deref()));
        }
        let word = self.finish_word.take();
        let reason = finish::reason(word.as_deref(), self.tools.any());
        self.notices.is_unopened = self.think.is_unopened();
        self.notices.has_no_calls = !self.tools.any() && word.as_deref().is_some_and(finish::claims_calls);
        // A model that was done by itself, with nothing but an open block, did not reason: nothing opened that block.
        let is_done = !self.tools.any() && word.as_deref().is_some_and(finish::is_done);
        if is_done
            && !self.has_stops
            && let Some(text) = self.think.take_unclosed()
        {
            self.notices.is_unclosed = true;
            self.events.text(&text);
        }
        let extras = self.extras.take().map(|(name, value_json)| Extra {
            key: name.to_string(),
            value_json,
        });
        self.result = Some(Ok(Finished {
            reason,
            word,
            usage: self.usage,
            warnings: self.notices.take(self.index),
            extras: extras.collect(),
        }));
    }

    fn fail(&mut self, error: Error) {
        self.think.flush(&mut self.events);
        self.result = Some(Err(error));
    }
}
