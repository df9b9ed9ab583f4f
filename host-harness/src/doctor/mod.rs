//! `doctor`: checks everything that a chat completion needs, in the order in which it is needed, and suggests fixes.
//! Changes nothing.

mod permissions;
mod places;
mod provider;
mod report;
mod unknown_keys;

use model_provider_host::Plugin;
use openclaw_config::FoundSecret;

use super::{
    Failure, Outcome,
    args::{Format, Global},
    format,
    output::hint,
    session::Ground,
    terminal::Terminal,
};

pub(crate) use self::provider::is_listed;
use self::report::{Level, Report};

pub(super) async fn run(terminal: Terminal, global: &Global) -> Outcome {
    let mut report = Report::default();
    {
        let _turning = terminal.spinner("looking");
        examine(terminal, global, &mut report).await;
    }
    match terminal.format {
        Format::Text => {
            for finding in &report.findings {
                terminal.line(&finding.line(terminal))?;
            }
            let counts = [(report.errors, "error"), (report.warnings, "warning")];
            let counts: Vec<_> = counts
                .iter()
                .map(|(count, what)| format::counted(*count, what))
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

/// From the files to the service; a check that depends on a failed one is skipped.
async fn examine(terminal: Terminal, global: &Global, report: &mut Report) {
    let mut ground = match Ground::open(global) {
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
    let loaded = ground.load(terminal, global.plugin.as_deref()).await;
    // Which files hold secrets depends on the provider too.
    permissions::examine(report, configuration, loaded.as_ref().ok().map(Plugin::info));
    let plugin = match loaded {
        Ok(plugin) => plugin,
        Err(error) => return report.fail("plugin", &error),
    };
    let info = plugin.info().clone();
    unknown_keys::examine(report, configuration, &info);
    if let Some(error) = ground.configuration.leave_broken_list_out(&info) {
        let fix = "correct the file, or remove it: the next live list is cached in a new one";
        report.add(
            "configuration",
            Level::Error,
            error.message(),
            Some(fix.to_owned()),
        );
    }
    let settings = match ground.settings(&info) {
        Ok(settings) => settings,
        Err(error) => return report.fail("configuration", &error),
    };
    unknown_keys::settings_of_plugin(report, &settings);
    places::examine(report, &ground.configuration, &info);
    permissions::named(report, &settings);
    let found = provider::credential(report, &ground, &plugin).await;
    let secret = found.map(FoundSecret::named);
    let has_key = secret.is_some();
    let host = match ground.start(plugin.clone(), settings.clone(), secret) {
        Ok(host) => host,
        Err(error) => return report.fail("plugin", &error),
    };
    if let Err(error) = provider::sound(report, &host, &plugin).await {
        // A plugin's own error may have no hint.
        let fix = hint::of(&error).unwrap_or_else(|| "use another build of this plugin".to_owned());
        let message = format!("it fails its self-test: {}", error.message());
        return report.add("plugin", Level::Error, message, Some(fix));
    }
    provider::header(report, &settings, &info, has_key);
    let configured_models = provider::models(report, &ground, &host, &settings).await;
    let configured_models = configured_models.unwrap_or_else(|error| {
        report.fail("models", &error);
        Vec::new()
    });
    provider::proxy(report, &ground);
    provider::service(report, &host, &info, has_key, &configured_models).await;
}
