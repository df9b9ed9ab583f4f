//! Fuzz target of a Messages request: any body gives a request or a typed error, and the token estimate agrees with
//! it.
#![no_main]

use dialects::{
    dialect::{Dialect as _, Head},
    messages::{Messages, count_tokens},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let counted = count_tokens(data);
    match Messages.parse(data) {
        Ok(mut asked) => {
            assert!(!asked.request.messages.is_empty() && asked.request.max_output_tokens.is_some());
            let counted = counted.expect("a valid request can be counted");
            assert!(counted["input_tokens"].is_u64());
            asked.reply.begin(Head::default());
            let mut frames = Vec::new();
            asked.reply.opening("m", &mut frames);
            assert_eq!(frames.len(), 1);
        }
        // Without an output limit a request is invalid, but can be counted.
        Err(error) => assert!(!error.message().is_empty()),
    }
});
