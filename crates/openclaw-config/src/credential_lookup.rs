//! Credential lookup: every source in order; the first value that is not blank wins.
//!
//! Of the environment, only two kinds of variables are read: those that the plugin requests *and* the operator has
//! granted, and those that the operator's own files name. In every source, an unresolved reference is reported and
//! skipped.

use std::{fmt, path::PathBuf, time::Duration};

use zeroize::Zeroizing;

use super::{
    Configuration, Environment, dotenv, report::Unresolved, schema::ShellEnv, secret_ref::SecretInput, shell,
};
use model_provider_host::{Error, ErrorKind, Grant, Result, Secret, contract::ProviderInfo, credential_text};

/// The default timeout of the login shell; `env.shellEnv.timeoutMs` overrides it.
const SHELL_TIMEOUT: Duration = Duration::from_secs(15);

/// A credential and where it was found.
#[derive(Clone, Debug)]
pub struct FoundSecret {
    /// The credential.
    pub secret: Secret,
    /// Where it was found.
    pub source: SecretSource,
}

impl FoundSecret {
    /// The credential, with its source as a user would look for it.
    #[must_use]
    pub fn named(self) -> Secret {
        self.secret.from_source(&self.source.location())
    }
}

/// The result of a credential lookup.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SecretSearch {
    /// The credential.
    pub found: Option<FoundSecret>,
    /// The sources that were skipped on the way to it.
    pub passed: Vec<Unresolved>,
}

/// A credential source. Displayed as OpenClaw names it: `env: NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// Given on the command line.
    Flag,
    /// A variable of the process.
    Environment(String),
    /// A variable of the state directory's `.env`.
    DotEnv(String),
    /// A variable of the configuration's `env.vars`.
    ConfigVariable(String),
    /// A variable of the login shell.
    Shell(String),
    /// A stored profile.
    Profile {
        /// Its name.
        name: String,
        /// The file or database that holds it.
        place: String,
    },
    /// `models.providers.<id>.apiKey`, which may name a variable.
    ApiKey {
        /// The provider's id.
        provider: String,
        /// The variable that it names; `None` if it is the credential itself.
        variable: Option<String>,
    },
    /// A file of the provider's own tools.
    File(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "env: {name}"),
            Self::DotEnv(name) => write!(f, ".env: {name}"),
            Self::ConfigVariable(name) => write!(f, "env.vars: {name}"),
            Self::Shell(name) => write!(f, "shell env: {name}"),
            Self::Profile { name, .. } => write!(f, "profile: {name}"),
            Self::ApiKey { provider, variable } => {
                write!(f, "models.providers.{provider}.apiKey")?;
                variable.as_ref().map_or(Ok(()), |name| write!(f, ": {name}"))
            }
            Self::File(path) => write!(f, "file: {path}"),
        }
    }
}

impl SecretSource {
    /// The location as a user finds it, for a sentence such as "check the token in …".
    #[must_use]
    pub fn location(&self) -> String {
        match self {
            Self::Flag => "the key that was given".to_owned(),
            Self::Environment(name) => name.clone(),
            Self::DotEnv(name) => format!("{name} of the file .env"),
            Self::ConfigVariable(name) => format!("{name} under `env.vars` of the configuration"),
            Self::Shell(name) => format!("{name} of your login shell"),
            Self::Profile { name, place } => format!("the profile {name} ({place})"),
            Self::ApiKey { provider, variable } => match variable {
                Some(name) => format!("{name}, which `models.providers.{provider}.apiKey` names"),
                None => format!("`models.providers.{provider}.apiKey`"),
            },
            Self::File(path) => path.clone(),
        }
    }
}

/// A lookup in progress.
struct Search<'s> {
    configuration: &'s Configuration,
    info: &'s ProviderInfo,
    environment: &'s Environment,
    dotenv: Zeroizing<String>,
    granted: Vec<&'s str>,
    passed: Vec<Unresolved>,
}

impl Search<'_> {
    /// Resolves the text of some source to a credential.
    fn take(&mut self, place: &str, text: &str) -> Option<(Secret, Option<String>)> {
        self.take_input(place, &SecretInput::Text(Zeroizing::new(text.to_owned())))
    }

    fn take_input(&mut self, place: &str, input: &SecretInput) -> Option<(Secret, Option<String>)> {
        let look_up = |name: &str| self.configuration.variable(name, self.environment, &self.dotenv);
        self.configuration
            .credential_of(input, self.info, look_up)
            .unwrap_or_else(|why| {
                let fix = "put the key itself there, copied whole, or set the variable that it names";
                self.passed.push(Unresolved::new(place, why, fix));
                None
            })
    }
}

