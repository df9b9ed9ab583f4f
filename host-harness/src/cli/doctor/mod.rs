//! `doctor`: looks at everything that an answer needs, in the order in which it needs it, and says what to do about
//! what is wrong. Changes nothing.

mod files;
mod words;

use serde::Serialize;

use super::{
    Failure, Outcome,
    args::{Format, Global},
    onboard::key::{self, Verdict},
    session::Ground,
    style,
    terminal::Terminal,
    units,
};
use crate::{
    Grant, Host, Plugin, SHORTEST_SEARCHED_SECRET, Settings,
    config::FoundSecret,
    contract::{DiscoveryMode, ModelSource, ProviderInfo},
    error::{Error, Result},
};

/// Clocks that are further apart than this make dates and certificates fail.
const CLOCK_TOLERANCE_SECONDS: u64 = 120;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// Good to know.
    Note,
    /// Something does not do what it seems to.
    Warning,
    /// Something does not work.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

/// All that was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    findings: Vec<Finding>,
    errors: usize,
    warnings: usize,
}

impl Report {
    fn add(&mut self, check: &'static str, level: Level, message: impl Into<String>, fix: Option<String>) {
        match level {
            Level::Error => self.errors += 1,
            Level::Warning => self.warnings += 1,
            Level::Ok | Level::Note => {}
        }
        self.findings.push(Finding {
            check,
            level,
            message: message.into(),
            fix,
        });
    }

    fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Ok, message, None);
    }

    fn note(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(check, Level::Note, message, None);
    }

    fn warn(&mut self, check: &'static str, message: impl Into<String>, fix: &str) {
        self.add(check, Level::Warning, message, Some(fix.to_owned()));
    }

    fn fail(&mut self, check: &'static str, error: &Error) {
        self.add(
            check,
            Level::Error,
            error.message(),
            error.hint().map(str::to_owned),
        );
    }
}

pub(super) async fn run(terminal: &Terminal, global: &Global) -> Outcome {
    let mut report = Report::default();
    {
        let _turning = terminal.spinner("looking");
        examine(terminal, global, &mut report).await;
    }
    match terminal.format {
        Format::Text => {
            for finding in &report.findings {
                terminal.line(&line(terminal, finding))?;
            }
            let counts = [(report.errors, "error"), (report.warnings, "warning")];
            let counts: Vec<_> = counts
                .iter()
                .map(|(count, what)| units::counted(*count, what))
                .collect();
            terminal.note(&terminal.err.dim(&counts.join(", ")));
        }
        Format::Json => terminal.json(&report)?,
        Format::Ndjson => {
            for finding in &report.findings {
                terminal.json(finding)?;
            }
        }
    }
    if report.errors > 0 {
        Err(Failure::Shown)
    } else {
        Ok(())
    }
}

fn line(terminal: &Terminal, finding: &Finding) -> String {
    let paint = terminal.out;
    let mark = match finding.level {
        Level::Ok => paint.green("✓"),
        Level::Note => paint.cyan("·"),
        Level::Warning => paint.yellow("!"),
        Level::Error => paint.red("✗"),
    };
    let mut line = format!(
        "{mark} {:13} {}",
        finding.check,
        style::printable(&finding.message)
    );
    if let Some(fix) = &finding.fix {
        line += &format!("\n  {:13} {} {}", "", paint.cyan("fix:"), style::printable(fix));
    }
    line
}

/// From the files to an answer; what needs something that is broken is left out.
async fn examine(terminal: &Terminal, global: &Global, report: &mut Report) {
    let ground = match Ground::open(global) {
        Ok(ground) => ground,
        Err(error) => return report.fail("configuration", &error),
    };
    let configuration = &ground.configuration;
    let path = configuration.path().display();
    if configuration.is_present() {
        report.ok("configuration", path.to_string());
    } else {
        report.note(
            "configuration",
            format!("{path} is not there; everything has its default"),
        );
    }
    files::examine(report, configuration);
    let plugin = match ground.load(terminal, global.plugin.as_deref()).await {
        Ok(plugin) => plugin,
        Err(error) => return report.fail("plugin", &error),
    };
    let info = plugin.info().clone();
    words::examine(report, configuration, &info);
    let settings = match ground.settings(&info) {
        Ok(settings) => settings,
        Err(error) => return report.fail("configuration", &error),
    };
    let found = credential(report, &ground, &info).await;
    let secret = found.map(|found| found.secret);
    let has_key = secret.is_some();
    let host = match ground.start(plugin.clone(), settings.clone(), secret) {
        Ok(host) => host,
        Err(error) => return report.fail("plugin", &error),
    };
    if let Err(error) = sound(report, &host, &plugin).await {
        return report.fail("plugin", &error);
    }
    if let Err(error) = models(report, &ground, &host, &settings).await {
        report.fail("models", &error);
    }
    proxy(report, &ground);
    service(report, &host, &info, has_key).await;
}

/// The grant and the credential that it allows.
async fn credential(report: &mut Report, ground: &Ground, info: &ProviderInfo) -> Option<FoundSecret> {
    let grant = match ground.grants.check(info) {
        Ok(Some(grant)) => {
            report.ok(
                "grant",
                format!("`{}` may use a credential at {}", info.id, grant.origin),
            );
            Some(grant)
        }
        Ok(None) => {
            let message = format!("`{}` is granted nothing: no credential is read for it", info.id);
            report.warn(
                "grant",
                message,
                "`grant FILE.wasm` shows what it asks for, and allows it if you agree",
            );
            None
        }
        Err(error) => {
            report.fail("grant", &error);
            None
        }
    };
    let found = ground
        .configuration
        .secret(info, grant, None, &ground.environment)
        .await;
    match found {
        Ok(Some(found)) => {
            report.ok("key", format!("found: {}", found.source));
            if found.secret.expose().len() < SHORTEST_SEARCHED_SECRET {
                let message = format!(
                    "the key has fewer than {SHORTEST_SEARCHED_SECRET} bytes: answers are not searched for it"
                );
                report.warn("key", message, "check that it was copied whole");
            }
            Some(found)
        }
        Ok(None) => {
            missing_key(report, info, grant);
            None
        }
        Err(error) => {
            report.fail("key", &error);
            None
        }
    }
}

