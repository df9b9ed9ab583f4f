//! A server in a process of its own: where it listens, what CPU it has used, and its end.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A running server; it ends when it is dropped.
pub(crate) struct Process {
    child: Child,
    base_url: String,
}

impl Process {
    /// Starts a server that says its base URL on its first line.
    pub(crate) fn saying(command: &mut Command) -> Self {
        let mut child = start(command.stdout(Stdio::piped()));
        let mut base_url = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout)
            .read_line(&mut base_url)
            .expect("its address");
        assert!(base_url.starts_with("http://"), "{command:?} says {base_url:?}");
        Self {
            child,
            base_url: base_url.trim().to_owned(),
        }
    }

    /// Starts a server that was told where to listen and says nothing of use.
    pub(crate) fn silent(command: &mut Command, base_url: String) -> Self {
        let child = start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        Self { child, base_url }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The CPU time that it has used so far.
    pub(crate) fn cpu(&self) -> Duration {
        let file = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(file).expect("Linux tells it there");
        // The name, which comes second, may hold anything but ends in the last bracket.
        let (_, rest) = text.rsplit_once(')').expect("a name in brackets");
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        // Always a hundredth of a second to programs.
        Duration::from_millis(ticks * 10)
    }
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).spawn().expect("it starts")
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
