//! Cleans up a pasted credential, and refuses a text that still is no valid token before it is sent. Knows no
//! credential sources.

use zeroize::Zeroizing;

use crate::{contract::CredentialSpec, secret::Secret};

/// ASCII quotes. A token has none, but a single one may be part of a reference.
const QUOTES: [char; 3] = ['"', '\'', '`'];
/// Typographic quotes of word processors and chat programs.
const CURLY: [char; 16] = [
    '“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»', '‹', '›', '「', '」', '´', '＂',
];
/// Separators at the end of a command or a list.
const ENDS: [char; 2] = [';', ','];
/// Characters of commands, references and truncated texts. Other ASCII punctuation may be part of a token.
const NOT_IN_A_TOKEN: [char; 4] = ['`', '{', '}', '…'];

/// Removes what was copied along: line breaks, zero-width characters, quotes of all kinds, `<…>`, the name of a
/// variable or a header in front, and the prefix that the host adds itself.
#[must_use]
pub fn clean(text: &str, spec: Option<&CredentialSpec>) -> Zeroizing<String> {
    let mut seen = Zeroizing::new(String::with_capacity(text.len()));
    seen.extend(text.chars().filter(|c| !is_unseen(*c)));
    let mut key = seen.trim();
    loop {
        let bare = unwrapped(key, spec);
        if bare.len() == key.len() {
            // A single quote character quotes nothing.
            let key = if key.chars().all(|c| QUOTES.contains(&c)) {
                ""
            } else {
                key
            };
            return Zeroizing::new(key.to_owned());
        }
        key = bare;
    }
}

/// Parses a text as a credential; blank is `None`.
///
/// # Errors
/// It holds a character that no token has. Says which kind and where, never the text.
pub fn secret(text: &str, spec: Option<&CredentialSpec>) -> Result<Option<Secret>, String> {
    let key = clean(text, spec);
    let prefix = prefix(spec);
    let is_bearer = prefix.eq_ignore_ascii_case("Bearer");
    for (at, c) in key.chars().enumerate() {
        if let Some(kind) = misplaced(c, is_bearer) {
            return Err(format!(
                "it holds {kind} as character {}, which no key has",
                at + 1
            ));
        }
    }
    Ok(Secret::new(&key))
}

/// Why a character is not allowed; `None` if it may be part of a token.
fn misplaced(c: char, is_bearer: bool) -> Option<String> {
    Some(match c {
        '\t' => "a tab".to_owned(),
        '\0' => "a zero byte".to_owned(),
        ' ' if is_bearer => "a blank".to_owned(),
        ' ' => return None,
        c if c.is_control() => format!("a control character (U+{:04X})", u32::from(c)),
        c if NOT_IN_A_TOKEN.contains(&c) => format!("the sign `{c}`"),
        c if !c.is_ascii() && c.is_alphabetic() => {
            format!("a letter that is not ASCII (U+{:04X})", u32::from(c))
        }
        c if !c.is_ascii() => format!("a sign that is not ASCII (U+{:04X})", u32::from(c)),
        _ => return None,
    })
}

/// Removes one layer; returns the same text if there is none.
fn unwrapped<'t>(text: &'t str, spec: Option<&CredentialSpec>) -> &'t str {
    let text = text.trim().trim_matches(CURLY).trim_end_matches(ENDS).trim();
    if let Some(inner) = within(text) {
        return inner.trim();
    }
    if let Some(value) = assigned(text, spec) {
        return value.trim();
    }
    let header = spec.map_or("", |spec| spec.header.as_str());
    for name in [header, "Authorization"] {
        if let Some(rest) = after(text, name, |rest| rest.starts_with(':')) {
            return rest.trim_start_matches(':').trim();
        }
    }
    for word in [prefix(spec), "Bearer"] {
        if let Some(rest) = after(text, word, |rest| rest.starts_with([':', ' ', '\t'])) {
            return rest.trim_start_matches(':').trim();
        }
    }
    text
}

/// The text between two quotes or in `<…>`. Backticks around several words are a shell command, and stay.
fn within(text: &str) -> Option<&str> {
    let quoted = QUOTES.iter().find_map(|quote| {
        let inner = text.strip_prefix(*quote)?.strip_suffix(*quote)?;
        (*quote != '`' || !inner.trim().contains(char::is_whitespace)).then_some(inner)
    });
    quoted.or_else(|| text.strip_prefix('<')?.strip_suffix('>'))
}

