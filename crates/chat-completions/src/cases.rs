//! Runner of the case files in `tests/cases` on this crate's types, natively.

#![allow(
    dead_code,
    unused_imports,
    reason = "cases of lists and references are the provider's"
)]

use crate::contract::{settings, types};

#[path = "../../../tests/runner/mod.rs"]
mod runner;

pub(crate) use runner::*;
