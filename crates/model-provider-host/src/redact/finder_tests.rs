use proptest::prelude::*;

use super::*;

const TOKEN: &str = "tok_AbC/123+xyz~QQ\"9";

fn finder() -> Finder {
    Finder::new([TOKEN], 4096)
}

fn cleaned(text: &str) -> String {
    let mut text = text.to_owned();
    finder().clean(&mut text);
    text
}

#[test]
fn a_secret_is_redacted_in_every_form_and_lengths_hold() {
    let json = serde_json::to_string(TOKEN).unwrap();
    let within = serde_json::to_string(&json).unwrap();
    let percent =
        percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC).to_string();
    use base64::{Engine as _, engine::general_purpose as base64_engine};
    for before in ["", "a", "ab", "abc"] {
        for engine in [&base64_engine::STANDARD, &base64_engine::URL_SAFE] {
            let text = engine.encode(format!("{before}{TOKEN}zz"));
            let clean = cleaned(&text);
            assert!(clean.contains("********"), "{text} -> {clean}");
            assert_eq!(clean.len(), text.len());
        }
    }
    let slashed = within.replace('/', "\\/");
    let html = TOKEN.replace('"', "&quot;");
    let numbers = TOKEN.replace('"', "&#34;").replace('+', "&#43;");
    let hex = TOKEN.replace('"', "&quot;").replace('+', "&#x2B;");
    for form in [
        TOKEN.to_owned(),
        json,
        within,
        slashed,
        percent,
        html,
        numbers,
        hex,
    ] {
        for before in 0..9 {
            let text = format!("{}<{form}>", "-".repeat(before));
            let clean = cleaned(&text);
            assert!(!clean.contains("AbC") && clean.contains("****"), "{clean}");
            assert_eq!(clean.len(), text.len());
        }
    }
}

#[test]
fn an_escape_of_any_character_at_any_depth_hides_nothing() {
    for (at, c) in TOKEN.char_indices() {
        for backslashes in ["\\", "\\\\", "\\\\\\\\"] {
            for hex in [format!("{:04x}", c as u32), format!("{:04X}", c as u32)] {
                let rest = &TOKEN[at + 1..].replace('"', "\\\"");
                let text = format!("{{\"a\": \"{}{backslashes}u{hex}{rest}\"}}", &TOKEN[..at]);
                let clean = cleaned(&text);
                assert!(
                    !clean.contains("xyz") && !clean.contains("AbC"),
                    "{text} -> {clean}"
                );
                assert!(
                    clean.starts_with("{\"a\": \"*") && clean.ends_with("\"}"),
                    "{clean}"
                );
                assert_eq!(clean.len(), text.len());
            }
        }
    }
    let slashed = "tok_AbC/12/xyz-0";
    let finder = Finder::new([slashed], 4096);
    for backslashes in ["\\", "\\\\", "\\\\\\", "\\\\\\\\"] {
        for (first, second) in [(backslashes, backslashes), (backslashes, ""), ("", backslashes)] {
            let mut text = format!("\"tok_AbC{first}/12{second}/xyz-0\"");
            let masked = format!("\"{}\"", "*".repeat(text.len() - 2));
            assert!(finder.clean(&mut text));
            assert_eq!(text, masked);
        }
    }
    let all: String = TOKEN.bytes().map(|byte| format!("\\u00{byte:02x}")).collect();
    assert_eq!(cleaned(&all), "*".repeat(all.len()));
}

/// The unescaped text at once, and the place of each byte in the original text.
fn unescaped(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut places, mut at, mut from) = (Vec::new(), Vec::new(), 0, None);
    while let Some(byte) = text.get(at) {
        if *byte == b'\\' {
            from = from.or(Some(at));
            at += 1;
            continue;
        }
        let begin = from.take();
        let digits = text
            .get(at..at + 5)
            .and_then(|escape| escape.strip_prefix(b"u00"));
        let digits = digits.filter(|digits| begin.is_some() && digits.iter().all(u8::is_ascii_hexdigit));
        let escaped = digits.and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)
        });
        places.push(begin.unwrap_or(at));
        bytes.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 5 } else { 1 };
    }
    places.push(text.len());
    (bytes, places)
}

/// The text with every form masked that begins anywhere in it, escaped or not: slow and simple.
fn masked(forms: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    let (plain, places) = unescaped(text);
    let is_escaped = ESCAPES
        .iter()
        .any(|escape| text.windows(escape.len()).any(|bytes| bytes == *escape));
    for form in forms {
        for begin in 0..=text.len() {
            if text[begin..].starts_with(form) {
                blank(&mut out, begin..begin + form.len());
            }
            if is_escaped && plain.get(begin..).is_some_and(|rest| rest.starts_with(form)) {
                blank(&mut out, places[begin]..places[begin + form.len()]);
            }
        }
    }
    out
}

