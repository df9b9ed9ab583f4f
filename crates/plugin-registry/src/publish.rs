//! The registry client's push side: a component as one artifact, and its referrers.
//!
//! Reproducible: the same component and metadata make the same manifest, independent of publisher and time.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header};
use url::Url;

use crate::{
    client::{Client, Scope, url},
    digest::Digest,
    error::{Error, ErrorKind, Result},
    http::{Call, authority},
    manifest::{
        CONFIG_TYPE, ComponentFacts, Descriptor, EMPTY_TYPE, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, Manifest,
        WasmConfig,
    },
    metadata::Metadata,
    reference::Reference,
    referrers::fallback_tag,
    signature::MINISIGN_TYPE,
};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// The artifact type of a bill of materials, and the media type of its layer.
pub const SBOM_TYPE: &str = "application/vnd.cyclonedx+json";
/// The creation time of an artifact without one, for reproducibility.
const NO_DATE: &str = "1970-01-01T00:00:00Z";

/// An artifact to publish.
#[derive(Clone, Debug, Default)]
pub struct Artifact {
    /// The component, or a WIT package in its binary form.
    pub component: Vec<u8>,
    /// Its imports and exports; the caller reads them from the loaded component.
    pub facts: ComponentFacts,
    /// `org.opencontainers.image.*`; missing ones are taken from the file's own metadata.
    pub annotations: BTreeMap<String, String>,
    /// The creation time (RFC 3339).
    pub created: Option<String>,
    /// A bill of materials (CycloneDX, JSON).
    pub sbom: Option<Vec<u8>>,
    /// The text of a minisign signature of the component.
    pub signature: Option<String>,
}

/// The published digests.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// The manifest's digest: the one to pin.
    pub manifest: Digest,
    /// The component's digest.
    pub component: Digest,
    /// Its referrers' manifests, by artifact type.
    pub referrers: Vec<(String, Digest)>,
}

impl Client {
    /// Publishes under a tag, with bill of materials and signature as referrers.
    ///
    /// # Errors
    /// The reference names a digest, the registry refuses it, or reports another digest.
    pub async fn publish(&self, reference: &Reference, artifact: &Artifact) -> Result<Published> {
        self.in_time(self.publish_now(reference, artifact)).await
    }

