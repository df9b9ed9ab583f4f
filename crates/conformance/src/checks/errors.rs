//! Checks of errors: for each error response and each network failure, the kind, and whether a request was sent.

use model_provider_host::contract::{Error, ProviderErrorKind};

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, words},
};

checks! {
    "errors/400", "The request is malformed. It fails again, with every other model too." => e400;
    "errors/401", "The credential is missing, or the upstream rejected it (401)." => e401;
    "errors/402", "The account is out of credit (402)." => e402;
    "errors/403", "The credential is valid but lacks a permission (403)." => e403;
    "errors/404", "The model does not exist, or no backend serves it." => e404;
    "errors/413", "A failure of the upstream, the network or the request is an `error`. A trap is a bug of the plugin: the host discards the instance and creates a new one." => e413;
    "errors/429", "Too many requests (429)." => e429;
    "errors/5xx", "The upstream or a backend failed (5xx, or an error within a stream)." => e5xx;
    "errors/context-overflow", "The input exceeds the model's context window." => context_overflow;
    "errors/in-stream", "The upstream or a backend failed (5xx, or an error within a stream)." => in_stream;
    "errors/malformed", "The upstream's response could not be parsed." => malformed;
    "errors/cut", "The connection could not be established, or was lost." => cut;
    "errors/refused", "The connection could not be established, or was lost." => refused;
    "errors/malformed-error", "A failure of the upstream, the network or the request is an `error`. A trap is a bug of the plugin: the host discards the instance and creates a new one." => malformed_error;
    "errors/status", "The HTTP status of the response; for an error within a stream, the status that it names." => status;
    "errors/message", "What happened, for a person; at most 4 KiB. Holds no credential." => message;
    "errors/retryable", "Whether the same request may succeed later." => retryable;
    "errors/retry-after", "How long the upstream asked to wait." => retry_after;
    "errors/request-sent", "False only if no request left the plugin, so that a retry cannot be billed twice." => request_sent;
    "errors/attempts", "How many requests the plugin sent for this call, retries included." => attempts;
    "errors/whole-as-streamed", "An error here and one from `read` before any event mean the same: there is no response, and another model may be tried." => whole_as_streamed;
    "errors/extras", "`-json` in a name is one JSON value as text, `-ms` is milliseconds." => extras;
}

/// The error of a situation, and the number of requests.
async fn error(bench: &Bench, situation: &str) -> Result<(Error, usize), Verdict> {
    let mut session = bench.with().chat(situation)?.start().await?;
    let heard = session.hear(&bench.question()).await?;
    match heard.end {
        Err(error) => Ok((error, session.upstream.seen().len())),
        Ok(summary) => Err(failed(
            format!("`{situation}` is an error"),
            format!("an end: {summary:?}"),
        )),
    }
}

async fn kind(bench: &Bench, situation: &str, kinds: &[ProviderErrorKind]) -> Result<(), Verdict> {
    let (error, _) = error(bench, situation).await?;
    expect(
        kinds.contains(&error.kind),
        format!("`{situation}`: {kinds:?}"),
        || words(&error),
    )
}

async fn e400(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-400", &[ProviderErrorKind::InvalidRequest]).await
}

async fn e401(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-401", &[ProviderErrorKind::Unauthenticated]).await
}

async fn e402(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-402", &[ProviderErrorKind::PaymentRequired]).await
}

async fn e403(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-403", &[ProviderErrorKind::PermissionDenied]).await
}

async fn e404(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-404", &[ProviderErrorKind::ModelUnavailable]).await
}

/// The contract has no kind for it, but a refusal is no failure of the upstream.
async fn e413(bench: &Bench) -> Result<(), Verdict> {
    let (error, _) = error(bench, "status-413").await?;
    let is_failure = matches!(
        error.kind,
        ProviderErrorKind::Upstream | ProviderErrorKind::Transport | ProviderErrorKind::Internal
    );
    expect(
        !is_failure && !error.retryable,
        "an error of the request, which is not retryable",
        || format!("{}; retryable {}", words(&error), error.retryable),
    )
}

async fn e429(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-429", &[ProviderErrorKind::RateLimited]).await
}

async fn e5xx(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-500", &[ProviderErrorKind::Upstream]).await?;
    kind(bench, "status-503", &[ProviderErrorKind::Upstream]).await
}

async fn context_overflow(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-400-context", &[ProviderErrorKind::ContextOverflow]).await
}

async fn in_stream(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "error-in-stream", &[ProviderErrorKind::Upstream]).await
}

async fn malformed(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "malformed-response", &[ProviderErrorKind::Protocol]).await?;
    kind(bench, "malformed-stream", &[ProviderErrorKind::Protocol]).await
}

async fn cut(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "cut", &[ProviderErrorKind::Transport]).await?;
    kind(bench, "ended-early", &[ProviderErrorKind::Transport]).await
}

async fn refused(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "refused", &[ProviderErrorKind::Transport]).await?;
    kind(
        bench,
        "not-http",
        &[ProviderErrorKind::Transport, ProviderErrorKind::Protocol],
    )
    .await
}

async fn malformed_error(bench: &Bench) -> Result<(), Verdict> {
    kind(bench, "status-500-malformed", &[ProviderErrorKind::Upstream]).await
}

