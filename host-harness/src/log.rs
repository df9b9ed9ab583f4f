//! The log: to stderr, as text or JSON, warnings only by default.
//!
//! At any level, libraries log no more than warnings: at finer levels those of HTTP and TLS write frames and headers,
//! which hold the credential. Each event is one line, whatever its values hold: quoted text cannot forge a line of the
//! log.

use std::{
    borrow::Cow,
    fmt::Debug,
    io::{self, Write},
};

use clap::{Args, ValueEnum};
use serde_json::Value;
use tracing::{Level, Metadata, field::Field};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    field::MakeExt as _,
    filter::filter_fn,
    fmt::{self, MakeWriter, format::Writer},
    layer::SubscriberExt as _,
    registry,
    util::SubscriberInitExt as _,
};

use super::{args::Format, style};
use model_provider_host::sanitize;

/// The crates of this program, whose events are filtered apart from those of libraries. The first is the program itself; as
/// the target of a filter it means all of them.
const OURS: [&str; 7] = [
    env!("CARGO_CRATE_NAME"),
    "component_build",
    "dialects",
    "mock_router",
    "model_provider_host",
    "model_server",
    "openclaw_config",
];

/// What is logged, and how.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct LogArgs {
    /// Log requests and the egress policy's decisions to stderr; -vv and -vvv log more
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// What to log, such as `debug` or `model_provider_host::egress=trace` [default: $RUST_LOG, else `warn`]
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    log: Option<String>,
    /// Log format [default: that of results]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

/// Log format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// A line for people
    Text,
    /// One JSON object a line
    Json,
}

impl LogArgs {
    /// Merges the options given after the command's name; they are more specific and win.
    pub(super) fn absorb(&mut self, behind: Self) {
        self.verbose = self.verbose.saturating_add(behind.verbose);
        self.log = behind.log.or(self.log.take());
        self.log_format = behind.log_format.or(self.log_format);
    }

    /// Installs the subscriber; its format follows that of results.
    pub(super) fn start(&self, results: Format) {
        let words = match (&self.log, self.verbose) {
            (Some(filter), _) => filter.clone(),
            (None, 0) => std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default(),
            (None, 1) => "info".to_owned(),
            (None, 2) => "debug".to_owned(),
            (None, _) => "trace".to_owned(),
        };
        let format = self.log_format.unwrap_or(match results {
            Format::Text => LogFormat::Text,
            Format::Json | Format::Ndjson => LogFormat::Json,
        });
        // A subscriber that an embedder has installed wins; that is no error.
        let _ = subscriber(&words, format, style::stderr_wants_colour(), io::stderr).try_init();
    }
}

fn filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| {
            format!("it is no filter ({error}); try `debug` or `model_provider_host::egress=trace`")
        })
}

fn subscriber<W>(
    words: &str,
    format: LogFormat,
    colour: bool,
    writer: W,
) -> impl tracing::Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted = match words.trim() {
        "" => "warn",
        words => words,
    };
    let wanted = all_of_ours(wanted);
    let wanted = EnvFilter::try_new(&wanted).unwrap_or_else(|_| EnvFilter::new("warn"));
    let layer = match format {
        LogFormat::Text => fmt::layer()
            .with_writer(writer)
            .with_ansi(colour)
            .fmt_fields(fmt::format::debug_fn(field).delimited(" "))
            .boxed(),
        LogFormat::Json => fmt::layer()
            .with_writer(Escaped(writer))
            .with_ansi(false)
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .boxed(),
    };
    registry()
        .with(wanted)
        .with(layer.with_filter(filter_fn(is_harmless)))
}

/// Expands the program's own name in a filter to all of its crates: `host_harness=debug`.
fn all_of_ours(words: &str) -> String {
    let directives = words.split(',').flat_map(|directive| {
        let level = directive.trim().strip_prefix(OURS[0]);
        match level.filter(|level| level.is_empty() || level.starts_with('=')) {
            Some(level) => OURS.map(|name| format!("{name}{level}")).to_vec(),
            None => vec![directive.to_owned()],
        }
    });
    directives.collect::<Vec<_>>().join(",")
}

/// Writes one value of an event or a span: on one line, of limited length, without control sequences.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> std::fmt::Result {
    let value = format!("{value:?}");
    let value = sanitize::line(&value);
    match field.name() {
        "message" => write!(writer, "{value}"),
        name if writer.has_ansi_escapes() => {
            write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m{value}")
        }
        name => write!(writer, "{name}={value}"),
    }
}

/// Where JSON is written: the same values, without control sequences.
struct Escaped<W>(W);

struct EscapedWriter<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Escaped<W> {
    type Writer = EscapedWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        EscapedWriter(self.0.make_writer())
    }

    fn make_writer_for(&'w self, metadata: &Metadata<'_>) -> Self::Writer {
        EscapedWriter(self.0.make_writer_for(metadata))
    }
}

