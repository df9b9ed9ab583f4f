//! The command line: reads arguments, runs one command, and turns its end into an exit status.
//!
//! A client of the library like any other: it knows plugins, settings and files, and no provider. Scripts call it, so
//! names, keys and exit statuses are a contract: 0 done, 1 a typed error, 2 wrong usage.

mod args;
mod chat;
mod demo;
mod grant;
mod inspect;
mod log;
mod mock_router;
mod models;
mod output;
mod request;
mod resolve;
mod serve;
mod session;
mod signals;
mod style;
mod table;
mod terminal;
mod units;

use std::{io, process::ExitCode};

use clap::Parser as _;

use crate::error::{Error, Kind};

use self::{
    args::{Cli, Command, Global},
    terminal::Terminal,
};

/// How a command ends when it does not end well.
#[derive(Debug)]
enum Failure {
    /// A typed error, still to be shown.
    Error(Error),
    /// A typed error that was shown as part of a result.
    Shown,
    /// Standard output cannot be written; whoever read it is gone.
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
    let Cli { mut global, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let usage = args::without_secrets(usage);
            // Help and version go to stdout with status 0, wrong usage to stderr with status 2.
            let _ = usage.print();
            return exit_code(usage.exit_code());
        }
    };
    global.absorb(command.global());
    global.log.start(global.format());
    let terminal = Terminal::new(global.format());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = Error::new(Kind::Configuration, format!("no runtime can be started: {error}"));
            return report(&terminal, Failure::Error(error));
        }
    };
    let outcome = runtime.block_on(run(&terminal, global, command));
    // A read of stdin that never returns must not keep the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&terminal, failure),
    }
}

async fn run(terminal: &Terminal, global: Global, command: Command) -> Outcome {
    match command {
        Command::Models(with) => models::run(terminal, &global, &with.args).await,
        Command::Resolve(with) => resolve::run(terminal, &global, &with.args).await,
        Command::Chat(with) => chat::run(terminal, &global, &with.args).await,
        Command::Inspect(_) => inspect::run(terminal, &global).await,
        Command::Grant(with) => grant::run(terminal, &global, &with.args).await,
        Command::MockRouter(with) => mock_router::run(terminal, &with.args).await,
        Command::Serve(with) => serve::run(terminal, &global, &with.args).await,
        Command::Demo(_) => demo::run(terminal, &global).await,
    }
}

fn report(terminal: &Terminal, failure: Failure) -> ExitCode {
    match failure {
        Failure::Error(error) => {
            // If not even that can be written, the status still says it.
            let _ = output::error::show(terminal, &error);
        }
        Failure::Shown => {}
        // The usual `| head`: nobody is left to tell.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Failure::Output(error) => terminal.note(&format!("standard output cannot be written: {error}")),
    }
    ExitCode::FAILURE
}

fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}
