//! The command line as a script has it: arguments, variables and files in, two streams and a status out.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::process::Command;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_command-line");
/// Far longer than anything takes on a machine with other work.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A home and a state directory of its own, and nothing of the machine's environment.
pub struct Program {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

/// The variables that it has: this home, and nothing of the machine's own but where its programs are.
pub fn environment(home: &Path) -> Vec<(String, String)> {
    let mut variables = vec![
        ("HOME".to_owned(), home.to_string_lossy().into_owned()),
        ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
    ];
    // Where the machine keeps its toolchain is no matter of the test's.
    for name in ["CARGO_HOME", "RUSTUP_HOME"] {
        variables.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    variables
}

/// How it ended, and what it left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<&Output> for Ended {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ended {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Program {
    pub fn new() -> Self {
        let dir = TempDir::new().expect("a directory");
        let variables = environment(dir.path());
        std::fs::create_dir(dir.path().join(".openclaw")).expect("a directory");
        Self { dir, variables }
    }

    /// Sets a variable, in place of an earlier one of this name.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file of the state directory.
    pub fn write(&self, name: &str, content: &str) {
        std::fs::write(self.state().join(name), content).expect("a file");
    }

    /// Takes one away.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.state().join(name)).expect("it is there");
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join(".openclaw")
    }

    /// Runs it to its end; with `stop`, for no longer than that.
    pub async fn run(&self, arguments: &[&str], stop: Option<Duration>) -> Ended {
        let mut command = Command::new(PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program starts");
        if let Some(stop) = stop {
            let stopped = tokio::time::Instant::now() + stop;
            while child.try_wait().expect("it is ours").is_none() {
                if tokio::time::Instant::now() > stopped {
                    child.start_kill().expect("it runs");
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output())
            .await
            .unwrap_or_else(|_| panic!("{arguments:?} does not end"))
            .expect("it ends");
        Ended::from(&output)
    }

    /// Every file below the state directory.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.state(), &mut found);
        found
    }
}

fn collect(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            found.push((path, bytes));
        }
    }
}
