//! `serve`: an OpenAI-compatible server for the models.

mod access;
mod config_files;

use std::sync::Arc;

use tokio::{net::TcpListener, sync::Notify};

use config_files::{Before, ConfigFiles};

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
    Error, ErrorKind, Host, Result, SwapReport, Watcher, contract::settings::CredentialState, sanitize,
};
use model_server::{
    Access, Audit, AuditOptions, Records, ServeLimits, ServeOptions, Server, Service, StoreModels, UsageFile,
};
use plugin_registry::{
    Reference, SCHEME,
    host::{Followed, follow_for},
};

pub(super) async fn run(terminal: Terminal, global: &Global, args: &ServeArgs) -> Outcome {
    // An invalid address or key is reported before anything is loaded.
    let before = Before::of(args);
    let access = access::read(terminal, args)?;
    // From here on to the end of the process, even if the terminal is gone.
    let hang_up = Arc::new(Notify::new());
    let hung_up = Arc::clone(&hang_up);
    let _hang_up = signals::on_hang_up(move || hung_up.notify_one());
    // The tag that is watched is the plugin, if none is named.
    let mut global = global.clone();
    if let (Some(Some(reference)), None) = (&args.watch, &global.plugin) {
        global.plugin = Some(reference.into());
    }
    let global = &global;
    let session = Session::for_many(terminal, global, args.calls_per_store).await?;
    let store = session.store.clone();
    let tag = followed_tag(args, &session)?;
    let records = records(args, &session)?;
    let mut changes = ConfigFiles::of(&session, args, &before);
    let (host, options) = options(terminal, global, args, session, access)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .map_err(|error| not_bound(args, &error))?;
    // A base URL given for one call says nothing about the usual service.
    if options.store_models.is_none() {
        terminal.note("the list of models is not cached: `--base-url` is for this call only");
    }
    let service = Service::with_records(host, options, records);
    let mut following = None;
    let _watcher = match tag {
        Some(tag) => {
            terminal.note(&format!("watching {tag}"));
            let hosts = service.clone();
            let host = move || hosts.host();
            let followed = follow_for(store, host, tag, args.every, report_to(terminal));
            following = Some(tokio::spawn(followed));
            None
        }
        None if args.watch.is_some() => Some(watch(terminal, &service)?),
        None => None,
    };
    warn_without_credential(terminal, &service.host());
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
    loop {
        tokio::select! {
            biased;
            () = &mut interrupted => break,
            () = hang_up.notified() => {}
            () = changes.changed(), if args.watch_config => {}
        }
        match reload(terminal, global, args, &server).await {
            Ok(files) => {
                changes = files;
                terminal.note("the configuration was reloaded");
            }
            Err(error) => {
                server.service().reload_refused();
                terminal.warn(&format!("the configuration was not reloaded: {error}"));
            }
        }
    }
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
    let failure = |message: &str| {
        Error::new(ErrorKind::Configuration, format!("--watch: {message}"))
            .with_hint("name the tag: `--watch oci://HOST/REPOSITORY:TAG`")
    };
    let reference = match named {
        Some(named) => session.store.reference(named)?,
        None if loaded.starts_with(SCHEME) => session.store.reference(&loaded)?,
        None if loaded == EMBEDDED_NAME => {
            return Err(failure(
                "the plugin that this program carries is no file that is replaced",
            ));
        }
        None => return Ok(None),
    };
    if reference.digest().is_some() {
        return Err(failure(&format!(
            "{reference} names a digest, which never stands for another plugin"
        )));
    }
    Ok(Some(reference))
}

/// Reloads configuration, token and keys for all new requests. If any of them is invalid, nothing changes.
async fn reload(
    terminal: Terminal,
    global: &Global,
    args: &ServeArgs,
    server: &Server,
) -> Result<ConfigFiles> {
    let before = Before::of(args);
    let access = access::read(terminal, args)?;
    let session = Session::again(terminal, global, &server.service().host()).await?;
    let files = ConfigFiles::of(&session, args, &before);
    let (host, options) = options(terminal, global, args, session, access)?;
    warn_without_credential(terminal, &host);
    let unchanged = server.reload(host, options)?;
    if !unchanged.is_empty() {
        let names = unchanged.join("`, `");
        terminal.warn(&format!(
            "`{names}` of the configuration takes effect after a restart only"
        ));
    }
    Ok(files)
}

/// The host and options of a server, at its start or after a reload.
fn options(
    terminal: Terminal,
    global: &Global,
    args: &ServeArgs,
    session: Session,
    access: Access,
) -> Result<(Host, ServeOptions)> {
    let mut fallbacks = session.configuration.default_model(&session.info)?.fallbacks;
    if args.no_fallback {
        fallbacks.clear();
    }
    // No default model is no error: each request may name its model.
    let default_models = chat::references(terminal, &session, None, args.no_fallback).unwrap_or_default();
    let params = chat::params(terminal, &session)?;
    let (configuration, info) = (session.configuration, session.info);
    let keep = global.base_url.is_none().then_some(());
    let mut options = ServeOptions::default()
        .with_default_models(default_models)
        .with_fallbacks(fallbacks)
        .with_params(params)
        .with_access(access);
    options.store_models =
        keep.map(|()| -> StoreModels { Box::new(move |catalog| configuration.write_models(&info, catalog)) });
    Ok((session.host, options))
}

/// The audit log, stored usage and span exporter, by the arguments.
fn records(args: &ServeArgs, session: &Session) -> Result<Records> {
    let limits = ServeLimits::of(&session.settings);
    let audit = args.audit.as_ref().map(|path| {
        Audit::open(
            AuditOptions::new(path)
                .with_max_bytes(limits.audit_bytes.into())
                .with_max_files(limits.audit_files),
        )
    });
    let usage = args.access_keys.as_ref().map(|_| {
        let usual = || session.configuration.state_dir().join("access-usage.json");
        UsageFile::open(args.access_usage.clone().unwrap_or_else(usual))
    });
    let records = Records::default()
        .with_audit(audit.transpose()?)
        .with_usage(usage.transpose()?);
    #[cfg(feature = "otel")]
    let records = records.with_spans(
        model_server::SpanOptions::from_variables(|name| std::env::var(name).ok())?
            .map(model_server::SpanExporter::start),
    );
    Ok(records)
}

/// Swaps whenever the plugin's file is replaced, and reports it. A refused file is in the log.
fn watch(terminal: Terminal, service: &Service) -> Result<Watcher> {
    terminal.note(&format!("watching {}", service.host().plugin().path().display()));
    let hosts = service.clone();
    Watcher::start_for(
        move || hosts.host(),
        move |swapped| {
            if let Ok(report) = swapped {
                say_live(terminal, &report);
            }
        },
    )
}

/// Reports the result after a tag moved. A refused version is in the log.
fn report_to(terminal: Terminal) -> impl FnMut(Followed) + Send {
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
async fn end(terminal: Terminal, server: Server) {
    let host = server.service().host();
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
fn warn_without_credential(terminal: Terminal, host: &Host) {
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
    Error::new(ErrorKind::Configuration, message)
        .with_hint("choose another address with `--listen`; port 0 takes a free one")
}
