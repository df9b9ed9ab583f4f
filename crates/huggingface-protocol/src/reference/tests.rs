use proptest::prelude::*;

use super::*;
use crate::{cases, contract::types::ErrorKind, settings::PlainSettings};

#[test]
fn every_case_of_the_case_file_resolves_as_it_says() {
    let mut report = cases::Report::default();
    for case in cases::cases("references.json") {
        let settings = cases::plain_settings(&case["settings"]);
        let outcome = resolve(case["input"].as_str().unwrap(), &settings);
        report.add(&case, cases::check_reference(&case["expect"], outcome.as_ref()));
        if let Ok(found) = outcome {
            let again = resolve(&found.canonical, &settings);
            assert_eq!(again.map(|again| again.canonical), Ok(found.canonical));
        }
    }
    report.finish();
}

#[test]
fn a_broken_text_of_any_length_gets_a_short_message() {
    for text in [
        "x".repeat(1_000_000),
        "/".repeat(100_000),
        "a/b:".repeat(30_000),
        " \u{0}@é ".repeat(20_000),
    ] {
        let error = resolve(&text, &PlainSettings::default()).unwrap_err();
        assert!(
            error.message.len() < 1000 && error.suggestions.len() <= 5,
            "{}",
            error.message
        );
    }
}

#[test]
fn an_error_has_the_expected_form() {
    let error = parse("Qwen").unwrap_err();
    assert!(error.lacks_organisation());
    assert!(!parse("a/b c").unwrap_err().lacks_organisation());
    assert_eq!(parse("a/b!"), Err(ParseError::Character('!')));
    assert_eq!(parse("a/b\u{200b}"), Err(ParseError::Character('\u{200b}')));
}

proptest! {
    #[test]
    fn whatever_parses_prints_as_a_text_that_parses_to_the_same(text in r"(?i)[ ]?(huggingface/){0,3}[a-z0-9é._@/: -]{0,24}") {
        if let Ok(reference) = parse(&text) {
            let canonical = reference.canonical();
            prop_assert_eq!(parse(&canonical), Ok(reference.clone()));
            prop_assert_eq!(canonical_text(&canonical), canonical);
            if !begins_with_prefix(&reference.wire_id()) {
                prop_assert_eq!(parse(&reference.wire_id()), Ok(reference));
            }
        }
    }

    #[test]
    fn an_organisation_a_name_and_a_suffix_always_parse(
        prefix in "(huggingface/|HuggingFace/|)",
        org in r"[A-Za-z0-9._-]{1,12}",
        name in r"[A-Za-z0-9._-]{1,12}",
        suffix in "(:[A-Za-z0-9-]{1,9}|)",
    ) {
        prop_assume!(!org.eq_ignore_ascii_case("huggingface"));
        let reference = parse(&format!("{prefix}{org}/{name}{suffix}")).unwrap();
        prop_assert_eq!(&reference.model, &format!("{org}/{name}"));
        prop_assert_eq!(reference.canonical(), format!("huggingface/{org}/{name}{}", suffix.to_lowercase()));
    }

    #[test]
    fn any_text_resolves_or_is_an_invalid_reference(text in any::<String>()) {
        match resolve(&text, &PlainSettings::default()) {
            Ok(found) => prop_assert_eq!(resolve(&found.canonical, &PlainSettings::default()).unwrap().canonical, found.canonical),
            Err(error) => {
                prop_assert_eq!(error.kind, ErrorKind::InvalidReference);
                prop_assert!(error.suggestions.iter().all(|suggestion| parse(suggestion).is_ok()));
            }
        }
    }
}
