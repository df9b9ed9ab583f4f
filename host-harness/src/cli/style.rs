//! Colours, only where a person looks, and text that cannot drive a terminal.

use std::{
    borrow::Cow,
    io::{IsTerminal as _, stderr, stdout},
};

/// Marks text, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    colour: bool,
}

impl Style {
    /// No colour at all.
    #[cfg(test)]
    pub(super) const PLAIN: Self = Self { colour: false };

    pub(super) fn of_stdout() -> Self {
        Self {
            colour: stdout().is_terminal() && colour_is_welcome(),
        }
    }

    pub(super) fn of_stderr() -> Self {
        Self {
            colour: stderr_wants_colour(),
        }
    }

    pub(super) fn is_coloured(self) -> bool {
        self.colour
    }

    /// Lets questions have colours where everything else has them.
    pub(super) fn rule_questions(self) {
        if !self.colour {
            inquire::set_global_render_config(inquire::ui::RenderConfig::empty());
        }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(super) fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

pub(super) fn stderr_wants_colour() -> bool {
    stderr().is_terminal() && colour_is_welcome()
}

/// `NO_COLOR` (any value but the empty one) and dumb terminals want none.
fn colour_is_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Text of others for a terminal: control characters but line feed and tab would move the cursor or worse.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        Cow::Borrowed(text)
    } else {
        text.chars()
            .map(|c| if harmless(c) { c } else { '\u{fffd}' })
            .collect()
    }
}

/// The same for one cell or line.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_others_do_not_reach_a_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n\tc"), "a\u{fffd}[2Jb\n\tc");
        assert_eq!(one_line("a\nb\u{7}"), "a b ");
    }

    #[test]
    fn without_colour_text_stays_as_it_is() {
        assert_eq!(Style::PLAIN.bold("x"), "x");
        assert_eq!(Style { colour: true }.bold("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
