//! Settings that crates on top of the host declare: their names, a check of values, and the values that were set. Knows no
//! setting.

use std::collections::BTreeMap;

/// Declared settings with the values that were set.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    settings: DeclaredSettings,
    values: BTreeMap<&'static str, String>,
}

impl Declared {
    pub(super) fn new(settings: DeclaredSettings) -> Self {
        let values = BTreeMap::new();
        Self { settings, values }
    }

    /// The declared names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.settings.names.iter().copied()
    }

    /// The settings that were set, with checked values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Sets one if its name is declared; returns whether it is.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<bool, &'static str> {
        let Some(name) = self.settings.names.iter().find(|known| **known == name) else {
            return Ok(false);
        };
        (self.settings.check)(name, value)?;
        self.values.insert(name, value.to_owned());
        Ok(true)
    }
}

/// Declarations of settings by crates on top of a host, such as a server. The host checks the values; their owner
/// interprets them.
///
/// ```
/// use model_provider_host::{Settings, settings::DeclaredSettings};
///
/// const DECLARED: DeclaredSettings = DeclaredSettings::new(&["workers"], |_, value| {
///     value.parse::<u8>().map(drop).map_err(|_| "a whole number up to 255")
/// });
///
/// let mut settings = Settings::declaring(DECLARED);
/// settings.set("workers", "4")?;
/// assert_eq!(settings.declared.iter().next(), Some(("workers", "4")));
/// assert_eq!(
///     settings.set("workers", "many").unwrap_err().to_string(),
///     "invalid value of `workers`: expected a whole number up to 255"
/// );
/// # Ok::<(), model_provider_host::settings::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeclaredSettings {
    /// Their names.
    pub names: &'static [&'static str],
    /// Checks a value for a name; the error says what the setting accepts.
    pub check: fn(name: &str, value: &str) -> Result<(), &'static str>,
}

impl DeclaredSettings {
    /// Settings of these names, whose values `check` judges.
    #[must_use]
    pub const fn new(
        names: &'static [&'static str],
        check: fn(name: &str, value: &str) -> Result<(), &'static str>,
    ) -> Self {
        Self { names, check }
    }
}

impl Default for DeclaredSettings {
    fn default() -> Self {
        Self {
            names: &[],
            check: |_, _| Ok(()),
        }
    }
}
