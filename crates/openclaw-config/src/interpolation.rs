//! Interpolation of variable references in strings: one rule for every source of a value.
//! An unresolved reference is reported, and never passed on as if it were the value.

use zeroize::Zeroizing;

/// The limit of references that lead to one another.
const DEEPEST: usize = 4;
/// Placeholders that OpenClaw writes instead of a value that it stores elsewhere.
const PLACEHOLDERS: [&str; 2] = ["secretref-managed", "__OPENCLAW_REDACTED__"];
/// Prefixes of variable names that OpenClaw has written.
const MARKERS: [&str; 2] = ["secretref-env:", "__env__:"];
/// Prefixes of references that other programs resolve.
const FOREIGN: [&str; 7] = [
    "secretref:",
    "file:",
    "exec:",
    "env:",
    "op://",
    "vault://",
    "oauth:",
];

/// Why a command substitution is refused.
const COMMAND: &str = "it is a command of a shell, which is not run here";

/// A value, and the variable that it comes from if the whole text is one reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) value: Zeroizing<String>,
    pub(super) variable: Option<String>,
}

/// Resolves a text to a credential: the text itself, or the values of its variables. Blank is `None`.
///
/// `is_variable` decides whether a bare name is a variable's; `look_up` returns a variable's value, blank ones as
/// absent.
///
/// # Errors
/// Why a reference does not resolve, without the text, which may hold part of the value.
pub(super) fn credential(
    text: &str,
    is_variable: impl Fn(&str) -> bool,
    look_up: impl Fn(&str) -> Option<String>,
) -> Result<Option<Resolved>, String> {
    let mut value = Zeroizing::new(text.trim().to_owned());
    let mut variable = None;
    for _ in 0..=DEEPEST {
        if value.is_empty() {
            return Ok(None);
        }
        if let Some(name) = named(&value, &is_variable)? {
            let found = look_up(name).ok_or_else(|| not_set(name))?;
            if variable.is_none() {
                variable = Some(name.to_owned());
            }
            value = Zeroizing::new(found.trim().to_owned());
        } else if value.contains("${") {
            let expanded = expand_all(&value, &look_up)?;
            let is_settled = value.contains("$${");
            value = Zeroizing::new(expanded);
            if is_settled {
                return Ok(Some(Resolved { value, variable }));
            }
        } else {
            return Ok(Some(Resolved { value, variable }));
        }
    }
    Err("its variables lead to one another without end".to_owned())
}

fn not_set(name: &str) -> String {
    format!("it names the variable `{name}`, which is not set")
}

/// The variable that the whole text names, if it is such a reference.
fn named<'t>(text: &'t str, is_variable: &impl Fn(&str) -> bool) -> Result<Option<&'t str>, String> {
    let no_name = || {
        let rule = "variables are named with capital letters, digits and `_`";
        format!("it is a reference that names no variable: {rule}")
    };
    if PLACEHOLDERS.contains(&text) {
        return Err("it is a placeholder for a value that OpenClaw stores elsewhere".to_owned());
    }
    if let Some(name) = MARKERS.iter().find_map(|marker| text.strip_prefix(marker)) {
        return is_name(name).then_some(Some(name)).ok_or_else(no_name);
    }
    if is_written_out(text) {
        return Err("it is a reference in quotes: write { source, provider, id } without them".to_owned());
    }
    if text.len() > 1 && text.starts_with('`') && text.ends_with('`') {
        return Err(COMMAND.to_owned());
    }
    if FOREIGN.iter().any(|prefix| text.starts_with(prefix)) {
        return Err("it is a reference of a kind that is not resolved here".to_owned());
    }
    if let Some(inner) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'))
        && !inner.contains('}')
    {
        return is_name(inner).then_some(Some(inner)).ok_or_else(no_name);
    }
    if let Some(name) = text.strip_prefix('$')
        && !name.starts_with(['{', '$'])
    {
        if name.starts_with('(') {
            return Err(COMMAND.to_owned());
        }
        if is_word(name) {
            return is_name(name).then_some(Some(name)).ok_or_else(no_name);
        }
    }
    if let Some(name) = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'))
        && is_word(name)
    {
        return Err("it is a variable as Windows writes it; write `${NAME}`".to_owned());
    }
    // A bare name, as in OpenClaw's own files.
    Ok((is_name(text) && (text.contains('_') || is_variable(text))).then_some(text))
}

/// Resolves a text that need not be a credential, such as a header's value or a setting. References have to be
/// marked (`$NAME`, `${NAME}` anywhere, a marker); a bare name is plain text.
///
/// # Errors
/// Why a reference in it does not resolve.
pub(super) fn plain(text: &str, look_up: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let whole = text.trim();
    let is_variable = whole
        .strip_prefix('$')
        .is_some_and(|name| is_word(name) || name.starts_with('('));
    let is_reference = is_variable
        || PLACEHOLDERS.contains(&whole)
        || whole.starts_with("secretref:")
        || is_written_out(whole)
        || MARKERS.iter().any(|marker| whole.starts_with(marker));
    if !is_reference {
        return expand_all(text, look_up);
    }
    let found = credential(text, |_| false, look_up)?;
    Ok(found.map_or_else(String::new, |found| found.value.to_string()))
}