impl Configuration {
    /// Looks up the credential of a provider, in this order: `flag`, the profile that the requested model's
    /// reference names, the process's environment, the state directory's `.env`, `env.vars`, the login shell (if
    /// `env.shellEnv.enabled`), a stored profile, `models.providers.<id>.apiKey`, the files of the provider's own
    /// tools. In each source the variables are tried in the plugin's order; a blank value counts as absent.
    ///
    /// Without a grant, or for a plugin that needs no credential, there is none, since it could not be sent
    /// anywhere. Skipped sources are logged.
    ///
    /// # Errors
    /// A file or key that had to be read is broken. The message never holds a value.
    pub async fn secret(
        &self,
        info: &ProviderInfo,
        grant: Option<&Grant>,
        flag: Option<&str>,
        environment: &Environment,
    ) -> Result<Option<FoundSecret>> {
        let search = self.search_secret(info, grant, flag, environment).await?;
        search.passed.iter().for_each(Unresolved::log);
        Ok(search.found)
    }

    /// Like [`secret`](Self::secret), but returns the skipped sources and logs nothing.
    ///
    /// # Errors
    /// As of [`secret`](Self::secret).
    pub async fn search_secret(
        &self,
        info: &ProviderInfo,
        grant: Option<&Grant>,
        flag: Option<&str>,
        environment: &Environment,
    ) -> Result<SecretSearch> {
        let Some(grant) = grant.filter(|_| info.credential.is_some()) else {
            return Ok(SecretSearch::default());
        };
        let mut search = Search {
            configuration: self,
            info,
            environment,
            dotenv: self.dotenv()?,
            granted: grant.readable(info).collect(),
            passed: Vec::new(),
        };
        let found = self.first(&mut search, flag).await?;
        // Several sources may read the same file.
        let mut passed = Vec::with_capacity(search.passed.len());
        for it in search.passed {
            if !passed.contains(&it) {
                passed.push(it);
            }
        }
        Ok(SecretSearch {
            found: found.map(|(secret, source)| FoundSecret { secret, source }),
            passed,
        })
    }

