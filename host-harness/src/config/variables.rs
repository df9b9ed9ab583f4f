//! `${NAME}` within a text of the configuration.

/// Replaces every `${NAME}`; `$${` stands for `${`. What is not of this form stays as it is.
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
        match inner.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, after)) => {
                expanded.push_str(&look_up(name).ok_or_else(|| name.to_owned())?);
                rest = after;
            }
            None => {
                expanded.push_str("${");
                rest = inner;
            }
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Whether a text could be the name of a variable as configurations write them: `ACME_TOKEN`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase() || c == '_')
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        let look_up = |name: &str| (name == "A_1").then(|| "x".to_owned());
        assert_eq!(expand("${A_1}-${A_1}é", look_up), Ok("x-xé".to_owned()));
        assert_eq!(
            expand("$${A_1} ${a} ${", look_up),
            Ok("${A_1} ${a} ${".to_owned())
        );
        assert_eq!(expand("a${B}", look_up), Err("B".to_owned()));
    }
}
