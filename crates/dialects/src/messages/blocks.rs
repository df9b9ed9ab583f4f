//! The content blocks of a stream: the dialect sends one after another, while tool calls of the contract may be
//! interleaved and end together.
//!
//! A block ends where the next one begins. A call with incomplete arguments cannot end, so later content is queued
//! behind it. Nothing is lost at the end, and content that is in order is never delayed.

use std::collections::VecDeque;

use serde_json::value::RawValue;

use super::types::{Block, Caller, Delta, Event};
use crate::dialect::Frame;
use provider_contract::contract::{Reasoning, ToolCallStart};

/// The blocks of one response.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// The index of the next block.
    next: u32,
    current: Option<Current>,
    waiting: VecDeque<Waiting>,
}

/// The open block.
#[derive(Debug)]
struct Current {
    index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking,
    Call { index: u32, arguments: Arguments },
}

/// Content that is queued behind an incomplete call.
#[derive(Debug)]
enum Waiting {
    Text(String),
    Thinking(Reasoning),
    Call {
        start: ToolCallStart,
        arguments: String,
        has_ended: bool,
    },
    Own(Box<RawValue>),
}

impl Blocks {
    pub(super) fn text(&mut self, text: &str, out: &mut Vec<Frame>) {
        if self.waits() {
            match self.waiting.back_mut() {
                Some(Waiting::Text(so_far)) => so_far.push_str(text),
                _ => self.waiting.push_back(Waiting::Text(text.to_owned())),
            }
            return;
        }
        if !matches!(self.current, Some(Current { kind: Kind::Text, .. })) {
            self.start(
                Kind::Text,
                Block::Text {
                    text: "",
                    citations: None,
                },
                out,
            );
        }
        self.delta(Delta::Text { text }, out);
    }

    /// A reasoning delta. A signature closes its block.
    pub(super) fn reasoning(&mut self, piece: &Reasoning, out: &mut Vec<Frame>) {
        if self.waits() {
            match self.waiting.back_mut() {
                Some(Waiting::Thinking(so_far)) if so_far.signature.is_none() => {
                    so_far.text.push_str(&piece.text);
                    so_far.signature.clone_from(&piece.signature);
                }
                _ => self.waiting.push_back(Waiting::Thinking(piece.clone())),
            }
            return;
        }
        if piece.text.is_empty() && piece.signature.is_none() {
            return;
        }
        if !matches!(
            self.current,
            Some(Current {
                kind: Kind::Thinking,
                ..
            })
        ) {
            let block = Block::Thinking {
                thinking: "",
                signature: "",
            };
            self.start(Kind::Thinking, block, out);
        }
        if !piece.text.is_empty() {
            self.delta(
                Delta::Thinking {
                    thinking: &piece.text,
                },
                out,
            );
        }
        if let Some(signature) = &piece.signature {
            self.delta(Delta::Signature { signature }, out);
            self.stop(out);
        }
    }

    pub(super) fn call(&mut self, start: &ToolCallStart, out: &mut Vec<Frame>) {
        if self.waits() {
            return self.waiting.push_back(Waiting::Call {
                start: start.clone(),
                arguments: String::new(),
                has_ended: false,
            });
        }
        let kind = Kind::Call {
            index: start.index,
            arguments: Arguments::default(),
        };
        let block = Block::ToolUse {
            id: &start.id,
            name: &start.name,
            input: no_input(),
            caller: Caller::Direct,
        };
        self.start(kind, block, out);
    }

    pub(super) fn arguments(&mut self, call: u32, fragment: &str, out: &mut Vec<Frame>) {
        for waiting in &mut self.waiting {
            if let Waiting::Call { start, arguments, .. } = waiting
                && start.index == call
            {
                return arguments.push_str(fragment);
            }
        }
        match &mut self.current {
            Some(Current {
                kind: Kind::Call { index, arguments },
                ..
            }) if *index == call => arguments.read(fragment),
            // White space after a complete call.
            _ => return,
        }
        if !fragment.is_empty() {
            let partial_json = fragment;
            self.delta(Delta::InputJson { partial_json }, out);
        }
        self.go_on(out);
    }

