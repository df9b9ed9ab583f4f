//! Streaming responses of several lengths, as fast as the mock can write: the cost of each event, and of decoding.

use huggingface_protocol::settings::PlainSettings;

use super::{Rig, Table, thousands, time};
use crate::common::{
    data,
    measure::{cpu, in_turns, micros, wall},
    mock::Mock,
    prompt::{self, Prompt},
    twin::Twin,
};

/// Numbers of events of a stream, and how often each is measured.
const LENGTHS: [(usize, usize); 3] = [(50, 100), (500, 30), (5_000, 7)];
/// Number of events of the stream whose decoding is measured.
const LONG: usize = 2_000;

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    for (events, rounds) in LENGTHS {
        for (packets, replaying) in [
            ("an event a packet", Mock::replaying as fn(&_) -> _),
            ("many events a packet", Mock::replaying_whole),
        ] {
            let files = data::Files::new();
            let mock = replaying(&files.stream(events));
            let what = format!("A stream of {} chunks, {packets}: CPU", thousands(events));
            one(rig, table, &mock, &what, rounds).await;
        }
    }
    decoding(rig, table).await;
}

async fn one(rig: &Rig, table: &mut Table, mock: &Mock, what: &str, rounds: usize) {
    let prompt = Prompt::short();
    let host = rig.host(mock);
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let pair = in_turns(
        rounds,
        async || cpu(prompt::whole(&host, &prompt)).await,
        async || cpu(twin.chat(prompt.for_twin()).drain()).await,
    )
    .await;
    table.pair(what, "", &pair, time);
}

/// A long stream that is available at once: the cost of decoding.
async fn decoding(rig: &Rig, table: &mut Table) {
    let stream = data::stream(LONG);
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.stream(LONG));
    let prompt = Prompt::short();
    let host = rig.host(&mock);
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let pair = in_turns(
        60,
        async || {
            let mut completion = host.chat(prompt.for_host()).await.expect("a response");
            prompt::drain(&mut completion).await;
            micros(completion.resource_usage().guest_time)
        },
        async || wall(async { twin.decode(prompt.for_twin(), stream.as_bytes()) }).await,
    )
    .await;
    let speed = |micros: f64| format!("{:.0} MB/s", stream.len() as f64 / micros);
    table.pair("Guest time of a stream of 2,000 chunks", "≤ 2×", &pair, speed);
    let pair = in_turns(
        60,
        async || cpu(prompt::whole(&host, &prompt)).await,
        async || cpu(twin.chat(prompt.for_twin()).drain()).await,
    )
    .await;
    table.pair(
        "… through the host, from the socket to the caller, by CPU time",
        "≤ 2×",
        &pair,
        speed,
    );
}
