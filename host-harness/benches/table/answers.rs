//! Streamed answers: decoding, CPU, and the time to the first token.

use std::hint::black_box;

use huggingface_protocol::{
    chat::{Exchange, Next},
    reference,
    settings::{PlainSettings, Settings as _},
};

use super::{Rig, Table, time, times};
use crate::common::{
    self,
    ask::{self, Ask},
    data,
    measure::{cpu, in_turns, micros, wall},
    mock::Mock,
    twin::Twin,
};

/// Events of the long stream.
const LONG: usize = 2_000;
/// Answers at once, and so many a figure.
const AT_ONCE: usize = 32;
const ROUNDS: usize = 15;

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    first_token(rig, table).await;
    short(rig, table).await;
    decoding(rig, table).await;
    picture(rig, table).await;
}

/// One answer after the other, up to its first event.
async fn first_token(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let mock = Mock::replaying(&files.stream(50));
    let ask = Ask::short();
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    for (what, token) in [
        ("Added to the first token", Some(common::TOKEN)),
        ("… with nothing to search for", None),
    ] {
        let host = common::host(&rig.sandbox, &rig.plugin, mock.base_url(), token, |_| {});
        let plugin = async || {
            let mut completion = None;
            let took = wall(async { completion = Some(ask::first(&host, &ask).await) }).await;
            let (mut completion, _) = completion.expect("an answer");
            ask::drain(&mut completion).await;
            took
        };
        let native = async || {
            let mut answer = None;
            let took = wall(async {
                let mut started = twin.chat(ask.for_twin());
                black_box(started.next().await);
                answer = Some(started);
            })
            .await;
            answer.expect("an answer").drain().await;
            took
        };
        let pair = in_turns(400, plugin, native).await;
        table.row(
            what,
            "≤ 150 µs",
            &format!("{} (of {})", time(pair.difference), time(pair.plugin)),
            &time(pair.twin),
            &times(pair.ratio),
        );
    }
}

/// Answers that come as fast as the mock can write, an event a packet.
async fn short(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let mock = Mock::replaying(&files.stream(50));
    let ask = Ask::short();
    let host = common::host(
        &rig.sandbox,
        &rig.plugin,
        mock.base_url(),
        Some(common::TOKEN),
        |_| {},
    );
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    const ANSWERS: usize = 50;
    let each = ANSWERS as f64;
    let plugin = async || {
        for _ in 0..ANSWERS {
            black_box(ask::whole(&host, &ask).await);
        }
    };
    let native = async || {
        for _ in 0..ANSWERS {
            black_box(twin.chat(ask.for_twin()).drain().await);
        }
    };
    let pair = in_turns(
        ROUNDS,
        async || wall(plugin()).await / each,
        async || wall(native()).await / each,
    )
    .await;
    let what = "Time of an answer of 50 chunks without pauses";
    table.row(what, "", &time(pair.plugin), &time(pair.twin), &times(pair.ratio));
    let pair = in_turns(
        ROUNDS,
        async || cpu(plugin()).await / each,
        async || cpu(native()).await / each,
    )
    .await;
    let what = "CPU of it";
    table.row(what, "", &time(pair.plugin), &time(pair.twin), &times(pair.ratio));
    table.alone(
        "Connections for all of these requests, one after the other",
        "1",
        &host.connections_opened().to_string(),
    );
}

/// Many answers at once, with a pause before each event: every event is a wake-up of its own.
pub(crate) async fn paced(rig: &Rig, table: &mut Table) {
    let mock = Mock::paced(5);
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let host = common::host(
        &rig.sandbox,
        &rig.plugin,
        mock.base_url(),
        Some(common::TOKEN),
        |_| {},
    );
    let each = AT_ONCE as f64;
    let plugin = async || {
        let answers = (0..AT_ONCE).map(|_| {
            let host = host.clone();
            tokio::spawn(async move { ask::whole(&host, &Ask::short()).await })
        });
        let took = cpu(futures::future::join_all(answers.collect::<Vec<_>>())).await;
        took / each
    };
    let native = async || {
        let answers = (0..AT_ONCE).map(|_| {
            let twin = twin.clone();
            tokio::spawn(async move { twin.chat(Ask::short().for_twin()).drain().await })
        });
        let took = cpu(futures::future::join_all(answers.collect::<Vec<_>>())).await;
        took / each
    };
    let pair = in_turns(ROUNDS, plugin, native).await;
    let what = "CPU of a streamed answer of 50 chunks, 5 ms apart, 32 at once";
    table.row(
        what,
        "≤ 1.3×",
        &time(pair.plugin),
        &time(pair.twin),
        &times(pair.ratio),
    );
}

/// A long stream that is there at once: what decoding costs.
async fn decoding(rig: &Rig, table: &mut Table) {
    let stream = data::stream(LONG);
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.stream(LONG));
    let ask = Ask::short();
    let host = common::host(
        &rig.sandbox,
        &rig.plugin,
        mock.base_url(),
        Some(common::TOKEN),
        |_| {},
    );
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let pair = in_turns(
        60,
        async || {
            let mut completion = host.chat(ask.for_host()).await.expect("an answer");
            ask::drain(&mut completion).await;
            micros(completion.used().guest_time)
        },
        async || wall(async { decode(stream.as_bytes(), &ask) }).await,
    )
    .await;
    let speed = |micros: f64| format!("{:.0} MB/s", stream.len() as f64 / micros);
    table.row(
        "Decoding a stream of 2,000 chunks, in wasm",
        "≤ 2×",
        &speed(pair.plugin),
        &speed(pair.twin),
        &times(pair.ratio),
    );
    let pair = in_turns(
        60,
        async || cpu(ask::whole(&host, &ask)).await,
        async || cpu(twin.chat(ask.for_twin()).drain()).await,
    )
    .await;
    table.row(
        "… through the host, from the socket to the caller, by CPU time",
        "≤ 2×",
        &speed(pair.plugin),
        &speed(pair.twin),
        &times(pair.ratio),
    );
}

/// The protocol alone: no network, no runtime.
fn decode(stream: &[u8], ask: &Ask) {
    let settings = PlainSettings::default();
    let model = reference::resolve(ask.model, &settings).expect("a reference");
    let mut exchange = Exchange::new(ask.for_twin(), model, &settings.get(), 7).expect("a request");
    exchange.sent();
    exchange.on_response(200, &[]);
    for piece in stream.chunks(16 * 1024) {
        exchange.on_bytes(piece);
        while exchange.next() == Next::Events {
            black_box(exchange.take_events(256));
        }
    }
    exchange.on_end();
    assert!(exchange.outcome().is_some_and(Result::is_ok), "a good end");
}

/// A large picture on its way out.
async fn picture(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    let mock = Mock::replaying_whole(&files.stream(50));
    let ask = Ask::picture(20_000_000);
    let host = common::host(
        &rig.sandbox,
        &rig.plugin,
        mock.base_url(),
        Some(common::TOKEN),
        |_| {},
    );
    let twin = Twin::new(mock.base_url(), PlainSettings::default());
    let pair = in_turns(
        7,
        async || wall(ask::whole(&host, &ask)).await,
        async || wall(twin.chat(ask.for_twin()).drain()).await,
    )
    .await;
    table.row(
        "A request with a picture of 20 MB",
        "",
        &time(pair.plugin),
        &time(pair.twin),
        &times(pair.ratio),
    );
}
