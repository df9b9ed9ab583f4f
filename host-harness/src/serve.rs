//! `serve`: an OpenAI-compatible server for the models.

use std::path::Path;

use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::{
    Outcome,
    args::{Global, ServeArgs},
    chat, format,
    plugins::EMBEDDED_NAME,
    session::Session,
    signals,
    terminal::Terminal,
};
use model_provider_host::{
    Error, Host, Kind, Result, Secret, SwapReport, Watcher,
    contract::settings::CredentialState,
    files::{self, trust},
    sanitize,
};
use model_server::{Access, Keep, ServeOptions, Server, Service};
use openclaw_config::Environment;
use plugin_registry::{
    Reference, SCHEME,
    host::{Followed, follow},
};

pub(super) async fn run(terminal: &Terminal, global: &Global, args: &ServeArgs) -> Outcome {
    // An invalid address or key is reported before anything is loaded.
    let key = access_key(terminal, args)?;
    let access = Access::new(args.listen, key.as_ref())?;
    // From here on to the end of the process, even if the terminal is gone.
    let _hang_up = signals::ignore_hang_up(|| {
        tracing::warn!("SIGHUP: the server goes on; SIGTERM ends it, and `--watch` takes a new plugin file");
    });
    // The tag that is watched is the plugin, if none is named.
    let mut global = global.clone();
    if let (Some(Some(reference)), None) = (&args.watch, &global.plugin) {
        global.plugin = Some(reference.into());
    }
    let global = &global;
    let session = Session::for_many(terminal, global).await?;
    let store = session.store.clone();
    let tag = followed_tag(args, &session)?;
    let mut fallbacks = session.configuration.default_model(&session.info)?.fallbacks;
    if args.no_fallback {
        fallbacks.clear();
    }
    // No default model is no error: each request may name its model.
    let default_models = chat::references(terminal, &session, None, args.no_fallback).unwrap_or_default();
    let params = chat::params(terminal, &session)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| not_bound(args, &error))?;
    let (configuration, info) = (session.configuration, session.info);
    // A base URL given for one call says nothing about the usual service.
    let keep = global.base_url.is_none().then_some(());
    if keep.is_none() {
        terminal.note("the list of models is not cached: `--base-url` is for this call only");
    }
    let options = ServeOptions {
        default_models,
        fallbacks,
        params,
        access,
        keep: keep.map(|()| -> Keep { Box::new(move |catalog| configuration.write_models(&info, catalog)) }),
    };
    let service = Service::new(session.host, options);
    let mut following = None;
    let _watcher = match tag {
        Some(tag) => {
            terminal.note(&format!("watching {tag}"));
            let followed = follow(store, service.host().clone(), tag, args.every, told(*terminal));
            following = Some(tokio::spawn(followed));
            None
        }
        None if args.watch.is_some() => Some(watch(*terminal, service.host())?),
        None => None,
    };
    warn_without_credential(terminal, service.host());
    let server = Server::start(listener, service)?;
    let interrupted = signals::interrupted();
    tokio::pin!(interrupted);
    // Signals are handled before anything announces that there is a server to stop.
    tokio::select! {
        biased;
        () = &mut interrupted => return Ok(()),
        () = std::future::ready(()) => {}
    }
    // Alone on the first line, whatever the format: scripts read it from there.
    terminal.line(&server.base_url())?;
    interrupted.await;
    if let Some(following) = following {
        following.abort();
    }
    end(terminal, server).await;
    Ok(())
}

/// The tag that `--watch` names, or that the plugin came from; `None` if there is no `--watch`, or it is for a file.
fn followed_tag(args: &ServeArgs, session: &Session) -> Result<Option<Reference>> {
    let Some(named) = &args.watch else { return Ok(None) };
    let loaded = session.host.plugin().path().to_string_lossy().into_owned();
    let fault = |message: &str| {
        Error::new(Kind::Configuration, format!("--watch: {message}"))
            .with_hint("name the tag: `--watch oci://HOST/REPOSITORY:TAG`")
    };
    let reference = match named {
        Some(named) => session.store.reference(named)?,
        None if loaded.starts_with(SCHEME) => session.store.reference(&loaded)?,
        None if loaded == EMBEDDED_NAME => {
            return Err(fault(
                "the plugin that this program carries is no file that is replaced",
            ));
        }
        None => return Ok(None),
    };
    if reference.digest().is_some() {
        return Err(fault(&format!(
            "{reference} names a digest, which never stands for another plugin"
        )));
    }
    Ok(Some(reference))
}

/// Swaps whenever the plugin's file is replaced, and reports it. A refused file is in the log.
fn watch(terminal: Terminal, host: &Host) -> Result<Watcher> {
    terminal.note(&format!("watching {}", host.plugin().path().display()));
    Watcher::start(host.clone(), move |swapped| {
        if let Ok(report) = swapped {
            say_live(terminal, &report);
        }
    })
}

