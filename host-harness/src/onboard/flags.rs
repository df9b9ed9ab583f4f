//! The options of `onboard` that the loaded plugins declare: `--<id>-api-key` and the authentication choices.

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, parser::ValueSource};

use model_provider_host::{Secret, contract::ProviderInfo, sanitize};

/// The choice that leaves the provider to `--token-provider`.
pub(super) const ANY: &str = "apiKey";

/// The choice of a provider's key, which is also the name of its option.
pub(super) fn choice(id: &str) -> String {
    format!("{id}-api-key")
}

/// OpenClaw's own options that have no effect here, and whether they take a value. They are accepted, so that its
/// commands work as printed.
const FOREIGN: [(&str, bool); 43] = [
    ("accept-risk", false),
    ("agent-name", true),
    ("classic", false),
    ("daemon-runtime", true),
    ("flow", true),
    ("gateway-auth", true),
    ("gateway-bind", true),
    ("gateway-password", true),
    ("gateway-port", true),
    ("gateway-token", true),
    ("gateway-token-ref-env", true),
    ("import-from", true),
    ("import-secrets", false),
    ("import-source", true),
    ("install-daemon", false),
    ("modern", false),
    ("no-install-daemon", false),
    ("node-manager", true),
    ("remote-password", true),
    ("remote-token", true),
    ("remote-url", true),
    ("skip-bootstrap", false),
    ("skip-channels", false),
    ("skip-daemon", false),
    ("skip-hooks", false),
    ("skip-search", false),
    ("skip-skills", false),
    ("skip-ui", false),
    ("suppress-gateway-token-output", false),
    ("tailscale", true),
    ("tailscale-reset-on-exit", false),
    ("token-expires-in", true),
    ("token-profile-id", true),
    ("tui", false),
    ("workspace", true),
    ("cloudflare-ai-gateway-account-id", true),
    ("cloudflare-ai-gateway-gateway-id", true),
    ("custom-api-key", true),
    ("custom-base-url", true),
    ("custom-compatibility", true),
    ("custom-model-id", true),
    ("custom-provider-id", true),
    ("yes", false),
];

/// Those that are too common for a warning.
const SILENT: [&str; 1] = ["accept-risk"];

/// Adds the options of these providers to the command line.
pub(crate) fn add(command: Command, providers: &[ProviderInfo]) -> Command {
    let command = command.mut_subcommand("onboard", |mut onboard| {
        for (name, takes_value) in FOREIGN {
            let action = if takes_value {
                ArgAction::Set
            } else {
                ArgAction::SetTrue
            };
            onboard = onboard.arg(Arg::new(name).long(name).action(action).hide(true));
        }
        onboard
    });
    if providers.is_empty() {
        return command;
    }
    command.mut_subcommand("onboard", |mut onboard| {
        let choices = providers.iter().map(|info| choice(&info.id));
        let choices = PossibleValuesParser::new(choices.chain([ANY.to_owned()]));
        onboard = onboard.mut_arg("auth_choice", |argument| argument.value_parser(choices));
        for info in providers {
            let name = choice(&info.id);
            let label = match &info.credential {
                Some(credential) => sanitize::name(&credential.label).into_owned(),
                None => format!("{} key", sanitize::name(&info.name)),
            };
            let option = Arg::new(name.clone()).long(name).value_name("KEY").help(label);
            onboard = onboard.arg(option.help_heading(None));
        }
        onboard
    })
}

/// The options that were given without effect here, except those that need no warning.
pub(crate) fn foreign(matches: &ArgMatches) -> Vec<String> {
    let given = FOREIGN.iter().filter(|(name, _)| {
        matches.try_contains_id(name).unwrap_or(false)
            && matches.value_source(name) == Some(ValueSource::CommandLine)
            && !SILENT.contains(name)
    });
    given.map(|(name, _)| format!("--{name}")).collect()
}

/// The keys that were given; a blank one counts as none.
pub(crate) fn keys(matches: &ArgMatches, providers: &[ProviderInfo]) -> Vec<(String, Secret)> {
    let given = |info: &ProviderInfo| {
        let key = matches.try_get_one::<String>(&choice(&info.id)).ok()??;
        Some((info.id.clone(), Secret::new(key)?))
    };
    providers.iter().filter_map(given).collect()
}