    /// Resolves a text or reference to a credential and the variable that it comes from; blank is `None`. Every
    /// source follows this rule.
    ///
    /// # Errors
    /// Why it does not resolve.
    pub(super) fn credential_of(
        &self,
        input: &SecretInput,
        info: &ProviderInfo,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<(Secret, Option<String>)>, String> {
        let cleaned = match input {
            SecretInput::Text(text) => {
                &SecretInput::Text(credential_text::clean(text, info.credential.as_ref()))
            }
            other => other,
        };
        // A variable that the plugin requests counts as a variable even if it is not set.
        let asked = info.credential.iter().flat_map(|spec| &spec.env_vars);
        let is_variable = |name: &str| asked.clone().any(|known| known == name) || look_up(name).is_some();
        let Some(found) = self.secret_of(cleaned, is_variable, &look_up)? else {
            return Ok(None);
        };
        let secret = credential_text::secret(&found.value, info.credential.as_ref())?;
        Ok(secret.map(|secret| (secret, found.variable)))
    }

    async fn first(
        &self,
        search: &mut Search<'_>,
        flag: Option<&str>,
    ) -> Result<Option<(Secret, SecretSource)>> {
        if let Some((secret, _)) = flag.and_then(|flag| search.take("the key that was given", flag)) {
            return Ok(Some((secret, SecretSource::Flag)));
        }
        if let Some(pinned) = self.pinned_profile(search.info)?
            && let Some(stored) = self.find_named(search.info, &pinned, &mut search.passed)?
        {
            return Ok(Some(stored.named()));
        }
        let granted = search.granted.clone();
        for name in &granted {
            if let Some(value) = search.environment.get(name)
                && let Some((secret, _)) = search.take(&format!("env: {name}"), &value)
            {
                return Ok(Some((secret, SecretSource::Environment((*name).to_owned()))));
            }
        }
        for name in &granted {
            if let Some(value) = dotenv::find_as_written(&search.dotenv, name)
                && let Some((secret, _)) = search.take(&format!(".env: {name}"), &value)
            {
                return Ok(Some((secret, SecretSource::DotEnv((*name).to_owned()))));
            }
        }
        for name in &granted {
            if let Some(value) = self.config_variable(name)?
                && let Some((secret, _)) = search.take(&format!("env.vars.{name}"), value)
            {
                return Ok(Some((secret, SecretSource::ConfigVariable((*name).to_owned()))));
            }
        }
        if let Some(timeout) = self.shell_timeout()? {
            let values = shell::ask(search.environment, &granted, timeout).await;
            for (name, value) in granted.iter().zip(values) {
                if let Some(value) = value
                    && let Some((secret, _)) = search.take(&format!("shell env: {name}"), &value)
                {
                    return Ok(Some((secret, SecretSource::Shell((*name).to_owned()))));
                }
            }
        }
        if let Some(stored) = self.find_stored(search.info, &mut search.passed)? {
            return Ok(Some(stored.named()));
        }
        let node = self.provider(search.info)?.get("apiKey")?;
        if let Some(input) = node.read::<SecretInput>()? {
            let found = match &input {
                SecretInput::Text(text) => search.take(&node.key(), text),
                SecretInput::Ref(_) | SecretInput::Wrong => search.take_input(&node.key(), &input),
            };
            if let Some((secret, variable)) = found {
                let provider = search.info.id.clone();
                return Ok(Some((secret, SecretSource::ApiKey { provider, variable })));
            }
        }
        if let Some((path, text)) = self.token_of_tools(search.info, &mut search.passed) {
            let place = path.display().to_string();
            if let Some((secret, _)) = search.take(&place, &text) {
                return Ok(Some((secret, SecretSource::File(place))));
            }
        }
        Ok(None)
    }

    /// Whether `models.providers.<id>.apiKey` is just the name of a variable that the plugin does not request.
    #[must_use]
    pub fn is_bare_name(&self, info: &ProviderInfo, name: &str) -> bool {
        let mut requested = info.credential.iter().flat_map(|spec| &spec.env_vars);
        let node = self.provider(info).and_then(|provider| provider.get("apiKey"));
        let text = node
            .ok()
            .and_then(|node| node.value().and_then(serde_json::Value::as_str));
        text.is_some_and(|text| text.trim() == name) && requested.all(|known| known != name)
    }

    /// A variable that the configuration itself names: in the process's environment, `.env`, or `env.vars`.
    pub(super) fn variable(&self, name: &str, environment: &Environment, dotenv: &str) -> Option<String> {
        let not_blank = |value: &String| !value.trim().is_empty();
        let from_process = environment.get(name).map(|value| value.to_string());
        from_process
            .filter(not_blank)
            .or_else(|| {
                in_dotenv(dotenv, name)
                    .map(|value| value.to_string())
                    .filter(not_blank)
            })
            .or_else(|| self.config_variable(name).ok().flatten().map(str::to_owned))
    }

    /// The state directory's `.env`, existing or not.
    pub(super) fn dotenv_path(&self) -> PathBuf {
        self.state_dir.join(".env")
    }

    /// The text of the state directory's `.env`; empty if there is none.
    pub(super) fn dotenv(&self) -> Result<Zeroizing<String>> {
        if self.leaves_dotenv_out {
            return Ok(Zeroizing::default());
        }
        dotenv::read(&self.dotenv_path()).map_err(|(path, error)| {
            let message = format!("{} cannot be read: {error}", path.display());
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// `env.vars.NAME`, or `env.NAME`, which OpenClaw also accepts.
    fn config_variable(&self, name: &str) -> Result<Option<&str>> {
        let env = self.root().get("env")?;
        match env.at(&["vars", name])?.word()? {
            Some(value) => Ok(Some(value)),
            None if name == "vars" || name == "shellEnv" => Ok(None),
            None => env.get(name)?.word(),
        }
    }

    /// The login shell's timeout; `None` if the shell is not to be run.
    fn shell_timeout(&self) -> Result<Option<Duration>> {
        let shell = self.root().at(&["env", "shellEnv"])?.read::<ShellEnv>()?;
        let shell = shell.unwrap_or_default();
        let timeout = shell.timeout_ms;
        let timeout = timeout.map_or(SHELL_TIMEOUT, |ms| Duration::from_millis(ms.into()));
        Ok(shell.enabled.unwrap_or(false).then_some(timeout))
    }
}

fn in_dotenv(text: &str, name: &str) -> Option<Zeroizing<String>> {
    dotenv::find(text, name).map(Zeroizing::new)
}
