//! `chat`: one prompt and its response, or a conversation.

mod prompt;
mod render;
mod repl;

use std::{
    io::{IsTerminal as _, stdin, stdout},
    time::Instant,
};

use super::{
    Failure, Outcome,
    args::{ChatArgs, Format, Global},
    output::{
        self, Warning,
        chat::{AnswerJson, BrokenJson, FailedJson, Gathered, LineJson, SummaryJson, attempts},
        error::ErrorJson,
    },
    session::Session,
    signals,
    terminal::Terminal,
};
use model_provider_host::{
    ChatStream, Error, ErrorKind, GenerationInfo, Host, Result,
    contract::{self, ChatRequest, Summary},
    cost,
    failover::{Attempt, Failed, Failover},
    request_defaults::Params,
    sanitize,
};

use self::render::Shown;
pub(super) use self::render::summary_line;

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ChatArgs) -> Outcome {
    let is_at_terminal = stdin().is_terminal() && stdout().is_terminal();
    if args.prompt.is_none() && args.request.is_none() && terminal.is_text() && is_at_terminal {
        return repl::run(terminal, global, args).await;
    }
    // An invalid prompt is reported before anything is loaded.
    let question = tokio::select! {
        question = prompt::question(args, |note| terminal.warn(note)) => question?,
        () = signals::interrupted() => return Err(cancelled().into()),
    };
    let session = Session::for_model(terminal, global, question.model.as_deref()).await?;
    let references = references(terminal, &session, question.model, args.no_fallback)?;
    let fallback = Failover::new().with_params(params(terminal, &session)?);
    let answering = Responding {
        terminal,
        host: &session.host,
        references: &references,
        fallback: &fallback,
        started: Instant::now(),
    };
    if args.no_stream {
        answering.at_once(question.request).await.map(drop)
    } else {
        answering
            .as_it_comes(question.request, &mut Gathered::default())
            .await
    }
}

/// Sends one prompt to one model.
pub(super) async fn once(terminal: Terminal, host: &Host, model: &str, question: &str) -> Outcome {
    let request = contract::ChatRequest::new(model).user(question);
    let references = [model.to_owned()];
    let answering = Responding {
        terminal,
        host,
        references: &references,
        fallback: &Failover::new(),
        started: Instant::now(),
    };
    answering.as_it_comes(request, &mut Gathered::default()).await
}

/// The models to try, in order: the named or configured one, then its fallbacks.
pub(super) fn references(
    terminal: Terminal,
    session: &Session,
    named: Option<String>,
    alone: bool,
) -> Result<Vec<String>> {
    let (configuration, info) = (&session.configuration, &session.info);
    let configured = configuration.default_model(info)?;
    let mut references = if let Some(named) = named {
        let named = session.named(&named)?.reference;
        std::iter::once(named).chain(configured.fallbacks).collect()
    } else {
        for text in &configured.elsewhere {
            let other = configuration.reference_elsewhere(info, text)?;
            terminal.warn(&of_another_provider(text, other.as_deref(), &info.id));
        }
        let chain = configured.chain();
        if chain.is_empty() {
            session.info.default_model.iter().cloned().collect()
        } else {
            chain
        }
    };
    if alone {
        references.truncate(1);
    }
    if references.is_empty() {
        let error = Error::new(
            ErrorKind::Configuration,
            "no model is given: none is named or configured",
        );
        return Err(error.with_hint("name one with `-m REF`; `models` lists them"));
    }
    Ok(references)
}

/// The warning for a configured model that is skipped. One that an alias names has its provider written out.
fn of_another_provider(text: &str, other: Option<&str>, id: &str) -> String {
    match other {
        Some(other) => format!(
            "the configured model `{text}` is {other}, a model of another provider, and is skipped; only models of \
             `{id}` are used"
        ),
        None => format!(
            "the configured model `{text}` is another provider's and is skipped; if it is one of `{id}`, write \
             `{id}/{text}`"
        ),
    }
}

/// The configured request parameters by model. Unknown ones are reported.
pub(super) fn params(terminal: Terminal, session: &Session) -> Result<Params> {
    let params = session.configuration.params(&session.info)?;
    for key in &params.unknown {
        terminal.warn(&format!(
            "`{key}` is not a known request parameter; it is left out"
        ));
    }
    Ok(params)
}

/// One chat request in flight.
struct Responding<'a> {
    terminal: Terminal,
    host: &'a Host,
    references: &'a [String],
    fallback: &'a Failover,
    started: Instant,
}

/// Metadata of a response, apart from its events.
struct Responded<'a> {
    summary: &'a Summary,
    generation: GenerationInfo,
    failed_attempts: &'a [Attempt],
}

