//! The bill of materials of the component: CycloneDX 1.5.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::packages::{Packages, text};

/// What is in the component of this digest: its crates, with their licences.
pub(super) fn of(packages: &Packages, digest: &str) -> String {
    let root = packages.root();
    let libraries = packages.all().enumerate().filter(|(at, _)| *at != root);
    let libraries: Vec<_> = libraries.map(|(_, (package, _))| component(package)).collect();
    let dependencies: Vec<_> = packages
        .all()
        .map(|(package, needs)| {
            let on: BTreeSet<_> = needs.iter().map(|&at| purl(packages.at(at))).collect();
            json!({"ref": purl(package), "dependsOn": on})
        })
        .collect();
    let mut whole = component(packages.at(root));
    whole["type"] = json!("application");
    whole["hashes"] = json!([{"alg": "SHA-256", "content": digest}]);
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": whole},
        "components": libraries,
        "dependencies": dependencies,
    });
    format!("{bill:#}\n")
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
        // Cargo's old way of writing `OR`.
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    component
}
