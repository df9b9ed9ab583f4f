//! Checks of a completion's life cycle: start, cancellation, and concurrent completions.

use std::time::{Duration, Instant};

use model_provider_host::contract::ChatEvent;

use super::events::{TEXT, begun, first_events, good};
use crate::{
    check::{Verdict, checks, expect, failed},
    session::{Bench, words},
    upstream::Upstream,
};

checks! {
    "events/stream-does-not-wait", "Sends a request. May wait until it is sent, never for the response: what the upstream says, its errors included, comes from `read`." => stream_does_not_wait;
    "events/cancel", "To cancel it, drop it: the plugin drops what it holds of the request (children before parents, as WASI requires), which closes the connection, and waits for nothing." => cancel;
    "events/cancel-before-response", "To cancel it, drop it: the plugin drops what it holds of the request (children before parents, as WASI requires), which closes the connection, and waits for nothing." => cancel_before_response;
    "events/waits", "Waits until there is an event, the response ends or `max-wait-ms` has passed;" => waits;
    "events/ready-events", "then returns all events that are ready, at most `max-events` (0 counts as 1)." => ready_events;
    "events/several-completions", "It may hold several completions, which are read in turn." => several_completions;
    "events/instance-goes-on", "An instance runs one call at a time." => instance_goes_on;
}

async fn stream_does_not_wait(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["silent", "stall-at-once"] {
        let began = Instant::now();
        let (mut session, completion) = begun(bench, situation).await?;
        let took = began.elapsed();
        expect(
            took < Duration::from_secs(4),
            "a completion before the response",
            || format!("{} ms", took.as_millis()),
        )?;
        session.instance.cancel(completion).await?;
    }
    Ok(())
}

async fn closed(upstream: &Upstream) -> Result<(), Verdict> {
    for _ in 0..100 {
        if upstream.open() == 0 {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(failed("the connection closed", "it is still open after a second"))
}

async fn cancel(bench: &Bench) -> Result<(), Verdict> {
    let (mut session, completion) = begun(bench, "stall").await?;
    first_events(&mut session, completion).await?;
    let began = Instant::now();
    session.instance.cancel(completion).await?;
    expect(
        began.elapsed() < Duration::from_secs(4),
        "a drop that waits for nothing",
        || format!("{} ms", began.elapsed().as_millis()),
    )?;
    closed(&session.upstream).await
}

async fn cancel_before_response(bench: &Bench) -> Result<(), Verdict> {
    let (mut session, completion) = begun(bench, "silent").await?;
    // The cancelled completion is read once, so that its request has been sent.
    let _ = session.instance.read(completion, 1, 50).await?;
    session.instance.cancel(completion).await?;
    closed(&session.upstream).await
}

async fn waits(bench: &Bench) -> Result<(), Verdict> {
    const WAIT_MS: u32 = 600;
    let (mut session, completion) = begun(bench, "stall").await?;
    first_events(&mut session, completion).await?;
    // Nothing more arrives once two reads in a row are empty.
    let mut quiet = 0;
    for _ in 0..100 {
        let read = session.instance.read(completion, 64, 50).await?;
        let progress = read.map_err(|error| failed("no end yet", words(&error)))?;
        quiet = if progress.events.is_empty() { quiet + 1 } else { 0 };
        if quiet == 2 {
            break;
        }
    }
    let began = Instant::now();
    let read = session.instance.read(completion, 64, WAIT_MS).await?;
    let took = began.elapsed();
    let is_empty = read.as_ref().is_ok_and(|progress| progress.events.is_empty());
    expect(
        is_empty && took >= Duration::from_millis(u64::from(WAIT_MS) - 100),
        "a read that waits 600 ms for the next event",
        || format!("{read:?} after {} ms", took.as_millis()),
    )
}

/// Calls can be neither joined nor split into less than a start and an end for each.
async fn ready_events(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().chat_at_once("two-tool-calls")?.start().await?;
    let completion = session.begin(&bench.question()).await?;
    let mut counts = Vec::new();
    for _ in 0..500 {
        let read = session.instance.read(completion, 64, 500).await?;
        let progress = read.map_err(|error| failed("a response to its end", words(&error)))?;
        counts.push(progress.events.len());
        if progress.finished.is_some() {
            return expect(
                counts.iter().any(|count| *count > 1),
                "several events in one read, since the whole response arrived at once",
                || format!("reads with {counts:?} events"),
            );
        }
    }
    Err(failed("an end", "none in 500 reads"))
}

async fn several_completions(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().chat("text")?.chat("reasoning")?.start().await?;
    let first = session.begin(&bench.question()).await?;
    let second = session.begin(&bench.question()).await?;
    let mut texts = [String::new(), String::new()];
    let mut ended = [false, false];
    for _ in 0..500 {
        for (at, completion) in [first, second].into_iter().enumerate() {
            let read = session.instance.read(completion, 1, 20).await?;
            let progress = read.map_err(|error| failed("both responses to their end", words(&error)))?;
            for event in progress.events {
                if let ChatEvent::Text(more) = event {
                    texts[at].push_str(&more);
                }
            }
            ended[at] |= progress.finished.is_some();
        }
        if ended == [true, true] {
            let is_so = texts[0] == TEXT && texts[1] == super::response::SPOKEN;
            return expect(
                is_so,
                format!("`{TEXT}` and `{}`", super::response::SPOKEN),
                || format!("{texts:?}"),
            );
        }
    }
    Err(failed(
        "both responses to their end",
        format!("{texts:?} after 500 reads of each"),
    ))
}

async fn instance_goes_on(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench
        .with()
        .chat("cut")?
        .chat("stall")?
        .chat("text")?
        .start()
        .await?;
    session.hear(&bench.question()).await?;
    let completion = session.begin(&bench.question()).await?;
    first_events(&mut session, completion).await?;
    session.instance.cancel(completion).await?;
    let heard = session.hear(&bench.question()).await?;
    good(&heard.end)?;
    expect(
        heard.text() == TEXT,
        format!("`{TEXT}`, after one that broke off and one that was cancelled"),
        || heard.text(),
    )
}
