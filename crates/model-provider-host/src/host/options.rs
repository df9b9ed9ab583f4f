//! The options of a host, and their source in environment variables. Does not know how a host is started.

use zeroize::Zeroizing;

use crate::{
    credential_text,
    egress::Proxies,
    error::{Error, ErrorKind, Result},
    grants::Grants,
    plugin::Plugin,
    secret::Secret,
    settings::Settings,
};

/// The options of a host.
///
/// ```
/// use model_provider_host::{HostOptions, Secret, Settings};
///
/// let settings = Settings::default().with_base_url("http://127.0.0.1:8000/v1".parse()?);
/// let options = HostOptions::default()
///     .with_settings(settings)
///     .with_credential(Secret::new("a-token-of-an-example"));
/// assert!(options.credential.is_some());
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct HostOptions {
    /// The settings, for the plugin and the host.
    pub settings: Settings,
    /// The credential. The caller reads it from a source that the grant allows.
    pub credential: Option<Secret>,
    /// The grants of plugins.
    pub grants: Grants,
}

impl HostOptions {
    /// Sets the settings.
    #[must_use]
    pub fn with_settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets the credential; `None` for a host without one.
    #[must_use]
    pub fn with_credential(mut self, credential: impl Into<Option<Secret>>) -> Self {
        self.credential = credential.into();
        self
    }

    /// Sets the grants of plugins.
    #[must_use]
    pub fn with_grants(mut self, grants: Grants) -> Self {
        self.grants = grants;
        self
    }

    /// Options from the environment of this process: [`from_variables`](Self::from_variables) with the process's
    /// variables.
    ///
    /// # Errors
    /// As [`from_variables`](Self::from_variables); `configuration` also if a granted variable is not UTF-8.
    pub fn from_env(plugin: &Plugin, grants: Grants) -> Result<Self> {
        let unreadable = std::cell::Cell::new(None);
        let options = Self::from_variables(plugin, grants, |name| match std::env::var(name) {
            Ok(text) => Some(text.into()),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => {
                unreadable.set(Some(name.to_owned()));
                None
            }
        })?;
        match unreadable.take() {
            None => Ok(options),
            Some(name) => Err(Error::new(
                ErrorKind::Configuration,
                format!("the variable `{name}` is not valid UTF-8"),
            )
            .with_hint("set it to the plain text of the credential or address")),
        }
    }

    /// Default options for a plugin: the credential from the first of its variables that is set, and the usual
    /// proxies. `get` reads a variable; it is called only for those that the grant allows and those of proxies.
    ///
    /// # Errors
    /// `not-granted` if the plugin requests more than its grant; then nothing is read. `configuration` if a
    /// variable holds a text that is no valid credential.
    pub fn from_variables(
        plugin: &Plugin,
        grants: Grants,
        get: impl Fn(&str) -> Option<Zeroizing<String>>,
    ) -> Result<Self> {
        let info = plugin.info();
        let mut secret = None;
        for name in grants
            .check(plugin)?
            .into_iter()
            .flat_map(|grant| grant.readable(info))
        {
            let Some(text) = get(name) else { continue };
            secret = credential_text::secret(&text, info.credential.as_ref()).map_err(|why| {
                Error::new(
                    ErrorKind::Configuration,
                    format!("`{name}` is not a valid credential: {why}"),
                )
                .with_hint("put the key itself there, copied whole")
            })?;
            if secret.is_some() {
                break;
            }
        }
        let settings = Settings {
            proxies: Proxies::from_variables(get),
            ..Settings::default()
        };
        Ok(Self {
            settings,
            credential: secret,
            grants,
        })
    }
}
