//! What the examples share: the workspace's component in a host, before a mock router. No network, no token.

use std::path::PathBuf;

use mock_router::{MockOptions, MockRouter};
use model_provider_host::{
    Grants, Host, HostOptions, Plugin, Result, Sandbox, SandboxOptions, Secret, Settings,
};

/// A host and the router that it reaches.
pub struct Example {
    pub router: MockRouter,
    pub host: Host,
    /// The plugin's file.
    pub file: PathBuf,
}

/// Builds the component if it is not built yet, and starts a host with it.
pub async fn start() -> Result<Example, Box<dyn std::error::Error>> {
    let file = component_build::ensure(|note| eprintln!("{note}"))?;
    let sandbox = Sandbox::new(&SandboxOptions::default())?;
    let plugin = Plugin::load(&sandbox, &file).await?;
    let router = MockRouter::start(MockOptions::default()).await?;
    let settings = Settings::default().with_base_url(router.base_url().parse()?);
    let options = HostOptions::default()
        .with_settings(settings)
        .with_credential(Secret::new("hf_token_of_an_example"))
        .with_grants(Grants::parse(component_build::GRANT)?);
    let host = Host::start(plugin, options)?;
    Ok(Example { router, host, file })
}
