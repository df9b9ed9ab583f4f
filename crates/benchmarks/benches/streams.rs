//! Streaming responses: decoding of a long one, and a complete short one, by the plugin and by the native twin.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops by a panic"
)]

mod common;

use common::{
    data,
    mock::Mock,
    prompt::{self, Prompt},
    twin::Twin,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use huggingface_protocol::settings::PlainSettings;

fn streams(c: &mut Criterion) {
    let runtime = common::runtime();
    let plugin = runtime.block_on(common::loaded());
    let files = data::Files::new();
    let prompt = Prompt::short();
    for (events, packets) in [(50, "an event a packet"), (2_000, "as fast as it goes")] {
        let file = files.stream(events);
        let mock = match events {
            50 => Mock::replaying(&file),
            _ => Mock::replaying_whole(&file),
        };
        let twin = Twin::new(mock.base_url(), PlainSettings::default());
        let mut group = c.benchmark_group(format!("stream of {events} events, {packets}"));
        group.throughput(Throughput::Bytes((events * data::EVENT) as u64));
        for (name, token) in [
            ("plugin", Some(common::TOKEN)),
            ("plugin, nothing to search for", None),
        ] {
            let host = common::host(&plugin, mock.base_url(), token, |_| {});
            group.bench_function(name, |b| {
                b.iter(|| runtime.block_on(prompt::whole(&host, &prompt)));
            });
        }
        group.bench_function("native", |b| {
            b.iter(|| runtime.block_on(twin.chat(prompt.for_twin()).drain()));
        });
        group.finish();
    }
}

criterion_group!(benches, streams);
criterion_main!(benches);
