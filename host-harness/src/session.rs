//! From arguments to a host: configuration, plugin, grant, settings, credential. The code that commands share.

mod exposed;
mod reread;

use std::path::{Path, PathBuf};

use super::{
    args::Global,
    plugins::{self, PluginChoice},
    terminal::Terminal,
};
use component_build::Build;
use model_provider_host::{
    Error, ErrorKind, Grant, Grants, Host, HostOptions, Limits, LoadOptions, Plugin, Proxies, Result,
    Sandbox, SandboxOptions, Secret, Settings, contract::ProviderInfo,
};
use openclaw_config::{Configuration, Environment, NamedModel};
use plugin_registry::{
    Pulled,
    host::{Mode, Store},
};

/// The state before any plugin is loaded.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) environment: Environment,
    pub(super) configuration: Configuration,
    pub(super) grants: Grants,
    pub(super) sandbox: Sandbox,
    pub(super) store: Store,
    flags: Settings,
    set: Vec<(String, String)>,
    base_url: Option<url::Url>,
}

/// A loaded plugin, and its manifest if it was pulled.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) plugin: Plugin,
    pub(super) pulled: Option<Pulled>,
}

/// A plugin in service.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) configuration: Configuration,
    pub(super) settings: Settings,
    pub(super) info: ProviderInfo,
    pub(super) host: Host,
    pub(super) store: Store,
    /// The file of the provider's own tools with the credential, if it comes from one.
    pub(super) secret_file: Option<PathBuf>,
}

/// A command has few requests in flight; a small pool reserves little address space.
const FEW: u32 = 16;

impl Ground {
    pub(super) fn open(global: &Global) -> Result<Self> {
        Self::with_room_for(Calls::FEW, global)
    }

    /// The same for this many concurrent calls.
    fn with_room_for(calls: Calls, global: &Global) -> Result<Self> {
        let environment = Environment::process();
        let configuration =
            Configuration::load(global.config.as_deref(), &environment)?.declaring(model_server::SETTINGS);
        Self::on(global, environment, configuration, calls, None)
    }

    /// For a command that writes the configuration, which need not be there yet.
    pub(super) fn open_for_writing(global: &Global) -> Result<Self> {
        let environment = Environment::process();
        let configuration = Configuration::load_or_empty(global.config.as_deref(), &environment)?
            .declaring(model_server::SETTINGS);
        Self::on(global, environment, configuration, Calls::FEW, None)
    }

    fn on(
        global: &Global,
        environment: Environment,
        configuration: Configuration,
        calls: Calls,
        loaded: Option<&Plugin>,
    ) -> Result<Self> {
        let mut grants = crate::built_in_grants()?.with_state_dir(configuration.state_dir())?;
        let store = Store::new(configuration.state_dir()).with_workspace(component_build::vouches);
        store.add_grants(&mut grants)?;
        let mut flags = Settings::declaring(model_server::SETTINGS);
        apply(&mut flags, &global.set)?;
        let sandbox = match loaded {
            Some(plugin) => plugin.sandbox().clone(),
            None => sandbox(configuration.state_dir(), &flags.limits, calls)?,
        };
        Ok(Self {
            environment,
            configuration,
            grants,
            sandbox,
            store,
            flags,
            set: global.set.clone(),
            base_url: global.base_url.clone(),
        })
    }

    /// Loads the plugin that the arguments name, or the default one: of the lock, the state directory, this program's
    /// workspace, or this program itself. Policy and lock apply.
    pub(super) async fn load(&self, terminal: Terminal, named: Option<&Path>) -> Result<Plugin> {
        let choice = match named {
            Some(named) => PluginChoice::named(&self.store, named)?,
            None => self.unnamed(terminal).await?,
        };
        Ok(self.load_for(Mode::Run, choice).await?.plugin)
    }

    /// Loads a plugin to inspect it: the lock need not have it.
    pub(super) async fn look(&self, _: Terminal, named: &Path) -> Result<Looked> {
        self.load_for(Mode::Look, PluginChoice::named(&self.store, named)?)
            .await
    }

    async fn unnamed(&self, terminal: Terminal) -> Result<PluginChoice> {
        if let Some(choice) = PluginChoice::installed(&self.store, self.configuration.state_dir())? {
            return Ok(choice);
        }
        match plugins::EMBEDDED {
            Some(component) => Ok(PluginChoice::Embedded(component)),
            None => own_component(terminal).await.map(PluginChoice::File),
        }
    }

