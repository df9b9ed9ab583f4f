//! The export: handles one request of a client. Knows addresses; each has its handler in a module of its own.

use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use wasi::{
    exports::http::incoming_handler::Guest,
    http::types::{IncomingRequest, ResponseOutparam},
};

use dialects::{
    api_error::ApiError,
    chat_completions::reasoning::ReasoningField,
    dialect::Dialect,
    messages,
    server::{
        addresses::{CHAT_COMPLETIONS, COUNT_TOKENS, Dialects, MESSAGES, RESPONSES},
        refusals,
    },
};

use crate::{
    access,
    bindings::{Options, configuration, provider},
    body, completion, models,
    output::{Client, Gone},
    request::Head,
};

/// The path of the liveness probe, which needs no key.
pub(crate) const HEALTH: &str = "/healthz";
const MODELS: &str = "/v1/models";

/// A response that is JSON, or an error.
pub(crate) type JsonResponse = Result<String, ApiError>;

struct Gateway;

impl Guest for Gateway {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let (head, error) = Head::of(&request);
        let dialects = Dialects::new(ReasoningField::default());
        let dialect = dialects.of(head.uri.path(), &head.headers).as_ref();
        let mut client = Client::new(out, head.method == Method::HEAD);
        if let Some(name) = dialect.request_id_header() {
            client.with(name, &head.id);
        }
        client.with(http::HeaderName::from_static("x-request-id"), &head.id);
        let sent = match error {
            Some(error) => refuse(client, dialect, &head, &error),
            None => respond(&request, &head, dialect, client),
        };
        // A client that disconnected gets no response; its request has been dropped.
        let _: Result<(), Gone> = sent;
    }
}

fn respond(
    request: &IncomingRequest,
    head: &Head,
    dialect: &dyn Dialect,
    client: Client,
) -> Result<(), Gone> {
    let options = match configuration::load() {
        Ok(options) => options,
        Err(why) => return refuse(client, dialect, head, &misconfigured(head, &why)),
    };
    let checked = access::check(head, &options).and_then(|()| {
        let path = head.uri.path();
        let (gets, posts) = (
            matches!(head.method, Method::GET | Method::HEAD),
            head.method == Method::POST,
        );
        let id = path.strip_prefix(MODELS).and_then(|rest| rest.strip_prefix('/'));
        match (path, id) {
            (CHAT_COMPLETIONS | RESPONSES | MESSAGES, _) if posts => Ok(None),
            (COUNT_TOKENS, _) if posts => count(request, head, &options).map(Some),
            (MODELS, _) if gets => models::list(head, options.discovery).map(Some),
            (_, Some(id)) if gets && !id.is_empty() => models::one(head, id, options.discovery).map(Some),
            (HEALTH, _) if gets => Ok(Some(health())),
            (CHAT_COMPLETIONS | RESPONSES | MESSAGES | COUNT_TOKENS | MODELS | HEALTH, _) | (_, Some(_)) => {
                Err(refusals::wrong_method())
            }
            _ => Err(refusals::not_found(path, " and /healthz")),
        }
    });
    match checked {
        Ok(Some(json)) => client.json(StatusCode::OK, HeaderMap::new(), &json),
        Ok(None) => completion::respond(request, head, dialect, &options, client),
        Err(error) => refuse(client, dialect, head, &error),
    }
}

/// Writes an error in the client's dialect.
pub(crate) fn refuse(
    client: Client,
    dialect: &dyn Dialect,
    head: &Head,
    error: &ApiError,
) -> Result<(), Gone> {
    let body = dialect.error(error, &head.id).to_string();
    let headers = refusals::headers_of(error).collect();
    client.json(dialect.status(error), headers, &body)
}

/// Nobody is served by halves: with other settings than were meant, requests would go elsewhere, or let anybody in.
fn misconfigured(head: &Head, why: &str) -> ApiError {
    eprintln!("the gateway's settings cannot be taken: {why}");
    let message = if head.uri.path() == HEALTH {
        "the gateway's settings cannot be taken".to_owned()
    } else {
        format!("the gateway's settings cannot be taken: {why}")
    };
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "server_error",
        "configuration",
        &message,
    )
}

fn health() -> String {
    json!({ "status": "ok", "version": provider::describe().version }).to_string()
}

#[allow(clippy::result_large_err, reason = "an error is made once a request")]
fn count(request: &IncomingRequest, head: &Head, options: &Options) -> JsonResponse {
    let bytes = body::receive(request, &head.headers, options.max_body_bytes)?;
    Ok(messages::count_tokens(&bytes)?.to_string())
}

#[allow(unsafe_code, reason = "the exported symbols of the component, generated")]
mod exported {
    use super::Gateway;
    wasi::http::proxy::export!(Gateway);
}
