//! The files of the embeddable host import each other in one direction only, and it imports nothing of what is built on
//! it. The crates of a component depend on each other in one direction, and the shared ones name no provider. Read from the
//! sources: `use` statements, and paths that begin with `crate`, `super`, `self` or a file below.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const HOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/model-provider-host");

/// A module's path below the crate's root.
type Module = Vec<String>;

/// The sources: each module with its text, without comments and unit tests.
fn sources(dir: &Path, at: &[String], found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let below = || at.iter().cloned().chain([name.clone()]).collect::<Module>();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, &below(), found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests" {
            let module = if name == "mod" || name == "lib" {
                at.to_vec()
            } else {
                below()
            };
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = code
                .lines()
                .map(|line| line.split("//").next().unwrap_or_default());
            found.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// The paths that a tree of `use` names.
fn leaves(tree: &str, before: &[&str], found: &mut Vec<Module>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let mut path = before.to_vec();
        path.extend(head.split("::").map(str::trim).filter(|part| !part.is_empty()));
        let group = group.trim().strip_suffix('}').unwrap_or(group);
        let (mut depth, mut start) = (0, 0);
        for (at, sign) in group.char_indices() {
            match sign {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    leaves(&group[start..at], &path, found);
                    start = at + 1;
                }
                _ => {}
            }
        }
        leaves(&group[start..], &path, found);
    } else if !tree.is_empty() {
        let tree = tree.split(" as ").next().unwrap_or_default();
        let path = before.iter().copied().chain(tree.split("::").map(str::trim));
        found.push(path.map(str::to_owned).collect());
    }
}

/// What the `use` statements of a text name, and which of them hand it on.
fn uses(text: &str) -> Vec<(bool, Vec<Module>)> {
    let mut all = Vec::new();
    for statement in text.split(';') {
        let Some((before, tree)) = statement
            .rsplit_once("\nuse ")
            .or_else(|| statement.rsplit_once(" use "))
        else {
            continue;
        };
        let line = before.rsplit('\n').next().unwrap_or_default();
        let mut found = Vec::new();
        leaves(tree, &[], &mut found);
        all.push((line.trim_start().starts_with("pub"), found));
    }
    all
}

/// A statement without the tree of a `use`.
fn without_use(statement: &str) -> String {
    let found = statement.rfind("\nuse ").or_else(|| statement.rfind(" use "));
    format!("{};", found.map_or(statement, |at| &statement[..at]))
}

/// A path as seen from the crate's root, if it is of this crate.
fn absolute(path: &[String], module: &[String], files: &BTreeMap<Module, String>) -> Option<Module> {
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module, &path[1..]].concat()),
        "super" => {
            let up = path.iter().take_while(|part| *part == "super").count();
            let base = &module[..module.len().checked_sub(up)?];
            Some([base, &path[up..]].concat())
        }
        first => {
            let child = [module, &[first.to_owned()]].concat();
            files.contains_key(&child).then(|| [module, path].concat())
        }
    }
}

struct Imports {
    files: BTreeMap<Module, String>,
    handed_on: BTreeMap<Module, Module>,
}

impl Imports {
    fn read() -> Self {
        let mut files = BTreeMap::new();
        sources(&Path::new(HOST).join("src"), &[], &mut files);
        let mut handed_on = BTreeMap::new();
        for (module, text) in &files {
            for (_, paths) in uses(text).into_iter().filter(|(is_public, _)| *is_public) {
                for path in paths {
                    let name = path.last().unwrap().clone();
                    if let Some(real) = absolute(&path, module, &files) {
                        handed_on.insert([module.as_slice(), &[name]].concat(), real);
                    }
                }
            }
        }
        Self { files, handed_on }
    }

    /// The file in which a path ends, after re-exports.
    fn owner(&self, path: &[String], depth: usize) -> Module {
        for end in (1..=path.len()).rev() {
            if let Some(real) = self.handed_on.get(&path[..end])
                && depth < 6
            {
                return self.owner(&[real, &path[end..]].concat(), depth + 1);
            }
        }
        let ends = (0..=path.len()).rev();
        let mut known = ends.filter(|end| self.files.contains_key(&path[..*end]));
        path[..known.next().unwrap_or(0)].to_vec()
    }

    fn of(&self, module: &[String]) -> BTreeSet<Module> {
        let text = &self.files[module];
        let used = uses(text).into_iter().filter(|(is_public, _)| !is_public);
        let mut paths: Vec<Module> = used.flat_map(|(_, paths)| paths).collect();
        let is_name = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == ':';
        let text: String = text.split(';').map(without_use).collect();
        for word in text
            .split(|sign| !is_name(sign))
            .filter(|word| word.contains("::"))
        {
            paths.push(word.split("::").map(str::to_owned).collect());
        }
        let own = paths
            .iter()
            .filter_map(|path| absolute(path, module, &self.files));
        own.map(|path| self.owner(&path, 0))
            .filter(|owner| owner != module)
            .collect()
    }

