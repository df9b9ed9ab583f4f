//! Checks of a streaming response: order, pace, end, and the effect of dropping it.

use std::time::{Duration, Instant};

use model_provider_host::contract::{ChatEvent, Summary};

use crate::{
    check::{Verdict, checks, expect, failed},
    heard::fold,
    session::{Bench, Session, words},
};

checks! {
    "events/text", "One event of a streaming response." => text;
    "events/in-bytes", "Where one event ends and the next begins has no meaning: a plugin may join and split text." => in_bytes;
    "events/no-empty-text", "More text; never empty." => no_empty_text;
    "events/whole-is-the-stream", "Sends a request and waits for the whole response: the events of `chat-stream`, collected." => whole_is_the_stream;
    "events/end-repeats", "The end: no events follow these. Every later `read` returns it again, without events." => end_repeats;
    "events/error-repeats", "An error is the end: the response broke off, every later `read` returns the error again, and the events before it stay valid. They are returned first." => error_repeats;
    "events/events-before-error", "An error is the end: the response broke off, every later `read` returns the error again, and the events before it stay valid. They are returned first." => events_before_error;
    "events/broken-whole", "A response that breaks off is an error, and its parts are lost; a caller who wants them uses `chat-stream`." => broken_whole;
    "events/max-events", "then returns all events that are ready, at most `max-events` (0 counts as 1)." => max_events;
    "events/zero-events", "then returns all events that are ready, at most `max-events` (0 counts as 1)." => zero_events;
    "events/max-wait", "Waits until there is an event, the response ends or `max-wait-ms` has passed;" => max_wait;
    "events/no-wait", "One that cannot, or that has other work for this thread, waits for short times, 0 included." => no_wait;
    "events/backpressure", "Reads from the network only when all events are handed out, so that a slow reader slows the upstream down (backpressure)." => backpressure;
}

pub(crate) const TEXT: &str = "Hello, wörld! 世界";

pub(crate) async fn begun(
    bench: &Bench,
    situation: &str,
) -> Result<(Session, wasmtime::component::ResourceAny), Verdict> {
    let mut session = bench.with().chat(situation)?.start().await?;
    let completion = session.begin(&bench.question()).await?;
    Ok((session, completion))
}

/// Reads until there are events.
pub(crate) async fn first_events(
    session: &mut Session,
    completion: wasmtime::component::ResourceAny,
) -> Result<usize, Verdict> {
    for _ in 0..200 {
        let read = session.instance.read(completion, 1, 200).await?;
        let progress = read.map_err(|error| failed("an event", words(&error)))?;
        if !progress.events.is_empty() {
            return Ok(progress.events.len());
        }
    }
    Err(failed("an event", "none in 200 reads"))
}

pub(crate) fn good(end: &Result<Summary, model_provider_host::contract::Error>) -> Result<&Summary, Verdict> {
    end.as_ref()
        .map_err(|error| failed("a response to its end", words(error)))
}

async fn text(bench: &Bench) -> Result<(), Verdict> {
    let heard = bench.hear("text").await?;
    good(&heard.end)?;
    expect(heard.text() == TEXT, format!("`{TEXT}`"), || {
        format!("`{}`", heard.text())
    })
}

async fn in_bytes(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["text", "reasoning", "two-tool-calls"] {
        let written = fold(&bench.hear(situation).await?.events);
        let at_once = bench.with().chat_at_once(situation)?;
        let in_bytes = bench.with().chat_in_bytes(situation)?;
        for setup in [at_once, in_bytes] {
            let heard = setup.start().await?.hear(&bench.question()).await?;
            good(&heard.end)?;
            let parts = fold(&heard.events);
            expect(
                parts == written,
                format!("the same however the bytes are cut: {written:?}"),
                || format!("{parts:?}"),
            )?;
        }
    }
    Ok(())
}

