//! The search for a marked token in all output, logs and files of the command line: every command, every kind of error,
//! responses that echo it, and files where it does not belong. All logs are on.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose as base64_engine};
use component_build::Build;
use futures::{StreamExt as _, stream};
use mock_router::{MockOptions, MockRouter, Script, scenarios};
use serde_json::json;

use crate::{
    guests,
    harness::built,
    program::{Ended, Program},
    secret_search::{TOKEN, found, in_json, lower_percent, percent, search_files, search_text},
};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
/// Where it may be: where the user put it.
const OWN_FILES: [&str; 4] = ["openclaw.json", ".env", "auth-profiles.json", "request.json"];

/// Fails if anything that a run left behind contains the token.
fn search(program: &Program, what: &str, ended: &Ended) {
    search_text(&format!("{what}: stdout"), ended.out.as_bytes());
    search_text(&format!("{what}: stderr"), ended.err.as_bytes());
    search_files(what, program.files(), &OWN_FILES);
}

pub async fn mock() -> MockRouter {
    MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router")
}

/// A program that has the token in its environment and logs as much as possible.
pub fn program() -> Program {
    Program::new().variable("HF_TOKEN", TOKEN)
}

/// Runs it against this router, with these arguments, and searches.
pub async fn run(program: &Program, base_url: &str, arguments: &[&str], stop: Option<Duration>) -> Ended {
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("it builds");
    let mut line = vec!["--plugin", plugin.to_str().expect("a path"), "-vvv"];
    if !base_url.is_empty() {
        line.extend(["--base-url", base_url]);
    }
    line.extend(arguments);
    let ended = program.run(&line, stop).await;
    search(program, &format!("{arguments:?}"), &ended);
    ended
}

/// The command names in the help's list.
fn commands(help: &str) -> Vec<&str> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| !line.trim().is_empty());
    let names = list.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| !matches!(*name, "help" | "demo")).collect()
}

#[tokio::test]
async fn no_command_shows_or_stores_the_token() {
    let mock = mock().await;
    let url = mock.base_url();
    let guest = tokio::task::spawn_blocking(guests::egress).await.unwrap();
    let holds = format!("My token is {TOKEN}.");
    let program = program();
    let asks = json!({ "messages": [{ "role": "user", "content": holds }] });
    program.write("request.json", &asks.to_string());
    let request = program.state().join("request.json");
    for format in ["text", "json", "ndjson"] {
        let commands: [&[&str]; 19] = [
            &["models"],
            &["models", "--all-variants", "--live"],
            &["resolve", "huggingface/Qwen/Qwen3-8B:cheapest"],
            &["resolve", "nobody knows this"],
            &["resolve", TOKEN],
            &["chat", "-m", MODEL, "Hello!"],
            &["chat", "-m", MODEL, "--no-stream", "Hello!"],
            &["chat", "-m", MODEL, &holds],
            &["chat", "-m", TOKEN, "Hello!"],
            &["chat", "-m", MODEL, "--system", &holds, "Hello!"],
            &["chat", "-m", MODEL, "--request", request.to_str().unwrap()],
            &["inspect"],
            &["grant", guest.to_str().unwrap(), "--yes"],
            &["mock-router", "--scenario", "list"],
            &["doctor"],
            &["completions", "bash"],
            &["completions", "fish"],
            &["man"],
            &["man", "onboard"],
        ];
        for command in commands {
            run(&program, &url, &[&["--format", format], command].concat(), None).await;
        }
    }
    let toured = run(&program, "", &["demo"], None).await;
    assert_eq!(toured.code, Some(0), "{toured:?}");
    // And every command without arguments; servers are stopped.
    let help = program.run(&["--help"], None).await.out;
    let names = commands(&help);
    assert!(names.len() >= 11 && names.contains(&"chat"), "{help}");
    for name in names {
        run(&program, &url, &[name], Some(Duration::from_secs(3))).await;
    }
    // The token was really there to be found.
    let sent = mock.requests();
    assert!(
        sent.iter()
            .any(|request| request.header("authorization") == Some(&format!("Bearer {TOKEN}")))
    );
    assert!(
        sent.iter().all(|request| found(&request.body).is_none()),
        "no prompt took it along"
    );
    let logged = run(&program, &url, &["chat", "-m", MODEL, "Hello!"], None).await;
    assert!(
        logged.err.contains("TRACE") || logged.err.contains("DEBUG"),
        "{}",
        logged.err
    );
    for library in ["hyper", "h2::", "rustls"] {
        assert!(
            !logged.err.contains(&format!(" {library}")),
            "{library} logs:\n{}",
            logged.err
        );
    }
}

