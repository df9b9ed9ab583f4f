//! Variables from the user's login shell, for a daemon whose own environment lacks them.

use std::{process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command};
use zeroize::Zeroizing;

use super::environment::Environment;

/// Marks the start of the values, since start-up files may print text of their own.
const MARK: &[u8] = b"\0openclaw-variables\0";
/// The output limit.
const LONGEST: u64 = 1024 * 1024;

/// The values of exactly these variables, in order, blank ones included. Empty if the shell cannot be run.
///
/// The login shell is not interactive: an interactive one would take the terminal from its parent.
pub(super) async fn ask(
    environment: &Environment,
    names: &[&str],
    timeout: Duration,
) -> Vec<Option<Zeroizing<String>>> {
    let nothing = vec![None; names.len()];
    // The names become part of a command.
    let is_plain = |name: &&str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if names.is_empty() || !names.iter().all(is_plain) {
        return nothing;
    }
    let shell = environment.get("SHELL").filter(|shell| !shell.trim().is_empty());
    let shell = shell.as_ref().map_or("/bin/sh", |shell| shell.trim());
    let values: String = names.iter().map(|name| format!(" \"${name}\"")).collect();
    let script = format!("printf '\\0openclaw-variables\\0'; printf '%s\\0'{values}");
    let mut command = Command::new(shell);
    command
        .args(["-l", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if let Some(variables) = environment.instead() {
        command.env_clear().envs(variables);
        if let Some(home) = environment.home() {
            command.env("HOME", home);
        }
    }
    let run = async {
        let mut child = command.spawn()?;
        let mut output = Zeroizing::new(Vec::new());
        if let Some(stdout) = child.stdout.take() {
            stdout.take(LONGEST).read_to_end(&mut output).await?;
        }
        std::io::Result::Ok(output)
    };
    let why = match tokio::time::timeout(timeout, run).await {
        Ok(Ok(output)) => match values_of(&output, names.len()) {
            Some(values) => return values,
            None => "it printed no values".to_owned(),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!(
            "timed out after {} ms; `env.shellEnv.timeoutMs` raises the limit",
            timeout.as_millis()
        ),
    };
    tracing::warn!(shell, why, "could not read variables from the login shell");
    nothing
}

fn values_of(output: &[u8], count: usize) -> Option<Vec<Option<Zeroizing<String>>>> {
    let start = output.windows(MARK.len()).position(|part| part == MARK)? + MARK.len();
    let mut parts = output.get(start..)?.split(|byte| *byte == 0);
    let values: Vec<_> = parts
        .by_ref()
        .take(count)
        .map(|part| {
            std::str::from_utf8(part)
                .ok()
                .map(|text| Zeroizing::new(text.to_owned()))
        })
        .collect();
    // Every value ends with a zero byte, so that something follows the last one.
    (values.len() == count && parts.next().is_some()).then_some(values)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, Environment) {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("shell");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let environment = Environment::new(
            [("SHELL", path.to_str().unwrap()), ("PATH", "/usr/bin:/bin")],
            Some(home.path().to_owned()),
        );
        (home, environment)
    }

    #[tokio::test]
    async fn variables_of_the_profile_are_found_behind_what_it_prints() {
        let environment = {
            let home = tempfile::tempdir().unwrap();
            std::fs::write(home.path().join(".profile"), "echo hello; export A_B='x y'").unwrap();
            let environment = Environment::new([("SHELL", "/bin/sh")], Some(home.path().to_owned()));
            (home, environment)
        };
        let values = ask(&environment.1, &["NONE", "A_B"], Duration::from_secs(20)).await;
        let values: Vec<_> = values
            .iter()
            .map(|value| value.as_deref().map(String::as_str))
            .collect();
        assert_eq!(values, [Some(""), Some("x y")]);
    }

    #[tokio::test]
    async fn a_shell_that_hangs_or_fails_gives_nothing() {
        let (_home, environment) = shell("#!/bin/sh\nexec sleep 60\n");
        assert_eq!(ask(&environment, &["A"], Duration::from_millis(50)).await, [None]);
        let (_home, environment) = shell("#!/bin/sh\nexit 1\n");
        assert_eq!(ask(&environment, &["A"], Duration::from_secs(20)).await, [None]);
    }

    #[tokio::test]
    async fn a_name_with_shell_syntax_is_not_looked_up() {
        let environment = Environment::new([("SHELL", "/bin/sh")], None);
        assert_eq!(
            ask(&environment, &["A\"; echo B"], Duration::from_secs(20)).await,
            [None]
        );
    }
}
