//! Texts that try to control a terminal, or to forge lines; used if the order `texts` says so.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use crate::{
    contract::types::{Policy, Warning},
    orders::order,
};

/// A title and a cleared screen, C1 controls, forged lines of a log, of facts and of an error, reversed text direction,
/// paragraph breaks, and invisible characters.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}2J\r\n2026-01-01T00:00:00Z ERROR host_harness: forged\n\
                       digest     sha256:forged\n\u{2713} forged\nerror[forged]: forged\n\
                       \u{202e}\u{2066}\u{200f}\u{61c}\u{2028}forged\u{2029}\u{200b}\u{feff}\u{e0041}\u{7f}";

pub(crate) fn wanted() -> bool {
    order("texts").is_some()
}

/// A harmless text, or the same followed by hostile ones.
pub(crate) fn text(harmless: &str) -> String {
    if wanted() {
        format!("{harmless}{HOSTILE}")
    } else {
        harmless.to_owned()
    }
}

/// As many as the order says.
pub(crate) fn warnings() -> Vec<Warning> {
    let count = order("warnings")
        .and_then(|count| count.parse().ok())
        .unwrap_or(0);
    (0..count)
        .map(|number| Warning {
            code: text("hostile"),
            message: text(&format!("warning {number} ")),
        })
        .collect()
}

pub(crate) fn policies() -> Vec<Policy> {
    let policy = || Policy {
        suffix: "fast".to_owned(),
        label: text("fast"),
        locks_provider: true,
        note: Some(text("note")),
    };
    wanted().then(policy).into_iter().collect()
}
