//! Following a tag: a newer plugin is swapped in automatically if policy and lock allow it, and waits for approval
//! otherwise.

use std::time::Duration;

use futures::future::BoxFuture;
use model_provider_host::{
    Error as HostError, ErrorKind as HostErrorKind, Fetched, Host, PendingUpdate, Plugin, PluginSource,
    Result, SwapReport,
};

use super::{Store, facts, provenance};
use crate::{Access, Change, Lock, Pin, Pulled, Reference, host::convert, policy::Follow};

/// The result of checking a tag.
#[derive(Debug)]
#[non_exhaustive]
pub enum Followed {
    /// A newer plugin is live.
    Swapped(Box<SwapReport>),
    /// A newer plugin waits for `update`.
    Waits(PendingUpdate),
    /// The check failed, or the plugin was refused.
    Failed(HostError),
}

/// Polls a tag as long as the future is polled. `report` gets each change, and each digest only once.
pub async fn follow(
    store: Store,
    host: Host,
    reference: Reference,
    every: Duration,
    report: impl FnMut(Followed) + Send,
) {
    follow_for(store, move || host.clone(), reference, every, report).await;
}

/// The same for a host that is reconfigured at run time; `host` returns the current one.
pub async fn follow_for(
    store: Store,
    host: impl Fn() -> Host + Send,
    reference: Reference,
    every: Duration,
    mut report: impl FnMut(Followed) + Send,
) {
    let mut seen = Seen::default();
    loop {
        let host = host();
        let looked = look(&store, &host, &reference, &mut seen).await;
        if let Some(followed) = looked {
            match &followed {
                Followed::Swapped(report) => {
                    tracing::info!(generation = report.to.number, %reference, "the tag has moved: swapped");
                }
                Followed::Waits(pending) => {
                    tracing::warn!(digest = %pending.digest, "a newer plugin waits: {}", pending.message);
                }
                Followed::Failed(error) => tracing::warn!(%error, %reference, "the tag is not followed"),
            }
            report(followed);
        }
        tokio::time::sleep(every).await;
    }
}

/// What has been reported already.
#[derive(Default)]
struct Seen {
    /// The digest that was judged last, and the lock that was used.
    judged: Option<(String, Lock)>,
    /// The last failure of a check.
    failure: Option<String>,
}

async fn look(store: &Store, host: &Host, reference: &Reference, seen: &mut Seen) -> Option<Followed> {
    let newer = match newer(store, host, reference).await {
        Ok(newer) => newer,
        Err(error) => {
            let is_new = seen.failure.as_deref() != Some(error.message());
            seen.failure = Some(error.message().to_owned());
            return is_new.then_some(Followed::Failed(error));
        }
    };
    seen.failure = None;
    let Some(newer) = newer else {
        host.set_pending_update(None);
        return None;
    };
    let digest = newer.digest();
    let key = Some((digest.clone(), newer.lock.clone()));
    if seen.judged == key {
        return None;
    }
    seen.judged = key;
    match host.swap(&newer).await {
        Ok(report) => match newer.keep(host) {
            Ok(()) => Some(Followed::Swapped(Box::new(report))),
            Err(error) => Some(Followed::Failed(error)),
        },
        Err(error) if error.kind() == HostErrorKind::NotGranted => {
            let message = match error.hint() {
                Some(hint) => format!("{}; {hint}", error.message()),
                None => error.message().to_owned(),
            };
            let pending = PendingUpdate::new(digest, message);
            host.set_pending_update(Some(pending.clone()));
            Some(Followed::Waits(pending))
        }
        Err(error) => {
            if error.is_sandbox_full() {
                // A full sandbox is not the plugin's fault.
                seen.judged = None;
            }
            Some(Followed::Failed(error))
        }
    }
}

