//! Which fault is planted.

use alloc::string::{String, ToString};

use crate::sound_contract::bindings::openclaw::model_provider::settings;

/// After the mark a name, then blanks. Overwritten in the built file for faults of `describe`, which may not read
/// settings.
#[used]
static FAULT: [u8; 48] = *b"planted fault:                                  ";

fn built_in() -> String {
    // As data that the compiler cannot know: it is overwritten after the build.
    let bytes = core::hint::black_box(&FAULT);
    core::str::from_utf8(&bytes[14..])
        .unwrap_or_default()
        .trim()
        .to_string()
}

/// Whether this fault is planted into the file.
pub(crate) fn is_built_in(name: &str) -> bool {
    built_in() == name
}

/// Whether this fault is planted.
pub(crate) fn is(name: &str) -> bool {
    let named = |value: &str| value.trim_matches('"') == name;
    is_built_in(name)
        || settings::get()
            .extras
            .iter()
            .any(|extra| extra.key == "fault" && named(&extra.value_json))
}
