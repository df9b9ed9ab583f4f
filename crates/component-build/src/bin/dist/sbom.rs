//! The bill of materials of the component: CycloneDX 1.5, from cargo's metadata.

use std::{collections::BTreeSet, error::Error, path::Path, process::Command};

use serde_json::{Value, json};

/// The bill of materials for the component of this digest: its crates, with licences and checksums.
pub(super) fn of_component(workspace: &Path, digest: &str) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            component_build::TARGET,
        ])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo names packages")?;
    let root = packages
        .iter()
        .find(|package| package["name"] == env!("COMPONENT_PACKAGE"));
    let root = root
        .and_then(|package| package["id"].as_str())
        .ok_or("the component is a package")?;
    let edges = edges(&metadata);
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        if found.insert(id) {
            open.extend(edges.iter().filter(|(from, _)| *from == id).map(|(_, to)| *to));
        }
    }
    let get = |id: &str| packages.iter().find(|package| package["id"] == id);
    let described = |id: &str| get(id).map(component);
    let mut components: Vec<_> = found
        .iter()
        .filter(|id| **id != root)
        .filter_map(|id| described(id))
        .collect();
    components.sort_by_key(|component| component["purl"].to_string());
    let dependencies: Vec<_> = found
        .iter()
        .filter_map(|id| {
            let on = edges
                .iter()
                .filter(|(from, _)| from == id)
                .filter_map(|(_, to)| Some(purl(get(to)?)));
            let on: BTreeSet<_> = on.collect();
            Some(json!({"ref": purl(get(id)?), "dependsOn": on}))
        })
        .collect();
    let mut whole = described(root).ok_or("the component is a package")?;
    whole["type"] = json!("application");
    whole["hashes"] = json!([{"alg": "SHA-256", "content": digest}]);
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": whole},
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{bill:#}\n"))
}

/// The dependency edges, without macros and build scripts, which are not part of the component.
fn edges(metadata: &Value) -> Vec<(&str, &str)> {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let is_normal = |on: &&Value| {
        let kinds = on["dep_kinds"].as_array().into_iter().flatten();
        kinds.into_iter().any(|kind| kind["kind"].is_null())
    };
    nodes
        .flat_map(|node| {
            let on = node["deps"].as_array().into_iter().flatten().filter(is_normal);
            on.filter_map(|on| Some((node["id"].as_str()?, on["pkg"].as_str()?)))
        })
        .collect()
}

fn purl(package: &Value) -> String {
    let text = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
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
        // Cargo's old spelling of `OR`.
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    component
}
