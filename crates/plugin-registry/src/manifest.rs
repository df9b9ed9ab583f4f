//! OCI manifests and configurations of WebAssembly artifacts, and the check for plugins.
//!
//! A plugin is an image manifest with one layer of the exact media types below. Anything else is refused, not
//! interpreted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest,
    error::{Error, ErrorKind, Result, shown},
};

/// The media type of a manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an index, which lists the artifacts that refer to another one.
pub const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of the configuration, by the guidance of the CNCF's working group for WebAssembly artifacts.
pub const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The media type of the layer.
pub const LAYER_TYPE: &str = "application/wasm";
/// The media type of an empty configuration.
pub(crate) const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// The size limit of a manifest, index or configuration.
pub(crate) const LARGEST_JSON: u64 = 1024 * 1024;

/// A descriptor of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its media type.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The type of an artifact in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of these bytes.
    #[must_use]
    pub fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// [`MANIFEST_TYPE`]; optional, since the response has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The artifact's type, if the configuration does not define it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The content.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// `org.opencontainers.image.*`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An index of manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    /// 2.
    pub schema_version: u32,
    /// [`INDEX_TYPE`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The manifests.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Index {
    pub(crate) fn empty() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(INDEX_TYPE.to_owned()),
            manifests: Vec::new(),
        }
    }
}

/// The configuration of a WebAssembly artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WasmConfig {
    /// The creation time, in RFC 3339.
    pub created: String,
    /// The author.
    #[serde(default)]
    pub author: Option<String>,
    /// `wasm`.
    pub architecture: String,
    /// `wasip2`.
    pub os: String,
    /// The digest of the layer.
    #[serde(default)]
    pub layer_digests: Vec<Digest>,
    /// The component's imports and exports; informative only, never trusted.
    #[serde(default)]
    pub component: Option<ComponentFacts>,
}

/// The interfaces of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentFacts {
    /// Exported interfaces.
    #[serde(default)]
    pub exports: Vec<String>,
    /// Imported interfaces.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The world that it targets.
    #[serde(default)]
    pub target: Option<String>,
}

fn unfit(what: &str) -> Error {
    Error::new(
        ErrorKind::Artifact,
        format!("the artifact is not a plugin: {what}"),
    )
    .hint("a plugin is one component, pushed with `publish`, `wkg oci push` or `wash oci push`")
}

/// Parses a plugin's manifest from bytes whose digest was verified.
pub(crate) fn read_plugin(content_type: &str, bytes: &[u8], largest: u64) -> Result<Manifest> {
    if content_type == INDEX_TYPE {
        return Err(unfit("expected one manifest, found an index of several"));
    }
    if content_type != MANIFEST_TYPE {
        return Err(unfit(&format!(
            "expected a manifest of the media type {MANIFEST_TYPE}, found {}",
            shown(content_type)
        )));
    }
    let manifest = read(bytes)?;
    let is = |found: &str, wanted: &str, what: &str| {
        if found == wanted {
            return Ok(());
        }
        Err(unfit(&format!(
            "expected a {what} of the media type {wanted}, found {}",
            shown(found)
        )))
    };
    is(&manifest.config.media_type, CONFIG_TYPE, "configuration")?;
    let [layer] = manifest.layers.as_slice() else {
        return Err(unfit(&format!(
            "expected one layer, found {}",
            manifest.layers.len()
        )));
    };
    is(&layer.media_type, LAYER_TYPE, "layer")?;
    if layer.size > largest {
        let message = format!(
            "the layer has {} bytes, and a plugin may have {largest}",
            layer.size
        );
        return Err(Error::new(ErrorKind::Size, message));
    }
    if manifest.config.size > LARGEST_JSON {
        let message = format!(
            "the configuration has {} bytes, and may have {LARGEST_JSON}",
            manifest.config.size
        );
        return Err(Error::new(ErrorKind::Size, message));
    }
    Ok(manifest)
}

/// Parses any manifest.
pub(crate) fn read(bytes: &[u8]) -> Result<Manifest> {
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| {
        unfit(&format!(
            "its manifest cannot be read: {}",
            shown(&error.to_string())
        ))
    })?;
    if manifest.schema_version != 2 {
        return Err(unfit(&format!(
            "expected a manifest of schema version 2, found {}",
            manifest.schema_version
        )));
    }
    if let Some(found) = manifest
        .media_type
        .as_deref()
        .filter(|found| *found != MANIFEST_TYPE)
    {
        return Err(unfit(&format!(
            "its manifest says that it is {}, expected {MANIFEST_TYPE}",
            shown(found)
        )));
    }
    Ok(manifest)
}

/// Checks a plugin's configuration: for components, and of this layer if it names layers.
pub(crate) fn check_config(bytes: &[u8], layer: &Digest) -> Result<WasmConfig> {
    let config: WasmConfig = serde_json::from_slice(bytes).map_err(|error| {
        unfit(&format!(
            "its configuration cannot be read: {}",
            shown(&error.to_string())
        ))
    })?;
    if config.architecture != "wasm" || config.os != "wasip2" {
        return Err(unfit(&format!(
            "expected architecture wasm and os wasip2, found {} and {}",
            shown(&config.architecture),
            shown(&config.os)
        )));
    }
    if !config.layer_digests.is_empty() && config.layer_digests != [layer.clone()] {
        return Err(unfit("its configuration is of another layer"));
    }
    Ok(config)
}
