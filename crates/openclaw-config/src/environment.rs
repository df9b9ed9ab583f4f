//! The environment: variables by name and the home directory, of the process or given by the caller.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// Source of variables and of the home directory. Variables are looked up one by one; nothing enumerates them.
///
/// ```
/// use std::path::Path;
///
/// use openclaw_config::Environment;
///
/// let environment = Environment::new([("PATH", "/usr/bin")], Some("/home/ann".into()));
/// assert_eq!(environment.get("PATH").as_deref().map(String::as_str), Some("/usr/bin"));
/// assert_eq!(environment.expand_home("~/.openclaw"), Path::new("/home/ann/.openclaw"));
/// ```
#[derive(Clone, Default)]
pub struct Environment {
    /// `None`: those of the process.
    variables: Option<BTreeMap<String, String>>,
    home: Option<PathBuf>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn process() -> Self {
        Self {
            variables: None,
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        }
    }

    /// An environment with exactly these variables and this home directory.
    pub fn new<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
        home: Option<PathBuf>,
    ) -> Self {
        let variables = variables
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self {
            variables: Some(variables.collect()),
            home,
        }
    }

    /// The value of a variable; one that is not UTF-8 counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Zeroizing<String>> {
        match &self.variables {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        }
        .map(Zeroizing::new)
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The variables that replace those of the process, if any do.
    pub(super) fn instead(&self) -> Option<&BTreeMap<String, String>> {
        self.variables.as_ref()
    }

    /// The path in a variable, with the home directory expanded; blank is `None`.
    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.get(name)?;
        let text = text.trim();
        (!text.is_empty()).then(|| self.expand_home(text))
    }

    /// Expands `~/`, `$HOME/` or `${HOME}/` in a path from a file, which no shell has expanded.
    #[must_use]
    pub fn expand_home(&self, text: &str) -> PathBuf {
        let home = ["~/", "$HOME/", "${HOME}/"];
        match (home.iter().find_map(|home| text.strip_prefix(home)), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(text),
        }
    }
}
