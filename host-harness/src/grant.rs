//! `grant`: shows what a plugin requests and, after confirmation, grants it.

use std::io::{IsTerminal as _, stderr, stdin};

use serde::Serialize;

use super::{
    Outcome,
    args::{Global, GrantArgs},
    inspect,
    output::inspect::GrantJson,
    session::Ground,
    signals, table,
    terminal::Terminal,
    termios::SavedMode,
};
use model_provider_host::{Error, ErrorKind, Grant, Plugin, sanitize};

/// The granted capabilities, as JSON.
#[derive(Debug, Serialize)]
struct GrantedJson {
    id: String,
    name: String,
    version: String,
    digest: String,
    grants: GrantJson,
    file: String,
}

pub(super) async fn run(terminal: Terminal, global: &Global, args: &GrantArgs) -> Outcome {
    let mut ground = Ground::open(global)?;
    let plugin = ground.look(terminal, &args.file).await?.plugin;
    let holders = holders(&plugin, args.signer)?;
    let info = plugin.info();
    let Some(requested) = Grant::requested_by(info) else {
        let message = format!(
            "the plugin `{}` names `{}` as its base URL, which is no http or https URL",
            info.id, info.default_base_url
        );
        return Err(Error::new(ErrorKind::NotGranted, message).into());
    };
    let mut facts = vec![
        ("plugin", format!("{} ({})", sanitize::name(&info.name), info.id)),
        ("version", sanitize::name(&info.version).into_owned()),
        ("digest", plugin.digest().to_owned()),
    ];
    facts.extend(inspect::granted("requests", &requested));
    for grant in ground.grants.of(&info.id) {
        facts.extend(inspect::granted("has", grant));
    }
    let shown = table::facts(terminal.err, &facts);
    terminal.note(&shown);
    let question = format!("Grant this to `{}`?", info.id);
    let help = if args.signer {
        "it holds until you take it out of `grants.json`, and for every version by this key"
    } else {
        "it holds for this digest alone, until you take it out of `grants.json`"
    };
    if !args.yes && !confirmed(terminal, &info.id, question, help, "--yes").await? {
        let message = format!("`{}` was not granted this", info.id);
        return Err(Error::new(ErrorKind::Cancelled, message).into());
    }
    let file = ground
        .grants
        .write(&info.id, &holders, requested.clone())?
        .display()
        .to_string();
    if terminal.is_text() {
        terminal.line(&format!("granted to `{}`, in {file}", info.id))?;
    } else {
        terminal.json(&GrantedJson {
            id: info.id.clone(),
            name: info.name.clone(),
            version: info.version.clone(),
            digest: plugin.digest().to_owned(),
            grants: GrantJson::from(&requested),
            file,
        })?;
    }
    Ok(())
}

/// Who holds the grant: the digest, or the keys that signed the file.
fn holders(plugin: &Plugin, is_for_signer: bool) -> Result<Vec<String>, Error> {
    if !is_for_signer {
        return Ok(vec![plugin.digest().to_owned()]);
    }
    let is_key = |holder: &&String| holder.starts_with("minisign:") || holder.starts_with("cosign:");
    let keys: Vec<_> = plugin.holders().iter().filter(is_key).cloned().collect();
    if keys.is_empty() {
        let message = format!("{} is not signed by a key of the policy", plugin.path().display());
        return Err(Error::new(ErrorKind::NotGranted, message)
            .with_hint("put the key into `keys` of plugin-policy.json, or leave `--signer` out"));
    }
    Ok(keys)
}

/// Prompts for confirmation. Without a terminal it is an error.
pub(super) async fn confirmed(
    terminal: Terminal,
    id: &str,
    question: String,
    help: &'static str,
    flags: &str,
) -> Result<bool, Error> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let error = Error::new(
            ErrorKind::NotGranted,
            format!("granting this to `{id}` needs a confirmation, and there is no terminal to prompt on"),
        );
        return Err(error.with_hint(format!("if it is right, run the same command with `{flags}`")));
    }
    terminal.err.rule_questions();
    let _mode = SavedMode::now();
    let requested = tokio::task::spawn_blocking(move || {
        inquire::Confirm::new(&question)
            .with_default(false)
            .with_help_message(help)
            .prompt()
    });
    let confirmed = tokio::select! {
        confirmed = requested => confirmed,
        () = signals::interrupted() => return Ok(false),
    };
    match confirmed {
        Ok(Ok(answer)) => Ok(answer),
        // Escape, Ctrl-C, or the terminal went away.
        Ok(Err(_)) | Err(_) => Ok(false),
    }
}
