//! Checks of a plugin's description, and of whether the plugin complies with it.

use model_provider_host::contract::{DiscoveryMode, Routing, settings::CredentialState};

use crate::{
    check::{Verdict, checks, expect, failed, not_tested},
    session::{Bench, words},
};

checks! {
    "describe/imports", "Its toolchain adds the imports that it needs of `wasi:http`, `wasi:io` and `wasi:clocks` 0.2. A host offers these; it may refuse others" => imports;
    "describe/id", "Lower-case letters, digits and `-`: the prefix of model references, and the key in a configuration." => id;
    "describe/always-the-same", "Describes the plugin. Always the same; uses neither network nor settings." => always_the_same;
    "describe/no-settings", "Describes the plugin. Always the same; uses neither network nor settings." => no_settings;
    "describe/default-base-url", "Where requests are sent unless the settings say otherwise." => default_base_url;
    "describe/endpoint-form", "The path below the base URL's own, with `/` at its beginning and none at its end:" => endpoint_form;
    "describe/endpoints", "What the plugin sends there. The host blocks every other method and path." => endpoints;
    "describe/default-model", "The model reference to start with." => default_model;
    "describe/policies", "Whether it takes the choice of a backend from the person." => policies;
    "describe/credential", "The header that carries it: `authorization`." => credential;
    "describe/extras", "`-json` in a name is one JSON value as text, `-ms` is milliseconds." => extras;
}

const OFFERED: [&str; 5] = [
    "openclaw:model-provider/types@0.2",
    "openclaw:model-provider/settings@0.2",
    "wasi:http/",
    "wasi:io/",
    "wasi:clocks/monotonic-clock@0.2",
];

async fn imports(bench: &Bench) -> Result<(), Verdict> {
    let offered = |name: &str| OFFERED.iter().any(|offered| name.starts_with(offered));
    let imports = bench.subject.imports.iter().map(String::as_str);
    let others: Vec<&str> = imports.filter(|name| !offered(name)).collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(not_tested(format!(
        "it also imports {}; the kit offers them empty, other hosts may refuse them",
        others.join(", ")
    )))
}

async fn id(bench: &Bench) -> Result<(), Verdict> {
    let id = &bench.info().id;
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    expect(
        !id.is_empty() && id.bytes().all(plain),
        "lower-case letters, digits and `-`",
        || format!("`{id}`"),
    )
}

async fn always_the_same(bench: &Bench) -> Result<(), Verdict> {
    let setup = bench.with().list("list").or_else(|_| Ok(bench.with()))?;
    let setup = setup.settings(|snapshot| {
        snapshot.base_url = Some("http://elsewhere.test".to_owned());
        snapshot.credential = CredentialState::Missing;
    });
    let mut session = setup
        .configured(super::list::configured("acme/configured"))
        .start()
        .await?;
    for what in ["in another instance", "a second time", "after other calls"] {
        let now = session.instance.describe().await?;
        let differs = || format!("{what}: {now:?}");
        expect(
            now == *bench.info(),
            format!("as before: {:?}", bench.info()),
            differs,
        )?;
        if what == "a second time" {
            // The results do not matter here.
            let _ = session.instance.resolve(bench.model()).await?;
            let _ = session.instance.list(DiscoveryMode::Off).await?;
        }
    }
    Ok(())
}

async fn no_settings(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().start().await?;
    session.instance.describe().await?;
    let calls = session.instance.store.data().host_settings.calls;
    let sent = session.upstream.begun();
    expect(
        calls == 0 && sent == 0,
        "no call of `settings` and no request",
        || format!("{calls} calls of `settings`, {sent} requests"),
    )
}

async fn default_base_url(bench: &Bench) -> Result<(), Verdict> {
    let url = &bench.info().default_base_url;
    let parsed = url
        .parse::<http::Uri>()
        .ok()
        .filter(|url| url.authority().is_some() && matches!(url.scheme_str(), Some("http" | "https")));
    let Some(base) = parsed else {
        return Err(failed("an http or https URL", format!("`{url}`")));
    };
    let setup = bench
        .with()
        .chat("text")?
        .settings(|snapshot| snapshot.base_url = None);
    let mut session = setup.start().await?;
    session.hear(&bench.question()).await?;
    let seen = session.upstream.seen();
    let Some(request) = seen.first() else {
        return Err(failed(format!("a request to {url}"), "no request"));
    };
    let path = base.path().trim_end_matches('/');
    let is_there = request.uri.authority() == base.authority()
        && request.uri.scheme() == base.scheme()
        && request.uri.path().starts_with(path);
    expect(is_there, format!("a request below {url}"), || {
        request.uri.to_string()
    })
}

