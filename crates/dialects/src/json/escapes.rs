//! Unescaping of JSON strings in one pass and one allocation, where serde_json uses two of each: a string may be
//! most of a large document. Knows nothing of what is around a string.

/// The rest after the end of a string whose beginning has been read; empty if it has no end.
pub(crate) fn behind_text(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        if rest[at] == b'"' {
            return &rest[at + 1..];
        }
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    &[]
}

/// The unescaped string; `None` if it is not valid Unicode.
pub(crate) fn unescaped(mut rest: &str) -> Option<String> {
    let mut out = String::with_capacity(rest.len());
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut characters = escaped.chars();
        let one = match characters.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let (character, behind) = by_number(characters.as_str())?;
                characters = behind.chars();
                character
            }
            other => other,
        };
        out.push(one);
        rest = characters.as_str();
    }
    out.push_str(rest);
    Some(out)
}

/// A character from one `\u` escape or a surrogate pair, and the rest.
fn by_number(text: &str) -> Option<(char, &str)> {
    let (first, behind) = number(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first.into())?, behind));
    }
    let (second, behind) = number(behind.strip_prefix("\\u")?)?;
    let character = char::decode_utf16([first, second]).next()?.ok()?;
    Some((character, behind))
}

/// Four hexadecimal digits, and the rest.
fn number(text: &str) -> Option<(u16, &str)> {
    let (digits, behind) = text.split_at_checked(4)?;
    Some((u16::from_str_radix(digits, 16).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_what_serde_json_reads_in_it() {
        let texts = [
            r"plain",
            r#"a\\b\/c\"d"#,
            r"\b\f\n\r\t",
            r"\u0041\u00e9\u20ac",
            r"\ud83d\ude00!",
            r"\u0000",
            "\u{e9}\\u0041",
            r"\ud83d",
            r"\ud83dx",
            r"\ude00",
            r"\ud83d\u0041",
            r"\ud83d\ud83d",
        ];
        for inner in texts {
            let quoted = format!("\"{inner}\"");
            assert_eq!(unescaped(inner), serde_json::from_str(&quoted).ok(), "{inner}");
        }
    }

    #[test]
    fn a_text_ends_at_the_first_quote_that_is_not_escaped() {
        assert_eq!(behind_text(br#"a\"b\\" c"#), b" c");
        assert_eq!(behind_text(br#"a\""#), b"");
        assert_eq!(behind_text(br"a\"), b"");
    }
}
