//! Checks of the non-blocking calls, where the component exports them: the same events as `read`.

use std::time::{Duration, Instant};

use model_provider_host::contract::{ChatEvent, ChatRequest, Error, Progress, ProviderErrorKind};
use wasmtime::component::{ComponentType, Lift, ResourceAny, TypedFunc};

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    heard::{Heard, fold},
    session::{Bench, Session, Setup},
};

checks! {
    "nonblocking/same-as-read", "The same request, seed, waited times and bytes of the response give the same events." => same_as_read;
    "nonblocking/same-again", "The same request, seed, waited times and bytes of the response give the same events." => same_again;
    "nonblocking/no-clock", "The same calls for a host that waits itself: the guest never blocks, reads no clock and polls nothing." => no_clock;
    "nonblocking/waited-time", "Timeouts and backoff stay the plugin's decision: it adds up the reported waits." => waited_time;
    "nonblocking/wake", "Always set it while a timeout or a pause is running." => wake;
    "nonblocking/max-events", "Reads what is there and returns at once. `max-events`: as of `read`." => max_events;
    "nonblocking/at-once", "Reads what is there and returns at once." => at_once;
}

/// No response of the kit takes so long.
const MOST_TIME: Duration = Duration::from_secs(15);
const INTERFACE: &str = "openclaw:model-provider/nonblocking";

#[derive(Clone, Debug, ComponentType, Lift)]
#[component(record)]
struct Step {
    progress: Progress,
    #[component(name = "wake-after-ms")]
    wake_after_ms: Option<u32>,
}

type Start = TypedFunc<(ChatRequest, u64), (Result<ResourceAny, Error>,)>;
type TryRead = TypedFunc<(ResourceAny, u32, u64), (Result<Step, Error>,)>;

/// The two calls of the instance under test.
fn exported(bench: &Bench, session: &mut Session) -> Result<(Start, TryRead), Verdict> {
    let subject = &bench.subject;
    let Some(name) = subject.exports.iter().find(|name| name.starts_with(INTERFACE)) else {
        return Err(not_tested("it does not export `nonblocking`, which is optional"));
    };
    let component = &subject.component;
    let interface = component.get_export_index(None, name);
    let find = |function: &str| {
        let found = interface
            .as_ref()
            .and_then(|interface| component.get_export_index(Some(interface), function));
        found.ok_or_else(|| failed(format!("`{function}` in `{name}`"), "it is not there"))
    };
    let (start, try_read) = (find("chat-start")?, find("try-read")?);
    let differs = |error: wasmtime::Error| failed("functions of the contract's types", format!("{error:#}"));
    let (store, instance) = session.instance.parts();
    Ok((
        instance.get_typed_func(&mut *store, start).map_err(differs)?,
        instance.get_typed_func(&mut *store, try_read).map_err(differs)?,
    ))
}

/// Waits as a host of these calls does: until the guest's handles are ready, or for the time that the guest named.
async fn hear(bench: &Bench, situation: &str) -> Result<(Heard, Duration), Verdict> {
    let mut session = bench.with().chat(situation)?.start().await?;
    let (start, try_read) = exported(bench, &mut session)?;
    let begun = session
        .instance
        .call("chat-start", &start, (bench.question(), 7))
        .await?
        .0;
    let completion = match begun {
        Ok(completion) => completion,
        Err(error) => {
            return Ok((
                Heard {
                    events: Vec::new(),
                    end: Err(error),
                },
                Duration::ZERO,
            ));
        }
    };
    let (mut events, mut longest) = (Vec::new(), Duration::ZERO);
    let mut waited = Instant::now();
    let started = Instant::now();
    while started.elapsed() < MOST_TIME {
        let waited_ms = u64::try_from(waited.elapsed().as_millis()).unwrap_or(u64::MAX);
        let began = Instant::now();
        let step = session
            .instance
            .call("try-read", &try_read, (completion, 16, waited_ms))
            .await?
            .0;
        longest = longest.max(began.elapsed());
        waited = Instant::now();
        let step = match step {
            Ok(step) => step,
            Err(error) => {
                return Ok((
                    Heard {
                        events,
                        end: Err(error),
                    },
                    longest,
                ));
            }
        };
        let is_quiet = step.progress.events.is_empty();
        events.extend::<Vec<ChatEvent>>(step.progress.events);
        if let Some(summary) = step.progress.finished {
            return Ok((
                Heard {
                    events,
                    end: Ok(summary),
                },
                longest,
            ));
        }
        if is_quiet {
            session.instance.let_bodies_come(step.wake_after_ms).await;
        }
    }
    Err(failed("an end of the response", "none in 15 s"))
}

