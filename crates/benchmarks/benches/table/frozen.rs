//! The targets, against the native twin with the protocol of commit bc404fd: a fixed yardstick, where the other sections
//! compare with today's protocol.

use std::{hint::black_box, path::Path};

use frozen_protocol::settings::PlainSettings;
use model_provider_host::{Host, contract::DiscoveryMode};

use super::{Rig, Table, time};
use crate::common::{
    data,
    measure::{Pair, cpu, in_turns, micros, wall},
    mock::Mock,
    prompt::{self, Prompt},
    twin::FrozenTwin,
};

/// Number of events of the stream whose decoding is measured.
const LONG: usize = 2_000;

/// The two that are compared.
struct Both {
    host: Host,
    twin: FrozenTwin,
}

impl Both {
    fn new(rig: &Rig, mock: &Mock) -> Self {
        Self::of(rig.host(mock), mock)
    }

    /// The plugin with several responses in a store.
    fn shared(rig: &Rig, mock: &Mock) -> Self {
        Self::of(rig.sharing_host(mock), mock)
    }

    fn of(host: Host, mock: &Mock) -> Self {
        let twin = FrozenTwin::new(mock.base_url(), PlainSettings::default());
        Self { host, twin }
    }

    async fn stream(&self, rounds: usize, prompt: &Prompt) -> Pair {
        in_turns(
            rounds,
            // Without effect in a sandbox that shares no stores.
            async || cpu(prompt::whole_with(&self.host, prompt, prompt::sharing())).await,
            async || cpu(self.twin.chat(prompt.for_frozen()).drain()).await,
        )
        .await
    }
}

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let short = Prompt::short();
    let row = |table: &mut Table, what: &str, target: &str, pair: &Pair| {
        table.pair(&format!("{what}, to bc404fd"), target, pair, time);
    };

    let apart = Mock::replaying(&files.stream(50));
    let pair = Both::new(rig, &apart).stream(300, &short).await;
    row(table, "CPU of 50 chunks, one a packet", "≤ 2.2×", &pair);
    let pair = first_token(&Both::new(rig, &apart), &short).await;
    row(table, "First token, and the twin's whole time", "≤ 2.0×", &pair);

    let burst = Mock::replaying_whole(&files.stream(50));
    let pair = Both::new(rig, &burst).stream(300, &short).await;
    row(table, "CPU of 50 chunks, many a packet", "≤ 2.4×", &pair);
    let pair = Both::new(rig, &burst).stream(100, &Prompt::long(50, 1)).await;
    row(table, "CPU of a question of 50 KB", "≤ 2.5×", &pair);

    let pair = short_response(rig, &files.response()).await;
    row(table, "CPU of a short response", "≤ 3.5×", &pair);

    let pair = Both::new(rig, &Mock::replaying_whole(&files.stream(LONG)))
        .stream(60, &short)
        .await;
    row(table, "CPU of 2,000 chunks, through the host", "≤ 1.7×", &pair);
    let pair = guest_time(rig, &files.stream(LONG), &short).await;
    row(table, "Guest time of 2,000 chunks", "≤ 1.6×", &pair);

    for (models, rounds, target) in [
        (data::ROUTER_LIST, 100, "≤ 2.2×"),
        (data::LONG_LIST, 15, "≤ 1.9×"),
    ] {
        let pair = list(rig, &files.list(models), models, rounds).await;
        row(table, &format!("CPU of a list of {models} models"), target, &pair);
    }
    shared(rig, table, &files).await;
}

/// Streaming responses of one principal, one after the other in a shared store.
async fn shared(rig: &Rig, table: &mut Table, files: &data::Files) {
    let short = Prompt::short();
    let row = |table: &mut Table, what: &str, target: &str, pair: &Pair| {
        table.pair(&format!("Shared stores: {what}, to bc404fd"), target, pair, time);
    };
    let apart = Mock::replaying(&files.stream(50));
    let pair = Both::shared(rig, &apart).stream(300, &short).await;
    row(table, "CPU of 50 chunks, one a packet", "≤ 1.9×", &pair);
    let pair = first_token(&Both::shared(rig, &apart), &short).await;
    row(table, "first token, and the twin's whole time", "≤ 1.7×", &pair);
    let burst = Mock::replaying_whole(&files.stream(50));
    let pair = Both::shared(rig, &burst).stream(300, &short).await;
    row(table, "CPU of 50 chunks, many a packet", "≤ 2.0×", &pair);
    let pair = Both::shared(rig, &burst).stream(100, &Prompt::long(50, 1)).await;
    row(table, "CPU of a question of 50 KB", "≤ 2.0×", &pair);
    let answer = Mock::replaying_whole(&files.response());
    let pair = Both::shared(rig, &answer).stream(300, &short).await;
    row(table, "CPU of a short response, streamed", "≤ 2.5×", &pair);
}

/// The time to the plugin's first event beside that of the twin's whole response.
async fn first_token(both: &Both, prompt: &Prompt) -> Pair {
    in_turns(
        400,
        async || {
            let mut stream = None;
            let took = wall(async {
                stream = Some(prompt::first(&both.host, prompt, prompt::sharing()).await);
            })
            .await;
            let (mut stream, _) = stream.expect("a response");
            prompt::drain(&mut stream).await;
            took
        },
        async || wall(both.twin.chat(prompt.for_frozen()).drain()).await,
    )
    .await
}

async fn short_response(rig: &Rig, file: &Path) -> Pair {
    const RESPONSES: usize = 50;
    let each = RESPONSES as f64;
    let prompt = Prompt::short();
    let mock = Mock::replaying_whole(file);
    let Both { host, twin } = Both::new(rig, &mock);
    let plugin = async || {
        for _ in 0..RESPONSES {
            black_box(host.complete(prompt.for_host()).await.expect("a response"));
        }
    };
    let native = async || {
        for _ in 0..RESPONSES {
            black_box(twin.chat(prompt.for_frozen()).whole().await);
        }
    };
    in_turns(
        20,
        async || cpu(plugin()).await / each,
        async || cpu(native()).await / each,
    )
    .await
}

/// The guest time, with the host functions that the guest calls, beside that of the protocol alone.
async fn guest_time(rig: &Rig, file: &Path, prompt: &Prompt) -> Pair {
    let bytes = std::fs::read(file).expect("a stream");
    let mock = Mock::replaying_whole(file);
    let Both { host, twin } = Both::new(rig, &mock);
    in_turns(
        60,
        async || {
            let mut stream = host.chat(prompt.for_host()).await.expect("a response");
            prompt::drain(&mut stream).await;
            micros(stream.resource_usage().guest_time)
        },
        async || wall(async { twin.decode(prompt.for_frozen(), &bytes) }).await,
    )
    .await
}

async fn list(rig: &Rig, file: &Path, models: usize, rounds: usize) -> Pair {
    let mock = Mock::replaying_whole(file);
    let Both { host, twin } = Both::new(rig, &mock);
    in_turns(
        rounds,
        async || {
            cpu(async {
                let catalog = host.list_models(DiscoveryMode::Authenticated).await;
                assert_eq!(catalog.expect("a list").models.len(), models);
            })
            .await
        },
        async || cpu(async { assert_eq!(twin.list().await.models.len(), models) }).await,
    )
    .await
}