#[tokio::test]
async fn no_ending_of_a_response_shows_the_token() {
    let mock = mock().await;
    let url = mock.base_url();
    let program = program();
    let names: Vec<&str> = scenarios().map(|(name, _)| name).collect();
    assert!(names.len() > 50);
    let quick = [
        "first-byte-timeout-ms=300",
        "idle-timeout-ms=300",
        "max-retries=0",
        "max-response-bytes=300000",
    ];
    let quick: Vec<&str> = quick.iter().flat_map(|setting| ["--set", setting]).collect();
    let asked = names.iter().map(|name| {
        let model = format!("huggingface/mock/{name}");
        let (program, url, quick) = (&program, &url, &quick);
        async move {
            let chat = [
                "--format",
                "json",
                "chat",
                "--no-fallback",
                "-m",
                &model,
                "Hello!",
            ];
            run(program, url, &[&quick[..], &chat].concat(), None).await
        }
    });
    let endings = stream::iter(asked).buffer_unordered(3).collect::<Vec<_>>().await;
    assert!(
        endings.iter().any(|ended| ended.code == Some(0))
            && endings.iter().any(|ended| ended.code == Some(1))
    );
}

/// Responses of an upstream that echoes what it was sent, in every place and form.
pub fn echoes() -> Vec<Script> {
    let base64 = |before: &str| base64_engine::STANDARD.encode(format!("{before}{TOKEN}"));
    let url_base64 = |before: &str| base64_engine::URL_SAFE_NO_PAD.encode(format!("{before}{TOKEN}"));
    let all = [
        TOKEN.to_owned(),
        percent(TOKEN),
        lower_percent(TOKEN),
        base64(""),
        base64("a"),
        base64("ab"),
        url_base64(""),
        url_base64("a"),
        url_base64("ab"),
        json!({ "nested": TOKEN }).to_string(),
    ];
    let chunk = |delta: serde_json::Value| json!({ "choices": [{ "index": 0, "delta": delta }] }).to_string();
    let mut scripts = Vec::new();
    for form in &all {
        let error = json!({ "error": { "message": form, "type": form, "code": form, "param": form } });
        for status in [400, 401, 402, 403, 404, 413, 422, 424, 429, 500, 503] {
            scripts.push(Script::json(status, &error).header("x-request-id", form.clone()));
        }
        scripts.push(Script::text(
            403,
            "text/html",
            format!("<html><title>{form}</title>{form}</html>"),
        ));
        scripts.push(Script::text(400, "text/plain", form.clone()));
        scripts.push(Script::text(200, "text/html", form.clone()));
        scripts.push(Script::raw(format!(
            "HTTP/1.1 200 {form}\r\n{form}: {form}\r\ncontent-length: 0\r\n\r\n"
        )));
        scripts.push(Script::raw(format!("{form}\r\n\r\n")));
        scripts.push(
            Script::sse([
                chunk(json!({ "content": form })),
                chunk(json!({ "reasoning_content": form })),
                chunk(json!({ "tool_calls": [{ "index": 0, "id": form, "function": { "name": form, "arguments": json!({ "a": form }).to_string() } }] })),
                json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": form }] }).to_string(),
                "[DONE]".to_owned(),
            ])
            .header("x-request-id", form.clone())
            .header("x-inference-provider", form.clone())
            .header("content-language", form.clone()),
        );
        scripts.push(Script::sse([
            chunk(json!({ "content": "so far" })),
            json!({ "error": { "message": form, "code": form, "http_status_code": 500 } }).to_string(),
        ]));
        scripts.push(Script::status(302).header("location", format!("https://else.test/?key={form}")));
        scripts.push(Script::sse([form]).header("content-encoding", "identity, x"));
    }
    scripts
}

