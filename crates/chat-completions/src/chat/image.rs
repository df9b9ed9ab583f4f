//! Validation of images. The bytes decide the type: a backend that decodes them by another one fails late and with a
//! poor message. This module must not know how images are written.

use alloc::{borrow::Cow, format, string::String};

use super::validate::{invalid, unsupported};
use crate::{
    contract::types::{Error, Media, MediaSource},
    warning::quote,
};

/// Media types that say nothing about the bytes.
const NO_TYPES: [&str; 4] = ["", "*/*", "image", "application/octet-stream"];

/// Validates an image: its declared type, its source, and its bytes. Returns whether the bytes have another type than
/// the declared one; it is sent with theirs.
pub(super) fn check(path: &str, media: &Media) -> Result<bool, Error> {
    let declared = essence(&media.mime_type);
    let actual = match &media.source {
        MediaSource::Data(data) => magic(data),
        MediaSource::Url(_) => None,
    };
    let Some(subtype) = declared.strip_prefix("image/") else {
        if actual.is_some() && NO_TYPES.contains(&&*declared) {
            return Ok(true);
        }
        let what = quote(&declared) + " cannot be sent; this provider takes text and images";
        return unsupported(
            path,
            &what,
            "Send it in the upstream's own form as an `other` part, or leave it out.",
        );
    };
    match &media.source {
        MediaSource::Url(url) => {
            let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if !matches!(scheme.as_str(), "http" | "https" | "data") {
                return invalid(path, "has a URL that is not an http, https or data URL");
            }
        }
        MediaSource::Data(data) => {
            let is_known = matches!(
                subtype,
                "png" | "jpeg" | "gif" | "webp" | "bmp" | "tiff" | "avif" | "heic"
            );
            if data.is_empty() {
                return invalid(path, "is empty");
            }
            if subtype.is_empty()
                || !subtype
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"*+-._".contains(&b))
            {
                return invalid(path, "has an invalid media type");
            }
            let Some(actual) = actual else {
                if is_known || subtype == "*" {
                    let what = format!("says {declared}, but the bytes are of no known image type");
                    return invalid(path, &what);
                }
                return Ok(false);
            };
            return Ok(subtype != "*" && actual != subtype);
        }
    }
    Ok(false)
}

/// The media type of checked bytes as it is sent.
pub(super) fn media_type(mime_type: &str, data: &[u8]) -> String {
    magic(data).map_or_else(
        || essence(mime_type).into_owned(),
        |subtype| format!("image/{subtype}"),
    )
}

/// A media type without parameters, in lower case, in its registered spelling.
fn essence(mime_type: &str) -> Cow<'static, str> {
    let essence = mime_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "image/jpg" {
        Cow::Borrowed("image/jpeg")
    } else {
        Cow::Owned(essence)
    }
}

/// The image type, from the first bytes.
fn magic(data: &[u8]) -> Option<&'static str> {
    /// Magic numbers; `?` is any byte.
    const KNOWN: [(&[u8], &str); 11] = [
        (b"\x89PNG", "png"),
        (b"\xFF\xD8\xFF", "jpeg"),
        (b"GIF8", "gif"),
        (b"BM", "bmp"),
        (b"II\x2A\0", "tiff"),
        (b"MM\0\x2A", "tiff"),
        (b"RIFF????WEBP", "webp"),
        (b"????ftypavif", "avif"),
        (b"????ftypheic", "heic"),
        (b"????ftypheix", "heic"),
        (b"????ftypmif1", "heic"),
    ];
    let begins_as = |pattern: &[u8]| {
        let mut bytes = data.iter();
        pattern
            .iter()
            .all(|want| bytes.next().is_some_and(|byte| *want == b'?' || want == byte))
    };
    let known = KNOWN.iter().find(|(pattern, _)| begins_as(pattern));
    known.map(|(_, name)| *name)
}
