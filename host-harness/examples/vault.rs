//! A credential from a vault in place of the environment: `cargo run -p host-harness --example vault`.

use std::{collections::HashMap, path::PathBuf};

use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    Grants, Host, HostOptions, Plugin, Sandbox, SandboxOptions,
    contract::{ChatRequest, settings::CredentialState},
};
use zeroize::Zeroizing;

/// A vault: names to secrets. A real one would call a service here.
struct Vault(HashMap<&'static str, &'static str>);

impl Vault {
    fn read(&self, name: &str) -> Option<Zeroizing<String>> {
        self.0
            .get(name)
            .map(|secret| Zeroizing::new((*secret).to_owned()))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file: PathBuf = component_build::ensure(|note| eprintln!("{note}"))?;
    let plugin = Plugin::load(&Sandbox::new(&SandboxOptions::default())?, &file).await?;
    let vault = Vault(HashMap::from([
        ("HF_TOKEN", "hf_token_of_an_example"),
        ("OTHER", "never read"),
    ]));

    // The vault is only queried for names that the plugin declares and its grant allows.
    let grants = Grants::parse(component_build::GRANT)?;
    let mut options = HostOptions::from_variables(&plugin, grants, |name| vault.read(name))?;
    let router = MockRouter::start(MockOptions::default()).await?;
    options.settings.base_url = Some(router.base_url().parse()?);

    let host = Host::start(plugin, options)?;
    assert_eq!(host.credential(), CredentialState::AttachedByHost);
    let response = host
        .complete(ChatRequest::new("Qwen/Qwen2.5-7B-Instruct").user("Hello!"))
        .await?;
    println!("a response of {} parts", response.content.len());
    Ok(())
}
