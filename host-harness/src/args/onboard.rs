//! Arguments of `onboard`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `onboard`, besides an option for each provider's key.
#[derive(Debug, Args)]
pub(crate) struct OnboardArgs {
    /// Do not prompt: take the key from its option, the environment or the stored profile, and the provider's own
    /// default model
    #[arg(long)]
    pub(crate) non_interactive: bool,
    /// Where OpenClaw runs
    #[arg(long, value_name = "MODE", value_parser = ["local"])]
    mode: Option<String>,
    /// How to authenticate, and with that the provider
    #[arg(long, value_name = "CHOICE")]
    pub(crate) auth_choice: Option<String>,
    /// The provider of the key in --token
    #[arg(long, value_name = "ID", requires = "token")]
    pub(crate) token_provider: Option<String>,
    /// A key, as copied; with --auth-choice apiKey or --token-provider
    #[arg(long, value_name = "KEY")]
    pub(crate) token: Option<String>,
    /// A further plugin to choose from; may be given several times
    #[arg(long, value_name = "FILE.wasm")]
    also: Vec<PathBuf>,
    /// Do not check the key with the service, and offer no test message
    #[arg(long)]
    pub(crate) skip_health: bool,
    /// Make the model the default even if another one is the default
    #[arg(long)]
    pub(crate) set_default: bool,
    /// How the key is stored: itself, or a reference to the environment variable that holds it
    #[arg(long, value_name = "MODE", default_value = "plaintext")]
    pub(crate) secret_input_mode: SecretInputMode,
    /// Write the result as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// OpenClaw's options that were given and have no effect here.
    #[arg(skip)]
    pub(crate) foreign: Vec<String>,
    /// The keys that were given, by provider.
    #[arg(skip)]
    pub(crate) keys: Vec<(String, model_provider_host::Secret)>,
}

/// How a key is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SecretInputMode {
    /// The key itself, in a file that only the user may read
    #[default]
    Plaintext,
    /// The name of the environment variable that holds it
    Ref,
}
