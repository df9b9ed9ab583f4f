//! A marked token, and the search for it in output and files: every form in which a text may contain it.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose as base64_engine};
use serde_json::json;

/// With characters that JSON, URLs and base64 encode in different ways.
pub const TOKEN: &str = "hf_Mark7d/t0ken+Zq\"8xWv5~Lk";

pub fn percent(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The same with its digits in lower case.
pub fn lower_percent(text: &str) -> String {
    percent(text).replace("%2F", "%2f").replace("%2B", "%2b")
}

pub fn in_json(text: &str) -> String {
    json!(text).to_string().trim_matches('"').to_owned()
}

/// Every form of the token that is searched for. Of the token itself every substring of ten characters.
fn forms() -> Vec<String> {
    let mut forms: Vec<String> = TOKEN
        .as_bytes()
        .windows(10)
        .map(|piece| String::from_utf8_lossy(piece).into_owned())
        .collect();
    forms.extend([in_json(TOKEN), percent(TOKEN), lower_percent(TOKEN)]);
    for engine in [&base64_engine::STANDARD_NO_PAD, &base64_engine::URL_SAFE_NO_PAD] {
        for before in ["", "x", "xx"] {
            let encoded = engine.encode(format!("{before}{TOKEN}"));
            // Without the characters that share bits with their neighbours.
            forms.push(encoded[4..encoded.len() - 3].to_owned());
        }
    }
    forms
}

pub fn found(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    forms().into_iter().find(|form| text.contains(form.as_str()))
}

/// Fails if this text contains the token.
pub fn search_text(what: &str, text: &[u8]) {
    if let Some(form) = found(text) {
        panic!("{what}: `{form}` in:\n{}", String::from_utf8_lossy(text));
    }
}

/// Fails if one of these files contains it, except for files of these names, where the user put it.
pub fn search_files(what: &str, files: Vec<(PathBuf, Vec<u8>)>, own: &[&str]) {
    for (path, bytes) in files {
        if !own.iter().any(|own| path.ends_with(own)) {
            search_text(&format!("{what}: {}", path.display()), &bytes);
        }
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    for text in [
        format!("a {TOKEN} b"),
        TOKEN[5..].to_owned(),
        json!({ "a": TOKEN }).to_string(),
        percent(TOKEN),
        base64_engine::STANDARD.encode(format!("joe:{TOKEN}")),
        base64_engine::URL_SAFE.encode(format!("jo:{TOKEN}, and more")),
        base64_engine::STANDARD.encode(TOKEN),
    ] {
        assert!(found(text.as_bytes()).is_some(), "{text}");
    }
    assert!(found(b"hf_\xe2\x80\xa6~Lk").is_none(), "a preview is none");
}
