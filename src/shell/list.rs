//! `list-models` over HTTP: one request, within one time limit, up to one size.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use wasi::http::types::Method;

use super::{
    failure,
    http::{self, Alarm, Endpoint, Exchange, Head, Piece},
    settings::Imported,
};
use huggingface_protocol::{
    catalog,
    contract::{
        settings::Snapshot,
        types::{DiscoveryMode, ModelCatalog},
    },
    error, provider,
    settings::Settings as _,
};

/// Of an answer that is no list, this much is read for its message.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Lists the models: asks if it may, and gives the bundled list with the reason if that brings nothing.
pub(crate) fn list_models(mode: DiscoveryMode) -> ModelCatalog {
    let settings = Imported;
    let snapshot = settings.get();
    if let Err(why) = catalog::should_ask(mode, snapshot.credential) {
        return catalog::offline(mode, &settings, why);
    }
    match fetch(&snapshot) {
        Ok(body) => catalog::from_list(&body, &settings),
        Err(why) => catalog::offline(mode, &settings, Vec::from([catalog::not_live(&why)])),
    }
}

/// Gets the list's bytes, or says why not.
fn fetch(snapshot: &Snapshot) -> Result<Vec<u8>, String> {
    let base = snapshot.base_url.as_deref().unwrap_or(provider::DEFAULT_BASE_URL);
    let endpoint =
        Endpoint::new(base, "/models").ok_or_else(|| format!("`{base}` is no http or https URL"))?;
    let headers = [
        ("accept".to_string(), b"application/json".to_vec()),
        ("user-agent".to_string(), provider::USER_AGENT.as_bytes().to_vec()),
    ];
    let mut clock = Clock::start(snapshot.list_timeout_ms);
    let failed = |failed| failure::message(&failed);
    let sent = http::send(
        Method::Get,
        &endpoint,
        &headers,
        snapshot.connect_timeout_ms,
        None,
    )
    .map_err(failed)?;
    let (exchange, head) = clock.head(sent)?;
    let ok = (200..300).contains(&head.status);
    let most = if ok {
        catalog::MAX_LIST_BYTES
    } else {
        MAX_ERROR_BYTES
    };
    let mut body = Vec::new();
    loop {
        match exchange.read().map_err(failed)? {
            Piece::Bytes(bytes) => body.extend_from_slice(&bytes),
            Piece::Nothing => clock.wait(&exchange)?,
            Piece::End => break,
        }
        if body.len() > most {
            if ok {
                return Err(format!("its answer is longer than {most} bytes"));
            }
            break;
        }
    }
    if ok {
        return Ok(body);
    }
    let error = error::from_response(head.status, &head.headers, &body);
    Err(format!("it answered {}: {}", head.status, error.message))
}

/// The one time limit of the whole list.
struct Clock {
    ends: u64,
    alarm: Alarm,
    limit_ms: u32,
}

impl Clock {
    fn start(limit_ms: u32) -> Self {
        Self {
            ends: http::now().saturating_add(u64::from(limit_ms) * 1_000_000),
            alarm: Alarm::default(),
            limit_ms,
        }
    }

    fn wait(&mut self, exchange: &Exchange) -> Result<(), String> {
        if self.alarm.wait(exchange, self.ends) {
            Ok(())
        } else {
            Err(format!("no whole answer within {} ms", self.limit_ms))
        }
    }

    fn head(&mut self, mut exchange: Exchange) -> Result<(Exchange, Head), String> {
        loop {
            self.wait(&exchange)?;
            match exchange.head().map_err(|failed| failure::message(&failed))? {
                (answering, Some(head)) => return Ok((answering, head)),
                (waiting, None) => exchange = waiting,
            }
        }
    }
}
