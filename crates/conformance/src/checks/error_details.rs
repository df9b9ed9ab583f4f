//! Checks of the details of an error besides its kind: each is the upstream's own, or `none`.

use model_provider_host::contract::Error;

use crate::{
    check::{Verdict, checks, expect, not_tested},
    session::Bench,
    upstream::{Exchange, Played},
};

checks! {
    "errors/code", "The upstream's own code for the error." => code;
    "errors/request-id", "The upstream's request id, for its support desk." => request_id;
    "errors/status-in-stream", "The HTTP status of the response; for an error within a stream, the status that it names." => status_in_stream;
    "errors/retry-after-unknown", "Unknown is `none` (or the empty list), never zero, false or \"\"." => retry_after_unknown;
}

const STATUSES: [&str; 5] = [
    "status-400",
    "status-401",
    "status-403",
    "status-429",
    "status-500",
];

/// The error of a situation, and the response that it comes from. `None`: the router file does not have it.
async fn error(bench: &Bench, situation: &str) -> Result<Option<(Error, Played)>, Verdict> {
    let Ok(Exchange::Response(played)) = bench.exchange(situation) else {
        return Ok(None);
    };
    let heard = bench.hear(situation).await?;
    Ok(heard.end.err().map(|error| (error, played)))
}

/// Whether the upstream said this, in a header or in the body.
fn says(played: &Played, text: &str) -> bool {
    let body = played.body.concat();
    let is_header = played.headers.iter().any(|(_, value)| value.contains(text));
    is_header || String::from_utf8_lossy(&body).contains(text)
}

/// A member of each error that the upstream itself has to have said.
async fn own(bench: &Bench, what: &str, member: impl Fn(&Error) -> Option<&String>) -> Result<(), Verdict> {
    let mut tested = 0;
    for situation in STATUSES {
        let Some((error, played)) = error(bench, situation).await? else {
            continue;
        };
        let Some(found) = member(&error) else { continue };
        tested += 1;
        expect(
            !found.is_empty() && says(&played, found),
            format!("`{situation}`: {what} that the upstream sent, or none"),
            || format!("`{found}`"),
        )?;
    }
    if tested == 0 {
        Err(not_tested(format!("its errors have no {what}")))
    } else {
        Ok(())
    }
}

async fn code(bench: &Bench) -> Result<(), Verdict> {
    own(bench, "code", |error| error.code.as_ref()).await
}

async fn request_id(bench: &Bench) -> Result<(), Verdict> {
    own(bench, "request id", |error| error.request_id.as_ref()).await
}

async fn status_in_stream(bench: &Bench) -> Result<(), Verdict> {
    let Some((error, played)) = error(bench, "error-in-stream").await? else {
        return Err(not_tested("the router file has no `error-in-stream`"));
    };
    let Some(status) = error.status else {
        return Err(not_tested("its error within a stream has no status"));
    };
    let body = String::from_utf8_lossy(&played.body.concat()).into_owned();
    expect(
        body.contains(&status.to_string()),
        "the status that the error in the stream names",
        || status.to_string(),
    )
}

async fn retry_after_unknown(bench: &Bench) -> Result<(), Verdict> {
    let mut tested = 0;
    for situation in STATUSES {
        let Some((error, played)) = error(bench, situation).await? else {
            continue;
        };
        let asks = |(name, _): &(String, String)| name.to_ascii_lowercase().contains("retry");
        if played.headers.iter().any(asks) {
            continue;
        }
        tested += 1;
        expect(
            error.retry_after_ms.is_none(),
            format!("`{situation}`: none, since the upstream asked for no wait"),
            || format!("{:?} ms", error.retry_after_ms),
        )?;
    }
    if tested == 0 {
        Err(not_tested("the router file has none of these situations"))
    } else {
        Ok(())
    }
}
