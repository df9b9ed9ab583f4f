//! Checks of settings with an effect in time: retries and timeouts.

use std::time::{Duration, Instant};

use model_provider_host::contract::ProviderErrorKind;

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, words},
};

checks! {
    "settings/no-retries", "Retries before the first event; 0 for none." => no_retries;
    "settings/max-retries", "Retries before the first event; 0 for none." => max_retries;
    "settings/retries-counted", "How many requests the plugin sent for this call, retries included." => retries_counted;
    "settings/attempts-of-a-response", "How many requests were sent: 1 if the first one succeeded." => attempts_of_a_response;
    "settings/retry-after", "How long the upstream asked to wait." => retry_after;
    "settings/no-retry-after-events", "Retries before the first event; 0 for none." => no_retry_after_events;
    "settings/first-byte-timeout", "The timeout for the first byte of a response." => first_byte_timeout;
    "settings/idle-timeout", "The timeout between bytes of a response." => idle_timeout;
    "settings/timeout-kind", "A timeout or deadline passed." => timeout_kind;
    "settings/unknown-extras", "The plugin's own settings, under its own names: `bill-to`. Unknown ones are ignored." => unknown_extras;
}

const FAILURES: [&str; 3] = ["status-429", "status-503", "refused"];

async fn no_retries(bench: &Bench) -> Result<(), Verdict> {
    for situation in FAILURES {
        let mut session = bench.with().chat(situation)?.start().await?;
        session.hear(&bench.question()).await?;
        let requests = session.upstream.seen().len();
        expect(requests <= 1, "one request", || {
            format!("`{situation}`: {requests} requests")
        })?;
    }
    Ok(())
}

async fn max_retries(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["status-429", "status-503"] {
        let setup = bench
            .with()
            .chat(situation)?
            .settings(|snapshot| snapshot.max_retries = 1);
        let mut session = setup.start().await?;
        session.hear(&bench.question()).await?;
        let requests = session.upstream.seen().len();
        expect(requests <= 2, "two requests at most with `max-retries` 1", || {
            format!("`{situation}`: {requests} requests")
        })?;
    }
    Ok(())
}

async fn retries_counted(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench
        .with()
        .chat("status-503")?
        .settings(|snapshot| snapshot.max_retries = 1);
    let mut session = setup.start().await?;
    let heard = session.hear(&bench.question()).await?;
    let requests = session.upstream.seen().len();
    match heard.end {
        Err(error) => expect(
            error.attempts as usize == requests,
            format!("`attempts` {requests}, as the upstream saw"),
            || format!("`attempts` {}", error.attempts),
        ),
        Ok(_) => Err(failed("an error", "a response")),
    }
}

async fn attempts_of_a_response(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().chat("status-503")?.chat("text")?;
    let mut session = setup
        .settings(|snapshot| snapshot.max_retries = 1)
        .start()
        .await?;
    let heard = session.hear(&bench.question()).await?;
    let requests = session.upstream.seen().len();
    match heard.end {
        Ok(summary) => expect(
            summary.attempts as usize == requests,
            format!("`attempts` {requests}, as the upstream saw"),
            || format!("`attempts` {}", summary.attempts),
        ),
        Err(error) if requests == 1 => Err(not_tested(format!("it does not retry: {}", error.message))),
        Err(error) => Err(failed("a response to the retry", words(&error))),
    }
}

async fn retry_after(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().chat("status-429-retry-after")?.chat("text")?;
    let mut session = setup
        .settings(|snapshot| snapshot.max_retries = 1)
        .start()
        .await?;
    session.hear(&bench.question()).await?;
    let seen = session.upstream.seen();
    let [first, second] = seen.as_slice() else {
        return Err(not_tested("it does not retry"));
    };
    let waited = second.at - first.at;
    expect(
        waited >= Duration::from_millis(950),
        "a retry after the second that the upstream requested",
        || format!("after {} ms", waited.as_millis()),
    )
}

async fn no_retry_after_events(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["cut", "ended-early", "error-in-stream"] {
        let setup = bench
            .with()
            .chat(situation)?
            .settings(|snapshot| snapshot.max_retries = 2);
        let mut session = setup.start().await?;
        session.hear(&bench.question()).await?;
        let requests = session.upstream.seen().len();
        expect(requests == 1, "no retry behind an event", || {
            format!("`{situation}`: {requests} requests")
        })?;
    }
    Ok(())
}

/// How long the plugin waits for a stalled upstream, and the outcome.
async fn stalled(
    bench: &Bench,
    situation: &str,
    first_byte_ms: u32,
    idle_ms: u32,
) -> Result<(Duration, model_provider_host::contract::Error), Verdict> {
    let setup = bench.with().chat(situation)?.settings(|snapshot| {
        snapshot.first_byte_timeout_ms = first_byte_ms;
        snapshot.idle_timeout_ms = idle_ms;
    });
    let mut session = setup.start().await?;
    let began = Instant::now();
    let heard = session.hear(&bench.question()).await?;
    match heard.end {
        Err(error) => Ok((began.elapsed(), error)),
        Ok(_) => Err(failed(format!("`{situation}` is an error"), "a good end")),
    }
}

const SHORT_MS: u32 = 400;
const LONG_MS: u32 = 9_000;

fn in_time(took: Duration, expected: &str) -> Result<(), Verdict> {
    let range = Duration::from_millis(u64::from(SHORT_MS) - 50)..Duration::from_millis(6_000);
    expect(range.contains(&took), expected, || {
        format!("after {} ms", took.as_millis())
    })
}

async fn first_byte_timeout(bench: &Bench) -> Result<(), Verdict> {
    let (took, _) = stalled(bench, "silent", SHORT_MS, LONG_MS).await?;
    in_time(took, "an end after the 400 ms of `first-byte-timeout-ms`")
}

async fn idle_timeout(bench: &Bench) -> Result<(), Verdict> {
    let (took, _) = stalled(bench, "stall", LONG_MS, SHORT_MS).await?;
    in_time(took, "an end after the 400 ms of `idle-timeout-ms`")
}

async fn timeout_kind(bench: &Bench) -> Result<(), Verdict> {
    for situation in ["silent", "stall"] {
        let (_, error) = stalled(bench, situation, SHORT_MS, SHORT_MS).await?;
        expect(
            error.kind == ProviderErrorKind::Timeout && error.request_sent,
            "`timeout`, with the request sent",
            || {
                format!(
                    "`{situation}`: {}, `request-sent` {}",
                    words(&error),
                    error.request_sent
                )
            },
        )?;
    }
    Ok(())
}

async fn unknown_extras(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().chat("text")?.settings(|snapshot| {
        snapshot.extras.push(model_provider_host::contract::Extra {
            key: "kit-unknown-setting".to_owned(),
            value_json: r#"{"a":[1]}"#.to_owned(),
        });
    });
    let mut session = setup.start().await?;
    let heard = session.hear(&bench.question()).await?;
    match heard.end {
        Ok(_) => Ok(()),
        Err(error) => Err(failed("a response", words(&error))),
    }
}
