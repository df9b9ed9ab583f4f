//! An installed program, which is one outside the workspace's target directory: it builds nothing, runs nothing, and does
//! not use what lies at the path where it was built.

#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use component_build::Build;
use tempfile::TempDir;

use crate::{harness::built, program::PROGRAM};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A copy of the program, with a home of its own and programs in its path that leave a mark when they are run.
struct Installed {
    dir: TempDir,
}

impl Installed {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let program = dir.path().join("host-harness");
        fs::copy(PROGRAM, &program).unwrap();
        let installed = Self { dir };
        let mark = installed.mark();
        fs::create_dir(installed.path("bin")).unwrap();
        for name in ["cargo", "rustc", "rustup"] {
            let script = format!("#!/bin/sh\necho {name} >> '{}'\nexit 1\n", mark.display());
            let path = installed.path("bin").join(name);
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        installed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn mark(&self) -> PathBuf {
        self.path("was-run")
    }

    fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(["--format", "json"])
            .args(arguments)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("CARGO", self.path("bin").join("cargo"))
            .env("HOME", self.dir.path())
            .env("HF_TOKEN", "hf_a_token_of_somebody")
            // What cargo would print if the program ran it.
            .env(
                "CARGO_MANIFEST_DIR",
                format!("{WORKSPACE}/crates/component-build"),
            )
            .current_dir(WORKSPACE)
            .output()
            .unwrap()
    }
}

#[tokio::test]
async fn an_installed_program_builds_nothing_and_looks_at_no_path_of_where_it_was_built() {
    let run = tokio::task::spawn_blocking(|| {
        // The file exists, and would be loaded.
        assert!(built(Build::Release).is_file());
        let installed = Installed::new();
        let program = installed.path("host-harness");
        for command in [
            &["models"][..],
            &["chat", "Hello!"],
            &["inspect"],
            &["demo"],
            &["resolve", "x"],
        ] {
            let ended = installed.run(&program, command);
            let said = String::from_utf8_lossy(&ended.stdout);
            assert_eq!(ended.status.code(), Some(1), "{command:?}: {ended:?}");
            assert!(
                said.contains("plugin-load") && said.contains("--plugin FILE.wasm"),
                "{command:?}: {ended:?}"
            );
            let all = said + String::from_utf8_lossy(&ended.stderr);
            assert!(!all.contains(env!("CARGO_MANIFEST_DIR")), "{command:?}: {all}");
        }
        assert!(
            !installed.mark().exists(),
            "{:?}",
            fs::read_to_string(installed.mark())
        );
        // With a plugin it works, wherever it is.
        let file = built(Build::Release);
        let ended = installed.run(&program, &["--plugin", file.to_str().unwrap(), "inspect"]);
        assert_eq!(ended.status.code(), Some(0), "{ended:?}");
        assert!(!installed.mark().exists());
        // The marks are left where something is built: by the program in the workspace itself.
        let _ = installed.run(Path::new(PROGRAM), &["demo"]);
        assert!(
            installed.mark().exists(),
            "nothing was built in the workspace either"
        );
    });
    run.await.unwrap();
}

/// The system calls of an installed program name no path of the workspace. Reports where they cannot be traced.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_calls_of_an_installed_program_name_no_path_of_where_it_was_built() {
    let run = tokio::task::spawn_blocking(|| {
        let installed = Installed::new();
        let program = installed.path("host-harness");
        let trace = installed.path("trace");
        let traced = Command::new("strace")
            .args(["-f", "-e", "trace=file,process", "-o"])
            .arg(&trace)
            .arg(&program)
            .args(["models"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", installed.dir.path())
            .current_dir(installed.dir.path())
            .output();
        if !traced.is_ok_and(|output| output.status.code() == Some(1)) {
            eprintln!("skipped: there is no strace");
            return;
        }
        let trace = fs::read_to_string(trace).unwrap();
        let workspace = fs::canonicalize(WORKSPACE).unwrap();
        let line = trace
            .lines()
            .find(|line| line.contains(workspace.to_str().unwrap()));
        assert!(trace.contains("execve") && line.is_none(), "{line:?}");
    });
    run.await.unwrap();
}
