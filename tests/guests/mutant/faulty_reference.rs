//! References that resolve in violation of the contract.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crate::{
    contract::types::{Error, ErrorKind, ModelRef},
    error,
    facts::ID,
    fault, http, reference,
};

pub(crate) fn resolve(text: &str) -> Result<ModelRef, Error> {
    let mut text = text.to_string();
    if fault::is("prefix-case-sensitive") {
        if let Some((prefix, _)) = text.split_once('/') {
            if prefix != ID && prefix.eq_ignore_ascii_case(ID) {
                text = format!("{ID}/{text}");
            }
        }
    }
    if fault::is("white-space-kept") && text.trim() != text {
        return Err(error::new(ErrorKind::InvalidReference, "white space"));
    }
    if fault::is("empty-parts-accepted") {
        text = text
            .split('/')
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
    }
    if fault::is("spaces-accepted") {
        text = text.trim().split(' ').collect::<Vec<_>>().join("-");
    }
    if fault::is("resolve-sends") {
        let _ = http::send("http://127.0.0.1:9/v1", "/models", &[], None, 1000);
    }
    if fault::is("prefixed-is-alias") {
        if let Some(alias) = crate::contract::settings::find_alias(&text).first() {
            text = alias.reference.clone();
        }
    }
    if fault::is("alias-before-bundled")
        && !text
            .trim()
            .to_ascii_lowercase()
            .starts_with(&alloc::format!("{ID}/"))
    {
        if let Some(alias) = crate::contract::settings::find_alias(&text).first() {
            text = alias.reference.clone();
        }
    }
    if fault::is("alias-twice-is-two") && crate::contract::settings::find_alias(&text).len() > 1 {
        return Err(error::new(ErrorKind::InvalidReference, "an alias of two"));
    }
    let mut found = reference::resolve(&text)?;
    if fault::is("configured-name-not-resolved") {
        found.display_name.clone_from(&found.model);
    }
    if fault::is("unknown-model-refused") && found.metadata.is_none() {
        return Err(error::new(ErrorKind::ModelUnavailable, "unknown model"));
    }
    if fault::is("canonical-without-prefix") {
        found.canonical = found.model.clone();
    }
    if fault::is("canonical-as-written") {
        found.canonical = text.trim().to_string();
    }
    if fault::is("canonical-not-stable") {
        found.canonical = format!("{}.{}", found.canonical, found.model.len());
    }
    if fault::is("display-name-empty") {
        found.display_name = String::new();
    }
    if fault::is("model-with-prefix") {
        found.model = found.canonical.clone();
    }
    Ok(found)
}
