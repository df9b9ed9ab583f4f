//! A first look at the arguments: some commands have options that the loaded plugins declare.
//!
//! Finds only the command and the plugins. What is wrong with other options is reported later, when all are parsed.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Command, FromArgMatches as _};

use super::{args::Global, session::Ground, terminal::Terminal};
use model_provider_host::{Plugin, Result};

/// What the first look finds.
#[derive(Debug)]
pub(super) struct PluginArgs {
    command: Option<String>,
    early: std::result::Result<Early, clap::Error>,
}

/// The options that decide which plugins are loaded.
#[derive(Debug, Args)]
pub(super) struct Early {
    #[command(flatten)]
    global: Global,
    #[arg(long)]
    also: Vec<PathBuf>,
}

/// Plugins whose ids name options, and the command that has those options.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) ground: Ground,
    pub(super) plugins: Vec<Plugin>,
}

impl PluginArgs {
    pub(super) fn look(arguments: &[OsString]) -> Self {
        let options = Early::augment_args(
            Command::new("ahead")
                .no_binary_name(true)
                .args_override_self(true),
        );
        let known: Vec<(String, bool)> = options
            .get_arguments()
            .filter_map(|argument| {
                let name = format!("--{}", argument.get_long()?);
                Some((name, argument.get_action().takes_values()))
            })
            .collect();
        let mut rest = arguments.iter().skip(1);
        let mut kept = Vec::new();
        let mut command = None;
        while let Some(argument) = rest.next() {
            let text = argument.to_string_lossy();
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (&*text, None),
            };
            if name == "--" {
                break;
            } else if let Some((_, takes_value)) = known.iter().find(|(option, _)| option == name) {
                kept.push(argument.clone());
                if *takes_value && value.is_none() {
                    kept.extend(rest.next().cloned());
                }
            } else if !name.starts_with('-') && command.as_deref().is_none_or(|command| command == "help") {
                command = Some(text.into_owned());
            }
        }
        let matches = options.try_get_matches_from(kept);
        let early = matches.and_then(|matches| Early::from_arg_matches(&matches));
        Self { command, early }
    }

    /// Whether the command has options that are named after providers.
    pub(super) fn needs_plugins(&self) -> bool {
        matches!(self.command.as_deref(), Some("onboard" | "completions" | "man"))
    }

    /// The options that decide which plugins are loaded.
    ///
    /// # Errors
    /// Wrong usage of one of them.
    pub(super) fn plugins(self) -> std::result::Result<Early, clap::Error> {
        self.early
    }
}

impl Early {
    /// Loads the plugins that the arguments name, or the workspace's own.
    ///
    /// # Errors
    /// One of them cannot be loaded.
    pub(super) async fn load(&self, terminal: Terminal) -> Result<Loaded> {
        let ground = Ground::open_for_writing(&self.global)?;
        let mut plugins = vec![ground.load(terminal, self.global.plugin.as_deref()).await?];
        for path in &self.also {
            let plugin = ground.load(terminal, Some(path)).await?;
            if plugins.iter().all(|known| known.info().id != plugin.info().id) {
                plugins.push(plugin);
            }
        }
        Ok(Loaded { ground, plugins })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(line: &str) -> PluginArgs {
        let words = std::iter::once("host-harness").chain(line.split_whitespace());
        PluginArgs::look(&words.map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_is_distinguished_from_values_and_unknown_options() {
        for (line, command) in [
            ("", None),
            ("--help", None),
            ("--config models onboard", Some("onboard")),
            ("--config=models onboard --acme-api-key models", Some("onboard")),
            ("help onboard", Some("onboard")),
            ("help", Some("help")),
            ("chat onboard", Some("chat")),
            ("-- onboard", None),
        ] {
            assert_eq!(look(line).command.as_deref(), command, "{line}");
        }
        assert!(look("onboard").needs_plugins() && !look("chat onboard").needs_plugins());
    }

    #[test]
    fn plugins_are_found_on_both_sides_of_the_command() {
        let of = |line: &str| look(line).plugins().unwrap();
        let early = of("onboard --acme-api-key k --plugin a.wasm --also=b.wasm --also c.wasm --mode local");
        assert_eq!(early.global.plugin, Some(PathBuf::from("a.wasm")));
        assert_eq!(early.also, [PathBuf::from("b.wasm"), PathBuf::from("c.wasm")]);
        let early = of("onboard --verbose --plugin a.wasm --non-interactive --verbose --help");
        assert_eq!(early.global.plugin, Some(PathBuf::from("a.wasm")));
        let early = of("--plugin a.wasm --set x=1 onboard --plugin b.wasm");
        assert_eq!(early.global.plugin, Some(PathBuf::from("b.wasm")));
    }

    #[test]
    fn a_wrong_value_is_reported_by_its_option() {
        for (line, option) in [
            ("onboard --plugin", "--plugin"),
            ("onboard --plugin a.wasm --base-url /v1", "--base-url"),
            ("--set nothing onboard --acme-api-key k", "--set"),
        ] {
            let usage = look(line).plugins().unwrap_err().to_string();
            assert!(usage.contains(option), "{line}: {usage}");
        }
    }
}
