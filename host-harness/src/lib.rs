//! The command line: reads arguments, runs one command, and turns its end into an exit status.
//!
//! A client of the library like any other: it knows plugins, settings and files, and no provider. Scripts call it, so
//! names, keys and exit statuses are a contract: 0 done, 1 a typed error, 2 wrong usage.

mod access_key;
mod args;
mod chat;
mod completions;
mod conformance;
mod demo;
mod doctor;
mod format;
mod grant;
mod health;
mod inspect;
mod log;
mod mock_router;
mod models;
mod onboard;
mod output;
mod plugin_args;
mod plugins;
mod request_file;
mod resolve;
mod serve;
mod session;
mod signals;
mod style;
mod table;
mod terminal;
mod termios;

use std::{ffi::OsString, io, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _};

use model_provider_host::{Error, ErrorKind, Grants, contract::ProviderInfo};

use self::{
    args::{Cli, Command, Format, Global},
    plugin_args::{Loaded, PluginArgs},
    terminal::Terminal,
};

/// Of the program; the libraries leave the allocator to whoever embeds them.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What this program grants the component that it goes with: the one that it carries, and what its workspace builds.
fn built_in_grants() -> Result<Grants, Error> {
    let carried = plugins::EMBEDDED.map(plugin_registry::Digest::of);
    let mut holders = vec![plugin_registry::host::WORKSPACE];
    holders.extend(carried.as_ref().map(plugin_registry::Digest::as_str));
    Grants::parse_for(component_build::GRANT, &holders)
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// A typed error that is not shown yet.
    Error(Error),
    /// A typed error, already shown as part of a result.
    Shown,
    /// Standard output cannot be written; its reader is gone.
    Output(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// What a command gives.
type Outcome<T = ()> = Result<T, Failure>;

/// Runs the command of this process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::new(
                ErrorKind::Configuration,
                format!("no runtime can be started: {error}"),
            );
            return report(Terminal::new(Format::Text), Failure::Error(error));
        }
    };
    let code = runtime.block_on(read_and_run());
    // A blocked read of stdin must not keep the process alive.
    runtime.shutdown_background();
    code
}

async fn read_and_run() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let ahead = PluginArgs::look(&arguments);
    let loaded = if ahead.needs_plugins() {
        match ahead.plugins() {
            Ok(early) => Some(early.load(Terminal::new(Format::Text)).await),
            // As for other commands, help that stands before it is shown.
            Err(usage) => match whole(None).try_get_matches_from(&arguments) {
                Err(help) if !help.use_stderr() => return shown(help),
                _ => return shown(usage),
            },
        }
    } else {
        None
    };
    let (Cli { mut global, command }, loaded) = match read(&arguments, loaded) {
        Ok(read) => read,
        Err(Unread::Usage(usage)) => return shown(usage),
        Err(Unread::Plugins(error)) => return report(Terminal::new(Format::Text), error.into()),
    };
    global.absorb(command.global());
    if let Some(inner) = command.inner_global() {
        global.absorb(inner);
    }
    let format = command.format(&global);
    global.log.start(format);
    let terminal = Terminal::new(format);
    match run(terminal, global, command, loaded).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(terminal, failure),
    }
}

/// Help and version go to stdout with status 0, wrong usage to stderr with status 2.
fn shown(usage: clap::Error) -> ExitCode {
    let usage = args::redact(usage);
    let _ = usage.print();
    exit_code(usage.exit_code())
}

/// Why the arguments could not be read.
enum Unread {
    Usage(clap::Error),
    /// They may be right, but the plugins that name some of them could not be loaded.
    Plugins(Error),
}

