//! A host in a program of your own: `cargo run -p host-harness --example embed -- [BASE_URL]`.

use std::{env, io::Write as _};

use model_provider_host::{
    Grants, Host, HostOptions, Plugin, Sandbox, SandboxOptions,
    contract::{ChatEvent, ChatRequest, DiscoveryMode},
    settings::base_url,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Load. Here it is the workspace's own component; any path to a plugin will do.
    let file = component_build::ensure(|note| eprintln!("{note}"))?;
    let sandbox = Sandbox::new(&SandboxOptions::default())?;
    let plugin = Plugin::load(&sandbox, &file).await?;

    // Allow. A plugin that requests more than its grant is refused before any variable is read.
    let grants = Grants::parse(component_build::GRANT)?;
    let mut options = HostOptions::from_env(&plugin, grants)?;
    options.settings.base_url = env::args().nth(1).map(|url| base_url(&url)).transpose()?;
    let host = Host::start(plugin, options)?;

    // List, resolve, chat.
    let catalog = host.list_models(DiscoveryMode::Authenticated).await?;
    println!("{} models", catalog.models.len());
    let model = host.resolve("deepseek-ai/DeepSeek-R1:cheapest").await?;
    let request = ChatRequest::new(&model.canonical).user("What is a component?");
    let mut response = host.chat(request).await?;
    while let Some(event) = response.next().await? {
        if let ChatEvent::Text(text) = event {
            print!("{text}");
            let _ = std::io::stdout().flush();
        }
    }
    println!("\nresponse of generation {}", response.generation().number);

    // Swap. Responses in flight finish in their generation; new requests go to the new one.
    let report = host.swap(&file).await?;
    println!("generation {} is live", report.to.number);
    Ok(())
}