const STATUSES: [(&str, u16); 9] = [
    ("status-400", 400),
    ("status-401", 401),
    ("status-402", 402),
    ("status-403", 403),
    ("status-404", 404),
    ("status-413", 413),
    ("status-429", 429),
    ("status-500", 500),
    ("status-503", 503),
];

/// All errors that the upstream can provoke, with their situations and numbers of requests.
async fn each(
    bench: &Bench,
    situations: &[&str],
    judge: impl Fn(&str, &Error, usize) -> Result<(), Verdict>,
) -> Result<(), Verdict> {
    let mut tested = 0;
    for &situation in situations {
        match error(bench, situation).await {
            Ok((error, requests)) => judge(situation, &error, requests)?,
            Err(Verdict::NotTested { .. }) => continue,
            Err(other) => return Err(other),
        }
        tested += 1;
    }
    if tested == 0 {
        Err(not_tested("the router file has none of these situations"))
    } else {
        Ok(())
    }
}

async fn status(bench: &Bench) -> Result<(), Verdict> {
    let status = |situation: &str| {
        STATUSES
            .iter()
            .find(|(name, _)| *name == situation)
            .map(|(_, status)| *status)
    };
    each(bench, &STATUSES.map(|(name, _)| name), |situation, error, _| {
        expect(
            error.status == status(situation),
            format!("{:?}", status(situation)),
            || format!("{:?}", error.status),
        )
    })
    .await
}

const ALL: [&str; 16] = [
    "status-400",
    "status-401",
    "status-402",
    "status-403",
    "status-404",
    "status-413",
    "status-429",
    "status-500",
    "status-500-long",
    "status-500-malformed",
    "error-in-stream",
    "malformed-response",
    "malformed-stream",
    "cut",
    "ended-early",
    "refused",
];

async fn message(bench: &Bench) -> Result<(), Verdict> {
    each(bench, &ALL, |situation, error, _| {
        let length = error.message.len();
        expect((1..=4096).contains(&length), "1 to 4096 bytes", || {
            format!("`{situation}`: {length} bytes")
        })
    })
    .await
}

async fn retryable(bench: &Bench) -> Result<(), Verdict> {
    let may = ["status-429", "status-503", "refused"];
    each(bench, &may, |situation, error, _| {
        expect(error.retryable, "retryable", || {
            format!("`{situation}`: it is not, {}", words(error))
        })
    })
    .await?;
    let never = ["status-400", "status-401", "status-403", "status-400-context"];
    each(bench, &never, |situation, error, _| {
        expect(!error.retryable, "not retryable", || {
            format!("`{situation}`: it is, {}", words(error))
        })
    })
    .await
}

async fn retry_after(bench: &Bench) -> Result<(), Verdict> {
    let (error, _) = error(bench, "status-429-retry-after").await?;
    expect(error.retry_after_ms == Some(1000), "1000 ms", || {
        format!("{:?}", error.retry_after_ms)
    })
}

async fn request_sent(bench: &Bench) -> Result<(), Verdict> {
    each(bench, &ALL, |situation, error, requests| {
        expect(error.request_sent || requests == 0, "true", || {
            format!("`{situation}`: false, and the upstream had {requests} requests")
        })
    })
    .await
}

async fn attempts(bench: &Bench) -> Result<(), Verdict> {
    // The contract does not say whether a refused connection counts.
    let reached: Vec<&str> = ALL
        .into_iter()
        .filter(|situation| *situation != "refused")
        .collect();
    each(bench, &reached, |situation, error, requests| {
        expect(
            error.attempts as usize == requests,
            format!("{requests}, as the upstream saw"),
            || format!("`{situation}`: {}", error.attempts),
        )
    })
    .await
}

async fn whole_as_streamed(bench: &Bench) -> Result<(), Verdict> {
    let mut tested = 0;
    for situation in [
        "status-401",
        "status-429",
        "status-500",
        "malformed-response",
        "refused",
    ] {
        let streamed = match error(bench, situation).await {
            Ok((error, _)) => error,
            Err(Verdict::NotTested { .. }) => continue,
            Err(other) => return Err(other),
        };
        let mut session = bench.with().chat(situation)?.start().await?;
        let whole = session.instance.complete(&bench.question()).await?;
        let expected = format!("`{situation}` as streamed: {:?}", streamed.kind);
        match whole {
            Err(whole) => {
                let of = |error: &Error| (error.kind, error.status, error.retryable, error.attempts);
                expect(of(&whole) == of(&streamed), expected, || words(&whole))?;
            }
            Ok(_) => return Err(failed(expected, "a response")),
        }
        tested += 1;
    }
    if tested == 0 {
        Err(not_tested("the router file has none of these situations"))
    } else {
        Ok(())
    }
}

async fn extras(bench: &Bench) -> Result<(), Verdict> {
    let mut found = 0;
    for situation in ["tool-call-broken-arguments", "status-500"] {
        let Ok((error, _)) = error(bench, situation).await else {
            continue;
        };
        for extra in &error.extras {
            found += 1;
            let is_json = serde_json::from_str::<serde_json::Value>(&extra.value_json).is_ok();
            expect(is_json, format!("one JSON value in `{}`", extra.key), || {
                extra.value_json.clone()
            })?;
        }
    }
    if found == 0 {
        Err(not_tested("its errors have no extras"))
    } else {
        Ok(())
    }
}
