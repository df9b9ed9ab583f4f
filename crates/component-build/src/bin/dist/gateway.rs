//! The composed gateway: the gateway, the provider of the release and the settings as one component that needs nothing but
//! WASI. Knows nothing of what they say to each other.

use std::{error::Error, path::Path};

use wac_graph::{CompositionGraph, EncodeOptions, NodeId, types::Package};
use wasm_metadata::{AddMetadata, AddMetadataField as Field};

/// What the component is called, here and where it is published.
pub(super) const NAME: &str = "huggingface-gateway";

/// The packages of its parts: the gateway itself, the provider and the settings.
pub(super) const PACKAGES: [&str; 3] = [
    "gateway-component",
    env!("COMPONENT_PACKAGE"),
    "settings-component",
];

const TYPES: &str = "openclaw:model-provider/types@0.2.0";
const SETTINGS: &str = "openclaw:model-provider/settings@0.2.0";
const PROVIDER: &str = "openclaw:model-provider/provider@0.2.0";
const CONFIGURATION: &str = "openclaw:gateway/configuration@0.1.0";
const HANDLER: &str = "wasi:http/incoming-handler@";

/// The composed gateway.
pub(super) struct Gateway {
    pub(super) component: Vec<u8>,
    pub(super) parts: [Part; 3],
}

/// A component that is in it, byte for byte.
pub(super) struct Part {
    pub(super) package: &'static str,
    pub(super) bytes: Vec<u8>,
}

/// Builds what is missing and composes it. `settings` is a file that is built in; without one, they are read from the engine's store.
pub(super) fn build(provider: &[u8], settings: Option<&Path>) -> Result<Gateway, Box<dyn Error>> {
    let say = |words: &str| eprintln!("{words}");
    let [of_gateway, of_provider, of_settings] = PACKAGES;
    let gateway = std::fs::read(component_build::build_member(of_gateway, say)?)?;
    let settings = match settings {
        Some(file) => component_build::build_settings(
            &file
                .canonicalize()
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
            say,
        )?,
        None => component_build::build_member(of_settings, say)?,
    };
    let settings = std::fs::read(settings)?;
    let composed = compose(&gateway, provider, &settings)?;
    let mut metadata = AddMetadata::default();
    metadata.name = Field::Set(NAME.to_owned());
    metadata.version = Field::Set(env!("CARGO_PKG_VERSION").parse()?);
    metadata.licenses = Field::Set(env!("CARGO_PKG_LICENSE").parse()?);
    metadata.source = Field::Set(env!("CARGO_PKG_REPOSITORY").parse()?);
    let description =
        "An OpenAI-compatible gateway to Hugging Face Inference Providers as one WASI component";
    metadata.description = Field::Set(description.parse()?);
    if let Ok(revision) = std::env::var("SOURCE_REVISION") {
        metadata.revision = Field::Set(revision.parse()?);
    }
    let part = |package, bytes| Part { package, bytes };
    Ok(Gateway {
        component: metadata.to_wasm(&composed)?,
        parts: [
            part(of_gateway, gateway),
            part(of_provider, provider.to_vec()),
            part(of_settings, settings),
        ],
    })
}

/// The three as one. What only WASI has they go on importing, each interface once.
fn compose(gateway: &[u8], provider: &[u8], settings: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut graph = CompositionGraph::new();
    let mut add = |name: &str, bytes: &[u8]| -> Result<_, Box<dyn Error>> {
        let package = Package::from_bytes(name, None, bytes, graph.types_mut())?;
        let exports = graph.types()[package.ty()]
            .exports
            .keys()
            .cloned()
            .collect::<Vec<_>>();
        let id = graph.register_package(package)?;
        Ok((graph.instantiate(id), exports))
    };
    let (settings, _) = add("openclaw:settings", settings)?;
    let (provider, _) = add("openclaw:provider", provider)?;
    let (gateway, exports) = add("openclaw:gateway", gateway)?;
    let wires: [(NodeId, &str, NodeId); 6] = [
        (settings, TYPES, provider),
        (settings, SETTINGS, provider),
        (settings, TYPES, gateway),
        (settings, SETTINGS, gateway),
        (settings, CONFIGURATION, gateway),
        (provider, PROVIDER, gateway),
    ];
    for (from, interface, to) in wires {
        let export = graph.alias_instance_export(from, interface)?;
        graph.set_instantiation_argument(to, interface, export)?;
    }
    let handler = exports.iter().find(|name| name.starts_with(HANDLER));
    let handler = handler.ok_or("the gateway exports no handler of requests")?;
    let export = graph.alias_instance_export(gateway, handler)?;
    graph.export(export, handler)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

/// The imports and exports of a component, printed.
#[cfg(test)]
fn printed(component: &[u8]) -> String {
    let decoded = wit_component::decode(component).expect("a component");
    let (resolve, world) = match &decoded {
        wit_component::DecodedWasm::Component(resolve, world) => (resolve, &resolve.worlds[*world]),
        wit_component::DecodedWasm::WitPackage(..) => panic!("a WIT package"),
    };
    let line = |word: &'static str| {
        move |key: &wit_parser::WorldKey| format!("{word} {}\n", resolve.name_world_key(key))
    };
    let mut lines: Vec<String> = world.imports.keys().map(line("import")).collect();
    lines.sort();
    lines.extend(world.exports.keys().map(line("export")));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests");

    fn provider() -> Vec<u8> {
        let built = component_build::build(component_build::Build::Release, |_| {}).expect("the component");
        std::fs::read(built).expect("the component")
    }

    fn is_golden(component: &[u8], file: &str) {
        let (printed, file) = (printed(component), format!("{TESTS}/golden/{file}"));
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&file, &printed).expect("a file that can be written");
        }
        assert_eq!(printed, std::fs::read_to_string(file).expect("the golden file"));
        let imports = printed.lines().filter(|line| line.starts_with("import "));
        let others: Vec<&str> = imports.filter(|line| !line.starts_with("import wasi:")).collect();
        assert!(others.is_empty(), "{others:?} are none of WASI's");
    }

    #[test]
    fn the_gateway_imports_wasi_and_nothing_else_and_exports_a_handler_of_requests() {
        is_golden(
            &build(&provider(), None).expect("a gateway").component,
            "gateway.txt",
        );
    }

    #[test]
    fn with_settings_built_in_it_needs_no_store_of_settings_either() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("settings.json");
        std::fs::write(&file, r#"{"base-url": "http://127.0.0.1:8091/v1"}"#).expect("a file");
        is_golden(
            &build(&provider(), Some(&file)).expect("a gateway").component,
            "gateway-built-in.txt",
        );
    }

    #[test]
    fn a_file_that_cannot_be_taken_ends_the_build() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("settings.json");
        for text in [
            "{",
            r#"{"max-retries": "many"}"#,
            r#"{"access-key": "0123456789abcdef"}"#,
        ] {
            std::fs::write(&file, text).expect("a file");
            assert!(build(&provider(), Some(&file)).is_err(), "{text}");
        }
        let none = build(&provider(), Some(&dir.path().join("none.json")));
        assert!(none.is_err(), "there is no file");
    }
}
