//! Responses: time to first token, a short one, concurrent ones, and one to a request with a large image.

use std::hint::black_box;

use huggingface_protocol::settings::PlainSettings;
use model_provider_host::{ChatOptions, Plugin};

use super::{Rig, Table, time};
use crate::common::{
    self, data,
    measure::{cpu, in_turns, wall},
    mock::Mock,
    prompt::{self, Prompt},
    twin::Twin,
};

/// The number of concurrent responses, and of measured responses.
const AT_ONCE: usize = 32;
const ROUNDS: usize = 15;

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    first_token(rig, table).await;
    plain(rig, table).await;
    shared(rig, table).await;
    picture(rig, table).await;
}

/// Sequential responses, up to the first event.
async fn first_token(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let mock = Mock::replaying(&files.stream(50));
    let prompt = Prompt::short();
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    for (what, token) in [
        ("Added to the first token", Some(common::TOKEN)),
        ("… with nothing to search for", None),
    ] {
        let host = common::host(&rig.plugin, mock.base_url(), token, |_| {});
        let plugin = async || {
            let mut completion = None;
            let took = wall(async {
                completion = Some(prompt::first(&host, &prompt, ChatOptions::default()).await);
            })
            .await;
            let (mut completion, _) = completion.expect("a response");
            prompt::drain(&mut completion).await;
            took
        };
        let native = async || {
            let mut response = None;
            let took = wall(async {
                let mut started = twin.chat(prompt.for_twin());
                black_box(started.next().await);
                response = Some(started);
            })
            .await;
            response.expect("a response").drain().await;
            took
        };
        let pair = in_turns(400, plugin, native).await;
        table.row(
            what,
            "≤ 150 µs",
            &format!("{} (of {})", time(pair.difference), time(pair.plugin)),
            &time(pair.twin),
            pair.ratio,
        );
    }
}

/// A whole response as JSON, short enough for the overhead to show.
async fn plain(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.response());
    let prompt = Prompt::short();
    let host = rig.host(&mock);
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    const ANSWERS: usize = 50;
    let each = ANSWERS as f64;
    let plugin = async || {
        for _ in 0..ANSWERS {
            black_box(host.complete(prompt.for_host()).await.expect("a response"));
        }
    };
    let native = async || {
        for _ in 0..ANSWERS {
            black_box(twin.chat(prompt.for_twin()).whole().await);
        }
    };
    let pair = in_turns(
        ROUNDS,
        async || wall(plugin()).await / each,
        async || wall(native()).await / each,
    )
    .await;
    let what = "A short plain response, whole";
    table.pair(what, "", &pair, time);
    let pair = in_turns(
        ROUNDS,
        async || cpu(plugin()).await / each,
        async || cpu(native()).await / each,
    )
    .await;
    table.pair("… CPU of it", "", &pair, time);
    table.alone(
        "Connections for all of these requests, one after the other",
        "1",
        &host.connections_opened().to_string(),
    );
}

/// Streaming responses that share stores: a short one, and one to a long question.
async fn shared(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let short = Mock::replaying_whole(&files.response());
    let fifty = Mock::replaying_whole(&files.stream(50));
    for (what, mock, prompt) in [
        ("CPU of a short response, streamed", &short, Prompt::short()),
        ("CPU of 50 chunks, many a packet", &fifty, Prompt::short()),
        ("CPU of 50 chunks to 50 KB of text", &fifty, Prompt::long(50, 1)),
    ] {
        let twin = Twin::new(mock.base_url(), PlainSettings::default());
        for (how, plugin) in [("", &rig.plugin), (", in a shared store", &rig.sharing)] {
            let host = common::host(plugin, mock.base_url(), Some(common::TOKEN), |_| {});
            let each = AT_ONCE as f64;
            let plugin = async || {
                for _ in 0..AT_ONCE {
                    black_box(prompt::whole_with(&host, &prompt, prompt::sharing()).await);
                }
            };
            let native = async || {
                for _ in 0..AT_ONCE {
                    black_box(twin.chat(prompt.for_twin()).drain().await);
                }
            };
            let pair = in_turns(
                ROUNDS,
                async || cpu(plugin()).await / each,
                async || cpu(native()).await / each,
            )
            .await;
            table.pair(&format!("{what}{how}"), "", &pair, time);
        }
    }
}

/// Concurrent responses with a pause before each event: every event wakes the task.
pub(crate) async fn paced(rig: &Rig, table: &mut Table) {
    let what = "CPU of a streaming response of 50 chunks, 5 ms apart, 32 at once";
    paced_by(&rig.plugin, what, table).await;
    paced_by(&rig.sharing, "… eight in a store", table).await;
}

async fn paced_by(plugin: &Plugin, what: &str, table: &mut Table) {
    let mock = Mock::paced(5);
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let host = common::host(plugin, mock.base_url(), Some(common::TOKEN), |_| {});
    let each = AT_ONCE as f64;
    let plugin = async || {
        let responses = (0..AT_ONCE).map(|_| {
            let host = host.clone();
            tokio::spawn(async move { prompt::whole_with(&host, &Prompt::short(), prompt::sharing()).await })
        });
        let took = cpu(futures::future::join_all(responses.collect::<Vec<_>>())).await;
        took / each
    };
    let native = async || {
        let responses = (0..AT_ONCE).map(|_| {
            let twin = twin.clone();
            tokio::spawn(async move { twin.chat(Prompt::short().for_twin()).drain().await })
        });
        let took = cpu(futures::future::join_all(responses.collect::<Vec<_>>())).await;
        took / each
    };
    let pair = in_turns(ROUNDS, plugin, native).await;
    table.pair(what, "≤ 1.3×", &pair, time);
}

/// A request with a large image.
async fn picture(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.stream(50));
    let prompt = Prompt::picture(20_000_000);
    let host = rig.host(&mock);
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let pair = in_turns(
        7,
        async || wall(prompt::whole(&host, &prompt)).await,
        async || wall(twin.chat(prompt.for_twin()).drain()).await,
    )
    .await;
    table.pair("A request with a picture of 20 MB", "", &pair, time);
}