async fn no_empty_text(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["text", "reasoning", "tool-call"] {
        let heard = bench.hear(situation).await?;
        let is_empty = |event: &ChatEvent| matches!(event, ChatEvent::Text(text) if text.is_empty());
        expect(
            !heard.events.iter().any(is_empty),
            "no event of empty text",
            || format!("{:?}", heard.events),
        )?;
    }
    Ok(())
}

async fn whole_is_the_stream(bench: &Bench) -> Result<(), Verdict> {
    for situation in [
        "text",
        "reasoning",
        "tool-call",
        "two-tool-calls",
        "tool-call-without-arguments",
    ] {
        let heard = bench.hear(situation).await?;
        let summary = good(&heard.end)?;
        let mut session = bench.with().chat(situation)?.start().await?;
        let whole = session.instance.complete(&bench.question()).await?;
        let whole = whole.map_err(|error| failed("a whole response", words(&error)))?;
        let parts = fold(&heard.events);
        expect(
            whole.content == parts,
            format!("`{situation}` as streamed: {parts:?}"),
            || format!("{:?}", whole.content),
        )?;
        let same = |a: &Summary, b: &Summary| {
            (
                a.finish_reason,
                &a.raw_finish_reason,
                a.usage,
                &a.model,
                a.attempts,
            ) == (
                b.finish_reason,
                &b.raw_finish_reason,
                b.usage,
                &b.model,
                b.attempts,
            )
        };
        expect(same(&whole.summary, summary), format!("{summary:?}"), || {
            format!("{:?}", whole.summary)
        })?;
    }
    Ok(())
}

async fn end_repeats(bench: &Bench) -> Result<(), Verdict> {
    let (mut session, completion) = begun(bench, "text").await?;
    let heard = session.read_all(completion).await?;
    let summary = good(&heard.end)?;
    for max_wait in [0, 50, u32::MAX] {
        match session.instance.read(completion, 8, max_wait).await? {
            Ok(progress) => {
                let is_same = progress.events.is_empty() && progress.finished.as_ref() == Some(summary);
                expect(is_same, format!("{summary:?}, without events"), || {
                    format!("{progress:?}")
                })?;
            }
            Err(error) => return Err(failed("the end again", words(&error))),
        }
    }
    Ok(())
}

async fn error_repeats(bench: &Bench) -> Result<(), Verdict> {
    let mut tested = false;
    for situation in ["cut", "status-500"] {
        // No event precedes the second request, so it may be the error of `chat-stream` itself.
        let mut session = bench.with().chat(situation)?.start().await?;
        let Ok(completion) = session.instance.stream(&bench.question()).await? else {
            continue;
        };
        let heard = session.read_all(completion).await?;
        let Err(error) = heard.end else {
            return Err(failed(format!("`{situation}` is an error"), "a good end"));
        };
        for _ in 0..3 {
            let again = session.instance.read(completion, 8, 50).await?;
            expect(again.as_ref().err() == Some(&error), format!("{error:?}"), || {
                format!("{again:?}")
            })?;
        }
        tested = true;
    }
    if tested {
        Ok(())
    } else {
        Err(failed("a completion whose `read` gives the error", "none"))
    }
}

async fn events_before_error(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["cut", "ended-early", "error-in-stream"] {
        let heard = bench.hear(situation).await?;
        let is_so = heard.end.is_err() && heard.text().starts_with("Hello, ");
        expect(
            is_so,
            format!("`{situation}`: the text before it, then an error"),
            || format!("{:?}, then {:?}", heard.events, heard.end),
        )?;
    }
    Ok(())
}

async fn broken_whole(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["cut", "ended-early", "error-in-stream"] {
        let mut session = bench.with().chat(situation)?.start().await?;
        let whole = session.instance.complete(&bench.question()).await?;
        expect(whole.is_err(), format!("`{situation}` is an error"), || {
            format!("{whole:?}")
        })?;
    }
    Ok(())
}

