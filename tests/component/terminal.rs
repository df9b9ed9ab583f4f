//! The command line as a user sees it: a terminal to type in and to look at, in a home of its own.

use std::{
    io::{Read as _, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use component_build::Build;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use tempfile::TempDir;

use crate::{
    harness::built,
    program::{self, Ended, PATIENCE, PROGRAM},
};

/// Keys that are no letters.
pub mod key {
    pub const ENTER: &str = "\r";
    pub const BACKSPACE: &str = "\u{7f}";
    pub const DOWN: &str = "\u{1b}[B";
    pub const ESCAPE: &str = "\u{1b}";
    pub const TAB: &str = "\t";
    pub const CTRL_C: &str = "\u{3}";
    pub const CTRL_D: &str = "\u{4}";
}

/// A home directory with a configuration, isolated from the machine's own environment.
pub struct Home {
    dir: TempDir,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
}

impl Home {
    /// An empty one, whose requests go to `base_url`.
    pub fn new(base_url: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut variables = program::environment(dir.path());
        variables.push(("TERM".to_owned(), "xterm-256color".to_owned()));
        let plugin = built(Build::Release).to_string_lossy().into_owned();
        let mut arguments = vec!["--plugin".to_owned(), plugin];
        if !base_url.is_empty() {
            arguments.extend(["--base-url".to_owned(), base_url.to_owned()]);
        }
        Self {
            dir,
            variables,
            arguments,
        }
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file of the state directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(".openclaw").join(name)
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("written");
        self
    }

    /// The content of a file; empty if it is not there.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The configuration's value.
    pub fn config(&self) -> serde_json::Value {
        serde_json::from_str(&self.read("openclaw.json")).expect("plain JSON")
    }

    /// Runs a command without a terminal.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let output = Command::new(PROGRAM)
            .args(&self.arguments)
            .args(arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.dir.path())
            .stdin(std::process::Stdio::null())
            .output()
            .expect("it runs");
        Ended::from(&output)
    }

    /// Runs a command in a terminal.
    pub fn open(&self, arguments: &[&str]) -> Terminal {
        let mut command = CommandBuilder::new(PROGRAM);
        command.env_clear();
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command.cwd(self.dir.path());
        for argument in self
            .arguments
            .iter()
            .map(String::as_str)
            .chain(arguments.iter().copied())
        {
            command.arg(argument);
        }
        Terminal::open(command)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Another provider of the same contract: the component under another id of the same length.
    pub fn other_plugin(&self) -> String {
        let (from, to) = (b"huggingface", b"puddingface");
        let mut bytes = std::fs::read(built(Build::Release)).expect("the component");
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
            at += found;
            bytes[at..at + from.len()].copy_from_slice(to);
        }
        let path = self.dir.path().join("other.wasm");
        std::fs::write(&path, bytes).expect("written");
        path.to_string_lossy().into_owned()
    }
}

/// Runs a user's session on a thread where blocking is fine.
pub async fn person<T: Send + 'static>(acts: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(acts).await.expect("it holds")
}

/// A running command, its screen and its keyboard.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<Seen>>,
    master: Box<dyn MasterPty + Send>,
    /// The mode that it was opened in.
    mode: String,
}

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

impl Terminal {
    fn open(command: CommandBuilder) -> Self {
        let size = PtySize {
            rows: 60,
            cols: 140,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mode = mode(pair.master.as_ref());
        let child = pair.slave.spawn_command(command).expect("it starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a screen");
        let keyboard = pair.master.take_writer().expect("a keyboard");
        let screen = Arc::new(Mutex::new(Seen {
            parser: vt100::Parser::new(60.try_into().expect("rows"), 140.try_into().expect("columns"), 0),
            raw: Vec::new(),
        }));
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let mut seen = shown.lock().expect("the screen");
                seen.parser.process(&buffer[..count]);
                seen.raw.extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            child,
            keyboard,
            screen,
            master: pair.master,
            mode,
        }
    }

    /// What is on the screen now.
    pub fn screen(&self) -> String {
        self.screen.lock().expect("the screen").parser.screen().contents()
    }

    /// Every byte received.
    pub fn raw(&self) -> Vec<u8> {
        self.screen.lock().expect("the screen").raw.clone()
    }

    /// Waits until the whole screen is as expected.
    pub fn waits_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{what} did not come; this did:\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a text on the screen.
    pub fn sees(&self, text: &str) -> String {
        self.waits_for(&format!("`{text}`"), |screen| screen.contains(text))
    }

    pub fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("typed");
        self.keyboard.flush().expect("typed");
    }

    /// Waits for a prompt and answers it.
    pub fn answers(&mut self, question: &str, answer: &str) {
        self.sees(question);
        self.types(answer);
        self.types(key::ENTER);
    }

    /// What a terminal sends when something is pasted. It waits until the command reads keys as they come: before that,
    /// the terminal itself turns a carriage return into a line feed.
    pub fn pastes(&mut self, text: &str) {
        let started = Instant::now();
        while mode(self.master.as_ref()).contains("ICANON") {
            assert!(
                started.elapsed() < PATIENCE,
                "no keys are read:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        self.types(&format!("\u{1b}[200~{text}\u{1b}[201~"));
    }

    /// Sends the command a signal.
    pub fn signals(&self, name: &str) {
        let id = self.child.process_id().expect("it runs").to_string();
        let told = Command::new("kill").args([name, &id]).status();
        assert!(told.expect("`kill` is there").success());
    }

    /// Whether the terminal is as before the command: its mode, no bracketed paste, a cursor.
    pub fn is_as_before(&self) -> bool {
        let seen = self.screen.lock().expect("the screen");
        let screen = seen.parser.screen();
        mode(self.master.as_ref()) == self.mode && !screen.bracketed_paste() && !screen.hide_cursor()
    }

    /// Waits for the end and gives the exit status.
    pub fn ends(&mut self) -> u32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                // The last output may still be on its way.
                std::thread::sleep(Duration::from_millis(200));
                return status.exit_code();
            }
            assert!(started.elapsed() < PATIENCE, "it did not end:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The terminal's mode for typed input, where it can be read.
fn mode(terminal: &dyn MasterPty) -> String {
    #[cfg(unix)]
    return terminal.get_termios().map_or_else(String::new, |mode| {
        format!(
            "{:?} {:?} {:?}",
            mode.local_flags, mode.input_flags, mode.output_flags
        )
    });
    #[cfg(not(unix))]
    String::new()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
