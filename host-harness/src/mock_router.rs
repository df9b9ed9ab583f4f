//! `mock-router`: runs the embedded mock router.

use std::time::Duration;

use serde_json::json;

use super::{Outcome, args::MockRouterArgs, signals, terminal::Terminal};
use mock_router::{MockOptions, MockRouter};
use model_provider_host::{Error, ErrorKind};

pub(super) async fn run(terminal: Terminal, args: &MockRouterArgs) -> Outcome {
    if args.scenario.as_deref() == Some("list") {
        return list(terminal);
    }
    let mut options = MockOptions::default().port(args.port).replay(&args.replay);
    if let Some(name) = &args.scenario {
        options = options.scenario(name);
    }
    if let Some(chunking) = args.chunking {
        options = options.chunking(chunking);
    }
    if let Some(pace) = args.pace {
        options = options.pace(Duration::from_millis(pace));
    }
    let router = MockRouter::start(options)
        .await
        .map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))?;
    // Alone on the first line, whatever the format: scripts read it from there.
    terminal.line(&router.base_url())?;
    signals::interrupted().await;
    terminal.note(&format!(
        "{} requests on {} connections",
        router.requests().len(),
        router.connections()
    ));
    Ok(())
}

fn list(terminal: Terminal) -> Outcome {
    if terminal.is_text() {
        let width = mock_router::scenarios()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        for (name, what) in mock_router::scenarios() {
            terminal.line(&format!("{name:width$}  {}", terminal.out.dim(what)))?;
        }
    } else {
        let all: Vec<_> = mock_router::scenarios()
            .map(|(name, what)| json!({"name": name, "what": what}))
            .collect();
        terminal.json(&all)?;
    }
    Ok(())
}
