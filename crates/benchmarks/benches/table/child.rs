//! This program as a child process, for measurements that need a separate process: memory, and CPU of many responses.

use std::{process::Command, time::Duration};

use huggingface_protocol::{
    contract::settings::Snapshot,
    settings::{PlainSettings, Settings as _},
};

use super::{clients, concurrency, memory, serving};
use crate::common::{self, twin::Twin};

/// The first argument of a child process.
pub(crate) const WORD: &str = "child";
/// Longer than any measurement.
const LONG_MS: u32 = 600_000;

/// Runs this program as a child; returns the figures that it prints.
pub(crate) fn run<const N: usize>(what: &[&str]) -> [f64; N] {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program).arg(WORD).args(what).output();
    let output = output.expect("the child runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let figures: Option<Vec<f64>> = said.split_whitespace().map(|word| word.parse().ok()).collect();
    match figures.and_then(|figures| figures.try_into().ok()) {
        Some(figures) if output.status.success() => figures,
        _ => panic!("{what:?}: {said}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// The main function of a child.
pub(crate) async fn main(what: &[String]) {
    let words: Vec<&str> = what.iter().map(String::as_str).collect();
    match words[..] {
        ["proxy", base_url] => serving::proxy(base_url).await,
        ["client", who, _, rounds, response, of50, of500] => {
            let rounds = rounds.parse().expect("a number");
            clients::child(who == "plugin", rounds, [response, of50, of500]).await;
        }
        [what, who, base_url, count] => {
            let count = count.parse().expect("a number");
            let by_plugin = who == "plugin";
            match what {
                "waiting" => println!("{}", memory::waiting(who, base_url, count).await),
                "picture" => println!("{}", memory::picture(by_plugin, base_url, count).await),
                _ => {
                    let (bytes, micros) = concurrency::child(by_plugin, base_url, count).await;
                    println!("{bytes} {micros}");
                }
            }
        }
        _ => panic!("{words:?}: WHAT WHO URL COUNT"),
    }
}

/// The client whose streams are opened. It lives as long as the process, so that responses may borrow it.
pub(crate) enum Client {
    Plugin(model_provider_host::Host),
    Twin(&'static Twin),
}

impl Client {
    /// One without timeouts.
    pub(crate) async fn patient(who: &str, base_url: &str) -> Self {
        if who != "twin" {
            let plugin = match who {
                "shared" => common::loaded_sharing().await,
                _ => common::loaded().await,
            };
            let token = Some(common::TOKEN);
            return Self::Plugin(common::host(&plugin, base_url, token, |settings| {
                settings.idle_timeout = Duration::from_millis(LONG_MS.into());
            }));
        }
        let snapshot = Snapshot {
            idle_timeout_ms: LONG_MS,
            ..PlainSettings::default().get()
        };
        let settings = PlainSettings {
            snapshot: Some(snapshot),
            ..PlainSettings::default()
        };
        Self::Twin(Box::leak(Box::new(Twin::new(base_url, settings))))
    }
}

/// Waits until background work has ended.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}