    async fn publish_now(&self, reference: &Reference, artifact: &Artifact) -> Result<Published> {
        if reference.digest().is_some() || reference.tag().is_none() {
            let message = format!("{reference} names a digest: expected a tag to publish under");
            return Err(Error::new(ErrorKind::Reference, message));
        }
        let layer = Descriptor::of(LAYER_TYPE, &artifact.component);
        let config = WasmConfig {
            created: artifact.created.clone().unwrap_or_else(|| NO_DATE.to_owned()),
            author: None,
            architecture: "wasm".to_owned(),
            os: "wasip2".to_owned(),
            layer_digests: vec![layer.digest.clone()],
            component: Some(artifact.facts.clone()),
        };
        let config = json(&config)?;
        let mut annotations = Metadata::of(&artifact.component).annotations();
        annotations.extend(artifact.annotations.clone());
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            artifact_type: None,
            config: Descriptor::of(CONFIG_TYPE, &config),
            layers: vec![layer.clone()],
            subject: None,
            annotations,
        };
        self.push_blob(reference, &layer, artifact.component.clone().into())
            .await?;
        self.push_blob(reference, &manifest.config, config.clone().into())
            .await?;
        let bytes = json(&manifest)?;
        let digest = self
            .push_manifest(reference, MANIFEST_TYPE, bytes.clone())
            .await?
            .0;
        let subject = Descriptor::of(MANIFEST_TYPE, &bytes);
        let mut referrers = Vec::new();
        let sbom = artifact.sbom.clone().map(|bytes| (SBOM_TYPE, bytes));
        let signature = artifact
            .signature
            .clone()
            .map(|text| (MINISIGN_TYPE, text.into_bytes()));
        for (kind, bytes) in [sbom, signature].into_iter().flatten() {
            let digest = self.refer(reference, &subject, kind, bytes).await?;
            referrers.push((kind.to_owned(), digest));
        }
        Ok(Published {
            manifest: digest,
            component: layer.digest,
            referrers,
        })
    }

    /// Publishes a referrer of a manifest.
    async fn refer(
        &self,
        reference: &Reference,
        subject: &Descriptor,
        kind: &'static str,
        bytes: Vec<u8>,
    ) -> Result<Digest> {
        const EMPTY: &[u8] = b"{}";
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            artifact_type: Some(kind.to_owned()),
            config: Descriptor::of(EMPTY_TYPE, EMPTY),
            layers: vec![Descriptor::of(kind, &bytes)],
            subject: Some(subject.clone()),
            annotations: BTreeMap::new(),
        };
        for (blob, bytes) in [(&manifest.config, EMPTY.to_vec()), (&manifest.layers[0], bytes)] {
            self.push_blob(reference, blob, bytes.into()).await?;
        }
        let bytes = json(&manifest)?;
        let mut descriptor = Descriptor::of(MANIFEST_TYPE, &bytes);
        let at = reference.at(&descriptor.digest);
        let (digest, is_listed) = self.push_manifest(&at, MANIFEST_TYPE, bytes).await?;
        if !is_listed {
            // Without the referrers API, the index is stored under a tag.
            let mut index = self.fallback_index(reference, &subject.digest).await?;
            descriptor.artifact_type = Some(kind.to_owned());
            index.manifests.retain(|known| known.digest != descriptor.digest);
            index.manifests.push(descriptor);
            let tag = reference.tagged(fallback_tag(&subject.digest));
            self.push_manifest(&tag, INDEX_TYPE, json(&index)?).await?;
        }
        Ok(digest)
    }

    /// Uploads a blob, if the registry does not have it.
    async fn push_blob(&self, reference: &Reference, blob: &Descriptor, bytes: Bytes) -> Result<()> {
        let head = Call::new(Method::HEAD, url(reference, &format!("blobs/{}", blob.digest))?);
        if self.send(reference, Scope::Push, head).await?.status == StatusCode::OK {
            return Ok(());
        }
        let start = url(reference, "blobs/uploads/")?;
        let mut response = self
            .send(reference, Scope::Push, Call::new(Method::POST, start.clone()))
            .await?;
        self.check_status(reference, &mut response).await?;
        let location = response.header(&header::LOCATION).unwrap_or_default();
        let unfit = |_| {
            Error::new(
                ErrorKind::Protocol,
                "the registry's response has no upload location",
            )
        };
        let mut place: Url = start.join(location).map_err(unfit)?;
        // `send` refuses other hosts than the registry's anyway; this gives the reason.
        if authority(&place)? != authority(&start)? {
            let message = format!(
                "the registry {} wants an upload sent to another host",
                reference.registry()
            );
            return Err(Error::new(ErrorKind::Redirect, message));
        }
        place
            .query_pairs_mut()
            .append_pair("digest", blob.digest.as_str());
        let put = Call::new(Method::PUT, place).body("application/octet-stream", bytes);
        let mut response = self.send(reference, Scope::Push, put).await?;
        self.check_status(reference, &mut response).await
    }

    /// Uploads a manifest. Returns its digest, and whether the registry lists it as a referrer.
    async fn push_manifest(
        &self,
        reference: &Reference,
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<(Digest, bool)> {
        let digest = Digest::of(&bytes);
        let place = url(reference, &format!("manifests/{}", reference.version()))?;
        let put = Call::new(Method::PUT, place).body(media_type, bytes.into());
        let mut response = self.send(reference, Scope::Push, put).await?;
        self.check_status(reference, &mut response).await?;
        let said = HeaderName::from_static("docker-content-digest");
        if let Some(said) = response.header(&said) {
            said.parse::<Digest>()?
                .compare("manifest that the registry stored", &digest)?;
        }
        Ok((digest, response.header(&SUBJECT).is_some()))
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::new(ErrorKind::Artifact, error.to_string()))
}
