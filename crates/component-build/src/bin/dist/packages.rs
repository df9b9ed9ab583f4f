//! What the component is built of, by cargo's account: its crates and which of them needs which.
//!
//! Macros and build scripts are left out: they are not in the component. Knows no form that it is written down in.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
    process::Command,
};

use serde_json::Value;

/// The crates of the component, in the order of their names and versions.
pub(super) struct Packages {
    packages: Vec<Value>,
    root: usize,
    /// By place in `packages`.
    needs: Vec<BTreeSet<usize>>,
}

impl Packages {
    /// Of the component of this workspace.
    pub(super) fn of_component(workspace: &Path) -> Result<Self, Box<dyn Error>> {
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
        Self::read(
            &serde_json::from_slice(&output.stdout)?,
            env!("COMPONENT_PACKAGE"),
        )
    }

    fn read(metadata: &Value, root: &str) -> Result<Self, Box<dyn Error>> {
        let all = metadata["packages"].as_array().ok_or("cargo names packages")?;
        let named = all.iter().find(|package| package["name"] == root);
        let root = named.and_then(id).ok_or("the component is a package")?;
        let edges = edges(metadata);
        let mut found = BTreeSet::new();
        let mut open = vec![root];
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
        let root = *places.get(root).ok_or("the component is a package")?;
        Ok(Self {
            packages,
            root,
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

    /// The place of the component itself.
    pub(super) fn root(&self) -> usize {
        self.root
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