    async fn load_for(&self, mode: Mode, choice: PluginChoice) -> Result<Looked> {
        let mut options = LoadOptions::default()
            .with_empty_wasi(self.flags.empty_wasi)
            .with_limits(self.flags.limits.clone())
            .with_admission(self.store.admission(mode));
        let strict = self.load_choice(mode, &choice, &options).await;
        match strict {
            Err(error) if error.kind() == ErrorKind::ContractMismatch && !self.flags.empty_wasi => {
                // The configuration may allow more, but only for an id that the loaded plugin reports.
                options.empty_wasi = true;
                let Ok(looked) = self.load_choice(mode, &choice, &options).await else {
                    return Err(error);
                };
                let allowed = self.settings(looked.plugin.info())?.empty_wasi;
                if allowed { Ok(looked) } else { Err(error) }
            }
            loaded => loaded,
        }
    }

    async fn load_choice(&self, mode: Mode, choice: &PluginChoice, options: &LoadOptions) -> Result<Looked> {
        let mut pulled = None;
        let plugin = match choice {
            PluginChoice::File(path) => Plugin::load_with(&self.sandbox, path, options).await?,
            PluginChoice::Embedded(bytes) => {
                Plugin::from_bytes(&self.sandbox, plugins::EMBEDDED_NAME, bytes.to_vec(), options).await?
            }
            PluginChoice::Reference(reference) => {
                let source = self.store.source(reference.clone(), mode);
                let plugin = Plugin::from_source(&self.sandbox, &source, options).await?;
                pulled = source.pulled();
                plugin
            }
        };
        Ok(Looked { plugin, pulled })
    }

    /// A loaded plugin's grant: of this file, by its digest or signer, whatever other file has its id.
    pub(super) fn grant_of(&self, plugin: &Plugin) -> Result<Option<&Grant>> {
        self.grants.check(plugin)
    }

    /// The base URL given in the arguments.
    pub(super) fn named_base_url(&self) -> Option<&str> {
        let set = self.set.iter().rev().find(|(name, _)| name == "base-url");
        self.base_url
            .as_ref()
            .map(url::Url::as_str)
            .or(set.map(|(_, url)| url.as_str()))
    }

    /// The configured settings of a provider, overridden by the arguments.
    pub(super) fn settings(&self, info: &ProviderInfo) -> Result<Settings> {
        let mut settings = self.configuration.settings(info)?;
        let is_set = |wanted: &str| self.set.iter().any(|(name, _)| name == wanted);
        let is_base_url_named = self.base_url.is_some() || is_set("base-url");
        self.configuration
            .may_decide(info, is_base_url_named, is_set("ca-file"))?;
        apply(&mut settings, &self.set)?;
        if let Some(url) = &self.base_url {
            settings.base_url = Some(url.clone());
        }
        settings.proxies = Proxies::from_variables(|name| self.environment.get(name));
        Ok(settings)
    }
}

impl Ground {
    /// Warns of a broken list of models, and leaves it out.
    pub(super) fn warn_of_broken_list(&mut self, terminal: Terminal, info: &ProviderInfo) {
        if let Some(error) = self.configuration.leave_broken_list_out(info) {
            terminal.warn(&format!(
                "{}; the list is left out until the file is corrected or removed",
                error.message()
            ));
        }
    }

    /// Puts a plugin into service with this credential.
    pub(super) fn start(&self, plugin: Plugin, settings: Settings, secret: Option<Secret>) -> Result<Host> {
        let options = HostOptions::default()
            .with_settings(settings)
            .with_credential(secret)
            .with_grants(self.grants.clone());
        self.start_with(plugin, options)
    }

    fn start_with(&self, plugin: Plugin, options: HostOptions) -> Result<Host> {
        let info = plugin.info().clone();
        let host = Host::start(plugin, options)?;
        if let Some(kept) = self.configuration.cached_models(&info)? {
            host.set_cached_models(kept.models);
        }
        Ok(host)
    }
}

impl Session {
    /// Puts the plugin that the arguments name into service.
    pub(super) async fn open(terminal: Terminal, global: &Global) -> Result<Self> {
        Self::on(Ground::open(global)?, terminal, global).await
    }

    /// The same for a command that uses this model, whose `@PROFILE` may select the credential.
    pub(super) async fn for_model(terminal: Terminal, global: &Global, model: Option<&str>) -> Result<Self> {
        let mut ground = Ground::open(global)?;
        ground.configuration = ground.configuration.for_model(model);
        Self::on(ground, terminal, global).await
    }

    /// The same for a server with many concurrent requests.
    pub(super) async fn for_many(terminal: Terminal, global: &Global, per_store: u32) -> Result<Self> {
        let calls = Calls {
            at_once: SandboxOptions::default().max_concurrent,
            per_store,
        };
        Self::on(Ground::with_room_for(calls, global)?, terminal, global).await
    }

