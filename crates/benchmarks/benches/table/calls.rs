//! Calls that need only an instance. They never wait, so their CPU time is their duration.

use std::hint::black_box;

use huggingface_protocol::reference;

use super::{Rig, Table, common, time};
use crate::common::{
    data,
    measure::{cpu, in_turns},
};

/// Calls for each measurement.
const CALLS: usize = 200;
const ROUNDS: usize = 15;
/// No server listens here, and no request is sent.
const NOWHERE: &str = "http://127.0.0.1:9/v1";

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    let size = rig.plugin.size() as f64 / common::measure::KB;
    table.alone("Component size", "≤ 250 KB", &format!("{size:.0} KB"));

    let each = CALLS as f64;
    let describe = async || {
        cpu(async {
            for _ in 0..CALLS {
                black_box(rig.plugin.describe().await.expect("what it is"));
            }
        })
        .await
            / each
    };
    let resolve = async |models: usize, text: &str| {
        let host = common::host(&rig.plugin, NOWHERE, Some(common::TOKEN), |settings| {
            settings.models = data::models(models);
        });
        let settings = data::twin_settings(models);
        let plugin = async || {
            cpu(async {
                for _ in 0..CALLS {
                    black_box(host.resolve(text).await.expect("a reference"));
                }
            })
            .await
                / each
        };
        let native = async || {
            cpu(async {
                for _ in 0..CALLS {
                    black_box(reference::resolve(text, &settings).expect("a reference"));
                }
            })
            .await
                / each
        };
        in_turns(ROUNDS, plugin, native).await
    };
    let fresh = in_turns(ROUNDS, describe, async || 0.0).await;
    table.alone(
        "Store and instance for one request, with one call of `describe`",
        "≤ 40 µs",
        &time(fresh.plugin),
    );
    let reference = "huggingface/deepseek-ai/DeepSeek-R1:cheapest";
    for (what, models, text) in [
        ("`resolve-ref` whole, a fresh instance", 0, reference),
        (
            "… with 1,000 configured models and 1,000 aliases",
            1_000,
            reference,
        ),
        ("… of an alias among them", 1_000, "own 999"),
    ] {
        let pair = resolve(models, text).await;
        if models == 0 {
            let native = format!("{:.1} µs", pair.twin);
            table.row(what, "≤ 60 µs", &time(pair.plugin), &native, pair.ratio);
        } else {
            // The host's settings are lookups, the twin's are plain lists.
            table.alone(what, "≤ 60 µs", &time(pair.plugin));
        }
    }
}
