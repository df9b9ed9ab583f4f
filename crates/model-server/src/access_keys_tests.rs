//! Tests of the file of access keys.

use proptest::prelude::*;

use super::*;
use crate::key_digest::{DIGITS, PREFIX, generate_key, without_keys};

fn key(name: &str, secret: &str) -> AccessKey {
    AccessKey::new(name, KeyDigest::of(secret))
}

#[test]
fn a_key_is_found_only_by_its_digest() {
    let (old, new) = (generate_key().expect("a key"), generate_key().expect("another"));
    assert_ne!(old.expose(), new.expose());
    assert_eq!(old.expose().len(), PREFIX.len() + DIGITS);
    let mut rotated = key("b", old.expose());
    rotated.rotate(KeyDigest::of(new.expose()));
    let keys = AccessKeys::default()
        .with(key("a", "hk_a"))
        .and_then(|keys| keys.with(rotated))
        .expect("two keys");
    let found = |text: &str| {
        keys.find(&[KeyDigest::of(text), KeyDigest::of("")])
            .map(|key| &*key.name)
    };
    assert_eq!(found("hk_a"), Some("a"));
    assert_eq!((found(old.expose()), found(new.expose())), (Some("b"), Some("b")));
    assert_eq!((found(""), found("hk_b")), (None, None));
    let retired = keys.changed("b", |key| {
        key.retire();
        true
    });
    let retired = retired.expect("it is there");
    assert!(retired.find(&[KeyDigest::of(old.expose())]).is_none());
    assert!(retired.find(&[KeyDigest::of(new.expose())]).is_some());
}

#[test]
fn the_file_round_trips_and_contains_no_key() {
    let text = r#"{"keys":[{"name":"ci","sha256":["SHA"],"models":["Quick","Qwen/*"],"requestsPerMinute":60,
        "concurrentRequests":4,"tokensPerDay":1000000,"usdPerDay":"5.00","expires":"2027-01-31","metrics":true}]}"#;
    let text = text.replace("SHA", &KeyDigest::of("hk_secret").to_string());
    let keys = AccessKeys::parse(&text).expect("a file");
    let written = keys.text();
    assert_eq!(AccessKeys::parse(&written).expect("the same"), keys);
    assert!(
        !written.contains("hk_secret") && written.contains("\"usdPerDay\": \"5.00\""),
        "{written}"
    );
    assert!(!format!("{keys:?}").contains(&KeyDigest::of("hk_secret").to_string()));
    let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let again: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(all, again);
}

#[test]
fn an_invalid_file_is_refused_with_a_position_and_without_its_values() {
    let digest = KeyDigest::of("x").to_string();
    let good = format!(r#"{{"name":"a","sha256":["{digest}"]}}"#);
    let misplaced = "hk_0123456789abcdef0123456789abcdef";
    for (text, says) in [
        ("[]".to_owned(), "wrong type"),
        ("{".to_owned(), "no JSON"),
        (format!(r#"{{"keys":[{good},{good}]}}"#), "two keys are named `a`"),
        (
            format!(r#"{{"keys":[{good},{}]}}"#, good.replace("\"a\"", "\"b\"")),
            "is listed twice",
        ),
        (
            format!(r#"{{"keys":[{}]}}"#, good.replace(&digest, misplaced)),
            "SHA-256",
        ),
        (
            format!(r#"{{"keys":[{}]}}"#, good.replace("\"a\"", "\"../a\"")),
            "expected a name",
        ),
        (
            format!(r#"{{"keys":[{}]}}"#, good.replace("\"name\"", "\"hk_nam\"")),
            "no key has",
        ),
        (
            format!(
                r#"{{"keys":[{}]}}"#,
                good.replace(&format!("[\"{digest}\"]"), "[]")
            ),
            "0 digests",
        ),
        (
            format!(r#"{{"keys":[{}]}}"#, good.replace('}', r#","expires":"soon"}"#)),
            "expected a day",
        ),
        (
            format!(r#"{{"keys":[{}]}}"#, good.replace('}', r#","usdPerDay":"lots"}"#)),
            "expected an amount",
        ),
        (
            format!(
                r#"{{"keys":[{}]}}"#,
                good.replace('}', r#","requestsPerMinute":0}"#)
            ),
            "expected a nonzero",
        ),
        (
            format!(r#"{{"keys":[{good}],"keys":[]}}"#),
            "duplicate field `keys`",
        ),
        (
            format!(r#"{{"keys":[{{"sha256":["{digest}"]}}]}}"#),
            "missing field `name`",
        ),
    ] {
        let error = AccessKeys::parse(&text).expect_err(says);
        assert!(error.message().contains(says), "{error}: {text}");
        assert!(
            !error.to_string().contains(misplaced) && !error.to_string().contains("soon"),
            "{error}"
        );
    }
}

#[test]
fn a_disabled_or_expired_key_is_refused() {
    let mut one = key("a", "x");
    assert_eq!(one.refusal(u64::MAX), None);
    one.expires = Some(Expiry::try_from("2027-01-31".to_owned()).expect("a day"));
    let end = 1_801_353_600;
    assert_eq!((one.refusal(end - 1), one.refusal(end)), (None, Some("expired")));
    let exact = Expiry::try_from("2027-01-31T01:00:00+01:00".to_owned()).expect("a time");
    assert_eq!((exact.is_over(end - 1), exact.is_over(end)), (false, true));
    one.disabled = true;
    assert_eq!(one.refusal(0), Some("disabled"));
}

#[test]
fn text_in_the_form_of_a_key_is_redacted() {
    let secret = generate_key().expect("a key");
    let text = format!("/v1/{}/x hk_12 hk_", secret.expose());
    let told = without_keys(&text);
    assert_eq!(told, format!("/v1/hk_{}/x hk_12 hk_", "*".repeat(DIGITS)));
}

proptest! {
    #[test]
    fn a_text_without_keys_is_unchanged(text in ".{0,40}", more in "(hk_)?[0-9a-f]{0,70}.{0,5}") {
        let text = format!("{text}{more}");
        let told = without_keys(&text);
        prop_assert_eq!(told.chars().count(), text.chars().count());
        let is_kept = told.chars().zip(text.chars()).all(|(told, was)| told == was || (told == '*' && was.is_ascii_hexdigit()));
        prop_assert!(is_kept);
    }

    #[test]
    fn no_file_makes_it_fail(text in ".{0,200}") {
        let _ = AccessKeys::parse(&text);
    }
}