impl Responding<'_> {
    /// Waits for the whole response, shows it and returns it.
    async fn at_once(&self, request: ChatRequest) -> Outcome<Gathered> {
        let turning = self.terminal.spinner("waiting for the response");
        let completed = tokio::select! {
            completed = self.fallback.complete(self.host, &request, self.references) => completed,
            () = signals::interrupted() => return Err(given_up().into()),
        };
        drop(turning);
        let completed = completed.map_err(|failed| self.failed(&failed))?;
        let mut gathered = Gathered::default();
        let mut shown = Shown::new(self.terminal);
        for event in Gathered::events(completed.response.content) {
            gathered.take(&event);
            self.show(&mut shown, &event)?;
        }
        let answered = Responded {
            summary: &completed.response.summary,
            generation: completed.response.generation,
            failed_attempts: &completed.attempts,
        };
        self.finish(shown, &gathered, answered).await?;
        Ok(gathered)
    }

    /// Shows the response as it streams, and collects it. What was received stays in `gathered` if the rest fails.
    async fn as_it_comes(&self, request: ChatRequest, gathered: &mut Gathered) -> Outcome {
        let interrupted = signals::interrupted();
        tokio::pin!(interrupted);
        let turning = self.terminal.spinner("waiting for the first token");
        let started = tokio::select! {
            started = self.fallback.start(self.host, &request, self.references) => started,
            () = &mut interrupted => return Err(given_up().into()),
        };
        drop(turning);
        let started = started.map_err(|failed| self.failed(&failed))?;
        let mut completion = started.stream;
        let mut shown = Shown::new(self.terminal);
        loop {
            let next = tokio::select! {
                next = completion.next() => next,
                () = &mut interrupted => Err(given_up()),
            };
            match next {
                Ok(Some(event)) => {
                    gathered.take(&event);
                    self.show(&mut shown, &event)?;
                }
                Ok(None) => break,
                Err(error) => {
                    let reference = &started.reference;
                    let broken = (&completion, reference.as_str(), started.attempts.as_slice());
                    return Err(self.broken(shown, gathered, error, broken).await?);
                }
            }
        }
        let summary = completion.summary().cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::PluginTrap,
                "the plugin ended the response without a summary",
            )
        })?;
        let answered = Responded {
            summary: &summary,
            generation: completion.generation(),
            failed_attempts: &started.attempts,
        };
        self.finish(shown, gathered, answered).await
    }

    fn show(&self, shown: &mut Shown, event: &model_provider_host::contract::ChatEvent) -> Outcome {
        match self.terminal.format {
            Format::Text => shown.event(event)?,
            Format::Ndjson => {
                if let Some(line) = LineJson::of(event) {
                    self.terminal.json(&line)?;
                }
            }
            Format::Json => {}
        }
        Ok(())
    }

    async fn finish(&self, mut shown: Shown, gathered: &Gathered, answered: Responded<'_>) -> Outcome {
        let Responded {
            summary,
            generation,
            failed_attempts,
        } = answered;
        let cost = cost_of(self.host, summary).await;
        let mut more = Vec::new();
        if gathered.media > 0 {
            let message = format!(
                "{} images or audio parts of the response are not shown",
                gathered.media
            );
            more.push(Warning::new("media-not-shown", message));
        }
        match self.terminal.format {
            Format::Text => {
                shown.end(gathered)?;
                let elapsed = self.started.elapsed();
                render::closing(
                    self.terminal,
                    summary,
                    &generation,
                    cost.as_deref(),
                    failed_attempts,
                    elapsed,
                );
                for warning in &more {
                    self.terminal.warn(warning.message());
                }
                if let Some(unshown) = gathered.unshown() {
                    self.terminal.note(&format!(
                        "besides its text, the response has {}",
                        sanitize::line(&unshown)
                    ));
                }
            }
            Format::Json => {
                let mut summary = SummaryJson::new(summary, &generation, cost, failed_attempts, more);
                summary.others.clone_from(&gathered.others);
                self.terminal.json(&AnswerJson::new(gathered, summary))?;
            }
            Format::Ndjson => {
                let mut summary = SummaryJson::new(summary, &generation, cost, failed_attempts, more);
                summary.others.clone_from(&gathered.others);
                self.terminal.json(&LineJson::Finished { summary })?;
            }
        }
        Ok(())
    }

    /// Every model failed.
    fn failed(&self, failed: &Failed) -> Failure {
        let line = match self.terminal.format {
            Format::Text => {
                if failed.attempts.len() > 1 {
                    render::failed_attempts(self.terminal, &failed.attempts);
                }
                return failed.error.clone().into();
            }
            Format::Json => None,
            Format::Ndjson => Some("error"),
        };
        // One model that failed is the error itself.
        if failed.attempts.len() < 2 {
            return failed.error.clone().into();
        }
        let json = FailedJson {
            line,
            error: ErrorJson::from(&failed.error),
            failed_attempts: attempts(&failed.attempts),
        };
        match self.terminal.json(&json) {
            Ok(()) => Failure::Shown,
            Err(error) => error.into(),
        }
    }

    /// The response broke off.
    async fn broken(
        &self,
        mut shown: Shown,
        gathered: &Gathered,
        error: Error,
        (completion, reference, failed_attempts): (&ChatStream, &str, &[Attempt]),
    ) -> Outcome<Failure> {
        match self.terminal.format {
            Format::Text => {
                shown.end(gathered)?;
                return Ok(error.into());
            }
            Format::Ndjson => {
                let error = ErrorJson::from(&error);
                self.terminal.json(&LineJson::Error { error })?;
            }
            Format::Json if gathered.is_empty() => output::error::show(self.terminal, &error)?,
            Format::Json => {
                let resolved = self.host.resolve(reference).await;
                let broken = BrokenJson {
                    model: resolved.map_or_else(|_| reference.to_owned(), |resolved| resolved.canonical),
                    generation: (&completion.generation()).into(),
                    failed_attempts: attempts(failed_attempts),
                    error: ErrorJson::from(&error),
                    others: gathered.others.clone(),
                };
                self.terminal.json(&AnswerJson::new(gathered, broken))?;
            }
        }
        Ok(Failure::Shown)
    }
}

/// The cost of a response, if price and usage are known.
pub(super) async fn cost_of(host: &Host, summary: &Summary) -> Option<String> {
    let resolved = host.resolve(&summary.model).await.ok()?;
    cost::of_response(&resolved.metadata?, summary).map(|cost| cost.to_string())
}

/// Cancelled before anything was sent.
fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the prompt was cancelled")
}

/// Cancelled in flight: the request may have been sent, and may be billed.
fn given_up() -> Error {
    Error::new(ErrorKind::Cancelled, "the response was cancelled").retryable(true)
}
