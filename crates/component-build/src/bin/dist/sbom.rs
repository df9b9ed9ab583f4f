//! The bills of materials, of the component and of the composed gateway: CycloneDX 1.5.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    gateway::Gateway,
    packages::{Packages, text},
    sha256,
};

/// What is in the component of this digest: its crates, with their licences.
pub(super) fn of(packages: &Packages, digest: &str) -> String {
    let root = packages.roots()[0];
    let libraries = packages.all().enumerate().filter(|(at, _)| *at != root);
    let libraries = libraries.map(|(_, (package, _))| component(package)).collect();
    let whole = file(component(packages.at(root)), digest);
    bill(&whole, libraries, dependencies(packages))
}

/// What is in the composed gateway: its parts, with their digests, and the crates of all, each once. `packages` are those
/// of its parts.
pub(super) fn of_gateway(packages: &Packages, gateway: &Gateway) -> String {
    let reference = format!("{}@{}", crate::gateway::NAME, env!("CARGO_PKG_VERSION"));
    let whole = json!({
        "type": "application",
        "bom-ref": reference,
        "name": crate::gateway::NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "licenses": licences(env!("CARGO_PKG_LICENSE")),
    });
    let components = packages.all().map(|(package, _)| {
        let part = gateway.parts.iter().find(|part| package["name"] == part.package);
        match part {
            Some(part) => file(component(package), &sha256(&part.bytes)),
            None => component(package),
        }
    });
    let parts: BTreeSet<_> = packages.roots().iter().map(|&at| purl(packages.at(at))).collect();
    let mut dependencies = dependencies(packages);
    dependencies.insert(0, json!({"ref": reference, "dependsOn": parts}));
    bill(
        &file(whole, &sha256(&gateway.component)),
        components.collect(),
        dependencies,
    )
}

fn bill(whole: &Value, components: Vec<Value>, dependencies: Vec<Value>) -> String {
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": dependencies,
    });
    format!("{bill:#}\n")
}

/// Each crate with those that it needs.
fn dependencies(packages: &Packages) -> Vec<Value> {
    let all = packages.all().map(|(package, needs)| {
        let on: BTreeSet<_> = needs.iter().map(|&at| purl(packages.at(at))).collect();
        json!({"ref": purl(package), "dependsOn": on})
    });
    all.collect()
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name"), text(package, "version"))
}

fn component(package: &Value) -> Value {
    let purl = purl(package);
    let mut component = json!({
        "type": "library",
        "bom-ref": purl,
        "name": package["name"],
        "version": package["version"],
        "purl": purl,
    });
    if let Some(licence) = package["license"].as_str() {
        component["licenses"] = licences(licence);
    }
    component
}

/// A WebAssembly component, which is a file with this digest.
fn file(mut component: Value, digest: &str) -> Value {
    component["type"] = json!("application");
    component["hashes"] = json!([{"alg": "SHA-256", "content": digest}]);
    component
}

fn licences(expression: &str) -> Value {
    // Cargo's old way of writing `OR`.
    json!([{"expression": expression.replace('/', " OR ")}])
}

#[cfg(test)]
mod tests {
    use component_build::{Build, Workspace};

    use super::*;

    fn bill_of_gateway() -> (Gateway, Value) {
        let workspace = Workspace::of_this_program().unwrap();
        let provider = component_build::build(Build::Release, |_| {}).unwrap();
        let gateway = crate::gateway::build(&std::fs::read(provider).unwrap(), None).unwrap();
        let packages = Packages::of(workspace.path(), &crate::gateway::PACKAGES).unwrap();
        let bill = of_gateway(&packages, &gateway);
        assert_eq!(bill, of_gateway(&packages, &gateway), "twice the same");
        (gateway, serde_json::from_str(&bill).unwrap())
    }

    fn array<'a>(value: &'a Value, member: &str) -> &'a [Value] {
        value[member].as_array().unwrap()
    }

    /// The references of a bill's components; each has to be there once.
    fn references(bill: &Value) -> BTreeSet<&str> {
        let all: Vec<_> = array(bill, "components")
            .iter()
            .map(|component| component["bom-ref"].as_str().unwrap())
            .collect();
        let once: BTreeSet<_> = all.iter().copied().collect();
        assert_eq!(once.len(), all.len(), "{all:?}");
        once
    }

    fn digest(component: &Value) -> &str {
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{component}");
        component["hashes"][0]["content"].as_str().unwrap()
    }

    #[test]
    fn the_bill_of_the_gateway_has_its_digest_and_those_of_its_parts_as_they_are_in_it() {
        let (gateway, bill) = bill_of_gateway();
        let whole = &bill["metadata"]["component"];
        assert_eq!(whole["name"], "huggingface-gateway");
        assert_eq!(digest(whole), sha256(&gateway.component));
        for part in &gateway.parts {
            let found = array(&bill, "components")
                .iter()
                .find(|component| component["name"] == part.package);
            assert_eq!(digest(found.unwrap()), sha256(&part.bytes), "{}", part.package);
            let mut within = gateway.component.windows(part.bytes.len());
            assert!(within.any(|bytes| bytes == part.bytes), "{}", part.package);
        }
    }

    #[test]
    fn the_bill_of_the_gateway_has_every_crate_of_its_parts_once_and_no_other() {
        let (_, bill) = bill_of_gateway();
        let listed = references(&bill);
        let workspace = Workspace::of_this_program().unwrap();
        let mut of_parts = BTreeSet::new();
        let mut count = 0;
        for package in crate::gateway::PACKAGES {
            let packages = Packages::of(workspace.path(), &[package]).unwrap();
            of_parts.extend(packages.all().map(|(package, _)| purl(package)));
            count += packages.all().count();
        }
        assert!(count > of_parts.len(), "the parts share crates");
        assert_eq!(
            listed,
            of_parts.iter().map(String::as_str).collect::<BTreeSet<_>>()
        );

        let names: Vec<_> = array(&bill, "components")
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        for expected in [
            "dialects",
            "strsim",
            "chat-completions",
            "serde_json",
            "wit-bindgen",
        ] {
            assert!(names.contains(&expected), "{names:?}");
        }
        for unexpected in ["syn", "proc-macro2", "wasmtime", "tokio", "component-build"] {
            assert!(!names.contains(&unexpected), "{names:?}");
        }
    }

    #[test]
    fn in_the_bill_of_the_gateway_every_crate_is_reached_from_the_gateway_by_way_of_its_parts() {
        let (_, bill) = bill_of_gateway();
        let on = |reference: &str| -> Vec<&str> {
            let entry = array(&bill, "dependencies")
                .iter()
                .find(|entry| entry["ref"] == reference);
            let on = array(
                entry.unwrap_or_else(|| panic!("{reference} has no entry")),
                "dependsOn",
            );
            on.iter().map(|on| on.as_str().unwrap()).collect()
        };
        let whole = bill["metadata"]["component"]["bom-ref"].as_str().unwrap();
        let parts: Vec<_> = on(whole)
            .into_iter()
            .map(|part| part.split(['/', '@']).nth(1).unwrap())
            .collect();
        let mut expected = crate::gateway::PACKAGES.to_vec();
        expected.sort_unstable();
        assert_eq!(parts, expected);

        let mut reached = BTreeSet::new();
        let mut open = on(whole);
        while let Some(reference) = open.pop() {
            if reached.insert(reference) {
                open.extend(on(reference));
            }
        }
        assert_eq!(reached, references(&bill));
        assert_eq!(array(&bill, "dependencies").len(), reached.len() + 1);
    }
}
