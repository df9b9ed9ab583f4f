//! The program at home, with plugins that are published to a registry of the test's.

use std::path::{Path, PathBuf};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};
use plugin_registry::{Artifact, Digest};
use serde_json::{Value, json};

use crate::{
    fake_registry::{Fake, client},
    guests::Files,
    harness::{TOKEN, built},
    program::{Ended, Program},
};

pub(crate) async fn release() -> PathBuf {
    tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("it builds")
}

/// Variants of the hostile plugin, which is harmless unless ordered otherwise.
pub(crate) async fn variants<const N: usize>(
    orders: [Vec<(&'static str, &'static str)>; N],
) -> (Files, [PathBuf; N]) {
    tokio::task::spawn_blocking(move || {
        let files = Files::new();
        let mut number = 0;
        let made = orders.map(|orders| {
            number += 1;
            files.ordered(&format!("variant-{number}"), orders)
        });
        (files, made)
    })
    .await
    .unwrap()
}

pub(crate) async fn publish(fake: &Fake, tag: &str, file: &Path) -> Digest {
    let component = std::fs::read(file).unwrap();
    let artifact = Artifact {
        component,
        ..Artifact::default()
    };
    client()
        .publish(&fake.reference(tag), &artifact)
        .await
        .unwrap()
        .component
}

/// The program at home, for one router.
pub(crate) struct Home {
    pub(crate) program: Program,
    pub(crate) mock: MockRouter,
}

impl Home {
    pub(crate) async fn new() -> Self {
        let mock = MockRouter::start(MockOptions::immediate()).await.unwrap();
        let program = Program::new()
            .variable("HF_TOKEN", TOKEN)
            .variable("DOCKER_CONFIG", "/nowhere");
        Self { program, mock }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let url = self.mock.base_url();
        let line = [&["--format", "json", "--base-url", &url], arguments].concat();
        let ended = self.program.run(&line, None).await;
        eprintln!("{arguments:?}: {ended:?}");
        ended
    }

    pub(crate) async fn works(&self, arguments: &[&str]) -> Value {
        let ended = self.run(arguments).await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.json()
    }

    /// Asserts a refusal of this kind; returns the hint.
    pub(crate) async fn refused(&self, arguments: &[&str], kind: &str) -> String {
        let ended = self.run(arguments).await;
        let said = ended.json();
        assert_eq!(
            (ended.code, &said["error"]["kind"]),
            (Some(1), &json!(kind)),
            "{arguments:?}: {ended:?}"
        );
        said["error"].to_string()
    }

    pub(crate) fn lock(&self) -> Value {
        let text = std::fs::read_to_string(self.program.state().join("plugins.lock")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}