/// Parses the arguments, including the options that the loaded plugins declare.
fn read(
    arguments: &[OsString],
    loaded: Option<model_provider_host::Result<Loaded>>,
) -> Result<(Cli, Option<model_provider_host::Result<Loaded>>), Unread> {
    let infos = infos(loaded.as_ref());
    let command = whole(loaded.as_ref());
    let unread = |usage: clap::Error| match &loaded {
        Some(Err(error)) if usage.use_stderr() => Unread::Plugins(error.clone()),
        _ => Unread::Usage(usage),
    };
    let matches = command.try_get_matches_from(arguments).map_err(unread)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(unread)?;
    if let (Command::Onboard(with), Some(matches)) = (&mut cli.command, matches.subcommand_matches("onboard"))
    {
        with.args.keys = onboard::flags::keys(matches, &infos);
        with.args.foreign = onboard::flags::foreign(matches);
    }
    Ok((cli, loaded))
}

/// The whole command line, including the options that the loaded plugins declare.
fn whole(loaded: Option<&model_provider_host::Result<Loaded>>) -> clap::Command {
    onboard::flags::add(Cli::command(), &infos(loaded))
}

fn infos(loaded: Option<&model_provider_host::Result<Loaded>>) -> Vec<ProviderInfo> {
    let plugins = loaded.into_iter().flatten().flat_map(|loaded| &loaded.plugins);
    plugins.map(|plugin| plugin.info().clone()).collect()
}

async fn run(
    terminal: Terminal,
    global: Global,
    command: Command,
    loaded: Option<model_provider_host::Result<Loaded>>,
) -> Outcome {
    match (command, loaded) {
        (Command::Models(with), _) => models::run(terminal, &global, &with.args).await,
        (Command::Resolve(with), _) => resolve::run(terminal, &global, &with.args).await,
        (Command::Chat(with), _) => chat::run(terminal, &global, &with.args).await,
        (Command::Onboard(with), Some(loaded)) => onboard::run(terminal, loaded?, &with.args).await,
        (Command::Doctor(_), _) => doctor::run(terminal, &global).await,
        (Command::Inspect(_), _) => inspect::run(terminal, &global).await,
        (Command::Conformance(with), _) => conformance::run(terminal, &global, &with.args).await,
        (Command::Grant(with), _) => grant::run(terminal, &global, &with.args).await,
        (Command::Accept(with), _) => plugins::accept(terminal, &global, &with.args).await,
        (Command::Update(with), _) => plugins::update(terminal, &global, &with.args).await,
        (Command::Rollback(with), _) => plugins::rollback(terminal, &global, &with.args),
        (Command::Deny(with), _) => plugins::deny(terminal, &global, &with.args),
        (Command::Pull(with), _) => plugins::pull(terminal, &global, &with.args).await,
        (Command::List(_), _) => plugins::list(terminal, &global),
        (Command::Gc(_), _) => plugins::gc(terminal, &global),
        (Command::Publish(with), _) => plugins::publish(terminal, &global, &with.args).await,
        (Command::MockRouter(with), _) => mock_router::run(terminal, &with.args).await,
        (Command::Serve(with), _) => serve::run(terminal, &global, &with.args).await,
        (Command::AccessKey(with), _) => access_key::run(terminal, &with.args),
        (Command::Health(with), _) => health::run(&with.args).await,
        (Command::Demo(_), _) => demo::run(terminal, &global).await,
        (Command::Completions(with), loaded) => {
            completions::completions(terminal, whole(loaded.as_ref()), with.args.shell)
        }
        (Command::Man(with), loaded) => {
            completions::manual(terminal, whole(loaded.as_ref()), with.args.command.as_deref())
        }
        (Command::Onboard(_), None) => {
            let message =
                "the command could not be identified among the options; write the command's name in full";
            Err(Error::new(ErrorKind::Configuration, message).into())
        }
    }
}

fn report(terminal: Terminal, failure: Failure) -> ExitCode {
    match failure {
        Failure::Error(error) => {
            // If even that cannot be written, the exit status still reports it.
            let _ = output::error::show(terminal, &error);
        }
        Failure::Shown => {}
        // The usual `| head`: there is no reader left.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Failure::Output(error) => terminal.note(&format!("standard output cannot be written: {error}")),
    }
    ExitCode::FAILURE
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
