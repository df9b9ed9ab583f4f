//! Plugins by name: pull, inspect, accept, update, roll back, deny, list and clean up.
//!
//! Nothing here calls a plugin except for its description.

mod publish;
mod update;

pub(super) use publish::publish;
pub(super) use update::{accept, update};

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{
    Outcome,
    args::{DenyArgs, Global, PullArgs, RollbackArgs},
    format,
    session::Ground,
    table,
    terminal::Terminal,
};
use model_provider_host::{Error, ErrorKind, Result, sanitize};
use plugin_registry::{Digest, Entry, Pin, Reference, SCHEME, host::Store};

/// What a plugin is loaded from.
#[derive(Debug)]
pub(super) enum PluginChoice {
    File(PathBuf),
    Reference(Reference),
    /// The component that this program carries.
    Embedded(&'static [u8]),
}

/// What the component is called that this program carries.
pub(super) const EMBEDDED_NAME: &str = "(embedded)";

/// The component that a release of this program carries.
pub(super) const EMBEDDED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

impl PluginChoice {
    /// What an argument names.
    pub(super) fn named(store: &Store, path: &Path) -> Result<Self> {
        match path.to_str().filter(|text| text.starts_with(SCHEME)) {
            Some(text) => store.reference(text).map(Self::Reference),
            None => Ok(Self::File(path.to_owned())),
        }
    }

    /// Its source in the lock: the whole reference, or the whole path of a file, so that it is found from everywhere.
    fn source(&self) -> String {
        match self {
            Self::Reference(reference) => reference.to_string(),
            Self::File(path) => {
                let whole = path.canonicalize().ok();
                whole.as_deref().unwrap_or(path).to_string_lossy().into_owned()
            }
            Self::Embedded(_) => EMBEDDED_NAME.to_owned(),
        }
    }