async fn read_by(bench: &Bench, most: u32) -> Result<(), Verdict> {
    let mut session = bench.with().chat_at_once("text")?.start().await?;
    let completion = session.begin(&bench.question()).await?;
    let mut text = String::new();
    for _ in 0..500 {
        let read = session.instance.read(completion, most, 500).await?;
        let progress = read.map_err(|error| failed("a response to its end", words(&error)))?;
        let limit = most.max(1) as usize;
        expect(
            progress.events.len() <= limit,
            format!("at most {limit} events"),
            || format!("{} events", progress.events.len()),
        )?;
        for event in &progress.events {
            if let ChatEvent::Text(more) = event {
                text.push_str(more);
            }
        }
        if progress.finished.is_some() {
            return expect(text == TEXT, format!("`{TEXT}`"), || format!("`{text}`"));
        }
    }
    Err(failed(
        "an end",
        format!("none in 500 reads of at most {most} events"),
    ))
}

async fn max_events(bench: &Bench) -> Result<(), Verdict> {
    read_by(bench, 1).await?;
    let mut session = bench.with().chat_at_once("two-tool-calls")?.start().await?;
    let completion = session.begin(&bench.question()).await?;
    for _ in 0..500 {
        let read = session.instance.read(completion, 2, 500).await?;
        let progress = read.map_err(|error| failed("a response to its end", words(&error)))?;
        let count = progress.events.len();
        expect(count <= 2, "at most 2 events", || format!("{count} events"))?;
        if progress.finished.is_some() {
            return Ok(());
        }
    }
    Err(failed("an end", "none in 500 reads of at most 2 events"))
}

async fn zero_events(bench: &Bench) -> Result<(), Verdict> {
    read_by(bench, 0).await
}

async fn max_wait(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["silent", "stall"] {
        let (mut session, completion) = begun(bench, situation).await?;
        if situation == "stall" {
            first_events(&mut session, completion).await?;
        }
        let began = Instant::now();
        // Events that are ready come at once; required is only that the call does not wait longer for more.
        for _ in 0..3 {
            let read = session.instance.read(completion, 64, 100).await?;
            if let Err(error) = read {
                return Err(failed("no events yet", words(&error)));
            }
        }
        is_short(began)?;
    }
    let Ok(setup) = bench.with().chat_that_stalls("status-400") else {
        return Ok(());
    };
    let mut session = setup.start().await?;
    let began = Instant::now();
    if let Ok(completion) = session.instance.stream(&bench.question()).await? {
        for _ in 0..3 {
            // Nothing yet, or the error without the rest of its body.
            let _ = session.instance.read(completion, 64, 100).await?;
        }
    }
    is_short(began)
}

fn is_short(began: Instant) -> Result<(), Verdict> {
    let took = began.elapsed();
    expect(took < Duration::from_secs(4), "three reads of 100 ms", || {
        format!("{} ms", took.as_millis())
    })
}

async fn no_wait(bench: &Bench) -> Result<(), Verdict> {
    let (mut session, completion) = begun(bench, "text").await?;
    let mut text = String::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(6) {
        let read = session.instance.read(completion, 64, 0).await?;
        let progress = read.map_err(|error| failed("a response to its end", words(&error)))?;
        for event in &progress.events {
            if let ChatEvent::Text(more) = event {
                text.push_str(more);
            }
        }
        if progress.finished.is_some() {
            return expect(text == TEXT, format!("`{TEXT}`"), || format!("`{text}`"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(failed(
        "the response, by reads that do not wait",
        format!("`{text}` after 6 s"),
    ))
}

async fn backpressure(bench: &Bench) -> Result<(), Verdict> {
    let (mut session, completion) = begun(bench, "long-text").await?;
    let mut read = 0;
    for _ in 0..5 {
        read += first_events(&mut session, completion).await?;
    }
    let frames = session.upstream.frames();
    // This does not count buffers: it refuses a plugin that reads on without a reader.
    expect(frames < 2_000, "reading only as far as the reader goes", || {
        format!("{read} events were read, and {frames} of 4000 chunks read from the network")
    })
}
