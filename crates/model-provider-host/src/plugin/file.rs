//! A plugin's file: whether it is a component, and whether other users can change it. Knows no contract.

use std::{io::Read as _, path::Path};

use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    files,
    files::trust,
};

/// The size limit: ten times the size of components that bring a language runtime.
const LARGEST: u64 = 256 * 1024 * 1024;
/// `sha256:` and the digest of a file's bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// Reads a plugin's file, if it is a component within the size limit that other users cannot change.
pub(crate) async fn read(path: &Path) -> Result<Vec<u8>> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || read_now(&path))
        .await
        .map_err(|_| Error::new(ErrorKind::PluginLoad, "reading the plugin was interrupted"))?
}

fn read_now(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |error| unreadable(path, &error);
    let unfit = |what: &str| {
        let message = format!("{} {what}", path.display());
        Error::new(ErrorKind::PluginLoad, message).with_hint("name the file of a built component")
    };
    // A pipe or a device may never end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unfit("is not a regular file"));
    }
    let file = files::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if let Some(exposure) = trust::changeable_as(path, &meta) {
        let message = format!(
            "the plugin file {} is not loaded: {}",
            path.display(),
            exposure.message
        );
        return Err(Error::new(ErrorKind::PluginLoad, message).with_hint(format!(
            "others could put another plugin in its place; if the file is the right one, `{}`, or use a copy in a folder \
             of your own",
            exposure.fix
        )));
    }
    if meta.len() > LARGEST {
        return Err(unfit(&format!(
            "has {} bytes; the limit is {LARGEST}",
            meta.len()
        )));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or_default());
    file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let message = if error.kind() == std::io::ErrorKind::NotFound {
        format!("there is no plugin file {}", path.display())
    } else {
        format!("the plugin file {} cannot be read: {error}", path.display())
    };
    Error::new(ErrorKind::PluginLoad, message).with_hint(
        "check the path; a plugin in Rust is built with `cargo build --release --target wasm32-wasip2`",
    )
}

/// Checks the first eight bytes: magic, version and layer of the binary format.
pub(super) fn check_kind(path: &Path, bytes: &[u8]) -> Result<()> {
    let what = match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            "is a core module, not a component; build it for the target `wasm32-wasip2`"
        }
        [0, b'a', b's', b'm', ..] => "is an unsupported kind of WebAssembly",
        [] => "is empty",
        _ => "is not WebAssembly",
    };
    Err(
        Error::new(ErrorKind::PluginLoad, format!("{} {what}", path.display()))
            .with_hint("a plugin is a WASI 0.2 component that exports `openclaw:model-provider/provider`"),
    )
}