    /// A call is complete.
    pub(super) fn call_ends(&mut self, call: u32, out: &mut Vec<Frame>) {
        for waiting in &mut self.waiting {
            if let Waiting::Call { start, has_ended, .. } = waiting
                && start.index == call
            {
                *has_ended = true;
                return;
            }
        }
        if let Some(Current {
            kind: Kind::Call { index, arguments },
            ..
        }) = &mut self.current
            && *index == call
        {
            arguments.end();
        }
        self.go_on(out);
    }

    /// A block in the dialect's own form.
    pub(super) fn own(&mut self, block: Box<RawValue>, out: &mut Vec<Frame>) {
        if self.waits() {
            return self.waiting.push_back(Waiting::Own(block));
        }
        self.start(Kind::Text, Block::Own(block), out);
        self.stop(out);
    }

    /// The response has ended: flushes the queue.
    pub(super) fn finish(&mut self, out: &mut Vec<Frame>) {
        while !self.waiting.is_empty() {
            if let Some(Current {
                kind: Kind::Call { arguments, .. },
                ..
            }) = &mut self.current
            {
                arguments.end();
            }
            self.go_on(out);
        }
        self.stop(out);
    }

    /// Whether new content has to be queued.
    fn waits(&self) -> bool {
        match &self.current {
            Some(Current {
                kind: Kind::Call { arguments, .. },
                ..
            }) => !arguments.are_whole(),
            _ => false,
        }
    }

    /// Flushes the queue, as far as possible.
    fn go_on(&mut self, out: &mut Vec<Frame>) {
        while !self.waits() {
            match self.waiting.pop_front() {
                None => return,
                Some(Waiting::Text(text)) => self.text(&text, out),
                Some(Waiting::Thinking(piece)) => self.reasoning(&piece, out),
                Some(Waiting::Own(block)) => self.own(block, out),
                Some(Waiting::Call {
                    start,
                    arguments,
                    has_ended,
                }) => {
                    self.call(&start, out);
                    // Directly, bypassing the queue: this one need not wait.
                    if let Some(Current {
                        kind: Kind::Call { arguments: whole, .. },
                        ..
                    }) = &mut self.current
                    {
                        whole.read(&arguments);
                        if has_ended {
                            whole.end();
                        }
                    }
                    if !arguments.is_empty() {
                        let partial_json = &arguments;
                        self.delta(Delta::InputJson { partial_json }, out);
                    }
                }
            }
        }
    }

    fn start(&mut self, kind: Kind, content_block: Block<'_>, out: &mut Vec<Frame>) {
        self.stop(out);
        let index = self.next;
        self.next += 1;
        self.current = Some(Current { index, kind });
        out.push(frame(&Event::ContentBlockStart { index, content_block }));
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<Frame>) {
        if let Some(Current { index, .. }) = self.current {
            out.push(frame(&Event::ContentBlockDelta { index, delta }));
        }
    }

    fn stop(&mut self, out: &mut Vec<Frame>) {
        if let Some(Current { index, .. }) = self.current.take() {
            out.push(frame(&Event::ContentBlockStop { index }));
        }
    }
}

/// An event as a frame.
pub(super) fn frame(event: &Event<'_>) -> Frame {
    // Strings, numbers and JSON values: serialization cannot fail.
    Frame::named(event.name(), serde_json::to_string(event).unwrap_or_default())
}

/// The input of a call before its arguments arrive.
fn no_input() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).unwrap_or_default()
}

/// Tracks whether the arguments of a call are a complete JSON value.
#[derive(Debug, Default)]
struct Arguments {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
    is_whole: bool,
}

impl Arguments {
    fn read(&mut self, fragment: &str) {
        for byte in fragment.bytes() {
            if self.is_whole {
                return;
            }
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_text => self.is_escaped = true,
                b'"' => {
                    self.is_text = !self.is_text;
                    self.is_whole = !self.is_text && self.depth == 0;
                }
                _ if self.is_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_whole = self.depth == 0;
                }
                _ => {}
            }
        }
    }

    fn end(&mut self) {
        self.is_whole = true;
    }

    fn are_whole(&self) -> bool {
        self.is_whole
    }
}