/// A part of a text: filler, the secret or a part of it, as it is or escaped in several ways.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let secret = || (0..TOKEN.len(), 0..=TOKEN.len()).prop_map(|(from, to)| &TOKEN[from..to.max(from)]);
    let escaped = |byte: u8, slashes: usize| format!("{}u00{byte:02x}", "\\".repeat(slashes));
    prop_oneof![
        (0..3 * WINDOW, prop::sample::select(b"x \\\n".to_vec())).prop_map(|(n, byte)| vec![byte; n]),
        Just(TOKEN.as_bytes().to_vec()),
        secret().prop_map(|text| text.as_bytes().to_vec()),
        (secret(), any::<u64>(), 1..4_usize).prop_map(move |(text, which, slashes)| {
            let bytes = text.bytes().enumerate().map(|(at, byte)| match which >> at & 1 {
                0 => char::from(byte).to_string(),
                _ => escaped(byte, slashes),
            });
            bytes.collect::<String>().into_bytes()
        }),
        Just(serde_json::to_string(TOKEN).unwrap().into_bytes()),
        "[a-z\\\\u0-9]{0,20}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn windows_and_blocks_find_what_a_simple_search_finds(
        parts in prop::collection::vec(part(), 0..8),
        short in any::<bool>(),
    ) {
        let text = parts.concat();
        let short = short.then_some("8letters");
        let secrets = || [Some(TOKEN), Some("QQ\"9tok_AbC/1-23"), short].into_iter().flatten();
        let forms: Vec<Vec<u8>> = secrets().flat_map(forms::of).collect();
        let mut out = text.clone();
        let finder = Finder::new(secrets(), 4096);
        prop_assert_eq!(finder.mask(&mut out), out != text);
        prop_assert_eq!(out, masked(&forms, &text));
    }
}

#[test]
fn an_escaped_secret_is_found_wherever_the_text_is_cut_for_the_search() {
    let escaped: String = TOKEN.bytes().map(|byte| format!("\\u00{byte:02x}")).collect();
    for before in WINDOW - 40..WINDOW + 200 {
        let text = format!("{}{escaped}{}", "x".repeat(before), "y".repeat(2 * WINDOW));
        let stars = "*".repeat(escaped.len());
        assert_eq!(cleaned(&text), text.replace(&escaped, &stars), "{before}");
    }
}

#[test]
fn secrets_that_overlap_are_both_redacted_whole() {
    let finder = Finder::new(["abcdefghijkl", "ghijklmnopqr"], 4096);
    let mut text = "<abcdefghijklmnopqr>".to_owned();
    finder.clean(&mut text);
    assert_eq!(text, "<******************>");
}

#[test]
fn a_proper_prefix_or_suffix_is_never_redacted() {
    for cut in 1..TOKEN.len() {
        assert!(!finder().finds(&TOKEN.as_bytes()[..cut]));
        assert!(!finder().finds(&TOKEN.as_bytes()[cut..]));
    }
}

#[test]
fn a_short_secret_is_found_at_every_place() {
    let finder = Finder::new(["8letters"], 4096);
    for before in 0..20 {
        let text = format!("{}8letters..", ".".repeat(before));
        assert!(finder.finds(text.as_bytes()), "{text}");
    }
    assert!(!Finder::new(["7letter"], 4096).finds(b"7letter"));
}

#[test]
fn a_form_longer_than_the_held_back_text_is_redacted_in_fragments() {
    let secret: String = (0..1000u32)
        .map(|n| char::from(b'a' + (n * n % 26) as u8))
        .collect();
    let finder = Finder::new([secret.as_str()], 64);
    let mut text = format!("<{secret}>");
    finder.clean(&mut text);
    assert_eq!(text, format!("<{}>", "*".repeat(1000)));
    assert!(!finder.finds(&secret.as_bytes()[..63]));
}

/// The last blocks of a secret again and again, and a secret that overlaps itself: with work for the whole text at each
/// of them this would take hours.
#[test]
fn very_many_hits_take_work_for_each_hit_alone() {
    let tail = TOKEN[5..].repeat(400_000);
    assert!(!finder().finds(tail.as_bytes()));
    let same = "a".repeat(4_000_000);
    assert_eq!(
        Finder::new([&same[..1_000]], 4096).ranges(same.as_bytes()),
        std::slice::from_ref(&(0..same.len()))
    );
    let escaped = format!("\\u0061{same}");
    assert_eq!(
        Finder::new([&same[..1_000]], 4096)
            .ranges(escaped.as_bytes())
            .len(),
        1
    );
}
