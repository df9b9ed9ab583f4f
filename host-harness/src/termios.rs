//! The terminal's mode: it is restored however the program ends, and typed-ahead text is not echoed.

#[cfg(unix)]
use std::io::{IsTerminal as _, Write as _, stderr, stdin, stdout};

#[cfg(unix)]
use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};

/// The terminal's current mode, restored on drop. An editor and a prompt restore what they change, except when the process
/// ends while they wait for a key on a thread of their own.
pub(super) struct SavedMode {
    #[cfg(unix)]
    before: Option<Termios>,
}

#[cfg(unix)]
impl SavedMode {
    pub(super) fn now() -> Self {
        Self {
            before: tcgetattr(stdin()).ok(),
        }
    }
}

#[cfg(unix)]
impl Drop for SavedMode {
    fn drop(&mut self) {
        let Some(before) = &self.before else {
            return;
        };
        if tcgetattr(stdin()).is_ok_and(|now| is_same(before, &now)) || !is_in_foreground() {
            return;
        }
        let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        // No bracketed paste, a visible cursor, and a new line for what is written next.
        let sequences = b"\x1b[?2004l\x1b[?25h\n";
        let _ = if stdout().is_terminal() {
            let mut out = stdout().lock();
            out.write_all(sequences).and_then(|()| out.flush())
        } else {
            stderr().lock().write_all(sequences)
        };
    }
}

/// While this value lives, typed text is not echoed: it would appear in the middle of a response. It is not lost, and
/// Ctrl-C still works. Nor is it read by lines: the system would take a Ctrl-D for the end of one, and the editor would not
/// see it.
pub(super) struct Unechoed {
    #[cfg(unix)]
    before: Option<Termios>,
}

#[cfg(unix)]
impl Unechoed {
    pub(super) fn now() -> Self {
        let before = tcgetattr(stdin()).ok().filter(|_| is_in_foreground());
        let quiet = Self { before };
        quiet.again();
        quiet
    }

    /// Sets the mode again, which a shell may have changed while the program was suspended.
    pub(super) fn again(&self) {
        if let Some(mut mode) = self.before.clone().filter(|_| is_in_foreground()) {
            mode.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
            let _ = tcsetattr(stdin(), OptionalActions::Now, &mode);
        }
    }

    /// Leaves it to [`SavedMode`] to restore the mode, with what an editor has left.
    pub(super) fn leave(&mut self) {
        self.before = None;
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

/// Whether this process may change the terminal's mode: in the background the terminal belongs to the shell.
#[cfg(unix)]
fn is_in_foreground() -> bool {
    tcgetpgrp(stdin()).is_ok_and(|group| group == getpgrp())
}

#[cfg(not(unix))]
impl SavedMode {
    pub(super) fn now() -> Self {
        Self {}
    }
}

#[cfg(not(unix))]
impl Unechoed {
    pub(super) fn now() -> Self {
        Self {}
    }

    pub(super) fn again(&self) {}

    pub(super) fn leave(&mut self) {}
}