async fn endpoint_form(bench: &Bench) -> Result<(), Verdict> {
    for endpoint in &bench.info().endpoints {
        let method = &endpoint.method;
        let is_method = !method.is_empty() && method.bytes().all(|c| c.is_ascii_uppercase());
        expect(is_method, "a method in upper case", || format!("`{method}`"))?;
        let path = &endpoint.path;
        let is_path = path.is_empty() || (path.starts_with('/') && !path.ends_with('/'));
        expect(
            is_path,
            "a path with `/` at its beginning and none at its end, or none",
            || format!("`{path}`"),
        )?;
    }
    Ok(())
}

/// Whether a request below the base URL of the sessions is one of the endpoints.
fn is_endpoint(bench: &Bench, method: &http::Method, path: &str) -> bool {
    bench.info().endpoints.iter().any(|endpoint| {
        let rest = path
            .strip_prefix("/base/v1")
            .and_then(|rest| rest.strip_prefix(endpoint.path.as_str()));
        let is_below =
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || endpoint.path.is_empty());
        endpoint.method == method.as_str() && is_below
    })
}

async fn endpoints(bench: &Bench) -> Result<(), Verdict> {
    let mut session = bench.with().chat("text")?.list("list")?.start().await?;
    session.hear(&bench.question()).await?;
    session.list(DiscoveryMode::Always).await?;
    for request in session.upstream.seen() {
        let is_one = is_endpoint(bench, &request.method, request.uri.path());
        expect(is_one, "only requests that `endpoints` names", || {
            format!("{} {}", request.method, request.uri)
        })?;
    }
    Ok(())
}

async fn default_model(bench: &Bench) -> Result<(), Verdict> {
    let Some(model) = &bench.info().default_model else {
        return Err(not_tested("it names no default model"));
    };
    let mut session = bench.with().start().await?;
    let resolved = session.instance.resolve(model).await?;
    let resolved = resolved.map_err(|error| failed(format!("`{model}` resolves"), words(&error)))?;
    expect(
        resolved.canonical == *model,
        "a reference in its canonical spelling",
        || format!("`{model}`, canonical `{}`", resolved.canonical),
    )
}

async fn policies(bench: &Bench) -> Result<(), Verdict> {
    if bench.info().policies.is_empty() {
        return Err(not_tested("it names no policies"));
    }
    let plain = bench.resolved().await?;
    let base = format!("{}/{}", bench.info().id, plain.model);
    for policy in &bench.info().policies {
        let reference = format!("{base}:{}", policy.suffix);
        let mut session = bench.with().start().await?;
        let resolved = session.instance.resolve(&reference).await?;
        let resolved = resolved.map_err(|error| failed(format!("`{reference}` resolves"), words(&error)))?;
        let expected = format!("routing by the policy, provider-locked {}", policy.locks_provider);
        let is_so = resolved.routing == Routing::Policy(policy.suffix.clone())
            && resolved.provider_locked == policy.locks_provider;
        expect(is_so, expected, || {
            format!(
                "`{reference}`: {:?}, provider-locked {}",
                resolved.routing, resolved.provider_locked
            )
        })?;
    }
    Ok(())
}

async fn credential(bench: &Bench) -> Result<(), Verdict> {
    let Some(spec) = &bench.info().credential else {
        return Err(not_tested("it needs no credential"));
    };
    let is_header = http::HeaderName::try_from(spec.header.as_str()).is_ok();
    expect(is_header, "the name of a header", || format!("`{}`", spec.header))?;
    let is_value = http::HeaderValue::try_from(spec.prefix.as_str()).is_ok();
    expect(is_value, "a prefix that a header can hold", || {
        format!("{:?}", spec.prefix)
    })?;
    let is_variable = |name: &String| !name.is_empty() && !name.contains(['=', '\0', ' ']);
    let odd = spec.env_vars.iter().find(|name| !is_variable(name));
    expect(odd.is_none(), "names of environment variables", || {
        format!("{:?}", spec.env_vars)
    })
}

async fn extras(bench: &Bench) -> Result<(), Verdict> {
    for extra in &bench.info().extras {
        let is_json = serde_json::from_str::<serde_json::Value>(&extra.value_json).is_ok();
        expect(
            is_json,
            format!("one JSON value in the extra `{}`", extra.key),
            || extra.value_json.clone(),
        )?;
    }
    Ok(())
}