/// Whether a text is a reference object `{ source, provider, id }` written as a string.
fn is_written_out(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}') && text.contains("source") && text.contains("id")
}

/// Replaces every `${NAME}`; `$${` is an escaped `${`.
///
/// # Errors
/// Why a reference does not resolve.
pub(super) fn expand_all(text: &str, look_up: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let expanded = expand(text, look_up).map_err(|name| not_set(&name))?;
    let plain = text.replace("$${", "");
    let mut rest = plain.as_str();
    while let Some((_, inner)) = rest.split_once("${") {
        let is_good = inner.split_once('}').is_some_and(|(name, _)| is_name(name));
        if !is_good {
            return Err("it holds a `${…}` that names no variable".to_owned());
        }
        rest = inner;
    }
    Ok(expanded)
}

/// Replaces every `${NAME}`; `$${` is an escaped `${`. Anything else is unchanged.
///
/// # Errors
/// The name of the first variable that `look_up` does not have.
pub(super) fn expand(text: &str, look_up: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = &from[2..];
            continue;
        }
        expanded.push_str(before);
        let inner = &from[2..];
        if let Some((name, after)) = inner.split_once('}').filter(|(name, _)| is_name(name)) {
            expanded.push_str(&look_up(name).ok_or_else(|| name.to_owned())?);
            rest = after;
        } else {
            expanded.push_str("${");
            rest = inner;
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Whether a text has the form of a variable's name in configurations: `ACME_TOKEN`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether a text is a valid shell variable name.
fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(name: &str) -> Option<String> {
        let value = match name {
            "A_1" => "x",
            "MY" => "hf_mine",
            "LEADS" => " $MY ",
            "ROUND" => "${ROUND}",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        assert_eq!(expand("${A_1}-${A_1}é", look_up), Ok("x-xé".to_owned()));
        assert_eq!(
            expand("$${A_1} ${a} ${", look_up),
            Ok("${A_1} ${a} ${".to_owned())
        );
        assert_eq!(expand("a${B}", look_up), Err("B".to_owned()));
    }

    #[test]
    fn a_plain_text_is_resolved_where_it_is_written_as_a_reference_and_a_bare_name_is_text() {
        for (text, value) in [
            ("red", "red"),
            ("MY_TEAM", "MY_TEAM"),
            ("$MY", "hf_mine"),
            (" ${MY}", " hf_mine"),
            ("a ${A_1} b", "a x b"),
            ("secretref-env:MY", "hf_mine"),
            ("$5.00", "$5.00"),
            ("$${MY}", "${MY}"),
            ("{\"a\":1}", "{\"a\":1}"),
        ] {
            assert_eq!(plain(text, &look_up).as_deref(), Ok(value), "{text}");
        }
        for text in [
            "$NOT_SET",
            "$my",
            "a ${NOT_SET}",
            "${my}",
            "$(cat x)",
            "secretref:MY",
            "secretref-managed",
            "{\"source\":\"env\",\"provider\":\"default\",\"id\":\"MY\"}",
        ] {
            assert!(plain(text, &look_up).is_err(), "{text}");
        }
    }

    #[test]
    fn a_credential_is_a_literal_or_the_value_of_its_reference_and_never_the_reference() {
        let of = |text: &str| {
            credential(text, |name| name == "MY", look_up)
                .map(|found| found.map(|found| (found.value.to_string(), found.variable)))
        };
        let literal = |value: &str| Ok(Some((value.to_owned(), None)));
        let from = |value: &str, name: &str| Ok(Some((value.to_owned(), Some(name.to_owned()))));
        for text in ["hf_abc", "pa$$word", "ALLCAPS123", "a$b", "ab=="] {
            assert_eq!(of(text), literal(text), "{text}");
        }
        for text in ["$MY", "${MY}", " MY ", "secretref-env:MY", "__env__:MY"] {
            assert_eq!(of(text), from("hf_mine", "MY"), "{text}");
        }
        assert_eq!(
            of("LEADS"),
            literal("LEADS"),
            "a word in capitals may be a credential"
        );
        assert_eq!(of("$LEADS"), from("hf_mine", "LEADS"));
        assert_eq!(of("x-${A_1}"), literal("x-x"));
        assert_eq!(of("$${MY}"), literal("${MY}"), "escaped");
        assert_eq!(of(" "), Ok(None));
        for text in [
            "$NOT_SET",
            "${NOT_SET}",
            "NOT_SET_KEY",
            "secretref-env:NOT_SET",
            "$my",
            "${my}",
            "${MY:-x}",
            "x-${MY:-y}",
            "${",
            "x${MY",
            "$(cat token)",
            "`cat token`",
            "secretref:MY",
            "{\"source\":\"env\",\"id\":\"MY\"}",
            "%MY%",
            "${ROUND}",
            "secretref-managed",
            "__OPENCLAW_REDACTED__",
            "secretref-env:",
            "op://vault/item",
            "file:token.txt",
        ] {
            assert!(of(text).is_err(), "{text}: {:?}", of(text));
        }
        let why = of("${MY:-sesame}").unwrap_err();
        assert!(!why.contains("sesame"), "{why}");
    }
}
