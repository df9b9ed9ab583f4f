//! Verified pulls: applies policy, lock, cache and registry in the order that trusts nothing before it is verified.
//!
//! Compiles nothing, and writes only to the cache.

use crate::{
    cache::Cache,
    client::{Client, ClientOptions, Resolved},
    digest::Digest,
    error::{Error, ErrorKind, Result},
    lock::{Lock, Pin},
    manifest,
    policy::{Policy, Require},
    reference::Reference,
};

/// Pulls into a cache, by a policy.
#[derive(Debug)]
pub struct Registry {
    client: Client,
    cache: Cache,
    policy: Policy,
}

/// A component with verified digest, policy and signatures.
#[derive(Clone)]
#[non_exhaustive]
pub struct Pulled {
    /// The requested reference.
    pub reference: Reference,
    /// The manifest's digest.
    pub manifest: Digest,
    /// The component's digest.
    pub digest: Digest,
    /// The component.
    pub component: Vec<u8>,
    /// Its signers, by the keys of the policy.
    pub signers: Vec<String>,
    /// Whether everything was cached, without a registry request.
    pub is_cached: bool,
}

impl std::fmt::Debug for Pulled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pulled")
            .field("reference", &self.reference)
            .field("manifest", &self.manifest)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry client with this policy, whose hosts are added to the client's.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(cache: Cache, policy: Policy, mut options: ClientOptions) -> Result<Self> {
        options.redirects.extend(policy.redirects.iter().cloned());
        options.token_servers.extend(policy.token_servers.iter().cloned());
        Ok(Self {
            client: Client::new(options)?,
            cache,
            policy,
        })
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The registry client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The version of a reference to run: the pinned digest if the lock has this source, else the reference's
    /// digest; a tag only if the policy allows pinning on first use.
    ///
    /// # Errors
    /// The policy or the lock does not allow it, or it cannot be pulled or verified.
    pub async fn pinned(&self, reference: &Reference, lock: &Lock) -> Result<Pulled> {
        if let Some((id, entry)) = lock.by_source(reference) {
            let pinned = entry.pin.manifest.as_ref();
            let is_other =
                matches!((reference.digest(), pinned), (Some(named), Some(pinned)) if named != pinned);
            if is_other {
                let pinned = pinned.map(ToString::to_string).unwrap_or_default();
                let message = format!("the lock pins `{id}` to {pinned}, not to {reference}");
                return Err(Error::new(ErrorKind::Locked, message)
                    .hint(format!("if you want it, run `host-harness accept {reference}`")));
            }
            return self.pin(&entry.pin).await;
        }
        if reference.digest().is_none() && self.policy.require != Require::None {
            let message = format!("the tag {reference} is not pinned, and the policy requires a digest");
            return Err(Error::new(ErrorKind::Locked, message).hint(format!(
                "look at it and pin it with `host-harness accept {reference}`"
            )));
        }
        self.pull(reference).await
    }

    /// The version of a pin, from the cache if possible.
    ///
    /// # Errors
    /// It cannot be pulled or verified, or has no reference.
    pub async fn pin(&self, pin: &Pin) -> Result<Pulled> {
        let (Some(reference), Some(manifest)) = (pin.reference(), &pin.manifest) else {
            let message = format!(
                "the pinned plugin {} came from a file, not from a registry",
                pin.source
            );
            return Err(Error::new(ErrorKind::Locked, message));
        };
        let pulled = self.pull(&reference.at(manifest)).await?;
        pin.digest.compare("pinned component", &pulled.digest)?;
        Ok(Pulled { reference, ..pulled })
    }

    /// The current version of a reference in the registry. A cached digest needs no registry request.
    ///
    /// # Errors
    /// The policy does not allow it, or it cannot be pulled or verified. Then nothing of it was used.
    pub async fn pull(&self, reference: &Reference) -> Result<Pulled> {
        self.client.in_time(self.pull_now(reference)).await
    }

    async fn pull_now(&self, reference: &Reference) -> Result<Pulled> {
        self.policy.check_reference(reference)?;
        if let Some(digest) = reference.digest() {
            self.policy.check_digest(digest)?;
        }
        let kept = match reference.digest() {
            Some(digest) => self.cache.get(digest)?.map(|bytes| (digest, bytes)),
            None => None,
        };
        let (resolved, mut is_cached) = match kept {
            Some((digest, bytes)) => {
                let largest = self.client.limits().layer_bytes;
                (Resolved::kept(reference, digest, bytes, largest)?, true)
            }
            None => (self.client.resolve(reference).await?, false),
        };
        // By digest from here on: later moves of the tag do not matter.
        let at = reference.at(&resolved.digest);
        self.policy.check_digest(&resolved.digest)?;
        let layer = resolved.layer()?;
        self.policy.check_digest(&layer.digest)?;
        let config = &resolved.manifest.config;
        let config_bytes = if let Some(bytes) = self.cache.get(&config.digest)? {
            bytes
        } else {
            is_cached = false;
            self.client
                .small_blob(&at, config, "configuration")
                .await?
                .to_vec()
        };
        manifest::check_config(&config_bytes, &layer.digest)?;
        let component = if let Some(bytes) = self.cache.get(&layer.digest)? {
            bytes
        } else {
            is_cached = false;
            self.client.blob(&at, layer, "layer").await?
        };
        let signatures = if is_cached {
            self.cache.signatures(&resolved.digest)
        } else if self.policy.keys.is_empty() {
            Default::default()
        } else {
            self.client.signatures(&at, &resolved.digest).await?
        };
        let mut verified = self
            .policy
            .verify(Some(&resolved.digest), &component, &signatures);
        // A policy key may be newer than the cached signatures; without network, the cached ones decide.
        if is_cached
            && verified
                .as_ref()
                .is_err_and(|error| error.kind() == ErrorKind::Signature)
            && let Ok(newer) = self.client.signatures(&at, &resolved.digest).await
        {
            verified = self.policy.verify(Some(&resolved.digest), &component, &newer);
            if verified.is_ok() {
                self.cache.put_signatures(&resolved.digest, &newer)?;
            }
        }
        let signers = verified?;
        if !is_cached {
            self.cache.put(&layer.digest, &component)?;
            self.cache.put(&config.digest, &config_bytes)?;
            self.cache.put_signatures(&resolved.digest, &signatures)?;
            // Last: if the manifest is cached, everything is.
            self.cache.put(&resolved.digest, &resolved.bytes)?;
        }
        Ok(Pulled {
            reference: reference.clone(),
            manifest: resolved.digest.clone(),
            digest: layer.digest.clone(),
            component,
            signers,
            is_cached,
        })
    }
}
