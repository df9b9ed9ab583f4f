//! Colours, on terminals only. A new one has to be added to those that the sanitizer lets through.

use std::io::{IsTerminal as _, stderr, stdout};

/// Styles text, or leaves it as it is.
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

    /// Enables colours in prompts where everything else has them.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_text_stays_as_it_is() {
        assert_eq!(Style::PLAIN.bold("x"), "x");
        assert_eq!(Style { colour: true }.bold("x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
