//! Checks of the request that is sent: its URL, its headers, and what is refused before sending.

use model_provider_host::contract::{
    ChatRequest, ContentPart, Error, Extra, Media, MediaSource, Message, ProviderErrorKind,
    is_credential_optional, settings::CredentialState,
};
use serde_json::Value;

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, Setup, words},
    upstream::Seen,
};

checks! {
    "request/base-url", "Replaces `default-base-url`, with or without `/` at its end. The host blocks requests to any other origin." => base_url;
    "request/no-credential-header", "The host adds it to every request. A plugin that sets that header itself is refused." => no_credential_header;
    "request/no-host-headers", "The host's egress policy blocked the request: destination, header or size." => no_host_headers;
    "request/without-credential", "There is none. A call that needs one fails as `unauthenticated` and sends nothing." => without_credential;
    "request/credential-not-required", "None is needed (a local server)." => credential_not_required;
    "request/wire-id", "What the plugin sends as the model's name." => wire_id;
    "request/model-by-alias", "Any text that `resolve-ref` accepts; `canonical` is the fastest." => model_by_alias;
    "request/invalid-model", "Not a valid model reference, or an alias of two models." => invalid_model;
    "request/open-is-not-sent", "A field that is `none` or empty is not sent, so that the upstream's own default holds." => open_is_not_sent;
    "request/no-messages", "The conversation, oldest first; at least one message." => no_messages;
    "request/order", "The conversation, oldest first; at least one message." => order;
    "request/not-finite", "Sampling temperature, 0 to 2. Here and below, a number that is not finite is `invalid-request`." => not_finite;
    "request/reserved-extras", "A key that another field of this request already writes, and `model`, `messages`, `stream`, `stream_options` and `n`, are `invalid-request`." => reserved_extras;
    "request/doubled-extras", "A key that another field of this request already writes, and `model`, `messages`, `stream`, `stream_options` and `n`, are `invalid-request`." => doubled_extras;
    "request/known-modality", "A modality that the model is known not to accept is `unsupported`." => known_modality;
    "request/whole-is-refused-alike", "Sends a request and waits for the whole response: the events of `chat-stream`, collected." => whole_is_refused_alike;
    "request/one-request", "How many requests were sent: 1 if the first one succeeded." => one_request;
}

/// The only request of a chat that succeeds.
pub(crate) async fn sent(setup: Setup<'_>, request: &ChatRequest) -> Result<Seen, Verdict> {
    let mut session = setup.chat("text")?.start().await?;
    let heard = session.hear(request).await?;
    match (session.upstream.seen().into_iter().next(), heard.end) {
        (Some(seen), Ok(_)) => Ok(seen),
        (_, Err(error)) => Err(failed("a response", words(&error))),
        (None, Ok(_)) => Err(failed("a request", "none")),
    }
}

/// The error of a request that is refused before it is sent.
async fn refused(
    bench: &Bench,
    setup: Setup<'_>,
    request: &ChatRequest,
    kinds: &[ProviderErrorKind],
) -> Result<Error, Verdict> {
    let mut session = setup.chat("text")?.start().await?;
    let heard = session.hear(request).await?;
    let expected = format!("an error of kind {kinds:?}, and nothing sent");
    let _ = bench;
    match heard.end {
        Err(error) => {
            let count = session.upstream.seen().len();
            let is_counted = error.request_sent || error.attempts > 0;
            let is_so = kinds.contains(&error.kind) && count == 0 && !is_counted;
            expect(is_so, expected, || {
                format!(
                    "{}; {count} requests, `request-sent` {}, `attempts` {}",
                    words(&error),
                    error.request_sent,
                    error.attempts
                )
            })?;
            Ok(error)
        }
        Ok(_) => Err(failed(expected, "a response")),
    }
}

async fn base_url(bench: &Bench) -> Result<(), Verdict> {
    let mut found = Vec::new();
    for url in [
        "http://upstream.test/base/v1",
        "http://upstream.test/base/v1/",
        "http://upstream.test:81/base/v1",
    ] {
        let setup = bench
            .with()
            .settings(|snapshot| snapshot.base_url = Some(url.to_owned()));
        let seen = sent(setup, &bench.question()).await?;
        let start = url.trim_end_matches('/');
        let uri = seen.uri.to_string();
        let rest = uri.strip_prefix(start).map(str::to_owned);
        let Some(rest) = rest.filter(|rest| !rest.starts_with("//")) else {
            return Err(failed(format!("a request below {url}"), uri));
        };
        found.push(rest);
    }
    expect(
        found.windows(2).all(|pair| pair[0] == pair[1]),
        "the same path below each base URL",
        || format!("{found:?}"),
    )
}

