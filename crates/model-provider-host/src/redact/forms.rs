//! The encodings in which a text commonly carries a secret: raw, JSON, percent, HTML and base64.
//!
//! Knows nothing of bodies, events or searching. A listed form is found only as a whole.

use base64::{Engine as _, engine::general_purpose as base64_engine};

/// A shorter secret is not searched for: it would match ordinary text.
pub const SHORTEST: usize = 8;
/// A shorter value that is not the credential is not searched for in foreign text. Configured headers hold ordinary
/// words as well (`production`), and redacting a word that can be guessed would reveal it.
pub(crate) const SHORTEST_OF_OTHERS: usize = 16;

/// Every form of a secret. In a value of several words, such as `Bearer …`, each long word counts by itself, too.
pub(crate) fn of(secret: &str) -> Vec<Vec<u8>> {
    let mut all = of_one(secret);
    let words = secret.split_ascii_whitespace();
    for word in words.filter(|word| *word != secret && word.len() >= SHORTEST_OF_OTHERS) {
        all.extend(of_one(word));
    }
    all
}

fn of_one(secret: &str) -> Vec<Vec<u8>> {
    let mut all = vec![secret.as_bytes().to_vec()];
    // As JSON, JSON within JSON, and one level more, as in the arguments of a tool call.
    for slash in ["/", "\\/"] {
        let mut nested = secret.to_owned();
        for _ in 0..3 {
            nested = in_json(&nested);
            all.push(nested.replace('/', slash).into_bytes());
        }
    }
    // Without any escape: what `Unescaped` makes of every JSON encoding.
    all.push(Unescaped::new(secret.as_bytes()).map(|(_, byte)| byte).collect());
    let percent = |set| percent_encoding::utf8_percent_encode(secret, set).to_string();
    let everything = percent(percent_encoding::NON_ALPHANUMERIC);
    all.push(lower_hex(&everything));
    all.push(everything.into_bytes());
    // Characters that URLs may leave unencoded.
    const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    let reserved = percent(RESERVED);
    all.push(lower_hex(&reserved));
    all.push(reserved.into_bytes());
    all.extend(in_html(secret));
    for engine in [&base64_engine::STANDARD_NO_PAD, &base64_engine::URL_SAFE_NO_PAD] {
        for shift in 0..3usize {
            // With `shift` unknown bytes before it; the base64 characters that depend on unknown bytes before or
            // after it are cut off.
            let mut padded = vec![0u8; shift];
            padded.extend_from_slice(secret.as_bytes());
            let encoded = engine.encode(&padded).into_bytes();
            let from = (shift * 8).div_ceil(6);
            let to = padded.len() * 8 / 6;
            if let Some(middle) = encoded.get(from..to) {
                all.push(middle.to_vec());
            }
        }
    }
    all.retain(|form| form.len() >= SHORTEST);
    all
}

/// The content of a JSON string, without the quotes.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text).to_owned()
}

/// As HTML encoders write it: named entities with decimal references, and hexadecimal ones.
fn in_html(text: &str) -> [Vec<u8>; 3] {
    let write = |quote: &str, apostrophe: &str, plus: &str| {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str(quote),
                '\'' => out.push_str(apostrophe),
                '+' => out.push_str(plus),
                other => out.push(other),
            }
        }
        out.into_bytes()
    };
    [
        write("&quot;", "&#39;", "+"),
        write("&#34;", "&#39;", "&#43;"),
        write("&quot;", "&#x27;", "&#x2B;"),
    ]
}

/// The same percent-encoding with lower-case digits.
fn lower_hex(encoded: &str) -> Vec<u8> {
    let mut digits = 0;
    let lower = |byte: u8| match byte {
        b'%' => {
            digits = 2;
            byte
        }
        _ if digits > 0 => {
            digits -= 1;
            byte.to_ascii_lowercase()
        }
        _ => byte,
    };
    encoded.bytes().map(lower).collect()
}

/// A text without JSON escapes, however deeply nested: its bytes, and the place of each in the original text.
///
/// Removes escapes: `\u0068` becomes `h`, and every other backslash is dropped. The result does not depend on the
/// number of backslashes, so neither nesting nor a split matters.
#[derive(Clone)]
pub(crate) struct Unescaped<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Unescaped<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Unescaped<'_> {
    type Item = (usize, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let begin = self.at;
        while *self.text.get(self.at)? == b'\\' {
            self.at += 1;
        }
        let byte = *self.text.get(self.at)?;
        let escape = self.text.get(self.at..self.at + 5).filter(|_| self.at > begin);
        let escaped = escape.and_then(ascii_escape);
        self.at += if escaped.is_some() { 5 } else { 1 };
        Some((begin, escaped.unwrap_or(byte)))
    }
}

/// The character of `u00XX`.
fn ascii_escape(escape: &[u8]) -> Option<u8> {
    let digits = escape.strip_prefix(b"u00")?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16)
        .ok()
        .filter(|byte| is_hex && byte.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_every_depth_are_removed_with_their_offsets() {
        for (text, plain) in [
            (r"a\u0068b", "ahb"),
            (r"a\\u0068b", "ahb"),
            (r#"a\\\"b\/c"#, "a\"b/c"),
            (r"a\u006", "au006"),
            (r"\u00e9", "u00e9"),
            (r"end\", "end"),
        ] {
            let found: Vec<u8> = Unescaped::new(text.as_bytes()).map(|(_, byte)| byte).collect();
            assert_eq!(String::from_utf8_lossy(&found), plain, "{text}");
        }
        let places = Unescaped::new(br"a\u0068b").map(|(place, _)| place);
        assert_eq!(places.collect::<Vec<_>>(), [0, 1, 7]);
    }

    #[test]
    fn a_value_of_several_words_is_found_by_its_long_words_too() {
        let all = of("Bearer abcdefghijklmnop");
        assert!(all.contains(&b"abcdefghijklmnop".to_vec()) && !all.contains(&b"Bearer".to_vec()));
    }
}
