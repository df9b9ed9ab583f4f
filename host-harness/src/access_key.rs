//! `access-key`: manages the key file of `serve`. A key is shown once, when it is created; the file has its digest.

use std::path::Path;

use serde_json::json;

use super::{
    Outcome,
    args::{AccessKeyAction, AccessKeyArgs, AddArgs, KeyFile, NamedKeyArgs},
    terminal::Terminal,
};
use model_provider_host::{Error, ErrorKind, Result, Secret, files};
use model_server::{AccessKey, AccessKeys, KeyDigest, generate_key};

/// The size limit of a key file.
const LARGEST: u64 = 16 * 1024 * 1024;

pub(super) fn run(terminal: Terminal, args: &AccessKeyArgs) -> Outcome {
    match &args.action {
        AccessKeyAction::Add(args) => add(terminal, args),
        AccessKeyAction::Rotate(args) => rotate(terminal, args),
        AccessKeyAction::Retire(args) => change(terminal, args, "has only its newest key", |key| {
            key.retire();
            true
        }),
        AccessKeyAction::Disable(args) => change(terminal, args, "is disabled", |key| {
            key.disabled = true;
            true
        }),
        AccessKeyAction::Enable(args) => change(terminal, args, "is enabled", |key| {
            key.disabled = false;
            true
        }),
        AccessKeyAction::Remove(args) => change(terminal, args, "is removed", |_| false),
        AccessKeyAction::List(file) => list(terminal, file),
    }
}

/// The keys of a file.
pub(super) fn read(file: &Path) -> Result<AccessKeys> {
    let text = files::read_input_text(file, LARGEST).map_err(|error| {
        let message = format!("the access keys {} cannot be read: {error}", file.display());
        Error::new(ErrorKind::Configuration, message)
            .with_hint("`host-harness access-key add NAME --file FILE` creates it")
    })?;
    AccessKeys::parse(&text)
}

fn add(terminal: Terminal, args: &AddArgs) -> Outcome {
    let NamedKeyArgs { name, file } = &args.named;
    let key = generate_key()?;
    edit(file, |keys| {
        let mut added = AccessKey::new(name, KeyDigest::of(key.expose()));
        added.models = (!args.models.is_empty()).then(|| args.models.clone());
        added.requests_per_minute = args.requests_per_minute;
        added.concurrent_requests = args.concurrent_requests;
        added.tokens_per_day = args.tokens_per_day;
        added.usd_per_day = args.usd_per_day;
        added.expires.clone_from(&args.expires);
        added.metrics = args.metrics;
        keys.with(added)
    })?;
    show_once(terminal, name, &key)
}

fn rotate(terminal: Terminal, args: &NamedKeyArgs) -> Outcome {
    let key = generate_key()?;
    edit(&args.file, |keys| {
        keys.changed(&args.name, |known| {
            known.rotate(KeyDigest::of(key.expose()));
            true
        })
    })?;
    show_once(terminal, &args.name, &key)
}

/// Only the key is on standard output, so that it can be piped.
fn show_once(terminal: Terminal, name: &str, key: &Secret) -> Outcome {
    if terminal.is_text() {
        terminal.note(&format!("the key of `{name}`, shown this once:"));
        terminal.line(key.expose())?;
    } else {
        terminal.json(&json!({ "name": name, "key": key.expose() }))?;
    }
    Ok(())
}

fn change(
    terminal: Terminal,
    args: &NamedKeyArgs,
    says: &str,
    change: impl FnOnce(&mut AccessKey) -> bool,
) -> Outcome {
    edit(&args.file, |keys| keys.changed(&args.name, change))?;
    if terminal.is_text() {
        terminal.line(&format!(
            "`{}` {says}; a running server applies it on SIGHUP, or automatically with `--watch-config`",
            args.name
        ))?;
    } else {
        terminal.json(&json!({ "name": args.name }))?;
    }
    Ok(())
}

/// Edits the file atomically, under a lock.
fn edit(file: &KeyFile, change: impl FnOnce(&AccessKeys) -> Result<AccessKeys>) -> Result<()> {
    let path = &file.file;
    let _lock = files::lock(path)?;
    let keys = if path.exists() {
        read(path)?
    } else {
        AccessKeys::default()
    };
    files::write_private(path, change(&keys)?.text().as_bytes())
}

fn list(terminal: Terminal, file: &KeyFile) -> Outcome {
    let keys = read(&file.file)?;
    if !terminal.is_text() {
        let keys: Vec<_> = keys.iter().map(described).collect();
        terminal.json(&keys)?;
        return Ok(());
    }
    for key in keys.iter() {
        let facts = described(key);
        let facts = facts.as_object().into_iter().flatten();
        let facts: Vec<String> = facts
            .filter(|(name, _)| *name != "name")
            .map(|(name, value)| {
                format!(
                    "{name}={}",
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                )
            })
            .collect();
        terminal.line(format!("{}  {}", key.name, facts.join(" ")).trim_end())?;
    }
    Ok(())
}

/// A key without its digests.
fn described(key: &AccessKey) -> serde_json::Value {
    let mut described = serde_json::to_value(key).unwrap_or_default();
    if let Some(members) = described.as_object_mut() {
        members.shift_remove("sha256");
        if key.sha256.len() > 1 {
            members.insert("keys".to_owned(), key.sha256.len().into());
        }
    }
    described
}
