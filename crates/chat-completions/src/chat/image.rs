//! Validation of images: the declared type has to match the bytes, since a backend that decodes them fails late and
//! with a poor message. This module must not know how images are written.

use alloc::{borrow::Cow, format, string::String};

use super::validate::{Checked, invalid, unsupported};
use crate::{
    contract::types::{Media, MediaSource},
    warning::quote,
};

/// Validates an image: its declared type, its source, and its bytes.
pub(super) fn check(path: &str, media: &Media) -> Checked {
    let declared = essence(&media.mime_type);
    let Some(subtype) = declared.strip_prefix("image/") else {
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
            let actual = magic(data);
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
            if actual.map_or(is_known || subtype == "*", |actual| {
                subtype != "*" && actual != subtype
            }) {
                let found = actual.map_or(String::from("of no known image type"), |name| {
                    format!("image/{name}")
                });
                return invalid(path, &format!("says {declared}, but the bytes are {found}"));
            }
        }
    }
    Ok(())
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
