//! Release builder: builds the component, adds its metadata, and writes it to `dist/` with its sha256, the
//! WIT package and a bill of materials; composes the gateway, and writes it with its sha256 and a bill of materials too.
//! With `--program`, also builds the command line with the embedded component.
//! The output is reproducible.

mod gateway;
mod packages;
mod release;
mod sbom;

use std::{error::Error, fs, path::Path, process::Command};

use component_build::{Build, Workspace};
use packages::Packages;
use sha2::{Digest as _, Sha256};
use wit_parser::Resolve;

fn main() -> Result<(), Box<dyn Error>> {
    // Elsewhere, it would write to where it was built.
    let workspace = Workspace::of_this_program()?;
    let workspace = workspace.path();
    let out = workspace.join("dist");
    fs::create_dir_all(&out)?;
    let built = component_build::build(Build::Release, |words| eprintln!("{words}"))?;
    let file_name = built.file_name().ok_or("the build names a file")?;

    let packages = Packages::of_component(workspace)?;
    let component = release::of(&fs::read(&built)?, &packages)?;
    fs::write(out.join(file_name), &component)?;

    let digest = sha256(&component);
    let sum = format!("{digest}  {}\n", file_name.to_string_lossy());
    fs::write(out.join(format!("{}.sha256", file_name.to_string_lossy())), &sum)?;

    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(workspace.join("wit"))?;
    let name = &resolve
        .packages
        .get(package)
        .ok_or("the package was just read")?
        .name;
    let wit_file = format!(
        "{}-{}@{}.wasm",
        name.namespace,
        name.name,
        name.version.as_ref().ok_or("a version")?
    );
    fs::write(out.join(&wit_file), wit_component::encode(&resolve, package)?)?;
    // The binary WIT package does not preserve all comments; the text is the documentation.
    fs::copy(workspace.join("wit/provider.wit"), out.join("provider.wit"))?;

    let sbom_file = format!("{}.cdx.json", env!("COMPONENT_PACKAGE"));
    fs::write(out.join(&sbom_file), sbom::of(&packages, &digest))?;

    println!(
        "{}/{}  {} bytes",
        out.display(),
        file_name.to_string_lossy(),
        component.len()
    );
    print!(
        "sha256 {digest}\n{}/{wit_file}\n{}/provider.wit\n{}/{sbom_file}\n",
        out.display(),
        out.display(),
        out.display()
    );
    gateway(workspace, &component, &out)?;
    if std::env::args().any(|argument| argument == "--program") {
        program(workspace, &out.join(file_name), &out)?;
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Writes the composed gateway; `--gateway-settings FILE` builds settings into it.
fn gateway(workspace: &Path, component: &[u8], out: &Path) -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--gateway-settings");
    let settings = match (arguments.next(), arguments.next()) {
        (Some(_), None) => return Err("`--gateway-settings` takes a file".into()),
        (_, file) => file,
    };
    let built = gateway::build(component, settings.as_deref().map(Path::new))?;
    let file_name = format!("{}.wasm", gateway::NAME.replace('-', "_"));
    let digest = sha256(&built.component);
    fs::write(out.join(&file_name), &built.component)?;
    fs::write(
        out.join(format!("{file_name}.sha256")),
        format!("{digest}  {file_name}\n"),
    )?;
    let packages = Packages::of(workspace, &gateway::PACKAGES)?;
    let sbom_file = format!("{}.cdx.json", gateway::NAME);
    fs::write(out.join(&sbom_file), sbom::of_gateway(&packages, &built))?;
    println!(
        "{}/{file_name}  {} bytes\nsha256 {digest}\n{}/{sbom_file}",
        out.display(),
        built.component.len(),
        out.display()
    );
    Ok(())
}

/// Builds the command line with the embedded component, and writes the workspace's grant for its digest.
fn program(workspace: &Path, component: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    const PROGRAM: &str = "host-harness";
    let target_dir = workspace.join("target").join("program");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(workspace)
        .args([
            "build",
            "--quiet",
            "--profile",
            "bench",
            "--locked",
            "--package",
            PROGRAM,
            "--target-dir",
        ])
        .arg(&target_dir)
        .env("EMBEDDED_COMPONENT", component)
        .status()?;
    if !status.success() {
        return Err("the program cannot be built".into());
    }
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    fs::copy(target_dir.join("release").join(&name), out.join(&name))?;
    println!("{}/{name}", out.display());
    Ok(())
}
