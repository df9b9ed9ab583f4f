//! Cost of calls that need only an instance: `describe`, and `resolve-ref` with few and many settings.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a bench stops by a panic"
)]

mod common;

use std::{hint::black_box, sync::Arc};

use common::data;
use criterion::{Criterion, criterion_group, criterion_main};
use huggingface_protocol::reference;

/// No server listens here, and no request is sent.
const NOWHERE: &str = "http://127.0.0.1:9/v1";

fn instances(c: &mut Criterion) {
    let runtime = common::runtime();
    let plugin = runtime.block_on(common::loaded());
    c.bench_function("describe, a fresh instance", |b| {
        b.iter(|| runtime.block_on(plugin.describe()).expect("it says what it is"));
    });
    for count in [0, 1_000] {
        let models = data::models(count);
        let host = common::host(&plugin, NOWHERE, Some(common::TOKEN), |settings| {
            settings.models = Arc::clone(&models);
        });
        let settings = data::twin_settings(count);
        let texts = [
            ("a reference", "huggingface/deepseek-ai/DeepSeek-R1:cheapest"),
            ("an alias", "own 999"),
        ];
        for (what, text) in texts {
            if count == 0 && what == "an alias" {
                continue;
            }
            let mut group = c.benchmark_group(format!("resolve {what}, {count} models and aliases"));
            group.bench_function("plugin", |b| {
                b.iter(|| {
                    runtime
                        .block_on(host.resolve(black_box(text)))
                        .expect("a reference")
                });
            });
            group.bench_function("native", |b| {
                b.iter(|| reference::resolve(black_box(text), &settings).expect("a reference"));
            });
            group.finish();
        }
    }
}

criterion_group!(benches, instances);
criterion_main!(benches);
