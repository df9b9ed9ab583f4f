//! Builds the workspace's own component: for the demo, the tests and commands without `--plugin` in the workspace.
//! A program that runs anywhere else builds nothing ([`Workspace`]).
//!
//! Adds the wasm target when it is missing, and says so. Runs cargo with its own target directory, because a nested
//! cargo in the same directory and profile would deadlock with the outer one.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

mod own_grant;
mod seed;
mod workspace;

pub use own_grant::vouches;
pub use workspace::Workspace;

/// Why a component is missing and cannot be built, and how to fix it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    message: String,
    hint: String,
}

impl BuildError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}; {}", self.message, self.hint)
    }
}

impl std::error::Error for BuildError {}

/// The result of the functions here.
pub type Result<T, E = BuildError> = std::result::Result<T, E>;

/// The workspace's grant for its own component, as JSON.
pub const GRANT: &str = include_str!("../grant.json");

/// The target triple of a component.
pub const TARGET: &str = "wasm32-wasip2";
const FILE: &str = env!("COMPONENT_FILE");
/// A compile-time variable: the plugin reports it as its version.
const VERSION_VARIABLE: &str = "OPENCLAW_PLUGIN_VERSION";
/// The component of a gateway's settings reads the file that it names when it is built.
const SETTINGS_VARIABLE: &str = "GATEWAY_SETTINGS";

/// A build of the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Build {
    /// The released one.
    Release,
    /// The same code with the next version number, as a target of swaps.
    NextVersion,
}

impl Build {
    fn version(self) -> Option<&'static str> {
        match self {
            Self::Release => None,
            Self::NextVersion => Some(concat!(env!("CARGO_PKG_VERSION"), "-next")),
        }
    }

    fn target_dir(self, workspace: &Workspace) -> PathBuf {
        let name = match self {
            Self::Release => "component",
            Self::NextVersion => "component-next",
        };
        workspace.path().join("target").join(name)
    }

    /// The build's output file.
    fn file(self, workspace: &Workspace) -> PathBuf {
        self.target_dir(workspace).join(TARGET).join("release").join(FILE)
    }
}

/// What the component is built from. The component's own `build.rs` has the same list.
const SOURCES: [&str; 10] = [
    "build.rs",
    "src",
    "wit",
    "crates/chat-completions",
    "crates/chat-completions-wire",
    "crates/component-shell",
    "crates/huggingface-protocol",
    ".cargo",
    "Cargo.toml",
    "Cargo.lock",
];

/// The default component: that of the workspace, if this program is a tool of it. Built first if it is missing or
/// older than its sources.
///
/// # Errors
/// This program was installed or copied, or the component is missing and cannot be built.
pub fn ensure(say: impl FnMut(&str)) -> Result<PathBuf> {
    let workspace = Workspace::of_this_program()?;
    let path = Build::Release.file(&workspace);
    let sources = SOURCES.iter().map(|source| workspace.path().join(source));
    match modified(&path) {
        Some(built) if sources.filter_map(|source| newest(&source)).max() <= Some(built) => {
            own_grant::write(Build::Release, &workspace)?;
            Ok(path)
        }
        _ => build(Build::Release, say),
    }
}

/// Builds a component with cargo; fast if it is up to date.
///
/// # Errors
/// The target cannot be added or the build fails; cargo's output is on stderr.
pub fn build(which: Build, say: impl FnMut(&str)) -> Result<PathBuf> {
    let workspace = Workspace::of_this_program()?;
    let package = env!("COMPONENT_PACKAGE");
    let (path, target_dir) = (which.file(&workspace), which.target_dir(&workspace));
    if which == Build::NextVersion {
        // All but the version is built already. Without the copy cargo only takes longer.
        let _ = seed::seed(&Build::Release.target_dir(&workspace), &target_dir);
    }
    let version = which
        .version()
        .map(|version| (VERSION_VARIABLE, OsStr::new(version)));
    let built = cargo(&workspace, package, &path, &target_dir, version, say)?;
    own_grant::write(which, &workspace)?;
    Ok(built)
}

/// Builds another component of the workspace, sharing the dependencies of its own.
///
/// # Errors
/// As of [`build`].
pub fn build_member(package: &str, say: impl FnMut(&str)) -> Result<PathBuf> {
    let workspace = Workspace::of_this_program()?;
    let path = Build::Release
        .file(&workspace)
        .with_file_name(format!("{}.wasm", package.replace('-', "_")));
    let target_dir = Build::Release.target_dir(&workspace);
    cargo(&workspace, package, &path, &target_dir, None, say)
}

