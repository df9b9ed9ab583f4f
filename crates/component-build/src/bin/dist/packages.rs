//! What components are built of, by cargo's account: their crates and which of them needs which.
//!
//! Macros and build scripts are left out: they are not in the component. Knows no form that it is written down in.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
    process::Command,
};

use serde_json::Value;

/// The crates of one or more components, each crate once, in the order of their names and versions.
pub(super) struct Packages {
    packages: Vec<Value>,
    /// By place in `packages`.
    roots: Vec<usize>,
    /// By place in `packages`.
    needs: Vec<BTreeSet<usize>>,
}

impl Packages {
    /// Of the component of this workspace.
    pub(super) fn of_component(workspace: &Path) -> Result<Self, Box<dyn Error>> {
        Self::of(workspace, &[env!("COMPONENT_PACKAGE")])
    }

    /// Of the components of this workspace with these names.
    pub(super) fn of(workspace: &Path, roots: &[&str]) -> Result<Self, Box<dyn Error>> {
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
        Self::read(&serde_json::from_slice(&output.stdout)?, roots)
    }

    fn read(metadata: &Value, roots: &[&str]) -> Result<Self, Box<dyn Error>> {
        let all = metadata["packages"].as_array().ok_or("cargo names packages")?;
        let roots = roots.iter().map(|root| {
            let named = all.iter().find(|package| package["name"] == *root);
            named
                .and_then(id)
                .ok_or_else(|| format!("cargo names no package {root}"))
        });
        let roots = roots.collect::<Result<Vec<_>, _>>()?;
        let edges = edges(metadata);
        let mut found = BTreeSet::new();
        let mut open = roots.clone();
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(edges.iter().filter(|(from, _)| *from == id).map(|(_, to)| *to));
            }
        }
        let mut packages: Vec<_> = all
            .iter()
            .filter(|package| id(package).is_some_and(|id| found.contains(id)))
            .cloned()
            .collect();
        packages.sort_by_key(|package| (text(package, "name"), text(package, "version")));
        let places: BTreeMap<_, _> = packages
            .iter()
            .enumerate()
            .filter_map(|(at, package)| Some((id(package)?.to_owned(), at)))
            .collect();
        let mut needs = vec![BTreeSet::new(); packages.len()];
        for (from, to) in edges {
            if let (Some(from), Some(to)) = (places.get(from), places.get(to)) {
                needs[*from].insert(*to);
            }
        }
        let roots = roots
            .iter()
            .filter_map(|root| places.get(*root).copied())
            .collect();
        Ok(Self {
            packages,
            roots,
            needs,
        })
    }

    /// Each with the places of those that it needs.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Value, &BTreeSet<usize>)> {
        self.packages.iter().zip(&self.needs)
    }

    /// The one at this place.
    pub(super) fn at(&self, place: usize) -> &Value {
        &self.packages[place]
    }

    /// The places of the components themselves, in the order in which they were named.
    pub(super) fn roots(&self) -> &[usize] {
        &self.roots
    }
}

/// A member of a package that is a text.
pub(super) fn text(package: &Value, member: &str) -> String {
    package[member].as_str().unwrap_or_default().to_owned()
}

fn id(package: &Value) -> Option<&str> {
    package["id"].as_str()
}

fn edges(metadata: &Value) -> Vec<(&str, &str)> {
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let is_normal = |on: &&Value| {
        let kinds = on["dep_kinds"].as_array().into_iter().flatten();
        kinds.into_iter().any(|kind| kind["kind"].is_null())
    };
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let macros: BTreeSet<_> = packages
        .filter(|package| is_macro(package))
        .filter_map(id)
        .collect();
    nodes
        .flat_map(|node| {
            let on = node["deps"].as_array().into_iter().flatten().filter(is_normal);
            on.filter_map(|on| Some((node["id"].as_str()?, on["pkg"].as_str()?)))
        })
        .filter(|(_, to)| !macros.contains(to))
        .collect()
}

fn is_macro(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    targets
        .flat_map(|target| target["kind"].as_array().into_iter().flatten())
        .any(|kind| kind == "proc-macro")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metadata() -> Value {
        let package = |name: &str, kind: &str| json!({"id": name, "name": name, "version": "1.0.0", "targets": [{"kind": [kind]}]});
        let on = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        json!({
            "packages": [
                package("one", "cdylib"), package("two", "cdylib"), package("shared", "lib"), package("own", "lib"),
                package("macro", "proc-macro"), package("test-tool", "lib"), package("other", "lib"),
            ],
            "resolve": {"nodes": [
                {"id": "one", "deps": [on("shared", Value::Null), on("macro", Value::Null)]},
                {"id": "two", "deps": [on("shared", Value::Null), on("own", Value::Null), on("test-tool", json!("dev"))]},
                {"id": "own", "deps": [on("shared", Value::Null)]},
                {"id": "other", "deps": [on("one", Value::Null)]},
            ]},
        })
    }

    fn names(packages: &Packages) -> Vec<String> {
        packages.all().map(|(package, _)| text(package, "name")).collect()
    }

    #[test]
    fn a_crate_of_two_components_is_listed_once_and_each_keeps_what_it_needs() {
        let packages = Packages::read(&metadata(), &["two", "one"]).unwrap();
        assert_eq!(names(&packages), ["one", "own", "shared", "two"]);
        assert_eq!(packages.roots(), [3, 0], "as they were named");
        let needs: Vec<Vec<usize>> = packages
            .all()
            .map(|(_, needs)| needs.iter().copied().collect())
            .collect();
        assert_eq!(needs, [vec![2], vec![2], vec![], vec![1, 2]]);
    }

    #[test]
    fn a_component_has_no_crates_of_another() {
        let packages = Packages::read(&metadata(), &["one"]).unwrap();
        assert_eq!(names(&packages), ["one", "shared"]);
        let error = Packages::read(&metadata(), &["one", "three"]).err().unwrap();
        assert!(error.to_string().contains("three"), "{error}");
    }
}
