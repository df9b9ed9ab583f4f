//! Warnings of files that other users may change or read. Knows no rules: those are the configuration's.

use super::Ground;
use crate::terminal::Terminal;
use model_provider_host::{
    contract::ProviderInfo,
    files::trust::{self, Exposure},
};

impl Ground {
    /// Warns of files that other users may write to, or read if they hold secrets.
    pub(crate) fn warn_of_exposed(&self, terminal: Terminal) {
        for exposure in self.exposed(None) {
            warn(terminal, &exposure);
        }
    }

    /// Warns of those of a provider's own tools too, once its plugin is loaded.
    pub(crate) fn warn_of_exposed_tools(&self, terminal: Terminal, info: &ProviderInfo) {
        let said = self.exposed(None);
        let is_said = |exposure: &Exposure| said.iter().any(|said| said.path == exposure.path);
        for exposure in self.exposed(Some(info)) {
            if !is_said(&exposure) {
                warn(terminal, &exposure);
            }
        }
    }

    fn exposed(&self, info: Option<&ProviderInfo>) -> Vec<Exposure> {
        let mut found = self.configuration.changeable(info);
        for exposure in self.configuration.readable(info) {
            if trust::is_reachable(&exposure.path) && found.iter().all(|known| known.path != exposure.path) {
                found.push(exposure);
            }
        }
        found
    }
}

fn warn(terminal: Terminal, exposure: &Exposure) {
    terminal.warn(&format!("{}; `{}` fixes that", exposure.message, exposure.fix));
}
