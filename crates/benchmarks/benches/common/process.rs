//! A server in a separate process: its base URL, its CPU time, and its termination.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::measure::kib;

/// A running server; dropping it stops it.
pub(crate) struct Process {
    child: Child,
    base_url: String,
}

impl Process {
    /// Starts a server that prints its base URL on its first line.
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

    /// Starts a server that listens at a given address and prints nothing of use.
    pub(crate) fn silent(command: &mut Command, base_url: String) -> Self {
        let child = start(command.stdout(Stdio::null()).stderr(Stdio::null()));
        Self { child, base_url }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Its resident memory in bytes; pages that it shares count by part.
    pub(crate) fn resident(&self) -> f64 {
        kib(&format!("/proc/{}/smaps_rollup", self.child.id()), "Pss:")
    }

    /// Whether it has terminated by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Its CPU time so far.
    pub(crate) fn cpu(&self) -> Duration {
        let file = format!("/proc/{}/stat", self.child.id());
        let text = std::fs::read_to_string(file).expect("Linux has this file");
        // The name, which comes second, may contain anything but ends at the last bracket.
        let (_, rest) = text.rsplit_once(')').expect("a name in brackets");
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        // Linux always reports hundredths of a second to programs.
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