fn missing_key(report: &mut Report, info: &ProviderInfo, grant: Option<&Grant>) {
    match (&info.credential, grant) {
        (None, _) => report.ok("key", "none is needed"),
        (Some(_), None) => report.note("key", "not looked for: there is no grant"),
        (Some(spec), Some(_)) => {
            let message = format!(
                "there is none in {}, the files or the stored profiles",
                spec.env_vars.join(", ")
            );
            report.add(
                "key",
                Level::Error,
                message,
                Some("`onboard` asks for one and stores it".to_owned()),
            );
        }
    }
}

/// What a swap would test as well.
async fn sound(report: &mut Report, host: &Host, plugin: &Plugin) -> Result<()> {
    let info = plugin.info();
    if let Some(model) = &info.default_model {
        host.resolve(model).await?;
    }
    let bundled = host.list_models(DiscoveryMode::Off).await?;
    report.ok(
        "plugin",
        format!(
            "{} {}, {}, {} without asking anybody",
            info.id,
            info.version,
            plugin.path().display(),
            units::counted(bundled.models.len(), "model")
        ),
    );
    Ok(())
}

/// The models that are configured: whether they resolve, and names that mean two of them.
async fn models(report: &mut Report, ground: &Ground, host: &Host, settings: &Settings) -> Result<()> {
    let info = host.info();
    let configured = ground.configuration.default_model(&info)?;
    for reference in configured.chain() {
        match host.resolve(&reference).await {
            Ok(found) => {
                report.ok("models", format!("{reference} is {}", found.canonical));
                for warning in found.warnings {
                    report.warn("models", warning.message, "check the spelling of the suffix");
                }
            }
            Err(error) => report.fail("models", &error),
        }
    }
    for reference in &configured.elsewhere {
        report.note("models", format!("{reference} is not one of `{}`", info.id));
    }
    if configured.chain().is_empty() {
        let default = info.default_model.unwrap_or_else(|| "nothing".to_owned());
        report.note("models", format!("none is configured; {default} is asked"));
    }
    for (alias, references) in equal_aliases(settings) {
        let message = format!(
            "the alias `{alias}` means {}; it fails when it is used",
            references.join(" and ")
        );
        report.warn(
            "aliases",
            message,
            "rename one of them under `agents.defaults.models`",
        );
    }
    for key in ground.configuration.params(&host.info())?.unknown {
        let message = format!("`{key}` is no parameter that can be asked for; it is left out");
        report.warn(
            "configuration",
            message,
            "remove it, or put it into `extra_body` of the same `params`",
        );
    }
    Ok(())
}

fn equal_aliases(settings: &Settings) -> Vec<(String, Vec<String>)> {
    let mut equal: Vec<(String, Vec<String>)> = Vec::new();
    for alias in settings.models.aliases() {
        let mut references: Vec<String> = Vec::new();
        for other in settings.models.find_alias(&alias.alias) {
            if references
                .iter()
                .all(|known| !known.eq_ignore_ascii_case(other.reference.trim()))
            {
                references.push(other.reference.trim().to_owned());
            }
        }
        if references.len() > 1 && equal.iter().all(|(_, known)| *known != references) {
            equal.push((alias.alias.clone(), references));
        }
    }
    equal
}

fn proxy(report: &mut Report, ground: &Ground) {
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        if ground
            .environment
            .get(name)
            .is_some_and(|value| !value.trim().is_empty())
        {
            report.note("proxy", format!("{name} is set"));
        }
    }
}

/// The service itself: whether it answers, takes the key, and has the same time.
async fn service(report: &mut Report, host: &Host, info: &ProviderInfo, has_key: bool) {
    match host.list_models(DiscoveryMode::Always).await {
        Ok(catalog) if catalog.source == ModelSource::Live => {
            report.ok(
                "service",
                format!("it lists {}", units::counted(catalog.models.len(), "model")),
            );
        }
        Ok(catalog) => {
            let why = catalog
                .warnings
                .first()
                .map_or("it gave no list", |warning| &warning.message);
            let fix =
                "check the network, the base URL and proxies; a list that is built in is used meanwhile";
            report.add("service", Level::Error, why, Some(fix.to_owned()));
        }
        Err(error) => report.fail("service", &error),
    }
    if has_key {
        match key::check(host, info).await {
            Verdict::Good => report.ok("key", "the service takes it"),
            Verdict::Bad(error) => report.fail("key", &error),
            Verdict::Unknown(why) => {
                let message = format!("it could not be checked: {why}");
                report.warn("key", message, "try again later, or ask something with `chat`");
            }
        }
    }
    match host.clock_ahead() {
        None => {}
        Some(ahead) if ahead.unsigned_abs() <= CLOCK_TOLERANCE_SECONDS => {
            report.ok("clock", "as the service's");
        }
        Some(ahead) => {
            let side = if ahead > 0 { "behind" } else { "ahead of" };
            let apart = units::duration(std::time::Duration::from_secs(ahead.unsigned_abs()));
            let message = format!("this machine is {apart} {side} the service");
            report.warn(
                "clock",
                message,
                "set the clock; certificates and waiting times depend on it",
            );
        }
    }
}
