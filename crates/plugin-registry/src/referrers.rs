//! Referrers of an artifact: signatures and bills of materials, found by the referrers API of the registry, or by
//! its fallback tag where the registry has no such API.

use http::{HeaderValue, Method, header};

use crate::{
    client::{Client, Scope, url},
    digest::Digest,
    error::{Error, ErrorKind, Result},
    http::Call,
    manifest::{self, Descriptor, INDEX_TYPE, Index, LARGEST_JSON, MANIFEST_TYPE},
    reference::Reference,
    signature::{self, COSIGN_ANNOTATION, COSIGN_TYPE, CosignSignature, MINISIGN_TYPE, Signatures},
};

/// The fallback tag of the index of referrers: `sha256-HEX`.
pub(crate) fn fallback_tag(digest: &Digest) -> String {
    digest.as_str().replace(':', "-")
}

impl Client {
    /// The referrers of a manifest.
    ///
    /// # Errors
    /// The registry fails. No referrers are no error.
    pub async fn referrers(&self, reference: &Reference, of: &Digest) -> Result<Vec<Descriptor>> {
        let call = Call::new(Method::GET, url(reference, &format!("referrers/{of}"))?)
            .header(header::ACCEPT, HeaderValue::from_static(INDEX_TYPE));
        let mut response = self.send(reference, Scope::Pull, call).await?;
        let index = if response.status.is_success() && response.media_type() == INDEX_TYPE {
            read_index(&response.all(LARGEST_JSON).await?)?
        } else {
            self.fallback_index(reference, of).await?
        };
        Ok(index.manifests)
    }

    /// The index under the fallback tag.
    pub(crate) async fn fallback_index(&self, reference: &Reference, of: &Digest) -> Result<Index> {
        match self
            .manifest(&reference.tagged(fallback_tag(of)), INDEX_TYPE)
            .await
        {
            Ok((media_type, _, bytes)) if media_type == INDEX_TYPE => read_index(&bytes),
            Ok(_) => Ok(Index::empty()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Index::empty()),
            Err(error) => Err(error),
        }
    }

    /// The signatures of a manifest: its minisign referrers, and cosign's under its tag.
    ///
    /// # Errors
    /// The registry fails.
    pub async fn signatures(&self, reference: &Reference, of: &Digest) -> Result<Signatures> {
        let mut signatures = Signatures::default();
        let found = self.referrers(reference, of).await?;
        let is_minisign = |found: &&Descriptor| found.artifact_type.as_deref() == Some(MINISIGN_TYPE);
        for descriptor in found.iter().filter(is_minisign).take(signature::MOST) {
            if let Some(text) = self.minisign(reference, descriptor, of).await? {
                signatures.minisign.push(text);
            }
        }
        let tag = format!("{}.sig", fallback_tag(of));
        match self.manifest(&reference.tagged(tag), MANIFEST_TYPE).await {
            Ok((_, _, bytes)) => {
                let Ok(manifest) = manifest::read(&bytes) else {
                    return Ok(signatures);
                };
                let is_signing = |layer: &&Descriptor| layer.media_type == COSIGN_TYPE;
                for layer in manifest.layers.iter().filter(is_signing).take(signature::MOST) {
                    let Some(text) = layer.annotations.get(COSIGN_ANNOTATION) else {
                        continue;
                    };
                    if layer.size > signature::LARGEST {
                        continue;
                    }
                    let payload = self.small_blob(reference, layer, "signature").await?;
                    if let Ok(payload) = String::from_utf8(payload.to_vec()) {
                        let signature = text.clone();
                        signatures.cosign.push(CosignSignature { payload, signature });
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(signatures)
    }

    /// The text of a signature; `None` if it has an unknown form.
    async fn minisign(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        of: &Digest,
    ) -> Result<Option<String>> {
        let at = reference.at(&descriptor.digest);
        let (_, _, bytes) = self.manifest(&at, MANIFEST_TYPE).await?;
        let Ok(manifest) = manifest::read(&bytes) else {
            return Ok(None);
        };
        let is_of = manifest
            .subject
            .as_ref()
            .is_some_and(|subject| subject.digest == *of);
        let [layer] = manifest.layers.as_slice() else {
            return Ok(None);
        };
        if !is_of || layer.media_type != MINISIGN_TYPE || layer.size > signature::LARGEST {
            return Ok(None);
        }
        let text = self.small_blob(&at, layer, "signature").await?;
        Ok(String::from_utf8(text.to_vec()).ok())
    }
}

fn read_index(bytes: &[u8]) -> Result<Index> {
    serde_json::from_slice(bytes).map_err(|_| {
        Error::new(
            ErrorKind::Protocol,
            "the registry's list of signatures cannot be read",
        )
    })
}
