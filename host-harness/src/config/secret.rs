//! Where the credential comes from: every place in turn, the first that is not blank.
//!
//! Of the environment only variables are read that the plugin asks for *and* the operator has granted; and those that
//! the operator's own `apiKey` names.

use std::{fmt, time::Duration};

use zeroize::Zeroizing;

use super::{Configuration, Environment, dotenv, shell, variables};
use crate::{
    contract::ProviderInfo,
    edge::Secret,
    error::{Error, Kind, Result},
    files,
    grants::Grant,
};

/// How long a login shell may take unless `env.shellEnv.timeoutMs` says otherwise.
const SHELL_TIMEOUT: Duration = Duration::from_secs(15);

/// A credential and where it was found.
#[derive(Clone, Debug)]
pub struct FoundSecret {
    /// The credential.
    pub secret: Secret,
    /// Where it was found.
    pub source: SecretSource,
}

/// A place that a credential comes from. Displayed the way OpenClaw names it: `env: NAME`.
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
    Profile(String),
    /// `models.providers.<id>.apiKey`, which may name a variable.
    ApiKey {
        /// The provider's id.
        provider: String,
        /// The variable that it names; `None` if it is the credential itself.
        variable: Option<String>,
    },
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "env: {name}"),
            Self::DotEnv(name) => write!(f, ".env: {name}"),
            Self::ConfigVariable(name) => write!(f, "env.vars: {name}"),
            Self::Shell(name) => write!(f, "shell env: {name}"),
            Self::Profile(id) => write!(f, "profile: {id}"),
            Self::ApiKey { provider, variable } => {
                write!(f, "models.providers.{provider}.apiKey")?;
                variable.as_ref().map_or(Ok(()), |name| write!(f, ": {name}"))
            }
        }
    }
}

impl Configuration {
    /// Looks for the credential of a provider, in this order: `flag`, the process's variables, those of the state
    /// directory's `.env`, of `env.vars`, of the login shell (if `env.shellEnv.enabled`), a stored profile,
    /// `models.providers.<id>.apiKey`. In each place the variables are tried in the plugin's order; blank is absent.
    ///
    /// Without a grant, or for a plugin that wants no credential, there is none: it would go nowhere.
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
        let Some(grant) = grant.filter(|_| info.credential.is_some()) else {
            return Ok(None);
        };
        let found = |secret, source| Ok(Some(FoundSecret { secret, source }));
        if let Some(secret) = flag.and_then(Secret::new) {
            return found(secret, SecretSource::Flag);
        }
        let granted: Vec<&str> = grant.readable(info).collect();
        for name in &granted {
            if let Some(secret) = environment.get(name).and_then(|value| Secret::new(&value)) {
                return found(secret, SecretSource::Environment((*name).to_owned()));
            }
        }
        let dotenv = self.dotenv()?;
        for name in &granted {
            if let Some(secret) = in_dotenv(&dotenv, name).and_then(|value| Secret::new(&value)) {
                return found(secret, SecretSource::DotEnv((*name).to_owned()));
            }
        }
        for name in &granted {
            if let Some(secret) = self.config_variable(name)?.and_then(Secret::new) {
                return found(secret, SecretSource::ConfigVariable((*name).to_owned()));
            }
        }
        if let Some(timeout) = self.shell_timeout()? {
            let values = shell::ask(environment, &granted, timeout).await;
            for (name, value) in granted.iter().zip(values) {
                if let Some(secret) = value.and_then(|value| Secret::new(&value)) {
                    return found(secret, SecretSource::Shell((*name).to_owned()));
                }
            }
        }
        if let Some((secret, profile)) = self.stored_secret(info)? {
            return found(secret, SecretSource::Profile(profile));
        }
        let Some((secret, variable)) = self.api_key(info, &granted, environment, &dotenv)? else {
            return Ok(None);
        };
        let provider = info.id.clone();
        found(secret, SecretSource::ApiKey { provider, variable })
    }

    /// `apiKey`: `${NAME}`, possibly within other text; the bare name of a variable that is granted or set; else the
    /// credential itself. Variables are looked for in the process, `.env` and `env.vars`.
    fn api_key(
        &self,
        info: &ProviderInfo,
        granted: &[&str],
        environment: &Environment,
        dotenv: &str,
    ) -> Result<Option<(Secret, Option<String>)>> {
        let node = self.provider(info)?.get("apiKey")?;
        let Some(text) = node.word()? else {
            return Ok(None);
        };
        let look_up = |name: &str| self.variable(name, environment, dotenv);
        if variables::is_name(text) {
            let value = look_up(text).and_then(|value| Secret::new(&value));
            return match value {
                Some(secret) => Ok(Some((secret, Some(text.to_owned())))),
                // A variable's name is no credential, even if the variable is not set.
                None if granted.contains(&text) => Ok(None),
                None => Ok(Secret::new(text).map(|secret| (secret, None))),
            };
        }
        match variables::expand(text, look_up) {
            Ok(value) => {
                let value = Zeroizing::new(value);
                let named = text
                    .strip_prefix("${")
                    .and_then(|rest| rest.strip_suffix('}'))
                    .filter(|name| variables::is_name(name));
                Ok(Secret::new(&value).map(|secret| (secret, named.map(str::to_owned))))
            }
            Err(variable) => {
                // The rest works without a credential, and says that it is missing.
                tracing::warn!(key = node.key(), variable, "the variable is not set");
                Ok(None)
            }
        }
    }

    /// A variable that the configuration itself names: in the process, `.env`, or `env.vars`.
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

    /// The text of the state directory's `.env`; empty if there is none.
    pub(super) fn dotenv(&self) -> Result<Zeroizing<String>> {
        let path = self.state_dir.join(".env");
        match files::read(&path, files::LARGEST) {
            // Bytes that are no Unicode spoil their own value and no other.
            Ok(bytes) => Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Zeroizing::default()),
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.display());
                Err(Error::new(Kind::Configuration, message))
            }
        }
    }

    /// `env.vars.NAME`, or `env.NAME` as OpenClaw also takes it.
    fn config_variable(&self, name: &str) -> Result<Option<&str>> {
        let env = self.root().get("env")?;
        match env.at(&["vars", name])?.word()? {
            Some(value) => Ok(Some(value)),
            None if name == "vars" || name == "shellEnv" => Ok(None),
            None => env.get(name)?.word(),
        }
    }

    /// How long the login shell may take; `None` if it is not to be asked.
    fn shell_timeout(&self) -> Result<Option<Duration>> {
        let shell = self.root().at(&["env", "shellEnv"])?;
        let timeout = shell.get("timeoutMs")?.count()?;
        let timeout = timeout.map_or(SHELL_TIMEOUT, |ms| Duration::from_millis(ms.into()));
        Ok(shell.get("enabled")?.flag()?.unwrap_or(false).then_some(timeout))
    }
}

fn in_dotenv(text: &str, name: &str) -> Option<Zeroizing<String>> {
    dotenv::find(text, name).map(Zeroizing::new)
}
