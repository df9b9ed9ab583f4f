//! Checks of the non-blocking calls, where the component exports them: the same events as `read`.

use std::time::{Duration, Instant};

use model_provider_host::contract::{ChatEvent, ChatRequest, Error, Progress};
use wasmtime::component::{ComponentType, Lift, ResourceAny, TypedFunc};

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    heard::{Heard, fold},
    session::{Bench, Session},
};

checks! {
    "nonblocking/same-as-read", "The same request, seed, waited times and bytes of the response give the same events." => same_as_read;
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