    /// Files that import themselves through other files.
    fn circles(&self) -> Vec<String> {
        let direct: BTreeMap<_, _> = self.files.keys().map(|file| (file, self.of(file))).collect();
        let reaches = |from: &Module, to: &Module| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(file) = open.pop() {
                for next in &direct[file] {
                    if next == to {
                        return true;
                    }
                    if seen.insert(next) {
                        open.push(next);
                    }
                }
            }
            false
        };
        let own = self.files.keys().filter(|file| reaches(file, file));
        own.map(|file| file.join("/")).collect()
    }
}

#[test]
fn no_files_of_the_host_import_each_other_in_a_circle() {
    let imports = Imports::read();
    assert!(imports.files.len() > 50, "only {} files", imports.files.len());
    let circles = imports.circles();
    assert!(circles.is_empty(), "in a circle: {circles:?}");
}

#[test]
fn a_circle_would_be_found() {
    let mut imports = Imports::read();
    let secret = vec!["secret".to_owned()];
    let text = imports.files.get_mut(&secret).unwrap();
    text.push_str("\nuse crate::{host::{Host, shared::Shared}, error};\n");
    let circles = imports.circles();
    assert!(circles.contains(&"secret".to_owned()), "{circles:?}");
}

#[test]
fn the_host_depends_on_nothing_that_is_built_on_it_and_reads_nothing_outside_its_package() {
    let manifest = fs::read_to_string(Path::new(HOST).join("Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
    for above in [
        "host-harness",
        "model-server",
        "dialects",
        "openclaw-config",
        "component-build",
        "mock-router",
    ] {
        assert!(!dependencies.contains(above), "{above}");
    }
    for (module, text) in Imports::read().files {
        assert!(
            !text.contains("include_str!(\"../../..") && !text.contains("Command::new"),
            "{module:?}"
        );
    }
}

const CRATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");

/// The crates of the workspace on which a crate depends when it is built.
fn dependencies(package: &str) -> Vec<String> {
    let manifest = fs::read_to_string(Path::new(CRATES).join(package).join("Cargo.toml")).unwrap();
    let built = manifest.split("[dev-dependencies]").next().unwrap();
    let names = built
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| Path::new(CRATES).join(name).is_dir());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_crates_of_a_component_depend_on_each_other_downwards_only() {
    for (package, below) in [
        ("chat-completions-wire", &[][..]),
        ("chat-completions", &["chat-completions-wire"]),
        ("component-shell", &["chat-completions"]),
        (
            "huggingface-protocol",
            &["chat-completions", "chat-completions-wire"],
        ),
        ("openai-compatible", &["chat-completions", "component-shell"]),
    ] {
        assert_eq!(dependencies(package), below, "{package}");
    }
}

#[test]
fn the_mock_router_depends_on_nothing_of_the_host() {
    assert_eq!(dependencies("mock-router"), ["did-you-mean"]);
}

/// The code of a crate, its unit tests and their data aside.
fn code(package: &str) -> String {
    let mut files = BTreeMap::new();
    sources(&Path::new(CRATES).join(package).join("src"), &[], &mut files);
    assert!(!files.is_empty(), "{package}");
    files.into_values().collect()
}

#[test]
fn the_crates_that_providers_share_name_none() {
    for package in ["chat-completions-wire", "chat-completions", "component-shell"] {
        let code = code(package).to_lowercase();
        for name in [
            "hugging",
            "hf.co",
            "hf_",
            "x-hf",
            "x-inference-provider",
            "openclaw-",
        ] {
            assert!(!code.contains(name), "{package}: {name}");
        }
    }
    assert!(code("huggingface-protocol").contains("x-inference-provider"));
}

/// The release profile is fast first, for the host; a package of the component that is not named there would be built so
/// as well, and the component would be larger.
#[test]
fn the_release_profile_names_every_package_of_the_component() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut tree = std::process::Command::new(env!("CARGO"));
    tree.args([
        "tree",
        "--offline",
        "--target",
        "wasm32-wasip2",
        "--package",
        "huggingface-provider",
    ]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none"]);
    let output = tree.current_dir(&root).output().expect("cargo");
    let packages = String::from_utf8(output.stdout).expect("names");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    let table = manifest
        .split_once("[profile.release.package]")
        .and_then(|(_, rest)| rest.split_once("\n["))
        .expect("the table of packages")
        .0;
    let names: Vec<&str> = packages
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 10, "{}", String::from_utf8_lossy(&output.stderr));
    let missing: Vec<&&str> = names
        .iter()
        .filter(|name| !table.contains(&format!("\n{name}.opt-level")))
        .collect();
    assert!(missing.is_empty(), "name them in Cargo.toml: {missing:?}");
}
