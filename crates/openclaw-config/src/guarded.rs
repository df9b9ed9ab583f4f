//! The security-relevant files, and which other users may change or read them.
//! Knows the list of files; the permission rules are in the file module.

use std::path::PathBuf;

use super::Configuration;
use model_provider_host::{
    Error, ErrorKind, Result, Settings,
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

/// What decides where a credential is sent, without what the operator has named outside of the configuration.
#[derive(Default)]
struct Destination {
    base_url: Option<String>,
    ca_file: Option<PathBuf>,
}

impl Destination {
    fn of(settings: Settings, is_base_url_named: bool, is_ca_file_named: bool) -> Self {
        let base_url = settings.base_url.filter(|_| !is_base_url_named);
        Self {
            base_url: base_url.map(String::from),
            ca_file: settings.ca_file.filter(|_| !is_ca_file_named),
        }
    }

    /// What is not the same in another one.
    fn unlike(&self, other: &Self) -> Option<&'static str> {
        if self.base_url != other.base_url {
            Some("a base URL")
        } else if self.ca_file != other.ca_file {
            Some("a `ca-file`")
        } else {
            None
        }
    }
}

fn untrusted(what: &str, exposure: &Exposure) -> Error {
    let message = format!(
        "{what}, which decides where the credential is sent, and is not trusted: {}",
        exposure.message
    );
    Error::new(ErrorKind::Configuration, message).with_hint(format!(
        "review the file, then `{}`; or set it outside of the configuration",
        exposure.fix
    ))
}

impl Configuration {
    /// The files of the configuration and of the state directory, and those of the provider's own tools that may hold
    /// its token, existing or not.
    #[must_use]
    pub fn guarded(&self, info: Option<&ProviderInfo>) -> Vec<Guarded> {
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
            Guarded {
                path: self.dotenv_path(),
                is_secret: true,
            },
            state("chat-history", true),
            state("grants.json", false),
            Guarded {
                path: self.models_path(),
                is_secret: false,
            },
        ];
        let of_tools = info.map(|info| self.files_of_tools(info)).unwrap_or_default();
        let secret = self.credential_files().into_iter();
        let secret = secret.chain(self.secret_files()).chain(of_tools);
        guarded.extend(secret.map(|path| Guarded {
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
    pub fn changeable(&self, info: Option<&ProviderInfo>) -> Vec<Exposure> {
        let mut found: Vec<Exposure> = Vec::new();
        let folder = trust::changeable_folder(&self.state_dir);
        let files = self.guarded(info);
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
    pub fn readable(&self, info: Option<&ProviderInfo>) -> Vec<Exposure> {
        // A folder where a file belongs is not fixed by a file mode.
        let files = self.guarded(info).into_iter();
        let files = files.filter(|file| file.is_secret && !file.path.is_dir());
        files.filter_map(|file| trust::readable(&file.path)).collect()
    }

    /// Refuses a configuration file, or a `.env` that it takes variables from, that other users may change if it
    /// decides where a credential is sent: by the base URL or the certificate authorities, unless the operator has
    /// overridden them.
    ///
    /// # Errors
    /// Other users may change one of the files, and it decides that.
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
        let of_configuration = files.into_iter().find_map(trust::changeable);
        let of_dotenv = trust::changeable(self.dotenv_path());
        if of_configuration.is_none() && of_dotenv.is_none() {
            return Ok(());
        }
        let named = |settings| Destination::of(settings, is_base_url_named, is_ca_file_named);
        let destination = named(self.settings(info)?);
        if let Some(exposure) = of_configuration
            && let Some(what) = destination.unlike(&Destination::default())
        {
            return Err(untrusted(&format!("the configuration names {what}"), &exposure));
        }
        if let Some(exposure) = of_dotenv {
            // Without it a variable may be missing. Then what needs the variable counts as the file's.
            let without = self.without_dotenv();
            let without = without.map(|without| named(without.readable_settings(info)));
            if let Some(what) = destination.unlike(&without.unwrap_or_default()) {
                let whose = format!("`.env` has a variable of {what} of the configuration");
                return Err(untrusted(&whose, &exposure));
            }
        }
        Ok(())
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
