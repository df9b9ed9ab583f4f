//! What to do about an error, in the words of this command line. The host and the server name settings, no flags.

use model_provider_host::Error;

/// What hints of the libraries name, and the flag that sets it.
const NAMED: [(&str, &str); 4] = [
    ("the base URL", "--base-url URL"),
    (
        "an access key",
        "--access-key-env VARIABLE` or `--access-key-file FILE",
    ),
    ("a file of them", "--access-keys FILE"),
    ("the audit log", "--audit FILE"),
];
const SETTING: &str = "the setting `";

/// The hint of an error, with the flag behind each setting that it names.
pub(crate) fn of(error: &Error) -> Option<String> {
    error.hint().map(with_flags)
}

fn with_flags(hint: &str) -> String {
    let mut text = String::new();
    let mut rest = hint;
    while let Some((before, after)) = rest.split_once(SETTING)
        && let Some((name, behind)) = after.split_once('`')
    {
        text += &format!("{before}{SETTING}{name}` (`--set {name}=…`)");
        rest = behind;
    }
    text += rest;
    for (named, flag) in NAMED {
        if let Some((before, behind)) = text.split_once(named) {
            text = format!("{before}{named} (`{flag}`){behind}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_a_hint_names_have_their_flags() {
        for (hint, shown) in [
            (
                "raise the setting `a-b` or the setting `c`",
                "raise the setting `a-b` (`--set a-b=…`) or the setting `c` (`--set c=…`)",
            ),
            (
                "allow an origin as the base URL or with a grant",
                "allow an origin as the base URL (`--base-url URL`) or with a grant",
            ),
            ("check the network", "check the network"),
            ("the setting `unended", "the setting `unended"),
        ] {
            assert_eq!(with_flags(hint), shown);
        }
    }
}
