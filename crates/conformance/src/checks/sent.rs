//! Body of a sent request, and the search for its parts. Holds no check.

use model_provider_host::contract::{ChatRequest, Error, ProviderErrorKind};

use crate::{
    check::{Verdict, expect, failed, not_tested},
    session::{Bench, words},
};

/// Every marker is in the request body, or the plugin reports that it was not sent.
pub(super) async fn carried(
    bench: &Bench,
    request: &ChatRequest,
    marks: &[&str],
    may_refuse: bool,
) -> Result<(), Verdict> {
    let mut session = bench.with().chat("text")?.start().await?;
    let heard = session.hear(request).await?;
    let sent = session
        .upstream
        .seen()
        .first()
        .map(|seen| unescaped(&seen.text()))
        .unwrap_or_default();
    match heard.end {
        Ok(summary) => {
            let left_out: Vec<&&str> = marks
                .iter()
                .filter(|mark| !sent.contains(&unescaped(mark)))
                .collect();
            let is_said = !summary.warnings.is_empty();
            expect(
                left_out.is_empty() || is_said,
                format!("{marks:?} in the request, or a warning"),
                || format!("{left_out:?} is missing, without a warning, in {sent}"),
            )
        }
        Err(error) if error.kind == ProviderErrorKind::Unsupported && may_refuse && sent.is_empty() => {
            Err(unsupported(&error))
        }
        Err(error) if may_refuse => Err(failed("a request, or `unsupported`", words(&error))),
        Err(error) => Err(failed("a request", words(&error))),
    }
}

/// The body that is sent; not tested if the plugin refuses the request, or says that it left something out.
pub(super) async fn body(bench: &Bench, request: &ChatRequest) -> Result<String, Verdict> {
    let mut session = bench.with().chat("text")?.start().await?;
    let heard = session.hear(request).await?;
    let sent = session.upstream.seen().into_iter().next();
    match (sent, heard.end) {
        (Some(sent), Ok(summary)) if summary.warnings.is_empty() => Ok(sent.text()),
        (Some(_), Ok(summary)) => Err(not_tested(format!(
            "it says that it left something out: {}",
            summary.warnings[0].message
        ))),
        (_, Err(error)) => Err(unsupported(&error)),
        (None, Ok(_)) => Err(not_tested("it sends no request")),
    }
}

/// The verdict on a plugin that refuses a request.
pub(super) fn unsupported(error: &Error) -> Verdict {
    not_tested(format!(
        "it says that it does not support this: {}",
        error.message
    ))
}

/// JSON within JSON has more backslashes; the comparison ignores them.
pub(super) fn unescaped(text: &str) -> String {
    text.replace('\\', "")
}
