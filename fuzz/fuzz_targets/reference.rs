//! Fuzz target of references and aliases: a resolved text has a canonical spelling, which resolves to itself.
#![no_main]

use huggingface_protocol::contract::settings::ModelAlias;
use huggingface_protocol::contract::types::ModelRef;
use huggingface_protocol::{reference, settings::PlainSettings};
use libfuzzer_sys::fuzz_target;

// The first line is the reference; each two lines that follow are an alias and what it stands for.
fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let text = lines.next().unwrap_or_default();
    let mut settings = PlainSettings::default();
    while let (Some(alias), Some(reference)) = (lines.next(), lines.next()) {
        settings.aliases.push(ModelAlias {
            alias: alias.into(),
            reference: reference.into(),
        });
    }
    match reference::resolve(text, &settings) {
        Ok(found) => {
            assert!(!found.display_name.trim().is_empty());
            assert!(found.canonical.starts_with("huggingface/"), "{found:?}");
            assert!(found.canonical.ends_with(&found.wire_id), "{found:?}");
            assert!(found.wire_id.starts_with(&found.model), "{found:?}");
            assert!(
                !found.wire_id.chars().any(|c| c.is_whitespace() || c.is_control()),
                "{found:?}"
            );
            let again = reference::resolve(&found.canonical, &settings).expect("the one spelling resolves");
            // A warning may be about the spelling of the text.
            let expected = ModelRef {
                warnings: again.warnings.clone(),
                ..found
            };
            assert_eq!(again, expected, "from {text:?}");
        }
        Err(error) => {
            assert!(!error.message.is_empty() && error.message.len() <= 4096 && !error.request_sent);
            for suggestion in &error.suggestions {
                assert!(!suggestion.is_empty());
            }
        }
    }
});