/// Reports the result after a tag moved. A refused version is in the log.
fn told(terminal: Terminal) -> impl FnMut(Followed) + Send {
    move |followed| {
        if let Followed::Swapped(report) = followed {
            say_live(terminal, &report);
        }
    }
}

fn say_live(terminal: Terminal, report: &SwapReport) {
    terminal.note(&format!(
        "generation {} ({}) is live; {} in flight in generation {}",
        report.to.number,
        sanitize::name(&report.to.version),
        format::counted(report.draining, "response"),
        report.from.number
    ));
}

/// Drains responses in flight; a second interrupt ends at once.
async fn end(terminal: &Terminal, server: Server) {
    let host = server.service().host().clone();
    let under_way = host.metrics().in_flight;
    let deadline = host.settings().drain_deadline;
    if under_way > 0 {
        terminal.note(&format!(
            "{} in flight may finish within {}; interrupt again to end at once",
            format::counted(usize::try_from(under_way).unwrap_or(usize::MAX), "response"),
            format::duration(deadline)
        ));
    }
    tokio::select! {
        cut = server.shutdown(deadline) => if cut > 0 {
            terminal.warn(&format!("{} cut short", format::counted(cut, "response")));
        },
        () = signals::interrupted() => terminal.warn("ended at once"),
    }
}

/// Each response will report it too, but to the clients.
fn warn_without_credential(terminal: &Terminal, host: &Host) {
    let info = host.info();
    if host.credential() == CredentialState::Missing
        && let Some(credential) = &info.credential
    {
        terminal.warn(&format!(
            "no credential is attached, so requests will be refused (set {})",
            credential.env_vars.join(" or ")
        ));
    }
}

fn not_bound(args: &ServeArgs, error: &std::io::Error) -> Error {
    let message = format!("the server cannot listen on {}: {error}", args.listen);
    Error::new(Kind::Configuration, message)
        .with_hint("choose another address with `--listen`; port 0 takes a free one")
}

/// The largest key file.
const LARGEST_KEY: u64 = 64 * 1024;

fn access_key(terminal: &Terminal, args: &ServeArgs) -> Result<Option<Secret>> {
    let (text, place) = if let Some(name) = &args.access_key_env {
        let text = Environment::process().get(name);
        let missing = || Error::new(Kind::Configuration, format!("the variable {name} is not set"));
        (text.ok_or_else(missing)?, format!("the variable {name}"))
    } else if let Some(file) = &args.access_key_file {
        warn_if_others_can_read(terminal, file);
        let text = files::read_input_text(file, LARGEST_KEY).map(Zeroizing::new);
        let unread = |error| {
            let message = format!("the access key {} cannot be read: {error}", file.display());
            Error::new(Kind::Configuration, message)
        };
        (text.map_err(unread)?, file.display().to_string())
    } else {
        return Ok(None);
    };
    let key = Secret::new(&text);
    let blank = || Error::new(Kind::Configuration, format!("{place} holds no access key"));
    Ok(Some(key.ok_or_else(blank)?))
}

fn warn_if_others_can_read(terminal: &Terminal, file: &Path) {
    // A file descriptor passed by the shell has no mode worth a warning.
    if !file.is_file() {
        return;
    }
    if let Some(exposure) = trust::readable(file) {
        terminal.warn(&format!(
            "other users can read the access key: {}; `{}` fixes that",
            exposure.message, exposure.fix
        ));
    } else if let Some(exposure) = trust::changeable(file) {
        terminal.warn(&format!(
            "other users can replace the access key: {}; `{}` fixes that",
            exposure.message, exposure.fix
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Format;

    fn key_in(content: &str) -> Result<Option<Secret>> {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("key");
        model_provider_host::files::write_private(&file, content.as_bytes()).expect("written");
        key_of(None, Some(file))
    }

    fn key_of(variable: Option<&str>, file: Option<std::path::PathBuf>) -> Result<Option<Secret>> {
        let args = ServeArgs {
            listen: ([127, 0, 0, 1], 0).into(),
            watch: None,
            every: std::time::Duration::from_secs(300),
            access_key_env: variable.map(Into::into),
            access_key_file: file,
            no_fallback: false,
        };
        access_key(&Terminal::new(Format::Text), &args)
    }

    #[test]
    fn an_access_key_comes_from_a_file_or_a_variable_and_is_not_shown() {
        let key = key_in("0123456789abcdef\n")
            .expect("a key")
            .expect("there is one");
        assert_eq!(key.expose(), "0123456789abcdef");
        assert!(key_of(None, None).expect("none is fine").is_none());
        for wrong in [
            key_in(" \n"),
            key_of(None, Some("/no/such/file".into())),
            key_of(Some("NO_SUCH_VARIABLE_IS_SET"), None),
        ] {
            assert_eq!(wrong.expect_err("no key").kind(), Kind::Configuration);
        }
    }
}
