//! The component as it is released: the plain build, with what its core module says of itself written to the component as
//! well, and the list of its dependencies, so that tools which read the outermost sections alone find both.

use std::error::Error;

use auditable_serde::{DependencyKind, Package, Source, VersionInfo};
use wasm_encoder::{ComponentSection as _, RawSection};
use wasm_metadata::{AddMetadata, AddMetadataField as Field, Dependencies, Metadata, Payload};
use wasmparser::{Parser, Payload as Part};

use crate::packages::{Packages, text};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The section with names for the inner parts of a component, of use to nobody who runs it.
const NAMES: &str = "component-name";
/// The list may cost so much.
const MOST_BYTES: usize = 8 * 1024;

/// Makes it.
pub(super) fn of(plain: &[u8], packages: &Packages) -> Result<Vec<u8>> {
    let said = said_by(plain)?;
    let mut metadata = AddMetadata::default();
    let missing = |what: &str| format!("the metadata of the plain build has no {what}");
    metadata.name = Field::Set(said.name.ok_or_else(|| missing("name"))?);
    metadata.version = Field::Set(said.version.ok_or_else(|| missing("version"))?);
    metadata.licenses = Field::Set(said.licenses.ok_or_else(|| missing("licence"))?);
    metadata.source = Field::Set(said.source.ok_or_else(|| missing("source"))?);
    metadata.description = Field::Set(said.description.ok_or_else(|| missing("description"))?);
    // What is built from changed sources, or without a repository, has none.
    if let Some(revision) = said.revision {
        metadata.revision = Field::Set(revision);
    }
    let mut component = metadata.to_wasm(&without_names(plain)?)?;
    let before = component.len();
    Dependencies::new(dependencies(packages)?)?.append_to_component(&mut component);
    let cost = component.len() - before;
    if cost > MOST_BYTES {
        return Err(format!("the list of dependencies costs {cost} bytes, more than {MOST_BYTES}").into());
    }
    Ok(component)
}

/// What the first core module says: that of the provider.
fn said_by(plain: &[u8]) -> Result<Metadata> {
    let Payload::Component { children, .. } = Payload::from_binary(plain)? else {
        return Err("the plain build is a component".into());
    };
    let first = children.into_iter().find_map(|child| match child {
        Payload::Module(metadata) => Some(metadata),
        Payload::Component { .. } => None,
    });
    first.ok_or_else(|| "a component has a core module".into())
}

/// In the form of `cargo auditable`.
fn dependencies(packages: &Packages) -> Result<VersionInfo> {
    let all = packages.all().enumerate().map(|(at, (package, needs))| {
        let source = match package["source"].as_str() {
            None => Source::Local,
            Some(from) if from.ends_with("github.com/rust-lang/crates.io-index") => Source::CratesIo,
            Some(from) if from.starts_with("git+") => Source::Git,
            Some(_) => Source::Registry,
        };
        Ok(Package {
            name: text(package, "name"),
            version: text(package, "version").parse()?,
            source,
            kind: DependencyKind::Runtime,
            dependencies: needs.iter().copied().collect(),
            root: packages.roots().contains(&at),
        })
    });
    Ok(VersionInfo {
        packages: all.collect::<Result<_>>()?,
        // Macros and their dependencies are marked: here they are left out.
        format: 1,
    })
}

/// The component without [`NAMES`]: 3 % of its size. The linker has no switch for it.
fn without_names(component: &[u8]) -> Result<Vec<u8>> {
    let mut stripped = wasm_encoder::Component::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        let is_own = depth == 0;
        match &payload {
            Part::ModuleSection { .. } | Part::ComponentSection { .. } => depth += 1,
            Part::End(_) => depth = depth.saturating_sub(1),
            Part::CustomSection(section) if is_own && section.name() == NAMES => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section().filter(|_| is_own) {
            let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
            let data = component.get(range).ok_or("a section is cut off")?;
            stripped.section(&RawSection { id, data });
        }
    }
    Ok(stripped.finish())
}

#[cfg(test)]
mod tests {
    use component_build::{Build, Workspace};

    use super::*;

    #[test]
    fn the_outermost_sections_of_a_release_name_its_author_and_its_dependencies() {
        let workspace = Workspace::of_this_program().unwrap();
        let plain = std::fs::read(component_build::build(Build::Release, |_| {}).unwrap()).unwrap();
        let packages = Packages::of_component(workspace.path()).unwrap();
        let component = of(&plain, &packages).unwrap();
        assert_eq!(component, of(&plain, &packages).unwrap(), "twice the same");
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all())
            .validate_all(&component)
            .unwrap();

        let payload = Payload::from_binary(&component).unwrap();
        let said = payload.metadata();
        assert_eq!(said.name.as_deref(), Some(env!("COMPONENT_PACKAGE")));
        let shown = |text: Option<String>| text.unwrap_or_default();
        assert_eq!(
            shown(said.version.as_ref().map(ToString::to_string)),
            env!("CARGO_PKG_VERSION")
        );
        assert_eq!(
            shown(said.licenses.as_ref().map(ToString::to_string)),
            env!("CARGO_PKG_LICENSE")
        );
        assert_eq!(
            shown(said.source.as_ref().map(ToString::to_string)),
            env!("CARGO_PKG_REPOSITORY")
        );
        assert_eq!(
            shown(said.description.as_ref().map(ToString::to_string)),
            env!("COMPONENT_DESCRIPTION")
        );
        assert_eq!(said.revision, said_by(&plain).unwrap().revision);

        // As any reader of `cargo auditable` reads it: a tree with one root and no circle, which parsing checks.
        let list = said.dependencies.as_ref().unwrap().version_info();
        let root = list.packages.iter().find(|package| package.root).unwrap();
        assert_eq!(root.name, env!("COMPONENT_PACKAGE"));
        let lock = std::fs::read_to_string(workspace.path().join("Cargo.lock")).unwrap();
        for package in &list.packages {
            let entry = format!("name = \"{}\"\nversion = \"{}\"\n", package.name, package.version);
            assert!(lock.contains(&entry), "{entry}");
        }
        let names: Vec<_> = list
            .packages
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        for expected in [
            "chat-completions-wire",
            "memchr",
            "serde_json",
            "talc",
            "wit-bindgen",
        ] {
            assert!(names.contains(&expected), "{names:?}");
        }
        for unexpected in ["syn", "proc-macro2", "wasmtime", "tokio"] {
            assert!(!names.contains(&unexpected), "{names:?}");
        }
    }
}
