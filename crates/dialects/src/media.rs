//! Images and audio: their location and media type.

use std::borrow::Cow;

use base64::Engine as _;

use crate::json::Node;
use provider_contract::{
    Result,
    contract::{Media, MediaSource},
};

/// The error for a source that cannot be supported.
pub(crate) const NO_FILES: &str = "names a file: files are not stored here; send what is in it";
const BASE64: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// An image; its type follows from its first bytes. `None` for anything but PNG, JPEG, GIF and WebP.
#[must_use]
pub fn image_of(bytes: Vec<u8>) -> Option<Media> {
    Some(Media::new(picture_type(&bytes)?, MediaSource::Data(bytes)))
}

fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// The content of a URL: inline bytes (`data:`), or a URL that the upstream fetches.
pub(crate) fn from_url(url: &Node<'_>, family: &str) -> Result<Media> {
    let text = url.text()?;
    let scheme = text
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("data") => from_data_url(url, text),
        Some("http" | "https") if url::Url::parse(&text).is_ok() => {
            let source = MediaSource::Url(text.into_owned());
            Ok(Media::new(format!("{family}/*"), source))
        }
        _ => Err(url.wrong("an http, https or data URL")),
    }
}

/// Refuses a URL that is not one of those that [`from_url`] accepts.
pub(crate) fn check_url(url: &Node<'_>) -> Result<()> {
    let text = url.text()?;
    let scheme = text.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match scheme.as_str() {
        "data" => Ok(()),
        "http" | "https" if url::Url::parse(&text).is_ok() => Ok(()),
        _ => Err(url.wrong("an http, https or data URL")),
    }
}

/// An image as the Messages API has it: bytes with their media type, or a URL.
pub(crate) fn from_source(source: &Node<'_>) -> Result<Media> {
    let kind = source.need("type")?;
    match &*kind.text()? {
        "base64" => from_base64(source),
        "url" => from_url(&source.need("url")?, "image"),
        "file" => Err(source.unsupported(NO_FILES)),
        _ => Err(kind.wrong("`base64` or `url`")),
    }
}

/// The bytes and the media type of a source.
pub(crate) fn from_base64(source: &Node<'_>) -> Result<Media> {
    let mime_type = source.need("media_type")?.string()?.to_ascii_lowercase();
    Ok(Media::new(mime_type, MediaSource::Data(bytes_of(source)?)))
}

/// The bytes of a source.
pub(crate) fn bytes_of(source: &Node<'_>) -> Result<Vec<u8>> {
    let data = source.need("data")?;
    decode(data.text()?, 0)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| data.wrong("base64 that holds something"))
}

fn from_data_url(url: &Node<'_>, text: Cow<'_, str>) -> Result<Media> {
    let wants = "a data URL: `data:TYPE;base64,DATA`";
    let (head, data) = text
        .get("data:".len()..)
        .and_then(|rest| rest.split_once(','))
        .ok_or_else(|| url.wrong(wants))?;
    let mut words = head.split(';');
    let named = words.next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_base64 = words.any(|word| word.trim().eq_ignore_ascii_case("base64"));
    let at = text.len() - data.len();
    let bytes = if is_base64 {
        decode(text, at).ok_or_else(|| url.wrong(wants))?
    } else {
        let mut bytes = Vec::with_capacity(data.len());
        bytes.extend(percent_encoding::percent_decode_str(data));
        bytes
    };
    if bytes.is_empty() {
        return Err(url.wrong("a data URL that holds something"));
    }
    // Clients write `data:image;…` or `data:None;…` where they do not know the type; the bytes do.
    let by_bytes = || picture_type(&bytes).map(str::to_owned);
    let mime_type = if named.contains('/') {
        Some(named)
    } else {
        by_bytes()
    };
    let mime_type = mime_type.ok_or_else(|| url.wrong("a data URL with a media type"))?;
    Ok(Media::new(mime_type, MediaSource::Data(bytes)))
}

/// Decodes base64 from here on; `None` if it is invalid. Padding may be missing, and white space is allowed. White
/// space is removed in place if the text is owned, since it may be large.
fn decode(text: Cow<'_, str>, at: usize) -> Option<Vec<u8>> {
    if text.as_bytes()[at..].iter().any(u8::is_ascii_whitespace) {
        let mut dense = text.into_owned();
        dense.drain(..at);
        dense.retain(|character| !character.is_ascii_whitespace());
        return BASE64.decode(dense).ok();
    }
    BASE64.decode(&text.as_bytes()[at..]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        assert_eq!(picture_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(picture_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(picture_type(b"GIF89a."), Some("image/gif"));
        assert_eq!(picture_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(picture_type(b"RIFF\0\0\0\0WAVE"), None);
        assert_eq!(picture_type(b"<svg"), None);
        assert_eq!(picture_type(b""), None);
    }

    #[test]
    fn base64_may_lack_padding_and_hold_line_breaks() {
        assert_eq!(decode("aGk=".into(), 0), Some(b"hi".to_vec()));
        assert_eq!(decode("data:,aG\r\nk".into(), 6), Some(b"hi".to_vec()));
        assert_eq!(decode("a?".into(), 0), None);
    }
}
