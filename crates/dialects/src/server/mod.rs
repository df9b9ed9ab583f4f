//! What servers of the dialects share without a socket: addresses, access, refusals.
//!
//! It knows neither a host nor an engine.

pub mod access;
pub mod addresses;
pub mod plain_path;
pub mod refusals;

/// Model names that clients send if none was configured.
const PLACEHOLDERS: [&str; 3] = ["dummy", "default", "tgi"];

/// The placeholder that a trimmed model name is, in any letter case, unless the settings have an alias of that name.
///
/// Whether the provider resolves the name is no question: `resolve-ref` also accepts references to unknown models.
pub fn placeholder(name: &str, is_alias: impl FnOnce(&str) -> bool) -> Option<&'static str> {
    PLACEHOLDERS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .filter(|_| !is_alias(name))
}

#[cfg(test)]
mod tests {
    use super::placeholder;

    #[test]
    fn a_placeholder_is_one_in_any_letter_case_unless_it_is_an_alias() {
        let none = |_: &str| false;
        assert_eq!(placeholder("Default", none), Some("default"));
        assert_eq!(placeholder("dummy", none), Some("dummy"));
        assert_eq!(placeholder("tgi", none), Some("tgi"));
        assert_eq!(placeholder("default", |name| name == "default"), None);
    }

    #[test]
    fn other_names_are_not_looked_up() {
        for name in ["", "gpt", "default/model", "huggingface/default"] {
            assert_eq!(placeholder(name, |_| panic!("{name} is looked up")), None);
        }
    }
}
