//! A mock router in a separate process, so that its work is not measured.

use std::{ffi::OsStr, path::Path, process::Command};

use super::{data::EVENT, process::Process};

/// A running mock router; it ends when it is dropped.
pub(crate) struct Mock(Process);

impl Mock {
    /// Composes its responses, an event every so many milliseconds.
    pub(crate) fn paced(ms: u32) -> Self {
        Self::run(["--pace", &ms.to_string()].map(str::to_owned))
    }

    /// Sends two words and then stalls.
    pub(crate) fn stalling() -> Self {
        Self::run(["--scenario", "stall", "--pace", "0"])
    }

    /// Responds with a recorded file, an event in each packet if it is a stream; needs no token.
    pub(crate) fn replaying(file: &Path) -> Self {
        let file = file.as_os_str();
        Self::run([
            OsStr::new("--chunking"),
            OsStr::new(&format!("every:{EVENT}")),
            "--replay".as_ref(),
            file,
        ])
    }

    /// Responds with a recorded file, all of it at once; needs no token.
    pub(crate) fn replaying_whole(file: &Path) -> Self {
        Self::run(["--replay".as_ref(), file.as_os_str()])
    }

    /// Responds with a recorded file, and with a recorded model list; needs no token.
    pub(crate) fn responding(response: &Path, list: &Path) -> Self {
        let replay = OsStr::new("--replay");
        Self::run([replay, response.as_os_str(), replay, list.as_os_str()])
    }

    fn run<S: AsRef<OsStr>>(options: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bench-command-line"));
        Self(Process::saying(command.arg("mock-router").args(options)))
    }

    pub(crate) fn base_url(&self) -> &str {
        self.0.base_url()
    }
}
