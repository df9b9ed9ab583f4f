//! `publish`: a plugin, a composed gateway or a WIT package, as an OCI artifact.

use std::{collections::BTreeMap, path::Path};

use serde_json::json;

use super::super::{
    Outcome,
    args::{Global, PublishArgs},
    session::Ground,
    table,
    terminal::Terminal,
};
use model_provider_host::{Error, ErrorKind, Interfaces, Result, files};
use plugin_registry::{Artifact, ComponentFacts, Metadata};

const VERSION: &str = "org.opencontainers.image.version";
const TITLE: &str = "org.opencontainers.image.title";
/// How every component begins, and a WIT package in its binary form.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
/// The export by which engines serve a component, with a version.
const HANDLER: &str = "wasi:http/incoming-handler@";
/// The largest bill of materials, and far more than a signature.
const LARGEST: u64 = 1024 * 1024;

pub(crate) async fn publish(terminal: Terminal, global: &Global, args: &PublishArgs) -> Outcome {
    let ground = Ground::open(global)?;
    let reference = ground.store.reference(&args.reference)?;
    let component = read(&args.file)?;
    if args.wit && !component.starts_with(COMPONENT) {
        let message = format!("{} is no WIT package in its binary form", args.file.display());
        return Err(Error::new(ErrorKind::Configuration, message)
            .with_hint("`wkg wit build` or `wasm-tools component wit --wasm` makes one of the text")
            .into());
    }
    let mut annotations: BTreeMap<String, String> = Metadata::of(&component).annotations();
    let mut facts = ComponentFacts::default();
    if !args.wit {
        // What does not load here is of no use to anybody who pulls it.
        match ground.look(terminal, &args.file).await {
            Ok(looked) => {
                let plugin = looked.plugin;
                facts.imports = plugin.imports().to_vec();
                facts.exports = plugin.exports().to_vec();
                let info = plugin.info();
                let mut add = |name: &str, value: &str| {
                    annotations
                        .entry(name.to_owned())
                        .or_insert_with(|| value.to_owned());
                };
                add(VERSION, &info.version);
                add(TITLE, &info.name);
            }
            Err(error) if error.kind() == ErrorKind::ContractMismatch => {
                let found = Interfaces::read(&ground.sandbox, &args.file, component.clone()).await?;
                facts = gateway(&args.file, found)?.ok_or(error)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    annotations.extend(args.annotation.iter().cloned());
    let signature = if let Some(file) = &args.signature {
        Some(text(file)?)
    } else {
        let mut beside = args.file.clone().into_os_string();
        beside.push(".minisig");
        let beside = Path::new(&beside);
        beside.is_file().then(|| text(beside)).transpose()?
    };
    let artifact = Artifact {
        component,
        facts,
        annotations,
        created: args.created.clone(),
        sbom: args.sbom.as_deref().map(read).transpose()?,
        signature,
    };
    let published = {
        let _sending = terminal.spinner(format!("publishing {reference}"));
        let registry = ground.store.registry()?;
        registry
            .client()
            .publish(&reference, &artifact)
            .await
            .map_err(Error::from)?
    };
    if terminal.is_text() {
        let mut facts = vec![
            ("published", reference.to_string()),
            ("manifest", published.manifest.to_string()),
            ("digest", published.component.to_string()),
        ];
        let beside = published.referrers.iter();
        facts.extend(beside.map(|(kind, digest)| ("with", format!("{kind} {digest}"))));
        terminal.line(&table::facts(terminal.out, &facts))?;
    } else {
        let beside = published.referrers.iter();
        terminal.json(&json!({
            "reference": reference.to_string(),
            "manifest": published.manifest,
            "digest": published.component,
            "referrers": beside.map(|(kind, digest)| json!({"artifactType": kind, "digest": digest})).collect::<Vec<_>>(),
        }))?;
    }
    Ok(())
}

/// The facts of a composed gateway, for engines; `None` for a component that is none. A plugin's promises are no matter
/// here, but it has to be whole: with an import that no engine offers it would start nowhere.
fn gateway(file: &Path, found: Interfaces) -> Result<Option<ComponentFacts>> {
    if !found.exports.iter().any(|name| name.starts_with(HANDLER)) {
        return Ok(None);
    }
    let imports = found.imports.iter().map(String::as_str);
    let others: Vec<&str> = imports.filter(|name| !name.starts_with("wasi:")).collect();
    if !others.is_empty() {
        let message = format!(
            "{} is a gateway that is not composed: it imports {}",
            file.display(),
            others.join(", ")
        );
        return Err(Error::new(ErrorKind::ContractMismatch, message)
            .with_hint("`cargo dist` composes it with a provider and settings: dist/NAME_gateway.wasm"));
    }
    Ok(Some(ComponentFacts {
        exports: found.exports,
        imports: found.imports,
        target: None,
    }))
}

fn failure(file: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!("{} cannot be read: {error}", file.display()),
    )
}

fn read(file: &Path) -> Result<Vec<u8>> {
    files::read(file, files::MAX_BYTES).map_err(|error| failure(file, &error))
}

fn text(file: &Path) -> Result<String> {
    files::read_input_text(file, LARGEST).map_err(|error| failure(file, &error))
}
