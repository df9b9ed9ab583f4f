//! What the text of a call's arguments says, as far as it has come. This module must not know calls.

use crate::json;

pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Whether arguments say that there are none.
pub(super) fn is_nothing(arguments: &str) -> bool {
    matches!(arguments.trim(), "" | "null")
}

/// Whether arguments may say so in the end: they may become `null`, or are an `{}` that is replaced.
pub(super) fn may_be_nothing(arguments: &str) -> bool {
    let arguments = arguments.trim_end();
    "null".starts_with(arguments) || arguments == "{}"
}

/// Whether arguments are a whole object. The look at the last character spares reading all of them each time.
pub(super) fn is_whole(arguments: &str) -> bool {
    arguments.trim_end().ends_with('}') && json::is_object(arguments)
}

/// The arguments without their repetition: some servers write them twice in one value.
pub(super) fn once(arguments: &str) -> &str {
    match arguments.split_at_checked(arguments.len() / 2) {
        Some((half, again)) if half == again && is_whole(half) => half,
        _ => arguments,
    }
}