/// The value of `NAME=value`, `NAME: value`, `export NAME=value` or `$env:NAME = value`. A name has an underscore
/// or is one of the plugin's variables, since a key may hold `=` itself.
fn assigned<'t>(text: &'t str, spec: Option<&CredentialSpec>) -> Option<&'t str> {
    let words = ["export ", "set ", "$env:"];
    let rest = words.iter().find_map(|word| text.strip_prefix(word));
    let (name, value) = rest.unwrap_or(text).split_once(['=', ':'])?;
    let name = name.trim();
    let is_named = spec.is_some_and(|spec| spec.env_vars.iter().any(|known| known == name));
    let legal = |c: char| {
        c == '_' || c.is_ascii_digit() || c.is_ascii_uppercase() || (rest.is_some() && c.is_ascii_lowercase())
    };
    let is_name =
        !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(legal);
    let is_meant = is_named || is_name && (rest.is_some() || name.contains('_'));
    let value = value.trim();
    (is_meant && !value.is_empty() && !value.starts_with('=')).then_some(value)
}

/// Strips a word at the beginning, in any case, if the rest satisfies `is_meant` and is not blank.
fn after<'t>(text: &'t str, word: &str, is_meant: impl Fn(&str) -> bool) -> Option<&'t str> {
    let head = text.get(..word.len()).filter(|_| !word.is_empty())?;
    let rest = text.get(word.len()..)?;
    let is_word = head.eq_ignore_ascii_case(word) && is_meant(rest);
    (is_word && !rest.trim_start_matches(':').trim().is_empty()).then_some(rest)
}

fn prefix(spec: Option<&CredentialSpec>) -> &str {
    spec.map_or("", |spec| spec.prefix.trim())
}

/// Line breaks and zero-width characters, which are copied along with a text.
fn is_unseen(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{2028}' | '\u{2029}' | '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(prefix: &str) -> CredentialSpec {
        CredentialSpec {
            env_vars: vec!["ACME_TOKEN".into()],
            header: "Authorization".into(),
            prefix: prefix.into(),
            label: String::new(),
            note: None,
            help_url: None,
        }
    }

    fn bearer() -> CredentialSpec {
        spec("Bearer ")
    }

    #[test]
    fn whatever_people_copy_around_a_key_is_left_out() {
        for text in [
            "ab_x",
            " \"ab_x\" ",
            "“ab_x”",
            "‘ab_x’",
            "«ab_x»",
            "“ab_x",
            "<ab_x>",
            "`ab_x`",
            "'ab_x';",
            "ab_x,",
            "Bearer ab_x",
            "bearer: ab_x",
            "Authorization: Bearer ab_x",
            "authorization:ab_x",
            "\"Authorization: Bearer ab_x\"",
            "ACME_TOKEN=ab_x",
            "ACME_TOKEN: ab_x",
            "MY_KEY = 'ab_x'",
            "export my_key=\"ab_x\";",
            "$env:MY = \"ab_x\"",
            "\u{feff}ab\u{200b}_\r\nx\u{2028}",
            "<\"Bearer ab_x\">",
        ] {
            let found = secret(text, Some(&bearer())).unwrap().unwrap();
            assert_eq!(found.expose(), "ab_x", "{text:?}");
        }
        for text in [
            "abc==",
            "ABC==",
            "A_B==",
            "Bearer",
            "Bearerabc",
            "ab_a:b",
            "a=b",
            "p$a$$b",
        ] {
            assert_eq!(secret(text, Some(&bearer())).unwrap().unwrap().expose(), text);
        }
        for text in ["", " \n", "\"\"", "“”", "<>", "\u{200b} ''"] {
            assert!(secret(text, Some(&bearer())).unwrap().is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_key_with_a_character_that_no_token_has_is_refused_by_its_kind_and_place_and_not_shown() {
        for (text, says) in [
            ("ab_а1", "a letter that is not ASCII (U+0430) as character 4"),
            ("ab_é", "a letter that is not ASCII (U+00E9)"),
            ("ab_1…", "the sign `…` as character 5"),
            ("ab_1\u{a0}2", "a sign that is not ASCII (U+00A0)"),
            ("ab_1\t2", "a tab as character 5"),
            ("ab_1\0", "a zero byte"),
            ("ab_1\u{1b}[0m", "a control character (U+001B)"),
            ("ab_1 2", "a blank"),
            ("ab_“1", "a sign that is not ASCII (U+201C)"),
            ("${ab", "the sign `{`"),
            ("`cat /x`", "the sign ``` as character 1"),
        ] {
            let why = secret(text, Some(&bearer())).unwrap_err();
            assert!(why.contains(says), "{text:?}: {why}");
            assert!(!why.contains("ab_") && !why.contains("cat"), "{why}");
        }
        let other = spec("Token ");
        assert_eq!(
            secret("Token a b", Some(&other)).unwrap().unwrap().expose(),
            "a b"
        );
        assert_eq!(secret("a b", None).unwrap().unwrap().expose(), "a b");
    }
}
