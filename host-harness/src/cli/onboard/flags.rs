//! The options of `onboard` that the loaded plugins name: `--<id>-api-key` and the authentication choices.

use clap::{Arg, ArgMatches, Command, builder::PossibleValuesParser};

use crate::{Secret, contract::ProviderInfo, sanitize};

/// The choice that leaves the provider to `--token-provider`.
pub(super) const ANY: &str = "apiKey";

/// The choice of a provider's key, which is also the name of its option.
pub(super) fn choice(id: &str) -> String {
    format!("{id}-api-key")
}

/// Adds the options of these providers to the command line.
pub(in crate::cli) fn add(command: Command, providers: &[ProviderInfo]) -> Command {
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

/// The keys that were given; a blank one is none.
pub(in crate::cli) fn keys(matches: &ArgMatches, providers: &[ProviderInfo]) -> Vec<(String, Secret)> {
    let given = |info: &ProviderInfo| {
        let key = matches.try_get_one::<String>(&choice(&info.id)).ok()??;
        Some((info.id.clone(), Secret::new(key)?))
    };
    providers.iter().filter_map(given).collect()
}
