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
        let arguments = [
            "--format-version",
            "1",
            "--filter-platform",
            component_build::TARGET,
        ];
        let metadata = serde_json::from_str(&cargo(workspace, "metadata", &arguments)?)?;
        let mut trees = String::new();
        for root in roots {
            // One at a time: of several, cargo would join the features, and `metadata` joins those of the whole workspace.
            let arguments = [
                "--package",
                root,
                "--target",
                component_build::TARGET,
                "--edges",
                "normal,no-proc-macro",
                "--prefix",
                "depth",
                "--format",
                " {p}",
            ];
            trees += &cargo(workspace, "tree", &arguments)?;
        }
        Self::read(&metadata, &trees, roots)
    }

    /// `trees` says which package needs which, `metadata` all else of them.
    fn read(metadata: &Value, trees: &str, roots: &[&str]) -> Result<Self, Box<dyn Error>> {
        let all = metadata["packages"].as_array().ok_or("cargo names packages")?;
        let edges = edges(trees)?;
        let found: BTreeSet<_> = edges.keys().collect();
        let mut packages: Vec<_> = all
            .iter()
            .filter(|package| found.contains(&name_of(package)))
            .cloned()
            .collect();
        packages.sort_by_key(name_of);
        let places: BTreeMap<_, _> = packages
            .iter()
            .enumerate()
            .map(|(at, package)| (name_of(package), at))
            .collect();
        let place = |name: &Name| {
            let place = places.get(name).copied();
            place.ok_or_else(|| format!("cargo knows nothing of {} {}", name.0, name.1))
        };
        let mut needs = vec![BTreeSet::new(); packages.len()];
        for (from, to) in &edges {
            let to = to.iter().map(place).collect::<Result<_, _>>()?;
            needs[place(from)?] = to;
        }
        let roots = roots.iter().map(|root| {
            let place = packages.iter().position(|package| package["name"] == *root);
            place.ok_or_else(|| format!("cargo names no package {root}"))
        });
        let roots = roots.collect::<Result<_, _>>()?;
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

/// Name and version.
type Name = (String, String);

fn name_of(package: &Value) -> Name {
    (text(package, "name"), text(package, "version"))
}

fn cargo(workspace: &Path, command: &str, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(workspace)
        .args([command, "--locked"])
        .args(arguments)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Each package of trees with those that it needs, from lines such as `2 memchr v2.7.6 (*)`: the depth, the package.
/// What a package needs is below its first line only.
fn edges(trees: &str) -> Result<BTreeMap<Name, BTreeSet<Name>>, Box<dyn Error>> {
    let mut edges: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let mut above: Vec<Name> = Vec::new();
    for line in trees.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let mut word = || {
            words
                .next()
                .ok_or_else(|| format!("expected a package, found {line}"))
        };
        let depth: usize = word()?.parse()?;
        let name = (word()?.to_owned(), word()?.trim_start_matches('v').to_owned());
        above.truncate(depth);
        if let Some(from) = above.last() {
            edges.entry(from.clone()).or_default().insert(name.clone());
        }
        edges.entry(name.clone()).or_default();
        above.push(name);
    }
    Ok(edges)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ONE: &str = "0 one v1.0.0 (/workspace/one)\n1 shared v1.0.0\n2 deep v2.0.0\n1 deep v1.0.0\n";
    const TWO: &str =
        "0 two v1.0.0 (/workspace/two)\n1 own v1.0.0\n2 shared v1.0.0\n3 deep v2.0.0\n1 shared v1.0.0 (*)\n";

    fn metadata() -> Value {
        let all = [
            ("one", "1.0.0"),
            ("two", "1.0.0"),
            ("shared", "1.0.0"),
            ("own", "1.0.0"),
            ("deep", "2.0.0"),
            ("deep", "1.0.0"),
            ("other", "1.0.0"),
        ];
        json!({"packages": all.map(|(name, version)| json!({"name": name, "version": version}))})
    }

    fn names(packages: &Packages) -> Vec<String> {
        packages.all().map(|(package, _)| text(package, "name")).collect()
    }

    fn needs(packages: &Packages) -> Vec<Vec<usize>> {
        packages
            .all()
            .map(|(_, needs)| needs.iter().copied().collect())
            .collect()
    }

    #[test]
    fn a_crate_of_two_components_is_listed_once_and_each_keeps_what_it_needs() {
        let packages = Packages::read(&metadata(), &[TWO, ONE].concat(), &["two", "one"]).unwrap();
        assert_eq!(names(&packages), ["deep", "deep", "one", "own", "shared", "two"]);
        assert_eq!(packages.roots(), [5, 2], "as they were named");
        assert_eq!(
            needs(&packages),
            [vec![], vec![], vec![0, 4], vec![4], vec![1], vec![3, 4]]
        );
    }

    #[test]
    fn a_component_has_no_crates_of_another() {
        let packages = Packages::read(&metadata(), ONE, &["one"]).unwrap();
        assert_eq!(names(&packages), ["deep", "deep", "one", "shared"]);
        let error = Packages::read(&metadata(), ONE, &["one", "three"]).err().unwrap();
        assert!(error.to_string().contains("three"), "{error}");
    }
}
