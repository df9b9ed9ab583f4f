//! The command line as a script sees it: arguments, variables and files in, two streams and a status out.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_command-line");
/// Far longer than anything takes on a machine with other work.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A home and a state directory of its own, and nothing of the machine's environment.
pub struct Program {
    dir: TempDir,
    variables: Vec<(String, String)>,
}

/// Its variables: this home, and nothing of the machine's own except the path of programs.
pub fn environment(home: &Path) -> Vec<(String, String)> {
    let mut variables = vec![
        ("HOME".to_owned(), home.to_string_lossy().into_owned()),
        ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
    ];
    // The location of the toolchain does not matter to the tests.
    for name in ["CARGO_HOME", "RUSTUP_HOME"] {
        variables.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    variables
}

/// The exit status, and what the program left behind.
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
        let mut child = self.spawn(arguments);
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

    fn spawn(&self, arguments: &[&str]) -> Child {
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
        command.spawn().expect("the program starts")
    }

    /// Starts what runs until it is stopped, and waits for its first line.
    pub async fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.spawn(arguments);
        let stderr = child.stderr.take().expect("a pipe");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let stderr = tokio::spawn(all_of(stderr));
        let mut first = String::new();
        let line = tokio::time::timeout(PATIENCE, stdout.read_line(&mut first)).await;
        line.expect("a first line in time").expect("a line");
        Running {
            child,
            first: first.trim_end().to_owned(),
            stdout: tokio::spawn(all_of(stdout)),
            stderr,
        }
    }

    /// Every file below the state directory.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        files_below(&self.state())
    }
}

/// What runs until it is stopped.
pub struct Running {
    child: Child,
    /// The first line that it wrote.
    pub first: String,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Running {
    /// Sends it a signal, such as `-HUP`.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let told = std::process::Command::new("kill").args([name, &id]).status();
        assert!(told.expect("it is signalled").success());
    }

    /// Bytes of a line of its `status` in the file system of processes: `VmRSS:` now, `VmHWM:` at most so far.
    #[cfg(target_os = "linux")]
    pub fn resident(&self, line: &str) -> usize {
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("its status");
        let found = status.lines().find_map(|found| found.strip_prefix(line));
        let kilobytes = found.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<usize>().ok());
        kilobytes.expect("a figure") * 1024
    }

    /// Sends it `SIGTERM`, as a supervisor does.
    pub async fn stop(mut self) -> Ended {
        let id = self.child.id().expect("it runs").to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status().await;
        assert!(told.expect("it is signalled").success());
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        Ended {
            code: status.expect("it ends in time").expect("it ends").code(),
            out: self.first + "\n" + &self.stdout.await.expect("its words"),
            err: self.stderr.await.expect("its words"),
        }
    }
}

async fn all_of(mut pipe: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let _ = pipe.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file below a folder.
pub fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    collect(dir, &mut found);
    found
}

fn collect(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            match std::fs::read(&path) {
                Ok(bytes) => found.push((path, bytes)),
                // Another program of the same home was writing it: it has its own name now, under which the next
                // search finds it.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
}