impl<W: Write> Write for EscapedWriter<W> {
    /// Gets each event whole: the subscriber formats an event before it writes it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = shortened(&text).map_or(text, Cow::Owned);
        self.0.write_all(sanitize::json(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An event with its long values cut, if it has any: the same limit as in text.
fn shortened(event: &str) -> Option<String> {
    // Only a long event has a long value.
    if event.len() <= sanitize::MAX_LINE_CHARS {
        return None;
    }
    let mut value: Value = serde_json::from_str(event).ok()?;
    shorten(&mut value);
    Some(format!("{value}\n"))
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(sanitize::MAX_LINE_CHARS) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}

/// Events of our own crates, which contain no credentials; of libraries only warnings and errors.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let is_ours = OURS.iter().any(|name| {
        let rest = target.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    is_ours || *metadata.level() <= Level::WARN
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(words: &str, format: LogFormat, work: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let subscriber = subscriber(words, format, false, move || writer.clone());
        tracing::subscriber::with_default(subscriber, work);
        let bytes = memory.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_programs_name_as_a_target_means_all_its_crates() {
        assert_eq!(all_of_ours("warn,hyper=debug"), "warn,hyper=debug");
        let expanded = all_of_ours("info, host_harness=debug");
        assert!(
            expanded.starts_with("info,") && expanded.contains("model_provider_host=debug"),
            "{expanded}"
        );
        assert_eq!(
            all_of_ours("host_harness::serve=trace"),
            "host_harness::serve=trace"
        );
        let logged = logged("host_harness=debug", LogFormat::Text, || {
            tracing::debug!(target: "model_server::server", "here");
            tracing::debug!(target: "model_serverless", "not here");
        });
        assert!(
            logged.contains("here") && !logged.contains("not here"),
            "{logged}"
        );
    }

    #[test]
    fn libraries_log_no_more_than_warnings_at_any_level() {
        for words in [
            "trace",
            "hyper=trace,h2=trace",
            "hyper::proto::h1=trace,rustls::client=trace,hyper_util=trace",
        ] {
            let log = logged(words, LogFormat::Text, || {
                tracing::trace!(target: "hyper::proto::h1", "authorization: hidden");
                tracing::debug!(target: "h2::codec", "headers: hidden");
                tracing::info!(target: "rustls::client", "hidden");
                tracing::warn!(target: "hyper_util", "shown");
            });
            assert!(log.contains("shown") && !log.contains("hidden"), "{words}: {log}");
        }
    }

    #[test]
    fn our_own_events_are_logged_at_the_configured_level() {
        let speak = || {
            tracing::warn!("a warning");
            tracing::debug!("a detail");
        };
        let quiet = logged("", LogFormat::Text, speak);
        assert!(
            quiet.contains("a warning") && !quiet.contains("a detail"),
            "{quiet}"
        );
        let nonsense = logged("=/=", LogFormat::Text, speak);
        assert!(
            nonsense.contains("a warning") && !nonsense.contains("a detail"),
            "{nonsense}"
        );
        assert!(logged("debug", LogFormat::Text, speak).contains("a detail"));
    }

    #[test]
    fn in_json_each_line_is_a_value_with_its_request_id() {
        let log = logged("info", LogFormat::Json, || {
            tracing::info_span!("request", id = "r-1").in_scope(|| tracing::info!(status = 200, "answer"));
        });
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(line["message"], "answer");
        assert_eq!(line["status"], 200);
        assert_eq!(line["spans"][0]["id"], "r-1");
    }

    #[test]
    fn quoted_text_cannot_forge_a_line_of_the_log() {
        const FORGED: &str =
            "no\n2026-01-01T00:00:00Z ERROR host_harness: forged\r\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\u{2028}x";
        for (format, colour) in [
            (LogFormat::Text, false),
            (LogFormat::Text, true),
            (LogFormat::Json, false),
        ] {
            let memory = Memory::default();
            let writer = memory.clone();
            let subscriber = subscriber("debug", format, colour, move || writer.clone());
            tracing::subscriber::with_default(subscriber, || {
                let error = model_provider_host::Error::new(
                    model_provider_host::error::ErrorKind::PluginLoad,
                    FORGED,
                )
                .with_hint(FORGED);
                let span = tracing::info_span!("call", about = %FORGED, debug = ?FORGED);
                let _entered = span.enter();
                tracing::warn!(%error, text = FORGED, code = ?Some(FORGED), "{FORGED}");
            });
            let log = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
            assert_eq!(log.lines().count(), 1, "{log:?}");
            for hostile in ['\r', '\u{7}', '\u{9b}', '\u{202e}', '\u{2028}'] {
                assert!(!log.contains(hostile), "{log:?}");
            }
            assert!(
                !log.contains("\u{1b}]") && (colour || !log.contains('\u{1b}')),
                "{log:?}"
            );
            if format == LogFormat::Json {
                let line: serde_json::Value = serde_json::from_str(&log).unwrap();
                assert_eq!(line["text"], FORGED, "the value is what it was");
            }
        }
    }

    #[test]
    fn a_value_in_the_log_has_a_limited_length() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let log = logged("warn", format, || {
                let span = tracing::warn_span!("call", about = %"y".repeat(1_000_000));
                span.in_scope(|| tracing::warn!(text = %"x".repeat(1_000_000), "long"));
            });
            assert!(log.len() < 3 * sanitize::MAX_LINE_CHARS, "{}", log.len());
            assert_eq!(log.lines().count(), 1);
            if format == LogFormat::Json {
                let line: Value = serde_json::from_str(&log).unwrap();
                let text = line["text"].as_str().unwrap();
                assert_eq!(text.chars().count(), sanitize::MAX_LINE_CHARS + 1);
                assert_eq!(line["message"], "long");
            }
        }
    }
}
