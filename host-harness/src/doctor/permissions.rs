//! Permissions of files: who else may read those that hold secrets, or write to those that decide something.

use super::report::{Level, Report};
use model_provider_host::{
    Settings,
    contract::ProviderInfo,
    files::trust::{self, Exposure},
};
use openclaw_config::Configuration;

/// Checks the configuration, the state directory and its files, and those of the provider's own tools.
pub(super) fn examine(report: &mut Report, configuration: &Configuration, info: Option<&ProviderInfo>) {
    let before = report.warnings;
    let changeable = configuration.changeable(info);
    for exposure in &changeable {
        say(report, exposure);
    }
    for exposure in configuration.readable(info) {
        // A file that others may write to is reported already; the same mode is not reported twice.
        if changeable.iter().all(|known| known.path != exposure.path) {
            say(report, &exposure);
        }
    }
    for place in [Some(configuration.state_dir()), configuration.path().parent()] {
        let above = place.and_then(trust::changeable_above);
        if let Some(exposure) = above.filter(|above| changeable.iter().all(|known| known.path != above.path))
        {
            say(report, &exposure);
            break;
        }
    }
    if report.warnings == before && configuration.guarded(info).iter().any(|file| file.path.exists()) {
        report.ok(
            "files",
            "nobody else may read what is secret, or change what decides",
        );
    }
}

/// Checks the files that the settings name.
pub(super) fn named(report: &mut Report, settings: &Settings) {
    if let Some(exposure) = settings.ca_file.as_deref().and_then(trust::changeable) {
        say(report, &exposure);
    }
}

fn say(report: &mut Report, exposure: &Exposure) {
    report.add(
        "files",
        Level::Warning,
        exposure.message.as_str(),
        Some(exposure.fix.clone()),
    );
}
