//! A response as text: its content on standard output, everything around it on standard error.

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, stderr, stdout},
    time::Duration,
};

use crate::{
    format,
    output::chat::{Call, Gathered},
    terminal::Terminal,
};
use model_provider_host::{
    GenerationInfo,
    contract::{ChatEvent, FinishReason, Summary},
    failover::Attempt,
    sanitize,
};

/// A response being rendered.
pub(crate) struct Shown {
    terminal: Terminal,
    /// Whether reasoning is shown.
    thoughts: bool,
    /// Whether standard output is a terminal.
    screen: bool,
    /// Whether standard error is in the middle of a line of reasoning.
    in_thought: bool,
    thought: Edges,
    text: Edges,
    calls: Gathered,
}

impl Shown {
    pub(crate) fn new(terminal: Terminal) -> Self {
        Self {
            terminal,
            thoughts: stderr().is_terminal(),
            screen: stdout().is_terminal(),
            in_thought: false,
            thought: Edges::default(),
            text: Edges::default(),
            calls: Gathered::default(),
        }
    }

    /// Shows an event immediately; a tool call once it is complete.
    pub(crate) fn event(&mut self, event: &ChatEvent) -> io::Result<()> {
        match event {
            ChatEvent::Text(text) => {
                let text = if self.screen {
                    Cow::Owned(self.text.piece(text))
                } else {
                    Cow::Borrowed(text.as_str())
                };
                if text.is_empty() {
                    return Ok(());
                }
                self.end_thought();
                self.terminal.write(&self.terminal.shown(&text))
            }
            ChatEvent::Reasoning(thought) => {
                let thought = self.thought.piece(&thought.text);
                if self.thoughts && !thought.is_empty() {
                    let thought = sanitize::text(&thought);
                    self.terminal.note_piece(&self.terminal.err.dim(&thought));
                    self.in_thought = true;
                }
                Ok(())
            }
            ChatEvent::ToolCallEnd(end) => {
                self.end_thought();
                if let Some(call) = self.calls.calls.iter().find(|call| call.index == end.index) {
                    self.terminal.note(&call_line(self.terminal, call));
                }
                Ok(())
            }
            ChatEvent::ToolCallStart(_) | ChatEvent::ToolCallDelta(_) => {
                self.calls.take(event);
                Ok(())
            }
            ChatEvent::Media(_) | ChatEvent::Other(_) => Ok(()),
        }
    }

    /// Ends the last line.
    pub(crate) fn end(&mut self, gathered: &Gathered) -> io::Result<()> {
        self.end_thought();
        let ends_a_line = if self.screen {
            !self.text.has_begun
        } else {
            gathered.text.is_empty() || gathered.text.ends_with('\n')
        };
        if ends_a_line {
            return Ok(());
        }
        self.terminal.write("\n")
    }

    fn end_thought(&mut self) {
        if std::mem::take(&mut self.in_thought) {
            self.thought = Edges::default();
            self.terminal.note("");
            if self.screen {
                self.terminal.note("");
            }
        }
    }
}

/// Text from deltas, without leading and trailing line feeds: models start and end their reasoning with blank lines,
/// which only waste screen lines.
#[derive(Debug, Default)]
struct Edges {
    has_begun: bool,
    /// Line feeds that are shown only if more text follows.
    held: String,
}

impl Edges {
    fn piece(&mut self, text: &str) -> String {
        let feeds = ['\n', '\r'];
        let text = if self.has_begun {
            std::mem::take(&mut self.held) + text
        } else {
            text.trim_start_matches(feeds).to_owned()
        };
        let shown = text.trim_end_matches(feeds).len();
        let (shown, held) = text.split_at(shown);
        self.has_begun |= !shown.is_empty();
        self.held = held.to_owned();
        shown.to_owned()
    }
}

fn call_line(terminal: Terminal, call: &Call) -> String {
    let paint = terminal.err;
    let arguments = sanitize::flat(&call.arguments);
    let name = sanitize::name(&call.name);
    format!("{} {} {arguments}", paint.cyan("tool call"), paint.bold(&name))
}

/// The summary line of a response, and warnings about it.
pub(crate) fn closing(
    terminal: Terminal,
    summary: &Summary,
    generation: &GenerationInfo,
    cost: Option<&str>,
    failed_attempts: &[Attempt],
    elapsed: Duration,
) {
    self::failed_attempts(terminal, failed_attempts);
    terminal.warn_of(summary.warnings.iter().map(|warning| warning.message.as_str()));
    match summary.finish_reason {
        FinishReason::Length => terminal.warn("the response was cut off at the maximum output tokens"),
        FinishReason::ContentFilter => {
            terminal.warn("a content filter withheld the rest of the response");
        }
        FinishReason::Other => match &summary.raw_finish_reason {
            Some(word) => terminal.warn(&format!(
                "the response ended with an unusual finish reason: {}",
                sanitize::name(word)
            )),
            None => terminal.warn("the response has no finish reason and may be incomplete"),
        },
        FinishReason::Stop | FinishReason::ToolCalls => {}
    }
    let line = summary_line(summary, generation, cost, elapsed);
    terminal.note(&terminal.err.dim(&sanitize::line(&line)));
}

