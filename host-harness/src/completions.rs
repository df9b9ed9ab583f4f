//! Shell completions, and the manual.

use clap::Command;
use clap_complete::Shell;

use super::{Failure, Outcome, terminal::Terminal};
use model_provider_host::{Error, ErrorKind};

/// Writes the script that completes this command line in a shell.
pub(super) fn completions(terminal: Terminal, mut command: Command, shell: Shell) -> Outcome {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, &name, &mut script);
    let script = String::from_utf8_lossy(&script);
    Ok(terminal.write(&in_one_spelling(&script, &name))?)
}

/// clap_complete spells a program's name with a hyphen in two ways in a script for bash: one where it finds out which
/// command is typed, another where it says what that command takes. Without this, no command's options are completed.
fn in_one_spelling(script: &str, name: &str) -> String {
    let (written, looked_up) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    script.replace(&format!("{written}__subcmd__"), &format!("{looked_up}__subcmd__"))
}

/// Writes the manual page of the program, or of one of its commands.
pub(super) fn manual(terminal: Terminal, mut command: Command, of: Option<&str>) -> Outcome {
    command.build();
    let page = match of {
        None => command,
        Some(name) => {
            let found = command.find_subcommand(name).cloned();
            found.ok_or_else(|| {
                let error = Error::new(ErrorKind::Configuration, format!("there is no command `{name}`"));
                Failure::Error(error.with_hint("`--help` lists them"))
            })?
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    Ok(terminal.write(&String::from_utf8_lossy(&text))?)
}
