//! The pushing side of a registry's protocol: a component as one artifact, and what refers to it.
//!
//! The same component and the same description make the same manifest, whoever publishes it and when.

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
/// The date of an artifact whose publisher sets none: the same for everybody.
const NO_DATE: &str = "1970-01-01T00:00:00Z";

/// What is published.
#[derive(Clone, Debug, Default)]
pub struct Artifact {
    /// The component, or a WIT package in its binary form.
    pub component: Vec<u8>,
    /// What it imports and exports; read by who loaded it.
    pub facts: ComponentFacts,
    /// `org.opencontainers.image.*`; what is left out here comes from the file's own metadata.
    pub annotations: BTreeMap<String, String>,
    /// When it was made (RFC 3339).
    pub created: Option<String>,
    /// A bill of materials (CycloneDX, JSON).
    pub sbom: Option<Vec<u8>>,
    /// The text of a minisign signature of the component.
    pub signature: Option<String>,
}

/// What was published.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Published {
    /// Of the manifest: what others pin.
    pub manifest: Digest,
    /// Of the component.
    pub component: Digest,
    /// The manifests that refer to it, by their artifact types.
    pub referrers: Vec<(String, Digest)>,
}

impl Client {
    /// Publishes under a tag, with bill of materials and signature beside it.
    ///
    /// # Errors
    /// The reference names a digest, the registry refuses it, or says that it has other bytes than were sent.
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

    /// Publishes something that refers to a manifest.
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
            // A registry without the API: the list is kept under a tag.
            let mut index = self.fallback_index(reference, &subject.digest).await?;
            descriptor.artifact_type = Some(kind.to_owned());
            index.manifests.retain(|known| known.digest != descriptor.digest);
            index.manifests.push(descriptor);
            let tag = reference.tagged(fallback_tag(&subject.digest));
            self.push_manifest(&tag, INDEX_TYPE, json(&index)?).await?;
        }
        Ok(digest)
    }

    /// Sends a blob, if the registry does not have it.
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
        let unfit = |_| Error::new(ErrorKind::Protocol, "the registry names no place to upload to");
        let mut place: Url = start.join(location).map_err(unfit)?;
        // `send` refuses every other host than the registry's; this says why.
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

    /// Sends a manifest; gives its digest, and whether the registry lists it by its subject.
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