#[tokio::test]
async fn a_token_echoed_by_an_upstream_is_redacted() {
    let mock = mock().await;
    let url = mock.base_url();
    let program = program();
    let mut blanked = 0;
    for (script, format) in echoes()
        .into_iter()
        .zip(["text", "json", "ndjson"].into_iter().cycle())
    {
        mock.push(script);
        let line = [
            "--format",
            format,
            "--set",
            "max-retries=0",
            "chat",
            "--no-fallback",
            "-m",
            MODEL,
            "Hello!",
        ];
        let ended = run(&program, &url, &line, None).await;
        blanked += usize::from(ended.out.contains("****") || ended.err.contains("****"));
    }
    assert!(blanked > 50, "only {blanked} responses had something to redact");
    let row = json!({ "data": [{ "id": format!("acme/{TOKEN}"), "name": TOKEN, "owned_by": TOKEN }, { "id": "acme/good" }] });
    for _ in 0..2 {
        mock.push_models(Script::json(200, &row).header("etag", TOKEN));
        run(&program, &url, &["models", "--live"], None).await;
    }
}

#[tokio::test]
async fn errors_in_a_file_or_a_flag_do_not_repeat_its_content() {
    let mock = mock().await;
    let url = mock.base_url();
    let token = in_json(TOKEN);
    let provider = |inner: String| format!("{{ models: {{ providers: {{ huggingface: {{ {inner} }} }} }} }}");
    let plugin = |inner: String| {
        format!("{{ plugins: {{ entries: {{ huggingface: {{ config: {{ {inner} }} }} }} }} }}")
    };
    let configurations = [
        provider(format!("apiKey: \"{token}\" baseUrl: 'https://a.test'")),
        provider(format!("apiKey: \"{token}")),
        provider(format!("apiKey: {TOKEN}")),
        provider(format!("apiKey: [\"{token}\"]")),
        provider(format!("apiKey: {{ \"{token}\": 1 }}")),
        provider(format!("\"{token}\": 1, apiKey: 7")),
        provider(format!("baseUrl: \"{token}\"")),
        provider(format!("baseUrl: \"https://a.test/?key={token}\"")),
        provider(format!("baseUrl: \"https://joe:{}@a.test/\"", percent(TOKEN))),
        provider(format!("baseUrl: \"https://{token}.test:port/\"")),
        provider(format!("headers: {{ 'X-A': [\"{token}\"] }}")),
        provider(format!("headers: {{ \"{token}\": 'x' }}")),
        provider(format!("headers: {{ 'X-A': \"{token}\\u0007\" }}")),
        provider(format!("models: [{{ id: 7, name: \"{token}\" }}]")),
        provider(format!("models: [{{ id: 'a/b', name: \"{token}\" }}]")),
        provider(format!(
            "models: [{{ id: 'a/b', cost: {{ input: \"{token}\" }} }}]"
        )),
        plugin(format!("'max-retries': \"{token}\"")),
        plugin(format!("discovery: \"{token}\"")),
        plugin(format!("'ca-file': \"{token}\"")),
        plugin(format!("'bill-to': \"{token}\"")),
        plugin(format!("'bill-to': {{ a: [\"{token}\"] }}")),
        plugin(format!("\"{token}\": 1")),
        plugin(format!("'base-url': \"{token}\"")),
        format!("{{ agents: {{ defaults: {{ model: \"{token}\" }} }} }}"),
        format!("{{ agents: {{ defaults: {{ model: [\"{token}\"] }} }} }}"),
        format!(
            "{{ agents: {{ defaults: {{ models: {{ 'huggingface/a/b': {{ alias: \"{token}\" }} }} }} }} }}"
        ),
        format!("{{ env: {{ vars: {{ HF_TOKEN: [\"{token}\"] }} }} }}"),
        format!("{{ env: {{ vars: {{ HF_TOKEN: \"{token}\" }}"),
    ];
    let commands: [&[&str]; 3] = [
        &["models"],
        &["resolve", MODEL],
        &["--format", "json", "chat", "-m", MODEL, "Hi"],
    ];
    let program = program();
    for configuration in &configurations {
        program.write("openclaw.json", configuration);
        for command in commands {
            run(
                &program,
                &url,
                &[command, &["--set", "max-retries=0"]].concat(),
                None,
            )
            .await;
        }
    }
    program.remove("openclaw.json");
    let files = [
        (".env", format!("HF_TOKEN=\"{TOKEN}\n")),
        (".env", format!("HF_TOKEN {TOKEN}\nexport {TOKEN}=x\n")),
        (".env", format!("HF_TOKEN={TOKEN}")),
        ("auth-profiles.json", format!("{{ \"profiles\": {{ \"huggingface:default\": {{ \"key\": \"{token}\" ")),
        ("auth-profiles.json", json!({ "profiles": { "huggingface:default": { "provider": "huggingface", "type": "api_key", "key": [TOKEN] } } }).to_string()),
        ("auth-profiles.json", json!({ "profiles": [TOKEN] }).to_string()),
        ("request.json", format!("{{ \"messages\": \"{token}")),
        ("request.json", json!({ "messages": [{ "role": TOKEN, "content": 1 }] }).to_string()),
    ];
    let without = Program::new();
    let request = without.state().join("request.json");
    for (name, content) in &files {
        without.write(name, content);
        for command in commands {
            run(&without, &url, command, None).await;
        }
        let line = ["chat", "-m", MODEL, "--request", request.to_str().unwrap()];
        run(&without, &url, &line, None).await;
        without.remove(name);
    }
    let flags: [&[&str]; 8] = [
        &["--set", &format!("max-retries={TOKEN}")],
        &["--set", &format!("discovery={TOKEN}")],
        &["--set", &format!("bill-to={TOKEN}")],
        &["--set", &format!("{TOKEN}=1")],
        &["--set", &format!("ca-file={TOKEN}")],
        &["--base-url", &format!("https://joe:{TOKEN}@a.test")],
        &["--base-url", TOKEN],
        &["--base-url", &format!("https://a.test/?key={}", percent(TOKEN))],
    ];
    for flag in flags {
        for command in commands {
            let url = if flag[0] == "--set" { url.as_str() } else { "" };
            run(&program, url, &[command, flag].concat(), None).await;
        }
    }
}

#[tokio::test]
async fn a_proxys_password_is_never_shown() {
    let password = percent(TOKEN);
    let mut program = Program::new().variable("HF_TOKEN", "hf_another_token");
    for proxy in [
        format!("http://joe:{password}@127.0.0.1:1"),
        format!("socks5h://joe:{password}@127.0.0.1:1"),
        format!("http://joe:{password}@127.0.0.1:port"),
        format!("http://joe:{TOKEN}@127.0.0.1:1"),
        format!("{password}://joe"),
        format!("http://joe:{password}@"),
        format!("ftp://joe:{password}@proxy.test"),
    ] {
        for variable in ["HTTPS_PROXY", "all_proxy"] {
            program = program.variable(variable, &proxy);
            let chat = [
                "--set",
                "max-retries=0",
                "--format",
                "json",
                "chat",
                "-m",
                MODEL,
                "Hi",
            ];
            let ended = run(&program, "https://router.test/v1", &chat, None).await;
            let all = ended.out + &ended.err;
            assert!(all.contains(variable), "{proxy}: {all}");
            program = program.variable(variable, "");
        }
    }
}
