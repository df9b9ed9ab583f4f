//! The case files of `tests/cases` on this crate's types: the native driver's part of the one runner.

#![allow(
    dead_code,
    unused_imports,
    reason = "cases of requests and streams are the core's"
)]

use crate::{
    contract::{settings, types},
    settings::PlainSettings,
};

#[path = "../../../tests/runner/mod.rs"]
mod runner;

pub(crate) use runner::*;

/// The settings of a case; `listed` are rows of a list as the router sends them.
pub(crate) fn plain_settings(case: &serde_json::Value) -> PlainSettings {
    let mut settings = PlainSettings {
        configured: configured(case),
        aliases: aliases(case),
        ..PlainSettings::default()
    };
    if let Some(body) = listed_body(case) {
        settings.listed = crate::catalog::from_list(body.as_bytes(), &settings).models;
    }
    settings
}
