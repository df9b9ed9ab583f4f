//! `list-models` from the fetched bytes to the models that the caller gets, by the plugin and by the native twin.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops by a panic"
)]

mod common;

use common::{data, mock::Mock, twin::Twin};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use huggingface_protocol::{catalog, settings::PlainSettings};
use model_provider_host::contract::DiscoveryMode;

fn lists(c: &mut Criterion) {
    let runtime = common::runtime();
    let plugin = runtime.block_on(common::loaded());
    let files = data::Files::new();
    for count in [data::ROUTER_LIST, data::LONG_LIST] {
        let list = data::list(count);
        let mock = Mock::replaying_whole(&files.list(count));
        let host = common::host(&plugin, mock.base_url(), Some(common::TOKEN), |_| {});
        let twin = Twin::new(mock.base_url(), PlainSettings::default());
        let mut group = c.benchmark_group(format!("list of {count} models"));
        group.throughput(Throughput::Bytes(list.len() as u64));
        group.sample_size(20);
        group.bench_function("plugin", |b| {
            b.iter(|| runtime.block_on(host.list_models(DiscoveryMode::Authenticated)));
        });
        group.bench_function("native", |b| b.iter(|| runtime.block_on(twin.list())));
        group.bench_function("native, without the network", |b| {
            b.iter(|| catalog::from_list(list.as_bytes(), &PlainSettings::default()));
        });
        group.finish();
    }
}

criterion_group!(benches, lists);
criterion_main!(benches);
