//! A mock router in a process of its own, so that its work is in nobody's figure.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::data::EVENT;

/// A running mock router; it ends when it is dropped.
pub(crate) struct Mock {
    process: Child,
    base_url: String,
}

impl Mock {
    /// Composes its answers, an event each so many milliseconds.
    pub(crate) fn paced(ms: u32) -> Self {
        Self::run(["--pace", &ms.to_string()].map(str::to_owned))
    }

    /// Says two words and then nothing more.
    pub(crate) fn stalling() -> Self {
        Self::run(["--scenario", "stall", "--pace", "0"])
    }

    /// Answers with a recorded file, an event a packet if it is a stream; needs no token.
    pub(crate) fn replaying(file: &Path) -> Self {
        let file = file.as_os_str();
        Self::run([
            OsStr::new("--chunking"),
            OsStr::new(&format!("every:{EVENT}")),
            "--replay".as_ref(),
            file,
        ])
    }

    /// Answers with a recorded file, all of it at once; needs no token.
    pub(crate) fn replaying_whole(file: &Path) -> Self {
        Self::run(["--replay".as_ref(), file.as_os_str()])
    }

    fn run<S: AsRef<OsStr>>(options: impl IntoIterator<Item = S>) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_host-harness"))
            .arg("mock-router")
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the mock router starts");
        let mut base_url = String::new();
        let stdout = process.stdout.take().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut base_url)
            .expect("its address");
        Self {
            process,
            base_url: base_url.trim().to_owned(),
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
