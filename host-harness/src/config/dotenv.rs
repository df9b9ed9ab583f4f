//! `.env` files, as OpenClaw's own reader takes them.
//!
//! Our own few lines, because the kept crates replace `$NAME` from the process's whole environment, refuse values
//! with spaces, and quote the line in their errors.

/// The value of a variable; of several the last one, as a shell would have it.
pub(super) fn find(text: &str, wanted: &str) -> Option<String> {
    let mut found = None;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let (line, after) = rest.split_once(['\n', '\r']).unwrap_or((rest, ""));
        let Some((name, value)) = assignment(line) else {
            rest = after;
            continue;
        };
        // A quoted value may go on over several lines, so it is looked for in all that follows.
        let from = &rest[line.len() - value.len()..];
        let (value, after) = match quoted(from) {
            Some((value, length)) => {
                let tail = &from[length..];
                (
                    value,
                    tail.split_once(['\n', '\r']).map_or("", |(_, after)| after),
                )
            }
            None => (unquoted(value), after),
        };
        if name == wanted {
            found = Some(value);
        }
        rest = after;
    }
    found
}

/// `NAME = value` or `export NAME=value`; the value with the spaces before it left out.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let line = line
        .strip_prefix("export")
        .filter(|rest| rest.starts_with([' ', '\t']))
        .map_or(line, str::trim_start);
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    (!name.is_empty() && name.chars().all(legal)).then(|| (name, value.trim_start_matches([' ', '\t'])))
}

/// The value in quotes at the beginning, and how far it goes. Line breaks are written `\n` in double quotes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next().filter(|c| "\"'`".contains(*c))?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => {
                let inner = &text[1..at];
                let value = if quote == '"' {
                    inner
                        .replace("\\n", "\n")
                        .replace("\\r", "\r")
                        .replace("\\\"", "\"")
                } else {
                    inner.to_owned()
                };
                return Some((value, at + 1));
            }
            _ => {}
        }
    }
    None
}

/// A value without quotes: up to a comment, trimmed.
fn unquoted(value: &str) -> String {
    value.split('#').next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::find;

    #[test]
    fn values_are_found_in_every_usual_spelling() {
        for text in [
            "A=x y",
            "A = x y # comment",
            "export A='x y'",
            "\u{feff}A=\"x y\"\r\nB=2",
            "no assignment\n# A=z\n  A=`x y`  # c",
            "A=old\nB='two\nA=inner\n'\nA=x y",
            "B=\"never closed\nA=x y",
        ] {
            assert_eq!(find(text, "A").as_deref(), Some("x y"), "{text:?}");
        }
        assert_eq!(find("A=", "A").as_deref(), Some(""));
        assert_eq!(find("A='a#b'", "A").as_deref(), Some("a#b"));
        assert_eq!(find("AB=1\nexport=2", "A"), None);
        assert_eq!(find("export=2", "export").as_deref(), Some("2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "[A=\"'`\\\\\n\r# é${}x]{0,40}") {
            let _ = find(&text, "A");
        }
    }
}
