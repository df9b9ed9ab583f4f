//! The security-relevant files, and which other users may change or read them.
//! Knows the list of files; the permission rules are in the file module.

use std::path::PathBuf;

use super::Configuration;
use model_provider_host::{
    Error, ErrorKind, Result,
    contract::ProviderInfo,
    files::trust::{self, Exposure},
};

/// One file and the protection that it needs.
#[derive(Clone, Debug)]
pub struct Guarded {
    /// The file.
    pub path: PathBuf,
    /// Whether no other user may read it.
    pub is_secret: bool,
}

impl Configuration {
    /// The files of the configuration and of the state directory, existing or not.
    #[must_use]
    pub fn guarded(&self) -> Vec<Guarded> {
        let state = |name: &str, is_secret| Guarded {
            path: self.state_dir.join(name),
            is_secret,
        };
        let mut guarded = vec![
            Guarded {
                path: self.path.clone(),
                is_secret: self.may_hold_secrets(),
            },
            Guarded {
                path: self.host_file(),
                is_secret: false,
            },
            state(".env", true),
            state("chat-history", true),
            state("grants.json", false),
            Guarded {
                path: self.models_path(),
                is_secret: false,
            },
        ];
        guarded.extend(self.credential_files().into_iter().map(|path| Guarded {
            path,
            is_secret: true,
        }));
        guarded.extend(self.secret_files().into_iter().map(|path| Guarded {
            path,
            is_secret: true,
        }));
        guarded.extend(self.included_files().map(|path| Guarded {
            path: path.to_owned(),
            is_secret: self.may_hold_secrets(),
        }));
        guarded
    }

    /// Files that other users may change, and the state directory if they may change it.
    #[must_use]
    pub fn changeable(&self) -> Vec<Exposure> {
        let mut found: Vec<Exposure> = Vec::new();
        let folder = trust::changeable_folder(&self.state_dir);
        let files = self.guarded();
        let files = files.iter().filter_map(|file| {
            let exposure = trust::changeable(&file.path)?;
            // One command fixes both.
            let readable =
                trust::readable(&file.path).filter(|_| file.is_secret && exposure.path == file.path);
            Some(readable.map_or(exposure.clone(), |readable| Exposure {
                fix: readable.fix,
                ..exposure
            }))
        });
        // A folder is reported once, not once per file.
        for exposure in folder.into_iter().chain(files) {
            if found.iter().all(|known| known.path != exposure.path) {
                found.push(exposure);
            }
        }
        found
    }

    /// Secret files that other users may read.
    #[must_use]
    pub fn readable(&self) -> Vec<Exposure> {
        // A folder where a file belongs is not fixed by a file mode.
        let files = self.guarded().into_iter();
        let files = files.filter(|file| file.is_secret && !file.path.is_dir());
        files.filter_map(|file| trust::readable(&file.path)).collect()
    }

    /// Refuses a configuration file that other users may change if it decides where a credential is sent: by the
    /// base URL or the certificate authorities that it names, unless the operator has overridden them.
    ///
    /// # Errors
    /// Other users may change the configuration, and it decides that.
    pub fn may_decide(
        &self,
        info: &ProviderInfo,
        is_base_url_named: bool,
        is_ca_file_named: bool,
    ) -> Result<()> {
        let own = self.host_file();
        let files = [self.path.as_path(), own.as_path()]
            .into_iter()
            .chain(self.included_files());
        let Some(exposure) = files.into_iter().find_map(trust::changeable) else {
            return Ok(());
        };
        let settings = self.settings(info)?;
        let what = if settings.base_url.is_some() && !is_base_url_named {
            "a base URL"
        } else if settings.ca_file.is_some() && !is_ca_file_named {
            "a `ca-file`"
        } else {
            return Ok(());
        };
        let message = format!(
            "the configuration names {what}, which decides where the credential is sent, and is not trusted: {}",
            exposure.message
        );
        Err(Error::new(ErrorKind::Configuration, message).with_hint(format!(
            "review the file, then `{}`; or set it outside of the configuration",
            exposure.fix
        )))
    }

    /// Whether the configuration has a place for secrets.
    fn may_hold_secrets(&self) -> bool {
        let value = self.value();
        let providers = value
            .pointer("/models/providers")
            .and_then(|providers| providers.as_object());
        let provider_has = providers.is_some_and(|providers| {
            let mut each = providers.values();
            each.any(|provider| provider.get("apiKey").is_some() || provider.get("headers").is_some())
        });
        provider_has || value.get("env").is_some()
    }
}