    /// The same for a command that writes the configuration, which need not exist yet. It sends no request, so that no
    /// credential is looked up.
    pub(super) async fn for_writing(terminal: Terminal, global: &Global) -> Result<Self> {
        let mut ground = Ground::open_for_writing(global)?;
        ground.warn_of_exposed(terminal);
        let plugin = ground.load(terminal, global.plugin.as_deref()).await?;
        let info = plugin.info().clone();
        ground.warn_of_exposed_tools(terminal, &info);
        ground.warn_of_broken_list(terminal, &info);
        let settings = ground.settings(&info)?;
        let host = ground.start(plugin, settings.clone(), None)?;
        Ok(Self {
            configuration: ground.configuration,
            settings,
            info,
            host,
            store: ground.store,
            secret_file: None,
        })
    }

    async fn on(mut ground: Ground, terminal: Terminal, global: &Global) -> Result<Self> {
        ground.warn_of_exposed(terminal);
        let plugin = ground.load(terminal, global.plugin.as_deref()).await?;
        let info = plugin.info().clone();
        ground.warn_of_exposed_tools(terminal, &info);
        let (options, secret_file) = ground.options(terminal, &plugin).await?;
        let settings = options.settings.clone();
        let host = ground.start_with(plugin, options)?;
        Ok(Self {
            configuration: ground.configuration,
            settings,
            info,
            host,
            store: ground.store,
            secret_file,
        })
    }
}

impl Session {
    /// A model as a user names it: a reference or alias of this provider, without the profile after its `@`.
    ///
    /// # Errors
    /// It is the alias of another provider's model, or the configuration is broken.
    pub(super) fn named(&self, text: &str) -> Result<NamedModel> {
        let (configuration, info) = (&self.configuration, &self.info);
        let named = configuration.named_model(info, text)?;
        if configuration.reference_of(info, &named.reference)?.is_none()
            && let Some(other) = configuration.reference_elsewhere(info, text)?
        {
            let message = format!(
                "`{}` is the name of {other}, a model of another provider",
                text.trim()
            );
            return Err(Error::new(ErrorKind::Configuration, message).with_hint(format!(
                "name a model of `{id}`; those of other providers need the plugin of their provider, or OpenClaw",
                id = info.id
            )));
        }
        Ok(named)
    }
}

pub(super) fn apply(settings: &mut Settings, set: &[(String, String)]) -> Result<()> {
    for (name, value) in set {
        settings
            .set(name, value)
            .map_err(|error| Error::new(ErrorKind::Configuration, format!("--set: {error}")))?;
    }
    Ok(())
}

/// How many calls a sandbox runs at once, and how many of one access key share a store.
#[derive(Clone, Copy)]
pub(super) struct Calls {
    pub(super) at_once: u32,
    pub(super) per_store: u32,
}

impl Calls {
    /// For a command of one user.
    const FEW: Self = Self::at_once(FEW);

    /// This many, each in a store of its own.
    pub(super) const fn at_once(at_once: u32) -> Self {
        Self {
            at_once,
            per_store: 1,
        }
    }
}

/// A sandbox that caches compiled code in the state directory, where that is safe and possible.
pub(super) fn sandbox(state_dir: &Path, limits: &Limits, calls: Calls) -> Result<Sandbox> {
    let defaults = SandboxOptions::default();
    let options = |cache_dir: Option<PathBuf>| {
        SandboxOptions::default()
            .with_cache_dir(cache_dir)
            .with_max_concurrent(calls.at_once)
            .with_calls_per_store(calls.per_store)
            .with_max_memory_bytes(limits.memory_bytes.max(defaults.max_memory_bytes))
            .with_max_total_memory_bytes(limits.total_memory_bytes.max(defaults.max_total_memory_bytes))
            .with_max_stack_bytes(limits.stack_bytes)
    };
    Sandbox::new(&options(Some(state_dir.join("cache")))).or_else(|error| {
        let sandbox = Sandbox::new(&options(None))?;
        tracing::warn!(%error, "compiled code is not cached");
        Ok(sandbox)
    })
}

/// The component of this workspace, built first if needed.
pub(super) async fn own_component(terminal: Terminal) -> Result<PathBuf> {
    built(move || component_build::ensure(|message| terminal.note(message))).await
}

/// The same code as the next version, for a swap.
pub(super) async fn next_component(terminal: Terminal) -> Result<PathBuf> {
    built(move || component_build::build(Build::NextVersion, |message| terminal.note(message))).await
}

async fn built(build: impl FnOnce() -> component_build::Result<PathBuf> + Send + 'static) -> Result<PathBuf> {
    tokio::task::spawn_blocking(build)
        .await
        .map_err(|_| Error::new(ErrorKind::PluginLoad, "building the component was interrupted"))?
        .map_err(|error| Error::new(ErrorKind::PluginLoad, error.message()).with_hint(error.hint()))
}
