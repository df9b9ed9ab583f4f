//! Framing of a response body: an event stream, or one JSON document, to chunks. Events that are no chunks are
//! skipped or are errors. This module must not know what a chunk means.

use alloc::vec::Vec;

use super::ResponseDecoder;
use crate::{
    chat::transport_error,
    error, json,
    text::contains,
    wire::{chunk::Chunk, sse, text::lossy},
};

/// The format of the body.
#[derive(Debug)]
pub(super) enum Form {
    /// Not known before the first byte.
    Unknown,
    Stream(sse::Decoder),
    Whole(Vec<u8>),
}

/// Why the response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// `[DONE]`, or the end of a whole completion.
    Said,
    /// The end of the body.
    Body,
}

impl ResponseDecoder {
    /// Takes the next bytes of the body.
    pub(in crate::chat) fn on_bytes(&mut self, bytes: &[u8]) {
        if self.result.is_some() {
            return;
        }
        let mut bytes = bytes;
        if matches!(self.form, Form::Unknown) {
            // White space and a byte-order mark before the first line are ignored in both formats.
            let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0xEF | 0xBB | 0xBF);
            let start = bytes
                .iter()
                .position(|byte| !is_blank(byte))
                .unwrap_or(bytes.len());
            bytes = bytes.get(start..).unwrap_or_default();
            self.form = match bytes.first() {
                None => return,
                Some(b'{' | b'[') => Form::Whole(Vec::new()),
                Some(b'<') => return self.fail(transport_error::page()),
                Some(_) => Form::Stream(sse::Decoder::default()),
            };
        }
        match &mut self.form {
            Form::Whole(body) if body.len() + bytes.len() > sse::LIMIT => {
                self.fail(transport_error::too_long("The response"));
            }
            Form::Whole(body) => body.extend_from_slice(bytes),
            Form::Stream(decoder) => {
                decoder.push(bytes);
                self.read_events();
            }
            Form::Unknown => {}
        }
    }

    /// Reports the end of the body.
    pub(in crate::chat) fn on_end(&mut self) {
        if self.result.is_some() {
            return;
        }
        match &mut self.form {
            Form::Unknown => self.conclude(End::Body),
            Form::Whole(body) => {
                let body = core::mem::take(body);
                let text = lossy(&body);
                if self.object(text.trim_ascii(), sse::Kind::Message) {
                    if self.result.is_none() {
                        self.conclude(End::Said);
                    }
                } else if contains(&text, "\ndata:") {
                    // An event stream whose first line is JSON without a field's name.
                    let mut decoder = sse::Decoder::default();
                    decoder.push(&body);
                    self.form = Form::Stream(decoder);
                    self.on_end();
                } else {
                    self.fail(transport_error::no_json("The response"));
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

    /// Reports that the body was cut. A response with a finish reason, or with complete tool calls and nothing after
    /// them, is complete nevertheless: only the end of the transport is missing. Returns whether the response has an
    /// outcome.
    pub(in crate::chat) fn on_cut(&mut self) -> bool {
        self.settle();
        let is_whole =
            (self.finish_word.is_some() || self.ends_with_calls()) && !matches!(self.form, Form::Whole(_));
        if is_whole {
            self.on_end();
        } else {
            self.flush();
        }
        is_whole || self.result.is_some()
    }

    /// Decodes the events that are buffered.
    fn read_events(&mut self) {
        let form = core::mem::replace(&mut self.form, Form::Unknown);
        let Form::Stream(mut decoder) = form else { return };
        while self.result.is_none() {
            if let Some((alike, text)) = self.alike.zip(decoder.next_alike()) {
                self.take_alike(alike, text);
                continue;
            }
            match decoder.next() {
                Ok(Some(event)) => {
                    self.last = None;
                    self.event(&event);
                    let last = self.last.take();
                    let text = last.as_ref().and_then(|last| last.within(event.data));
                    self.alike = text.clone().and(last).map(|last| last.alike());
                    decoder.store_shape(text);
                }
                Ok(None) => break,
                // Nothing after an endless line can be read.
                Err(sse::TooLong) if self.finish_word.is_some() => {
                    self.notices.late += 1;
                    self.conclude(End::Body);
                }
                Err(sse::TooLong) => self.fail(transport_error::too_long("A line of the response")),
            }
        }
        self.form = Form::Stream(decoder);
    }

    fn event(&mut self, event: &sse::Event<'_>) {
        let text = lossy(event.data);
        let data = unmarked(text.trim_ascii());
        match event.kind {
            _ if data.is_empty() => {}
            sse::Kind::Error => self.broken(error::from_event(data)),
            kind if self.data(data, kind) => {}
            // Some servers omit the blank lines between events: then each line is an event.
            kind => {
                for line in data.lines().map(|line| unmarked(line.trim_ascii())) {
                    if !self.data(line, kind) {
                        self.unread(line, kind, event.is_closed);
                    }
                }
            }
        }
    }

    /// Reads the data of one event; false if it is no chunk.
    fn data(&mut self, data: &str, kind: sse::Kind) -> bool {
        if self.result.is_some() || data.is_empty() {
            return true;
        }
        if !data.starts_with('{') && json::unquoted(data).eq_ignore_ascii_case("[DONE]") {
            // A quoted `[DONE]` is no valid chunk, but its meaning is clear.
            if data.starts_with('"') {
                self.unread(data, kind, true);
            }
            self.conclude(End::Said);
            return true;
        }
        self.object(data, kind)
    }

    /// Reads one JSON object, or a list with one object; false if it is neither.
    fn object(&mut self, data: &str, kind: sse::Kind) -> bool {
        if let Ok(chunk) = Chunk::decode(data, &self.extras, self.choices.first()) {
            self.named(&chunk, data, kind);
            return true;
        }
        if let Some(object) = only_object(data) {
            return self.object(object, kind);
        }
        let Some(mended) = json::without_nan(data) else {
            return false;
        };
        Chunk::decode(&mended, &self.extras, self.choices.first())
            .map(|chunk| self.named(&chunk, &mended, kind))
            .is_ok()
    }

    /// Reads a chunk. An event with another name counts only if it has the fields of a chunk.
    fn named(&mut self, chunk: &Chunk<'_>, raw: &str, kind: sse::Kind) {
        if kind != sse::Kind::Other || chunk.has_choices || chunk.is_error {
            self.chunk(chunk, raw);
        } else {
            self.notices.skipped += 1;
        }
    }

    /// Skips an event that is no chunk: a heartbeat, or anything after the finish reason. A broken chunk is a lost
    /// part of the response, hence an error, unless the end of the body cut it, which is reported there.
    fn unread(&mut self, data: &str, kind: sse::Kind, is_closed: bool) {
        self.settle();
        if self.result.is_some() {
            return;
        }
        if self.finish_word.is_some() && kind != sse::Kind::Other {
            self.notices.late += 1;
        } else if !data.starts_with('{') || kind == sse::Kind::Other {
            self.notices.skipped += 1;
        } else if is_closed {
            self.fail(transport_error::no_json("An event of the response"));
        }
    }
}

/// Strips the byte-order mark that some servers put before each event.
fn unmarked(data: &str) -> &str {
    data.strip_prefix('\u{feff}').unwrap_or(data)
}

/// The only object of a list with one element.
fn only_object(data: &str) -> Option<&str> {
    let (mut only, mut count) = (None, 0);
    let is_list = json::items(data, &mut |item| {
        only = Some(item).filter(|item| item.starts_with('{'));
        count += 1;
    });
    only.filter(|_| is_list && count == 1)
}