/// The plugin that should be live and is not: what the lock pins, else what the tag points to.
async fn newer(store: &Store, host: &Host, reference: &Reference) -> Result<Option<Newer>> {
    let lock = store.lock()?;
    let live = host.plugin();
    let Some((id, entry)) = lock.by_source(reference) else {
        let message =
            format!("{reference} is not in the lock, so that there is nothing to compare a newer one with");
        return Err(HostError::new(HostErrorKind::NotGranted, message)
            .with_hint(format!("pin it with `host-harness accept {reference}`")));
    };
    let (id, pin) = (id.to_owned(), entry.pin.clone());
    let registry = store.registry()?;
    let is_pinned = pin.digest.as_str() != live.digest();
    let pulled = if is_pinned {
        registry.pin(&pin).await?
    } else {
        registry.pull(reference).await?
    };
    let is_left = entry.left.contains(&pulled.digest);
    if pulled.digest.as_str() == live.digest() || (is_left && !is_pinned) {
        return Ok(None);
    }
    Ok(Some(Newer {
        follow: registry.policy().follow,
        store: store.clone(),
        reference: reference.clone(),
        id,
        pin,
        pulled,
        is_pinned,
        lock: lock.clone(),
    }))
}

/// A candidate to replace the live plugin.
struct Newer {
    follow: Follow,
    store: Store,
    reference: Reference,
    id: String,
    pin: Pin,
    pulled: Pulled,
    /// It is pinned: accepted, or restored by a rollback.
    is_pinned: bool,
    lock: Lock,
}

impl Newer {
    fn digest(&self) -> String {
        self.pulled.digest.to_string()
    }

    /// Whether a signer of the pinned version has signed this one too.
    fn is_by_the_same(&self) -> bool {
        self.pulled
            .signers
            .iter()
            .any(|signer| self.pin.signers.contains(signer))
    }

    /// Pins the plugin that is live now.
    fn keep(&self, host: &Host) -> Result<()> {
        if self.is_pinned {
            return Ok(());
        }
        let plugin = host.plugin();
        let source = self.reference.to_string();
        let is_granted = self.pin.granted.is_some();
        let Some(pin) = Store::pin(&plugin, &source, Some(provenance(&self.pulled)), is_granted) else {
            return Ok(());
        };
        if pin.digest != self.pulled.digest {
            return Ok(());
        }
        self.store.edit(|lock| {
            lock.put(&self.id, pin);
            Ok(())
        })
    }
}

impl PluginSource for Newer {
    fn fetch(&self) -> BoxFuture<'_, Result<Fetched>> {
        Box::pin(async move {
            let mut holders = self.pulled.signers.clone();
            if !self.is_pinned {
                if self.follow == Follow::Signed && !self.is_by_the_same() {
                    let message = format!(
                        "{} has moved to {}, which is not signed by a signer of {}",
                        self.reference, self.pulled.digest, self.pin.digest
                    );
                    return Err(
                        HostError::new(HostErrorKind::NotGranted, message).with_hint(format!(
                            "look at it and take it with `host-harness update {}`; `\"follow\": \"any\"` in \
                         plugin-policy.json takes what a tag moves to without a signature",
                            self.id
                        )),
                    );
                }
                // It gets the grants of the pinned version, and no more: its requested access is compared before it
                // goes live.
                holders.push(self.pin.digest.to_string());
            }
            let origin = self.reference.to_string();
            Ok(Fetched::new(origin, self.pulled.component.clone()).with_holders(holders))
        })
    }

    fn accept(&self, plugin: &Plugin) -> Result<()> {
        if self.is_pinned {
            return Ok(());
        }
        let requests = model_provider_host::Grant::requested_by(plugin.info());
        let newer = facts(plugin, requests.as_ref().and_then(convert::<_, Access>));
        let mut more: Vec<_> = self
            .pin
            .facts
            .changes(&newer)
            .into_iter()
            .filter(|change| change.widens)
            .collect();
        if self.pin.facts.is_downgrade(&newer) {
            more.push(Change {
                what: "older version",
                old: self.pin.facts.version.clone(),
                new: newer.version,
                widens: true,
            });
        }
        if more.is_empty() {
            return Ok(());
        }
        let more: Vec<_> = more
            .iter()
            .map(|change| format!("{}: {} (now: {})", change.what, change.new, change.old))
            .collect();
        let message = format!(
            "{} has moved to {}, which requests more than the live plugin: {}",
            self.reference,
            self.pulled.digest,
            more.join("; ")
        );
        Err(
            HostError::new(HostErrorKind::NotGranted, message).with_hint(format!(
                "look at it and take it with `host-harness update {}`",
                self.id
            )),
        )
    }
}
