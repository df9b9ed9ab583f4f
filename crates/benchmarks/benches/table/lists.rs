//! Model lists.

use huggingface_protocol::settings::PlainSettings;
use model_provider_host::contract::{DiscoveryMode, ModelSource};

use super::{Rig, Table, time};
use crate::common::{
    self, data,
    measure::{cpu, in_turns},
    mock::Mock,
    twin::Twin,
};

const MIB: usize = 1024 * 1024;

pub(crate) async fn measure(rig: &Rig, table: &mut Table) {
    let files = data::Files::new();
    for (count, rounds) in [(data::ROUTER_LIST, 100), (data::LONG_LIST, 15)] {
        let size = data::list(count).len();
        let mock = Mock::replaying_whole(&files.list(count));
        let host = rig.host(&mock);
        let twin = Twin::new(mock.base_url(), PlainSettings::default());
        let pair = in_turns(
            rounds,
            async || {
                cpu(async {
                    let catalog = host.list_models(DiscoveryMode::Authenticated).await;
                    assert_eq!(catalog.expect("a list").models.len(), count);
                })
                .await
            },
            async || cpu(async { assert_eq!(twin.list().await.models.len(), count) }).await,
        )
        .await;
        table.pair(
            &format!(
                "A list of {count} models, {} KB, fetched and read: CPU",
                size / 1_000
            ),
            "≤ 2×",
            &pair,
            time,
        );
        if count == data::LONG_LIST {
            let least = least_memory(rig, mock.base_url()).await;
            let figure = format!("{} MiB", least / MIB);
            table.alone("… memory of the guest for it", "≤ 64 MiB", &figure);
        }
    }
}

/// The smallest limit under which the list is read, to the next mebibyte.
async fn least_memory(rig: &Rig, base_url: &str) -> usize {
    let (mut too_little, mut enough) = (0, 128 * MIB);
    while enough - too_little > MIB {
        let middle = (too_little + enough) / 2;
        let host = common::host(&rig.plugin, base_url, None, |settings| {
            settings.limits.memory_bytes = middle;
        });
        let read = host.list_models(DiscoveryMode::Authenticated).await;
        match read {
            Ok(catalog) if catalog.source == ModelSource::Live => enough = middle,
            _ => too_little = middle,
        }
    }
    enough
}