async fn same_as_read(bench: &Bench) -> Result<(), Verdict> {
    for situation in [
        "text",
        "reasoning",
        "two-tool-calls",
        "finish-length",
        "status-500",
        "cut",
    ] {
        let (found, _) = hear(bench, situation).await?;
        let read = bench.hear(situation).await?;
        let (found_parts, read_parts) = (fold(&found.events), fold(&read.events));
        expect(
            found_parts == read_parts,
            format!("`{situation}` as by `read`: {read_parts:?}"),
            || format!("{found_parts:?}"),
        )?;
        let of = |heard: &Heard| match &heard.end {
            Ok(summary) => format!("{:?} {:?}", summary.finish_reason, summary.usage),
            Err(error) => format!("{:?} {:?}", error.kind, error.status),
        };
        expect(
            of(&found) == of(&read),
            format!("`{situation}` as by `read`: {}", of(&read)),
            || of(&found),
        )?;
    }
    Ok(())
}

/// Ids of calls included, which the plugin makes up from the seed alone.
async fn same_again(bench: &Bench) -> Result<(), Verdict> {
    let (first, _) = hear(bench, "tool-call-without-id").await?;
    let (again, _) = hear(bench, "tool-call-without-id").await?;
    let (first, again) = (fold(&first.events), fold(&again.events));
    expect(first == again, format!("the same again: {first:?}"), || {
        format!("{again:?}")
    })
}

/// A completion of `chat-start`.
async fn started(bench: &Bench, setup: Setup<'_>) -> Result<(Session, TryRead, ResourceAny), Verdict> {
    let mut session = setup.start().await?;
    let (start, try_read) = exported(bench, &mut session)?;
    let begun = session
        .instance
        .call("chat-start", &start, (bench.question(), 7))
        .await?
        .0;
    let completion = begun.map_err(|error| failed("a completion", error.message))?;
    Ok((session, try_read, completion))
}

/// One step of it.
async fn step(
    (session, try_read, completion): &mut (Session, TryRead, ResourceAny),
    max_events: u32,
    waited_ms: u64,
) -> Result<Result<Step, Error>, Verdict> {
    let arguments = (*completion, max_events, waited_ms);
    Ok(session.instance.call("try-read", try_read, arguments).await?.0)
}

async fn no_clock(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["text", "status-503"] {
        let mut open = started(bench, bench.with().chat(situation)?).await?;
        for _ in 0..200 {
            let step = step(&mut open, 16, 1).await?;
            match step {
                Ok(step) if step.progress.finished.is_none() => {
                    open.0.instance.let_bodies_come(Some(20)).await;
                }
                _ => break,
            }
        }
        let reads = open.0.instance.store.data().clock_reads();
        expect(reads == 0, format!("`{situation}`: no clock is read"), || {
            format!("it is read {reads} times")
        })?;
    }
    Ok(())
}

/// Time is what the host says: nobody waits here.
async fn waited_time(bench: &Bench) -> Result<(), Verdict> {
    // The first-byte timeout of a session is 8 s.
    let mut open = started(bench, bench.with().chat("silent")?).await?;
    for waited_ms in [0, 5_000] {
        let step = step(&mut open, 16, waited_ms).await?;
        let goes_on = matches!(&step, Ok(step) if step.progress.finished.is_none());
        expect(goes_on, format!("no end after {waited_ms} of 8000 ms"), || {
            format!("{step:?}")
        })?;
    }
    let step = step(&mut open, 16, 3_500).await?;
    let is_so = matches!(&step, Err(error) if error.kind == ProviderErrorKind::Timeout);
    expect(
        is_so,
        "`timeout`, since the host waited for 8500 of 8000 ms",
        || format!("{step:?}"),
    )
}

async fn wake(bench: &Bench) -> Result<(), Verdict> {
    let mut open = started(bench, bench.with().chat("silent")?).await?;
    for waited_ms in [0, 1_000] {
        let step = step(&mut open, 16, waited_ms).await?;
        let wake = step.as_ref().ok().and_then(|step| step.wake_after_ms);
        let is_so = wake.is_some_and(|wake| u64::from(wake) + waited_ms <= 8_000);
        expect(is_so, "a time to wake within the timeout that is running", || {
            format!("{step:?}")
        })?;
    }
    Ok(())
}

async fn max_events(bench: &Bench) -> Result<(), Verdict> {
    let mut open = started(bench, bench.with().chat_at_once("two-tool-calls")?).await?;
    for _ in 0..500 {
        let step = step(&mut open, 2, 1).await?;
        let step = step.map_err(|error| failed("a response to its end", error.message))?;
        let count = step.progress.events.len();
        expect(count <= 2, "at most 2 events", || format!("{count} events"))?;
        if step.progress.finished.is_some() {
            return Ok(());
        }
        if count == 0 {
            open.0.instance.let_bodies_come(Some(20)).await;
        }
    }
    Err(failed("an end", "none in 500 steps of at most 2 events"))
}

async fn at_once(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().chat("silent")?.start().await?;
    let (start, try_read) = exported(bench, &mut session)?;
    let begun = session
        .instance
        .call("chat-start", &start, (bench.question(), 7))
        .await?
        .0;
    let completion = begun.map_err(|error| failed("a completion", error.message))?;
    let began = Instant::now();
    let step = session
        .instance
        .call("try-read", &try_read, (completion, 16, 0))
        .await?
        .0;
    let took = began.elapsed();
    expect(
        step.is_ok() && took < Duration::from_secs(2),
        "no events, at once",
        || format!("{step:?} after {took:?}"),
    )
}