/// Builds the component of a gateway's settings with those of a file built in.
///
/// # Errors
/// As of [`build`], or the settings are invalid; the reason is on stderr.
pub fn build_settings(file: impl AsRef<Path>, say: impl FnMut(&str)) -> Result<PathBuf> {
    const PACKAGE: &str = "settings-component";
    let file = file.as_ref();
    let workspace = Workspace::of_this_program()?;
    // Its own folder, so that builds for the engine's store stay cached.
    let target_dir = workspace.path().join("target").join("gateway-settings");
    let _ = seed::seed(&Build::Release.target_dir(&workspace), &target_dir);
    let path = target_dir
        .join(TARGET)
        .join("release")
        .join("settings_component.wasm");
    cargo(
        &workspace,
        PACKAGE,
        &path,
        &target_dir,
        Some((SETTINGS_VARIABLE, file.as_os_str())),
        say,
    )
}

fn cargo(
    workspace: &Workspace,
    package: &str,
    path: &Path,
    target_dir: &Path,
    variable: Option<(&str, &OsStr)>,
    mut say: impl FnMut(&str),
) -> Result<PathBuf> {
    if !target_is_installed(workspace)? {
        say(&format!(
            "adding the target {TARGET} with `rustup target add {TARGET}`"
        ));
        run(
            Command::new("rustup").args(["target", "add", TARGET]),
            "add the target",
        )?;
    }
    if modified(path).is_none() {
        say(&format!("building the component {package}"));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace.path())
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(target_dir)
        .args(["--package", package])
        .args(without_paths().into_iter().flatten());
    command.env_remove(VERSION_VARIABLE).env_remove(SETTINGS_VARIABLE);
    command.envs(variable);
    // Neither the component's code nor its build tools need a credential.
    for variable in credential_variables() {
        command.env_remove(variable);
    }
    run(&mut command, "build the component")?;
    Ok(path.to_owned())
}

/// Remaps this machine's crate paths in panic messages, so that the bytes do not depend on the build directory.
/// Cargo appends it to the flags of `.cargo/config.toml`, which cannot know the path.
fn without_paths() -> Option<[String; 2]> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    let crates = home.join("registry").join("src");
    // A JSON string is a valid TOML string.
    let flag = serde_json::to_string(&format!("--remap-path-prefix={}=crates", crates.to_str()?)).ok()?;
    Some([
        "--config".to_owned(),
        format!("target.{TARGET}.rustflags=[{flag}]"),
    ])
}

fn target_is_installed(workspace: &Workspace) -> Result<bool> {
    let output = Command::new("rustc")
        .current_dir(workspace.path())
        .args(["--print", "target-libdir", "--target", TARGET])
        .stderr(Stdio::null())
        .output()
        .map_err(|error| cannot("run rustc", &error.to_string()))?;
    let dir = String::from_utf8_lossy(&output.stdout);
    Ok(Path::new(dir.trim()).is_dir())
}

fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| cannot(what, &error.to_string()))?;
    if status.success() {
        Ok(())
    } else {
        Err(cannot(what, &status.to_string()))
    }
}

fn cannot(what: &str, why: &str) -> BuildError {
    BuildError::new(
        format!("cannot {what}: {why}"),
        format!(
            "`rustup target add {TARGET}` and `cargo build --release --target {TARGET}` do it by hand; a component \
             built elsewhere is named with `--plugin FILE.wasm`"
        ),
    )
}

/// The environment variables that the component's grant names.
fn credential_variables() -> Vec<String> {
    let grants: serde_json::Value = serde_json::from_str(GRANT).unwrap_or_default();
    let grants = grants.as_object().into_iter().flat_map(|grants| grants.values());
    let names = grants.flat_map(|grant| grant["envVars"].as_array().into_iter().flatten());
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

/// The time of the newest file below a directory, or of a file.
fn newest(path: &Path) -> Option<SystemTime> {
    match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().filter_map(|entry| newest(&entry.path())).max(),
        Err(_) => modified(path),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_components_own_build_has_the_same_list_of_sources() {
        let list = |text: &str| {
            let (_, rest) = text.split_once("const SOURCES").expect("a list");
            rest.split_once("];").expect("an end").0.to_owned()
        };
        assert_eq!(
            list(include_str!("../../../build.rs")),
            list(include_str!("lib.rs"))
        );
    }

    #[test]
    fn a_build_gets_no_variable_that_may_hold_the_credential() {
        let found = super::credential_variables();
        assert!(found.iter().any(|name| name == "HF_TOKEN"), "{found:?}");
    }
}
