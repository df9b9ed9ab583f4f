//! `health`: checks whether a server is ready, for containers without `curl`.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, body::Bytes, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Failure, Outcome, args::HealthArgs};
use model_provider_host::{Error, ErrorKind};

/// The timeout, and the size limit of the response.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: usize = 64 * 1024;

pub(super) async fn run(args: &HealthArgs) -> Outcome {
    let response = tokio::time::timeout(PATIENCE, ask(args)).await;
    let (status, body) = response
        .unwrap_or_else(|_| Err("no response in time".to_owned()))
        .map_err(|why| not_ready(args, &why))?;
    if status == 200 {
        return Ok(());
    }
    Err(not_ready(args, &format!("{status} {}", body.trim())))
}

async fn ask(args: &HealthArgs) -> Result<(u16, String), String> {
    let url = &args.url;
    let ("http", Some(host)) = (url.scheme(), url.host_str()) else {
        return Err("expected a URL that begins with http://".to_owned());
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await;
    let stream = TokioIo::new(stream.map_err(|error| text(&error))?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|error| text(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::get(url.path())
        .header(header::HOST, format!("{host}:{port}"))
        .body(Empty::<Bytes>::new())
        .map_err(|error| text(&error))?;
    let response = sender.send_request(request).await.map_err(|error| text(&error))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    connection.abort();
    let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
    Ok((status, body.unwrap_or_default()))
}

fn not_ready(args: &HealthArgs, why: &str) -> Failure {
    Error::new(
        ErrorKind::Configuration,
        format!("{} is not ready: {why}", args.url),
    )
    .with_hint("`serve` prints where it listens; its log says more")
    .into()
}
