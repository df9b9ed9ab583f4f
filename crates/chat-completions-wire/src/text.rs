//! Bytes as text.

use alloc::{borrow::Cow, string::String};

/// Converts bytes to text; invalid UTF-8 becomes U+FFFD. The usual case, valid UTF-8, is checked a word at a time.
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    core::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
