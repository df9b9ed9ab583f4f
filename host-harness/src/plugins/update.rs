//! `accept` and `update`: compare a plugin with the pinned one, and pin it once the user confirms.

use std::path::Path;

use serde_json::json;

use super::{
    super::{
        Outcome,
        args::{AcceptArgs, Global, UpdateArgs},
        grant, inspect,
        session::{Ground, Looked},
        table,
        terminal::Terminal,
    },
    PluginChoice, pinned_id,
};
use model_provider_host::{Error, ErrorKind, Grant, Result, sanitize};
use plugin_registry::{Change, Pin, host::Store};

pub(crate) async fn accept(terminal: Terminal, global: &Global, args: &AcceptArgs) -> Outcome {
    let ground = Ground::open(global)?;
    let looked = ground.look(terminal, &args.plugin).await?;
    let source = PluginChoice::named(&ground.store, &args.plugin)?.source();
    let taken = Taken::new(&ground, &looked, &source)?;
    taken.show(terminal);
    if !args.yes {
        taken.confirmed(terminal, "--yes").await?;
    }
    taken.pin(terminal, &ground)
}

pub(crate) async fn update(terminal: Terminal, global: &Global, args: &UpdateArgs) -> Outcome {
    let ground = Ground::open(global)?;
    let id = pinned_id(&ground.store, args.id.as_deref())?;
    let lock = ground.store.lock()?;
    let pin = &lock
        .plugins
        .get(&id)
        .ok_or_else(|| Error::new(ErrorKind::Configuration, "it is not pinned"))?
        .pin;
    if pin.reference().is_some_and(|reference| reference.tag().is_none()) {
        let message = format!("`{id}` is pinned by its digest: {}", pin.source);
        return Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("`host-harness accept oci://…:TAG` takes another version")
            .into());
    }
    let source = args
        .to
        .clone()
        .unwrap_or_else(|| Path::new(&pin.source).to_owned());
    let looked = ground.look(terminal, &source).await?;
    if looked.plugin.info().id != id {
        let message = format!(
            "{} is the provider `{}`, not `{id}`",
            source.display(),
            looked.plugin.info().id
        );
        return Err(Error::new(ErrorKind::Configuration, message).into());
    }
    let source = PluginChoice::named(&ground.store, &source)?.source();
    let taken = Taken::new(&ground, &looked, &source)?;
    if taken.pin.digest == pin.digest {
        if terminal.is_text() {
            terminal.line(&format!("`{id}` is up to date: {}", pin.digest))?;
        } else {
            terminal.json(&json!({"id": id, "digest": pin.digest, "updated": false}))?;
        }
        return Ok(());
    }
    taken.show(terminal);
    if pin.facts.is_downgrade(&taken.pin.facts) && !args.downgrade {
        let message = format!(
            "{} is older than {}, which is pinned",
            sanitize::name(&taken.pin.facts.version),
            sanitize::name(&pin.facts.version)
        );
        return Err(Error::new(ErrorKind::NotGranted, message)
            .with_hint("`--downgrade` takes it; `rollback` brings back what was pinned before")
            .into());
    }
    let is_wider = taken.changes.iter().any(|change| change.widens);
    let is_confirmed = args.yes && (args.widen || !is_wider);
    if !is_confirmed {
        taken
            .confirmed(terminal, if is_wider { "--yes --widen" } else { "--yes" })
            .await?;
    }
    taken.pin(terminal, &ground)
}

/// A loaded plugin, and the pin for it.
struct Taken {
    id: String,
    pin: Pin,
    old: Option<Pin>,
    changes: Vec<Change>,
    requested: Grant,
}

impl Taken {
    fn new(ground: &Ground, looked: &Looked, source: &str) -> Result<Self> {
        let info = looked.plugin.info();
        let no_url = || {
            let message = format!(
                "the plugin `{}` names `{}` as its base URL, which is no http or https URL",
                info.id, info.default_base_url
            );
            Error::new(ErrorKind::NotGranted, message)
        };
        let requested = Grant::requested_by(info).ok_or_else(no_url)?;
        let pulled = looked
            .pulled
            .as_ref()
            .map(|pulled| (&pulled.manifest, pulled.signers.as_slice()));
        let pin = Store::pin(&looked.plugin, source, pulled, true).ok_or_else(no_url)?;
        let old = ground
            .store
            .lock()?
            .plugins
            .get(&info.id)
            .map(|entry| entry.pin.clone());
        let changes = old
            .as_ref()
            .map(|old| old.facts.changes(&pin.facts))
            .unwrap_or_default();
        Ok(Self {
            id: info.id.clone(),
            pin,
            old,
            changes,
            requested,
        })
    }

    /// Old and new version side by side, and what the new one requests.
    fn show(&self, terminal: Terminal) {
        let mut facts = vec![
            ("plugin", sanitize::name(&self.id).into_owned()),
            ("source", sanitize::name(&self.pin.source).into_owned()),
            ("digest", self.pin.digest.to_string()),
        ];
        facts.extend(
            self.pin
                .signers
                .iter()
                .map(|signer| ("signed by", sanitize::name(signer).into_owned())),
        );
        match &self.old {
            None => {
                facts.push(("version", sanitize::name(&self.pin.facts.version).into_owned()));
                facts.extend(inspect::granted("requests", &self.requested));
            }
            Some(old) => {
                facts.push((
                    "pinned",
                    format!("{} {}", sanitize::name(&old.facts.version), old.digest),
                ));
                for change in &self.changes {
                    let mark = if change.widens { " (wants more)" } else { "" };
                    facts.push((
                        change.what,
                        format!(
                            "{} → {}{mark}",
                            sanitize::name(&change.old),
                            sanitize::name(&change.new)
                        ),
                    ));
                }
                let same = old.facts.unchanged(&self.pin.facts);
                facts.push(("unchanged", same.join(", ")));
                let lost: Vec<_> = old
                    .signers
                    .iter()
                    .filter(|signer| !self.pin.signers.contains(signer))
                    .collect();
                facts.extend(
                    lost.iter()
                        .map(|signer| ("no longer by", sanitize::name(signer).into_owned())),
                );
            }
        }
        terminal.note(&table::facts(terminal.err, &facts));
    }

    async fn confirmed(&self, terminal: Terminal, flags: &str) -> Result<()> {
        let question = format!("Pin this and grant it to `{}`?", self.id);
        let help = "it holds for this digest alone; `rollback` brings back what was pinned before";
        if grant::confirmed(terminal, &self.id, question, help, flags).await? {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Cancelled,
            format!("`{}` was not accepted", self.id),
        ))
    }

    fn pin(self, terminal: Terminal, ground: &Ground) -> Outcome {
        let Self { id, pin, changes, .. } = self;
        ground.store.edit(|lock| {
            lock.put(&id, pin.clone());
            Ok(())
        })?;
        let file = ground.store.lock_file().display().to_string();
        if terminal.is_text() {
            terminal.line(&format!(
                "`{}` is pinned to {}, in {file}",
                sanitize::name(&id),
                pin.digest
            ))?;
        } else {
            terminal.json(&json!({
                "id": id,
                "digest": pin.digest,
                "version": pin.facts.version,
                "changes": changes,
                "updated": true,
                "file": file,
            }))?;
        }
        Ok(())
    }
}