/// `acme/org/m · 12 in, 34 out · 42 tok/s · 810 ms · $0.000034 · east · 1 attempt · generation 1 (0.1.0)`.
pub(crate) fn summary_line(
    summary: &Summary,
    generation: &GenerationInfo,
    cost: Option<&str>,
    elapsed: Duration,
) -> String {
    let usage = &summary.usage;
    let mut facts = vec![sanitize::name(&summary.model).into_owned()];
    let count = |tokens: Option<u32>| tokens.map_or_else(|| format::UNKNOWN.to_owned(), |n| n.to_string());
    if usage.input_tokens.is_some() || usage.output_tokens.is_some() {
        let cached = usage.cached_input_tokens.filter(|cached| *cached > 0);
        let cached = cached.map_or_else(String::new, |cached| format!(" ({cached} cached)"));
        facts.push(format!(
            "{} in{cached}, {} out",
            count(usage.input_tokens),
            count(usage.output_tokens)
        ));
    }
    if let Some(output) = usage.output_tokens
        && elapsed >= Duration::from_millis(10)
        && output > 0
    {
        facts.push(format::speed(Some(f64::from(output) / elapsed.as_secs_f64())));
    }
    facts.push(format::duration(elapsed));
    facts.extend(cost.map(format::cost));
    facts.extend(
        summary
            .backend
            .as_deref()
            .map(|backend| sanitize::name(backend).into_owned()),
    );
    facts.push(format::counted(summary.attempts as usize, "attempt"));
    facts.push(format!(
        "generation {} ({})",
        generation.number,
        sanitize::name(&generation.version)
    ));
    facts.join(" · ")
}

/// The models that failed before, one per line.
pub(crate) fn failed_attempts(terminal: Terminal, failed_attempts: &[Attempt]) {
    for attempt in failed_attempts {
        let line = format!(
            "{} failed after {}: {}: {}",
            sanitize::name(&attempt.reference),
            format::duration(attempt.elapsed),
            attempt.error.kind(),
            attempt.error.message()
        );
        terminal.warn(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model_provider_host::contract::Usage;

    fn summary(usage: Usage) -> Summary {
        Summary {
            finish_reason: FinishReason::Stop,
            raw_finish_reason: None,
            usage,
            model: "acme/org/m".into(),
            backend: Some("east".into()),
            request_id: None,
            attempts: 1,
            warnings: Vec::new(),
            extras: Vec::new(),
        }
    }

    fn generation() -> GenerationInfo {
        GenerationInfo::new(2, "0.2.0", "sha256:00")
    }

    #[test]
    fn blank_lines_around_a_text_are_not_shown_and_those_within_it_are() {
        let mut edges = Edges::default();
        let pieces = ["\n", "\n", "one", "\n", "\ntwo\n", " three", "\n\n"];
        let shown: String = pieces.iter().map(|piece| edges.piece(piece)).collect();
        assert_eq!(shown, "one\n\ntwo\n three");
        assert!(!Edges::default().piece("a").is_empty() && Edges::default().piece("\r\n").is_empty());
    }

    #[test]
    fn the_summary_is_one_line_of_the_known_values() {
        let usage = Usage {
            input_tokens: Some(12),
            cached_input_tokens: Some(4),
            output_tokens: Some(34),
            reasoning_tokens: None,
        };
        let line = summary_line(
            &summary(usage),
            &generation(),
            Some("0.000034"),
            Duration::from_millis(800),
        );
        assert_eq!(
            line,
            "acme/org/m · 12 in (4 cached), 34 out · 42.5 tok/s · 800 ms · $0.000034 · east · 1 attempt · \
             generation 2 (0.2.0)"
        );
    }

    #[test]
    fn the_summary_leaves_out_unknown_values() {
        let usage = Usage {
            input_tokens: None,
            cached_input_tokens: None,
            output_tokens: None,
            reasoning_tokens: None,
        };
        let line = summary_line(&summary(usage), &generation(), None, Duration::from_micros(50));
        assert_eq!(
            line,
            "acme/org/m · 50 µs · east · 1 attempt · generation 2 (0.2.0)"
        );
    }
}