async fn denied(bench: &Bench) -> Result<Vec<String>, Verdict> {
    let setup = bench.with().chat("text")?;
    let setup = setup.list("list").or_else(|_| bench.with().chat("text"))?;
    let mut session = setup.start().await?;
    session.hear(&bench.question()).await?;
    let _ = session
        .instance
        .list(model_provider_host::contract::DiscoveryMode::Always)
        .await?;
    Ok(session.upstream.denied())
}

async fn no_credential_header(bench: &Bench) -> Result<(), Verdict> {
    let Some(spec) = &bench.info().credential else {
        return Err(not_tested("it needs no credential"));
    };
    let denied = denied(bench).await?;
    let is_set = denied.iter().any(|name| name.eq_ignore_ascii_case(&spec.header));
    expect(!is_set, format!("no header `{}`", spec.header), || {
        "it sets that header".to_owned()
    })
}

async fn no_host_headers(bench: &Bench) -> Result<(), Verdict> {
    let credential = bench
        .info()
        .credential
        .as_ref()
        .map(|spec| spec.header.to_ascii_lowercase());
    let denied = denied(bench).await?;
    let other = denied.iter().find(|name| Some(*name) != credential.as_ref());
    expect(
        other.is_none(),
        "no header that belongs to the connection",
        || format!("it sets `{denied:?}`"),
    )
}

async fn without_credential(bench: &Bench) -> Result<(), Verdict> {
    if bench.info().credential.is_none() {
        return Err(not_tested("it needs no credential"));
    }
    let setup = bench
        .with()
        .settings(|snapshot| snapshot.credential = CredentialState::Missing);
    if is_credential_optional(bench.info()) {
        // By its own words no call needs one.
        return sent(setup, &bench.question()).await.map(|_| ());
    }
    refused(
        bench,
        setup,
        &bench.question(),
        &[ProviderErrorKind::Unauthenticated],
    )
    .await?;
    Ok(())
}

async fn credential_not_required(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench
        .with()
        .settings(|snapshot| snapshot.credential = CredentialState::NotRequired);
    sent(setup, &bench.question()).await.map(|_| ())
}

async fn wire_id(bench: &Bench) -> Result<(), Verdict> {
    let wire_id = bench.resolved().await?.wire_id;
    let seen = sent(bench.with(), &bench.question()).await?;
    // A longer name that ends in it is another name.
    let in_path = format!("{}/", seen.uri.path()).contains(&format!("/{wire_id}/"));
    let in_body = match serde_json::from_slice::<Value>(&seen.body) {
        Ok(body) => has_text(&body, &wire_id),
        Err(_) => seen.text().contains(&wire_id),
    };
    expect(in_path || in_body, format!("`{wire_id}` in the request"), || {
        seen.text()
    })
}

/// Whether it is one of the texts of a JSON value.
fn has_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| has_text(item, wanted)),
        Value::Object(members) => members.values().any(|member| has_text(member, wanted)),
        _ => false,
    }
}

async fn model_by_alias(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let setup = bench
        .with()
        .alias("My Favourite", &known.canonical)
        .chat("text")?;
    let mut session = setup.start().await?;
    let request = ChatRequest {
        model: " my  favourite ".to_owned(),
        ..bench.question()
    };
    let heard = session.hear(&request).await?;
    match heard.end {
        Ok(summary) => expect(
            summary.model == known.canonical,
            format!("`{}`", known.canonical),
            || summary.model.clone(),
        ),
        Err(error) => Err(failed("a response", words(&error))),
    }
}

async fn invalid_model(bench: &Bench) -> Result<(), Verdict> {
    let request = ChatRequest {
        model: format!("{}/", bench.info().id),
        ..bench.question()
    };
    refused(
        bench,
        bench.with(),
        &request,
        &[ProviderErrorKind::InvalidReference],
    )
    .await?;
    Ok(())
}

async fn open_is_not_sent(bench: &Bench) -> Result<(), Verdict> {
    let seen = sent(bench.with(), &bench.question()).await?;
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&seen.body) else {
        return Err(not_tested("the body of a request is not a JSON object"));
    };
    let is_open = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    let open = body.iter().find(|(_, value)| is_open(value));
    expect(open.is_none(), "no member for a field that is left open", || {
        format!("{open:?}")
    })
}

async fn no_messages(bench: &Bench) -> Result<(), Verdict> {
    refused(
        bench,
        bench.with(),
        &bench.request(Vec::new()),
        &[ProviderErrorKind::InvalidRequest],
    )
    .await?;
    Ok(())
}

