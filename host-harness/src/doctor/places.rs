//! Settings in places where they have no effect, or where another program refuses them.

use super::report::{Level, Report};
use model_provider_host::contract::ProviderInfo;
use openclaw_config::Configuration;

/// Checks where settings are, and which of them do not resolve.
pub(super) fn examine(report: &mut Report, configuration: &Configuration, info: &ProviderInfo) {
    for file in configuration.included_files() {
        report.note(
            "configuration",
            format!("{} is included; it is read and never written", file.display()),
        );
    }
    let host_file = configuration.host_file();
    if host_file.is_file() {
        report.note(
            "settings",
            format!("this program's own are in {}", host_file.display()),
        );
    }
    if let Some(refused) = configuration.refused_by_older() {
        let fix = "for an older one remove `meta.migrations`, and with it all of `agents.defaults.models`, which restricts \
                   models there";
        report.add("configuration", Level::Note, refused, Some(fix.to_owned()));
    }
    match configuration.plugin_config(info) {
        Ok(config) if config.settings.is_empty() => {}
        Ok(config) => {
            let place = format!("plugins.entries.{}.config", info.id);
            let names = config.settings.join(", ");
            match config.installed {
                Some(plugin) => report.note(
                    "settings",
                    format!(
                        "`{place}` sets {names}; OpenClaw takes that, since its plugin of this provider is installed \
                         ({})",
                        plugin.display()
                    ),
                ),
                None => report.warn(
                    "settings",
                    format!(
                        "`{place}` sets {names}, which is read here; OpenClaw itself refuses to start with that, since \
                         its plugin of this provider is not installed"
                    ),
                    &format!("move it to {}", configuration.host_file().display()),
                ),
            }
        }
        Err(error) => report.fail("settings", &error),
    }
    for key in configuration.unused_choices() {
        report.note(
            "models",
            format!("`{key}` is for OpenClaw's agents and has no effect here; `agents.defaults.model` has"),
        );
    }
    match configuration.plugin_switched_off(info) {
        Ok(Some(key)) => report.warn(
            "plugin",
            format!(
                "`{key}` prevents OpenClaw from loading the plugin of this provider; it has no effect here"
            ),
            "nothing, if only OpenClaw is to do without it; else change that key",
        ),
        Ok(None) => {}
        Err(error) => report.fail("plugin", &error),
    }
    match configuration.unresolved_settings(info) {
        Ok(unresolved) => {
            for it in unresolved {
                report.add("settings", Level::Error, it.message(), Some(it.fix));
            }
        }
        Err(error) => report.fail("settings", &error),
    }
}
