//! The mode of the terminal: whatever is cut short, it is given back as it was, and what is typed ahead does not show.

#[cfg(unix)]
use std::io::{IsTerminal as _, Write as _, stderr, stdin, stdout};

#[cfg(unix)]
use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};

/// The terminal's mode as it is now, which it has again when this is dropped. An editor and a prompt restore what they
/// change, but not when the process ends while they wait for a key on a thread of their own.
pub(super) struct Kept {
    #[cfg(unix)]
    before: Option<Termios>,
}

#[cfg(unix)]
impl Kept {
    pub(super) fn now() -> Self {
        Self {
            before: tcgetattr(stdin()).ok(),
        }
    }
}

#[cfg(unix)]
impl Drop for Kept {
    fn drop(&mut self) {
        let Some(before) = &self.before else {
            return;
        };
        if tcgetattr(stdin()).is_ok_and(|now| is_same(before, &now)) || !is_in_foreground() {
            return;
        }
        let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        // No marks around what is pasted, a cursor to be seen, and a line of its own for what is said next.
        let sequences = b"\x1b[?2004l\x1b[?25h\n";
        let _ = if stdout().is_terminal() {
            let mut out = stdout().lock();
            out.write_all(sequences).and_then(|()| out.flush())
        } else {
            stderr().lock().write_all(sequences)
        };
    }
}

/// As long as this is there, what is typed is not shown: it would stand in the middle of an answer. It is not lost, and
/// Ctrl-C is heard.
pub(super) struct Unechoed {
    #[cfg(unix)]
    before: Option<Termios>,
}

#[cfg(unix)]
impl Unechoed {
    pub(super) fn now() -> Self {
        let before = tcgetattr(stdin()).ok().filter(|_| is_in_foreground());
        if let Some(mut mode) = before.clone() {
            mode.local_modes -= LocalModes::ECHO;
            let _ = tcsetattr(stdin(), OptionalActions::Now, &mode);
        }
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for Unechoed {
    fn drop(&mut self) {
        if let Some(before) = self.before.as_ref().filter(|_| is_in_foreground()) {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

#[cfg(unix)]
fn is_same(a: &Termios, b: &Termios) -> bool {
    a.local_modes == b.local_modes && a.input_modes == b.input_modes && a.output_modes == b.output_modes
}

/// Whether the terminal is ours to set: it belongs to the shell while this process is in the background.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

#[cfg(not(unix))]
impl Kept {
    pub(super) fn now() -> Self {
        Self {}
    }
}

#[cfg(not(unix))]
impl Unechoed {
    pub(super) fn now() -> Self {
        Self {}
    }
}
