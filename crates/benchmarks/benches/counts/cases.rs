//! Counted cases: the paths that every user takes, each in an instance of its own.

use std::collections::BTreeMap;

use super::{guest::Guest, upstream::Upstream};
use crate::common::{data, prompt::Prompt};

/// Larger chunks than the network's, smaller than the guest's reads.
const MANY: usize = 16 * 1024;

/// Counts all cases twice: a count that is not reproducible would be meaningless.
pub(crate) async fn count(guest: &Guest) -> BTreeMap<String, u64> {
    let first = once(guest).await;
    let second = once(guest).await;
    assert_eq!(first, second, "the same work takes the same instructions");
    first
}

async fn once(guest: &Guest) -> BTreeMap<String, u64> {
    let short = Prompt::short().for_host();
    let list = Upstream::json(&data::list(data::ROUTER_LIST));
    let response = Upstream::json(&data::response());
    let tokens = |events| Upstream::tokens(&data::stream(events), data::EVENT);
    let packets = |events| Upstream::stream(&data::stream(events), MANY);
    let unlike = Upstream::stream(&data::unlike(2_000), MANY);
    let picture = Prompt::picture(1_000_000).for_host();
    let long = |kilobytes, messages| Prompt::long(kilobytes, messages).for_host();
    let tools = Prompt::with_tools(30, 60).for_host();
    let counts = [
        ("describe", guest.describe().await),
        (
            "resolve a reference",
            guest
                .resolve("huggingface/deepseek-ai/DeepSeek-R1:cheapest")
                .await,
        ),
        ("list 136 models", guest.list(list, data::ROUTER_LIST).await),
        ("short plain answer", guest.complete(response, &short).await),
        (
            "stream of 50 chunks, an event a packet",
            guest.stream(tokens(50), &short, 47).await,
        ),
        (
            "stream of 500 chunks, an event a packet",
            guest.stream(tokens(500), &short, 497).await,
        ),
        (
            "stream of 2,000 chunks, many events a packet",
            guest.stream(packets(2_000), &short, 1).await,
        ),
        (
            "stream of 2,000 chunks that differ in two places",
            guest.stream(unlike, &short, 1).await,
        ),
        (
            "stream of 50 chunks to 5 KB of text",
            guest.stream(packets(50), &long(5, 1), 1).await,
        ),
        (
            "stream of 50 chunks to 50 KB of text",
            guest.stream(packets(50), &long(50, 1), 1).await,
        ),
        (
            "stream of 50 chunks to 500 KB of text",
            guest.stream(packets(50), &long(500, 1), 1).await,
        ),
        (
            "stream of 50 chunks to 41 messages, 50 KB",
            guest.stream(packets(50), &long(50, 41), 1).await,
        ),
        (
            "stream of 50 chunks to 30 tools, 60 KB",
            guest.stream(packets(50), &tools, 1).await,
        ),
        (
            "stream of 50 chunks to a picture of 1 MB",
            guest.stream(tokens(50), &picture, 47).await,
        ),
    ];
    counts.map(|(case, count)| (case.to_owned(), count)).into()
}
