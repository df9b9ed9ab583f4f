//! `conformance`: tests a plugin against the contract. Reads no credential and no configuration, and sends no request.

use serde_json::{Value, json};

use super::{
    Failure, Outcome,
    args::{ConformanceArgs, Global},
    terminal::Terminal,
};
use conformance::{Dialect, Kit, Options, Report};
use model_provider_host::{Error, ErrorKind};

/// A plugin for another API than that of the kit's upstream fails one of these.
const UNDERSTOOD: &[&str] = &["list/live", "request/base-url", "response/finish-stop"];
const ANOTHER_API: &str = "\nThe upstream of this test spoke OpenAI's chat completions. If the plugin is for another API, describe it in a \
                           router file: `--router-file FILE`, docs/conformance.md.";

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ConformanceArgs) -> Outcome {
    if args.list {
        return list(terminal, args.only.as_deref());
    }
    let Some(file) = &args.file else {
        return Err(Error::new(ErrorKind::Configuration, "there is no component to test").into());
    };
    let only = args.only.as_deref().unwrap_or_default();
    if !conformance::checks().any(|check| check.id.starts_with(only)) {
        let error = Error::new(
            ErrorKind::Configuration,
            format!("there is no check whose name begins with `{only}`"),
        );
        return Err(error.with_hint("`conformance --list` lists them").into());
    }
    let dialect = args.router_file.as_deref().map(Dialect::read).transpose()?;
    let options = Options {
        dialect: dialect.unwrap_or_default(),
        settings: global
            .set
            .iter()
            .map(|(name, value)| (name.clone(), json_of(value)))
            .collect(),
        only: args.only.clone(),
    };
    let subject = Kit::new()?.load(file).await?;
    let report = conformance::judge(&subject, &options).await;
    if let Some(junit) = &args.junit {
        write(junit, &report)?;
    }
    if terminal.is_text() {
        terminal.line(&report.text())?;
    } else {
        terminal.json(&report)?;
    }
    if args.router_file.is_none() && may_be_of_another_api(&report) {
        terminal.note(ANOTHER_API);
    }
    if report.conforms {
        Ok(())
    } else {
        Err(Failure::Shown)
    }
}

fn may_be_of_another_api(report: &Report) -> bool {
    let mut failed = report
        .findings
        .iter()
        .filter(|finding| finding.verdict == "failed");
    failed.any(|finding| UNDERSTOOD.contains(&finding.id))
}

/// A value as JSON, or as a string if it is not JSON.
fn json_of(value: &str) -> Value {
    serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))
}

fn write(file: &std::path::Path, report: &Report) -> Result<(), Error> {
    std::fs::write(file, report.junit() + "\n").map_err(|error| {
        let message = format!("cannot write {}: {error}", file.display());
        Error::new(ErrorKind::Configuration, message)
    })
}

fn list(terminal: Terminal, only: Option<&str>) -> Outcome {
    let wanted = conformance::checks().filter(|check| check.id.starts_with(only.unwrap_or_default()));
    if terminal.is_text() {
        for check in wanted {
            terminal.line(&format!("{}  {}", check.id, terminal.out.dim(check.cites)))?;
        }
    } else {
        let all: Vec<_> = wanted
            .map(|check| json!({"id": check.id, "cites": check.cites}))
            .collect();
        terminal.json(&all)?;
    }
    Ok(())
}
