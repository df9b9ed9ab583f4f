//! From the files as they are now to what a host is started with, or configured anew with. Knows no server.

use std::path::PathBuf;

use super::{Ground, Session};
use crate::{args::Global, terminal::Terminal};
use model_provider_host::{Host, HostOptions, Plugin, Result, files::trust};
use openclaw_config::{Configuration, Environment, FoundSecret, SecretSource};

impl Session {
    /// The same from what the files say now, for the plugin that a host has in service.
    pub(crate) async fn again(terminal: Terminal, global: &Global, host: &Host) -> Result<Self> {
        let plugin = host.plugin();
        let mut ground = Ground::under(global, &plugin)?;
        ground.warn_of_exposed(terminal);
        let info = host.info();
        ground.warn_of_exposed_tools(terminal, &info);
        let (options, secret_file) = ground.options(terminal, &plugin).await?;
        let settings = options.settings.clone();
        Ok(Self {
            host: host.reconfigured(options)?,
            configuration: ground.configuration,
            settings,
            info,
            store: ground.store,
            secret_file,
        })
    }
}

impl Ground {
    /// What the files say now, under a plugin that is loaded.
    fn under(global: &Global, plugin: &Plugin) -> Result<Self> {
        let environment = Environment::process();
        let configuration =
            Configuration::load(global.config.as_deref(), &environment)?.declaring(model_server::SETTINGS);
        Self::on(
            global,
            environment,
            configuration,
            super::Calls::FEW,
            Some(plugin),
        )
    }

    /// The options of a host, and the file that the credential was read from, if it has one of its own.
    pub(super) async fn options(
        &mut self,
        terminal: Terminal,
        plugin: &Plugin,
    ) -> Result<(HostOptions, Option<PathBuf>)> {
        let info = plugin.info();
        self.warn_of_broken_list(terminal, info);
        let settings = self.settings(info)?;
        if let Some(exposure) = settings.ca_file.as_deref().and_then(trust::changeable) {
            terminal.warn(&format!(
                "`ca-file`: {}; `{}` fixes that",
                exposure.message, exposure.fix
            ));
        }
        // Before the credential lookup: a plugin that requests too much gets no credential read.
        let grant = self.grant_of(plugin)?;
        let found = self
            .configuration
            .secret(info, grant, None, &self.environment)
            .await?;
        if let Some(found) = &found {
            tracing::debug!(source = %found.source, "credential");
        }
        let file = found.as_ref().and_then(|found| match &found.source {
            SecretSource::File(path) => Some(self.environment.expand_home(path)),
            _ => None,
        });
        let options = HostOptions::default()
            .with_settings(settings)
            .with_credential(found.map(FoundSecret::named))
            .with_grants(self.grants.clone());
        Ok((options, file))
    }
}