async fn order(bench: &Bench) -> Result<(), Verdict> {
    let said = ["kit-one", "kit-two", "kit-three", "kit-four"];
    let seen = sent(
        bench.with(),
        &bench.request(vec![
            Message::system(said[0]),
            Message::user(said[1]),
            Message::assistant(said[2]),
            Message::user(said[3]),
        ]),
    )
    .await?;
    let text = seen.text();
    let places: Vec<Option<usize>> = said.iter().map(|word| text.find(word)).collect();
    // Some APIs have a separate field for the system prompt.
    let is_ordered = places.iter().all(Option::is_some) && places[1] < places[2] && places[2] < places[3];
    expect(is_ordered, "all four messages, in their order", || text.clone())
}

async fn not_finite(bench: &Bench) -> Result<(), Verdict> {
    let with = |change: fn(&mut ChatRequest)| {
        let mut request = bench.question();
        change(&mut request);
        request
    };
    for request in [
        with(|request| request.temperature = Some(f64::NAN)),
        with(|request| request.temperature = Some(f64::INFINITY)),
        with(|request| request.top_p = Some(f64::NEG_INFINITY)),
        with(|request| request.frequency_penalty = Some(f64::NAN)),
        with(|request| request.presence_penalty = Some(f64::NAN)),
    ] {
        refused(
            bench,
            bench.with(),
            &request,
            &[ProviderErrorKind::InvalidRequest],
        )
        .await?;
    }
    Ok(())
}

fn with_extra(bench: &Bench, key: &str, value_json: &str) -> ChatRequest {
    let extra = Extra {
        key: key.to_owned(),
        value_json: value_json.to_owned(),
    };
    ChatRequest {
        extras: vec![extra],
        ..bench.question()
    }
}

async fn reserved_extras(bench: &Bench) -> Result<(), Verdict> {
    for (key, json) in [
        ("model", "\"other\""),
        ("messages", "[]"),
        ("stream", "false"),
        ("stream_options", "{}"),
        ("n", "2"),
    ] {
        let request = with_extra(bench, key, json);
        refused(
            bench,
            bench.with(),
            &request,
            &[ProviderErrorKind::InvalidRequest],
        )
        .await?;
    }
    Ok(())
}

async fn doubled_extras(bench: &Bench) -> Result<(), Verdict> {
    let plain = ChatRequest {
        temperature: Some(0.625),
        ..bench.question()
    };
    let seen = sent(bench.with(), &plain).await?;
    if !seen.text().contains("\"temperature\"") {
        return Err(not_tested("it does not write a member `temperature`"));
    }
    let request = ChatRequest {
        temperature: Some(0.625),
        ..with_extra(bench, "temperature", "1")
    };
    refused(
        bench,
        bench.with(),
        &request,
        &[ProviderErrorKind::InvalidRequest],
    )
    .await?;
    Ok(())
}

async fn known_modality(bench: &Bench) -> Result<(), Verdict> {
    let known = bench.resolved().await?;
    let name = format!("{}-configured", known.model);
    let image = Media::new(
        "image/png",
        MediaSource::Url("https://pictures.test/kit.png".to_owned()),
    );
    let request = ChatRequest {
        model: format!("{}/{name}", bench.info().id),
        ..bench.request(vec![Message::user_parts(vec![ContentPart::Media(image)])])
    };
    let setup = bench.with().configured(super::list::configured(&name));
    refused(bench, setup, &request, &[ProviderErrorKind::Unsupported]).await?;
    Ok(())
}

async fn whole_is_refused_alike(bench: &Bench) -> Result<(), Verdict> {
    let mut not_finite = bench.question();
    not_finite.temperature = Some(f64::NAN);
    let unnamed = ChatRequest {
        model: format!("{}/", bench.info().id),
        ..bench.question()
    };
    for request in [bench.request(Vec::new()), not_finite, unnamed] {
        let mut session = bench.with().chat("text")?.start().await?;
        let Err(streamed) = session.hear(&request).await?.end else {
            return Err(failed("an error by `chat-stream`", "a response"));
        };
        let whole = session.instance.complete(&request).await?;
        let count = session.upstream.seen().len();
        let is_so = matches!(&whole, Err(error) if error.kind == streamed.kind) && count == 0;
        expect(
            is_so,
            format!("by `chat-complete` too: {}, and nothing sent", words(&streamed)),
            || match &whole {
                Err(error) => format!("{}; {count} requests", words(error)),
                Ok(_) => format!("a response; {count} requests"),
            },
        )?;
    }
    Ok(())
}

async fn one_request(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().chat("text")?.start().await?;
    let heard = session.hear(&bench.question()).await?;
    let count = session.upstream.seen().len();
    match heard.end {
        Ok(summary) => expect(
            summary.attempts == 1 && count == 1,
            "one request, `attempts` 1",
            || format!("{count} requests, `attempts` {}", summary.attempts),
        ),
        Err(error) => Err(failed("a response", words(&error))),
    }
}