    /// What an installed program runs when none is named, but for the component that it carries: the plugin of the lock,
    /// else `plugin.wasm` of the state directory.
    pub(super) fn installed(store: &Store, state_dir: &Path) -> Result<Option<Self>> {
        let lock = store.lock()?;
        let mut plugins = lock.plugins.values();
        match (plugins.next(), plugins.next()) {
            (Some(only), None) => Self::named(store, Path::new(&only.pin.source)).map(Some),
            (Some(_), Some(_)) => {
                let sources: Vec<_> = lock
                    .plugins
                    .values()
                    .map(|entry| entry.pin.source.as_str())
                    .collect();
                let message = format!("the lock pins {} plugins", lock.plugins.len());
                Err(Error::new(ErrorKind::Configuration, message)
                    .with_hint(format!("name one with `--plugin`: {}", sources.join(", "))))
            }
            (None, _) => {
                let file = state_dir.join("plugin.wasm");
                Ok(file.is_file().then_some(Self::File(file)))
            }
        }
    }
}

pub(super) async fn pull(terminal: Terminal, global: &Global, args: &PullArgs) -> Outcome {
    let ground = Ground::open(global)?;
    let reference = ground.store.reference(&args.reference)?;
    let pulled = {
        let _pulling = terminal.spinner(format!("pulling {reference}"));
        ground
            .store
            .registry()?
            .pull(&reference)
            .await
            .map_err(Error::from)?
    };
    if terminal.is_text() {
        let mut facts = vec![
            ("pulled", reference.to_string()),
            ("manifest", pulled.manifest.to_string()),
            ("digest", pulled.digest.to_string()),
            ("size", format::bytes(pulled.component.len() as u64)),
        ];
        facts.extend(pulled.signers.iter().map(|signer| ("signed by", signer.clone())));
        terminal.line(&table::facts(terminal.out, &facts))?;
    } else {
        terminal.json(&json!({
            "reference": reference.to_string(),
            "manifest": pulled.manifest,
            "digest": pulled.digest,
            "size": pulled.component.len(),
            "signers": pulled.signers,
            "cached": pulled.is_cached,
        }))?;
    }
    Ok(())
}

pub(super) fn list(terminal: Terminal, global: &Global) -> Outcome {
    let ground = Ground::open(global)?;
    let (lock, cache) = (ground.store.lock()?, ground.store.cache());
    if !terminal.is_text() {
        let plugins: serde_json::Map<_, _> = lock
            .plugins
            .iter()
            .map(|(id, entry)| (id.clone(), entry_json(entry, cache.has(&entry.pin.digest))))
            .collect();
        let cached: Vec<_> = cache.all().map_err(Error::from)?;
        let size: u64 = cached.iter().map(|(_, size)| size).sum();
        terminal.json(&json!({"plugins": plugins, "cache": {"files": cached.len(), "bytes": size}}))?;
        return Ok(());
    }
    for (id, entry) in &lock.plugins {
        let is_cached = cache.has(&entry.pin.digest);
        terminal.line(&table::facts(terminal.out, &entry_facts(id, entry, is_cached)))?;
    }
    if lock.plugins.is_empty() {
        terminal.note("no plugin is pinned; `accept` pins one");
    }
    let cached = cache.all().map_err(Error::from)?;
    let size = cached.iter().map(|(_, size)| size).sum();
    terminal.note(&format!(
        "cache: {}, {}",
        format::counted(cached.len(), "file"),
        format::bytes(size)
    ));
    Ok(())
}

fn entry_json(entry: &Entry, is_cached: bool) -> Value {
    let mut value = serde_json::to_value(entry).unwrap_or_default();
    value["cached"] = json!(is_cached);
    value
}

fn entry_facts(id: &str, entry: &Entry, is_cached: bool) -> Vec<(&'static str, String)> {
    let pin = &entry.pin;
    let mut facts = vec![
        ("plugin", sanitize::name(id).into_owned()),
        ("version", sanitize::name(&pin.facts.version).into_owned()),
        ("digest", pin.digest.to_string()),
        ("source", sanitize::name(&pin.source).into_owned()),
    ];
    facts.push((
        "granted",
        match &pin.granted {
            Some(granted) => format!("to reach {}", sanitize::name(&granted.origin)),
            None => "nothing by this lock".to_owned(),
        },
    ));
    facts.extend(
        pin.signers
            .iter()
            .map(|signer| ("signed by", sanitize::name(signer).into_owned())),
    );
    if pin.manifest.is_some() && !is_cached {
        facts.push(("cache", "not there; `pull` fetches it".to_owned()));
    }
    let earlier = entry.earlier.iter().map(|earlier| ("earlier", short(earlier)));
    facts.extend(earlier);
    facts
}

/// A version and its digest.
fn short(pin: &Pin) -> String {
    format!("{} {}", sanitize::name(&pin.facts.version), pin.digest)
}

pub(super) fn gc(terminal: Terminal, global: &Global) -> Outcome {
    let ground = Ground::open(global)?;
    let (lock, cache) = (ground.store.lock()?, ground.store.cache());
    // What a pinned manifest needs besides itself: its configuration.
    let mut previous: Vec<Digest> = Vec::new();
    for entry in lock.plugins.values() {
        for pin in std::iter::once(&entry.pin).chain(&entry.earlier) {
            let Some(manifest) = &pin.manifest else { continue };
            let bytes = cache.get(manifest).map_err(Error::from)?.unwrap_or_default();
            let read: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            previous.extend(
                read["config"]["digest"]
                    .as_str()
                    .and_then(|digest| digest.parse().ok()),
            );
        }
    }
    let (files, bytes) = cache
        .collect(|digest| lock.names(digest) || previous.contains(digest))
        .map_err(Error::from)?;
    if terminal.is_text() {
        terminal.line(&format!(
            "removed {}, {}",
            format::counted(files, "file"),
            format::bytes(bytes)
        ))?;
    } else {
        terminal.json(&json!({"files": files, "bytes": bytes}))?;
    }
    Ok(())
}

pub(super) fn rollback(terminal: Terminal, global: &Global, args: &RollbackArgs) -> Outcome {
    let ground = Ground::open(global)?;
    let id = pinned_id(&ground.store, args.id.as_deref())?;
    let (left, now) = ground.store.edit(|lock| Ok(lock.roll_back(&id)?))?;
    if now.manifest.is_some() && !ground.store.cache().has(&now.digest) {
        terminal.warn("the earlier version is not in the cache: it is pulled when it is used");
    }
    if terminal.is_text() {
        terminal.line(&format!(
            "`{}` is back at {} (was {})",
            sanitize::name(&id),
            short(&now),
            short(&left)
        ))?;
    } else {
        terminal.json(
            &json!({"id": id, "digest": now.digest, "version": now.facts.version, "left": left.digest}),
        )?;
    }
    Ok(())
}

pub(super) fn deny(terminal: Terminal, global: &Global, args: &DenyArgs) -> Outcome {
    let ground = Ground::open(global)?;
    let digest: Digest = args.digest.parse().map_err(Error::from)?;
    ground.store.deny(&digest)?;
    let file = ground.store.policy_file().display().to_string();
    if let Some((id, _)) = ground.store.lock()?.by_digest(&digest) {
        terminal.warn(&format!(
            "`{id}` is pinned to it: `host-harness rollback {id}` brings back the previous version"
        ));
    }
    if terminal.is_text() {
        terminal.line(&format!("{digest} never loads again, by {file}"))?;
    } else {
        terminal.json(&json!({"denied": digest, "file": file}))?;
    }
    Ok(())
}

/// The plugin that is meant: the named one, or the only one.
fn pinned_id(store: &Store, named: Option<&str>) -> Result<String> {
    let lock = store.lock()?;
    let known: Vec<_> = lock.plugins.keys().map(String::as_str).collect();
    match (named, known.as_slice()) {
        (Some(named), _) if known.contains(&named) => Ok(named.to_owned()),
        (None, [only]) => Ok((*only).to_owned()),
        (_, []) => Err(Error::new(ErrorKind::Configuration, "no plugin is pinned")
            .with_hint("`host-harness accept PLUGIN` pins one")),
        _ => Err(
            Error::new(ErrorKind::Configuration, "expected the id of a pinned plugin")
                .with_hint(format!("name one of {}", known.join(", "))),
        ),
    }
}
