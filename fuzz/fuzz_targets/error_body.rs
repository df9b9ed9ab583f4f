//! Fuzz target of error bodies: any body of an error status gives a typed error with a message.
#![no_main]

use chat_completions::contract::types::Error;
use chat_completions::error;
use huggingface_protocol::provider::UPSTREAM;
use huggingface_provider_fuzz::control;
use libfuzzer_sys::fuzz_target;

const STATUSES: [u16; 16] = [
    100, 302, 400, 401, 402, 403, 404, 408, 413, 418, 422, 424, 429, 500, 503, 999,
];

fn check(error: &Error) {
    assert!(!error.message.trim().is_empty());
    assert!(error.message.len() <= 4096);
    for extra in &error.extras {
        serde_json::from_str::<&serde_json::value::RawValue>(&extra.value_json).expect("an extra is JSON");
    }
}

fuzz_target!(|input: &[u8]| {
    let (choice, body) = control(input);
    let status = STATUSES[usize::from(choice % 16)];
    let headers: Vec<(String, Vec<u8>)> = match choice / 16 % 4 {
        0 => Vec::new(),
        1 => vec![("Content-Type".into(), b"text/html".to_vec())],
        2 => vec![("x-error-message".into(), body.to_vec())],
        _ => vec![
            ("content-type".into(), b"application/json".to_vec()),
            ("retry-after".into(), body.to_vec()),
        ],
    };
    let from_response = error::from_response(status, &headers, body);
    assert_eq!(from_response.status, Some(status));
    check(&from_response);
    let mut advised = from_response;
    UPSTREAM.advise(&mut advised);
    check(&advised);
    if let Ok(text) = core::str::from_utf8(body) {
        check(&error::from_event(text));
    }
});
