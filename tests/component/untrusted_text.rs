//! Third-party text on its way to the user: whatever a plugin or an upstream sends, no command lets it control the terminal
//! or write a forged line.

use component_build::Build;
use mock_router::{MockOptions, MockRouter};

use crate::{
    guests::Files,
    harness::{TOKEN, built},
    http::Client,
    program::{Ended, Program},
    terminal::{Home, key, person},
};

/// Characters that control a terminal, or change the order in which a line is read; `\n` and `\t` do not.
fn is_dangerous(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{206f}')
}

/// A line that only this program may begin, and that third-party text tries to begin.
fn is_forged(line: &str) -> bool {
    let forged = [
        "2026-01-01T00:00:00Z ERROR",
        "digest     sha256:forged",
        "\u{2713} forged",
        "error[forged]",
        "forged",
    ];
    forged.iter().any(|begin| line.trim_start().starts_with(begin))
}

#[track_caller]
fn harmless(what: &str, text: &str) {
    for line in text.lines() {
        let odd: Vec<char> = line.chars().filter(|c| is_dangerous(*c)).collect();
        assert!(odd.is_empty(), "{what} writes {odd:?} in {line:?}");
        assert!(!is_forged(line), "{what} lets a line be forged: {line:?}");
    }
}

async fn hostile(orders: &[(&'static str, &'static str)]) -> (Files, String) {
    let orders: Vec<_> = orders.to_vec();
    tokio::task::spawn_blocking(move || {
        let files = Files::new();
        let plugin = files.ordered("texts", orders).to_string_lossy().into_owned();
        (files, plugin)
    })
    .await
    .expect("it builds")
}

#[tokio::test]
async fn no_text_of_a_plugin_controls_a_terminal_or_forges_a_line_in_any_command() {
    let (_files, plugin) = hostile(&[("texts", "1"), ("warnings", "3")]).await;
    let program = Program::new().variable("HOSTILE_KEY", "a-key-that-is-long-enough");
    let plain = |arguments: &[&str]| {
        let mut line = vec!["--plugin", plugin.as_str()];
        line.extend_from_slice(arguments);
        line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    };
    let mut texts = 0;
    // Before the grant and with it.
    for turn in ["ungranted", "granted"] {
        for command in [
            &["inspect"][..],
            &["models"],
            &["models", "--all-variants"],
            &["models", "--format", "json"],
            &["models", "--format", "ndjson"],
            &["resolve", "hostile/a/fine"],
            &["resolve", "hostile/a/fine", "--format", "json"],
            &["resolve", "hostile/a/unknown"],
            &["resolve", "hostile/a/unknown", "--format", "json"],
            &["doctor"],
            &["doctor", "--format", "json"],
            &["onboard", "--help"],
            &["onboard", "--non-interactive"],
            &["completions", "bash"],
            &["man", "onboard"],
            &["chat", "-m", "hostile/a/unknown", "hi"],
            &["chat", "-m", "hostile/a/unknown", "hi", "--format", "json"],
            &["chat", "-m", "hostile/a/fine", "hi", "--format", "ndjson"],
            &["grant", plugin.as_str()],
            &["grant", plugin.as_str(), "--yes"],
            &["conformance", plugin.as_str(), "--only", "describe"],
            &["conformance", plugin.as_str(), "--only", "list"],
        ] {
            if turn == "ungranted" && command.contains(&"--yes") {
                continue;
            }
            for log in [&["-vv"][..], &["-vv", "--log-format", "json"]] {
                let mut line = plain(command);
                if !command.contains(&"--help") {
                    line.extend(log.iter().map(|word| (*word).to_owned()));
                }
                let line: Vec<&str> = line.iter().map(String::as_str).collect();
                let Ended { out, err, .. } = program.run(&line, None).await;
                // The model's text goes into a pipe unchanged.
                let is_the_models = command.first() == Some(&"chat") && !command.contains(&"--format");
                if !is_the_models {
                    harmless(&format!("{turn}, stdout of {command:?} {log:?}"), &out);
                }
                harmless(&format!("{turn}, stderr of {command:?} {log:?}"), &err);
                texts += usize::from(out.contains("forged") || err.contains("forged"));
            }
        }
        let granted = program.run(&["grant", &plugin, "--yes"], None).await;
        assert_eq!(granted.code, Some(0), "{granted:?}");
    }
    assert!(texts > 40, "only {texts} had something hostile to show");
}

#[tokio::test]
async fn no_reference_of_a_plugin_controls_a_terminal_or_forges_a_line_where_it_is_configured() {
    let (_files, plugin) = hostile(&[("texts", "1"), ("canonical", "1")]).await;
    let program = Program::new().variable("HOSTILE_KEY", "a-key-that-is-long-enough");
    let granted = program.run(&["grant", &plugin, "--yes"], None).await;
    assert_eq!(granted.code, Some(0), "{granted:?}");
    let model = "hostile/a/fine";
    let commands: &[(&[&str], bool)] = &[
        (&["models", "set", model], true),
        (&["models", "set", model], true),
        (&["models", "alias", "Fine", model], true),
        (&["models", "alias", "list"], true),
        (&["models", "fallbacks", "add", "hostile/a/other"], true),
        (&["models", "fallbacks", "list"], true),
        (&["models", "status"], true),
        (&["doctor"], true),
        (&["conformance", &plugin, "--only", "references"], false),
        (&["onboard", "--non-interactive", "--skip-health"], true),
        (&["models", "set", "hostile/a/other"], true),
        (&["onboard", "--non-interactive", "--skip-health"], true),
        (&["models", "alias", "remove", "Fine"], true),
        (&["models", "fallbacks", "remove", "hostile/a/other"], true),
        (&["chat", "-m", model, "hi", "--format", "json"], false),
    ];
    for (command, shows_it) in commands {
        let line = [&["--plugin", plugin.as_str()][..], command].concat();
        let ended = program.run(&line, None).await;
        harmless(&format!("stdout of {command:?}"), &ended.out);
        harmless(&format!("stderr of {command:?}"), &ended.err);
        let is_shown = ended.out.contains("forged") || ended.err.contains("forged");
        assert!(is_shown || !shows_it, "{command:?} {ended:?}");
    }
}

#[tokio::test]
async fn of_very_many_warnings_a_few_are_shown_and_logged() {
    let (_files, plugin) = hostile(&[("warnings", "200000")]).await;
    let program = Program::new();
    // What is tested is not how fast a busy machine computes them.
    let given = ["--plugin", &plugin, "--set", "max-guest-time-ms=60000"];
    for format in ["text", "json"] {
        let line = [&given[..], &["models", "--format", format]].concat();
        let ended = program.run(&line, None).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.err.lines().count() < 40, "{}", ended.err.lines().count());
        assert!(ended.out.len() < 100_000);
        if format == "text" {
            assert!(ended.err.contains("more warnings"), "{}", ended.err);
        }
    }
    let running = program.start(&[&given[..], &["serve"]].concat()).await;
    let client = Client::of(&running.first);
    assert_eq!(client.get("/v1/models").await.status, 200);
    let log = running.stop().await.err;
    assert!(log.lines().count() < 60, "{} lines", log.lines().count());
}

#[tokio::test]
async fn no_text_of_an_upstream_controls_a_terminal_or_forges_a_line() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("built");
    let (plugin, url) = (plugin.to_string_lossy().into_owned(), mock.base_url());
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    for log in ["text", "json"] {
        let run = async |arguments: &[&str]| {
            let line = [
                "--plugin",
                &plugin,
                "--base-url",
                &url,
                "-vv",
                "--log-format",
                log,
            ];
            program.run(&[&line, arguments].concat(), None).await
        };
        for scenario in ["hostile-error", "hostile-text"] {
            let model = format!("mock/{scenario}");
            for more in [
                &[][..],
                &["--no-stream"],
                &["--format", "json"],
                &["--format", "ndjson"],
            ] {
                let ended = run(&[&["chat", "-m", &model, "hi"], more].concat()).await;
                let what = format!("{scenario} {more:?}, log as {log}");
                harmless(&what, &ended.err);
                if more.contains(&"--format") {
                    harmless(&what, &ended.out);
                } else if scenario == "hostile-text" {
                    // A file or a pipe gets the model's text unchanged.
                    assert!(
                        ended.out.contains("said\u{1b}]0;owned\u{7}\u{1b}[2J"),
                        "{ended:?}"
                    );
                }
                assert!(
                    ended.out.contains("forged") || ended.err.contains("forged"),
                    "{ended:?}"
                );
            }
        }
    }
    let listing = MockRouter::start(MockOptions::immediate().scenario("hostile-list"))
        .await
        .expect("a mock router");
    for arguments in [
        &["models"][..],
        &["models", "--all-variants"],
        &["models", "--format", "json"],
        &["models", "--all-variants", "--format", "ndjson"],
        &["resolve", "Qwen/Qwen3-8B"],
        &["doctor"],
    ] {
        let url = listing.base_url();
        let line = ["--plugin", &plugin, "--base-url", &url, "-vv"];
        let ended = program.run(&[&line, arguments].concat(), None).await;
        harmless(&format!("{arguments:?}"), &(ended.out + "\n" + &ended.err));
    }
}

#[tokio::test]
async fn a_server_logs_no_forged_line() {
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let plugin = tokio::task::spawn_blocking(|| built(Build::Release))
        .await
        .expect("built");
    let (plugin, url) = (plugin.to_string_lossy().into_owned(), mock.base_url());
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    for format in ["text", "json"] {
        let line = [
            "--plugin",
            &plugin,
            "--base-url",
            &url,
            "-vvv",
            "--log-format",
            format,
            "serve",
        ];
        let running = program.start(&line).await;
        let client = Client::of(&running.first);
        for model in [
            "mock/hostile-error",
            "mock/hostile-text",
            "x\n2026-01-01T00:00:00Z ERROR host_harness: forged\u{1b}[2J",
        ] {
            for stream in [false, true] {
                let body = serde_json::json!({
                    "model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}],
                });
                client.chat(&body).await;
            }
        }
        client
            .get("/v1/models/x%0A2026-01-01T00:00:00Z%20ERROR%20host_harness:%20forged%1B[2J")
            .await;
        client.get("/v1/%C2%9B2J%E2%80%AEforged").await;
        let ended = running.stop().await;
        harmless(&format!("the log as {format}"), &ended.err);
        assert!(ended.err.contains("request finished"), "{ended:?}");
    }
}

/// All output on the terminal is this program's own.
#[track_caller]
fn harmless_on_screen(raw: &[u8], screen: &str) {
    let raw = String::from_utf8_lossy(raw).into_owned();
    for hostile in [
        "\u{1b}]0;owned",
        "\u{9b}",
        "\u{202e}",
        "\u{2066}",
        "\u{2028}",
        "\u{200f}",
    ] {
        assert!(
            !raw.contains(hostile),
            "{hostile:?} came to the terminal:\n{screen}"
        );
    }
    assert!(
        !raw.contains("\u{1b}[2J2J") && !raw.contains("owned\u{7}"),
        "{screen}"
    );
}

#[tokio::test]
async fn no_text_controls_the_users_terminal() {
    let (files, plugin) = hostile(&[("texts", "1"), ("warnings", "3")]).await;
    let mock = MockRouter::start(MockOptions::immediate())
        .await
        .expect("a mock router");
    let url = mock.base_url();
    person(move || {
        let _files = files;
        let home = Home::new(&url).variable("HF_TOKEN", TOKEN);
        for (arguments, status) in [
            (vec!["inspect", "--plugin", &plugin], 0),
            (vec!["models", "--plugin", &plugin], 0),
            (vec!["models", "--plugin", &plugin, "--format", "json"], 0),
            (vec!["chat", "-m", "mock/hostile-text", "hi"], 0),
            (vec!["chat", "-m", "mock/hostile-error", "hi"], 1),
        ] {
            let mut terminal = home.open(&arguments);
            assert_eq!(terminal.ends(), status, "{arguments:?}\n{}", terminal.screen());
            harmless_on_screen(&terminal.raw(), &terminal.screen());
            assert!(terminal.screen().contains("forged"), "{}", terminal.screen());
        }
        // The names of files that Tab completes.
        for name in [
            "p\u{1b}]0;owned\u{7}.png",
            "p\u{202e}gnp",
            "plain.png",
            "plum.png",
        ] {
            std::fs::write(home.dir().join(name), "").expect("written");
        }
        let mut terminal = home.open(&["chat", "-m", "mock/hostile-text"]);
        terminal.sees("Talking to");
        terminal.types("/image p");
        terminal.types(key::TAB);
        terminal.types(key::TAB);
        terminal.sees("plum.png");
        terminal.types(key::CTRL_C);
        terminal.sees("Ctrl-D ends");
        terminal.types(key::CTRL_D);
        terminal.ends();
        harmless_on_screen(&terminal.raw(), &terminal.screen());
        // The list of plugins, before anything is granted.
        let mut terminal = home.open(&["onboard", "--also", &plugin]);
        terminal.sees("Provider");
        terminal.sees("Hostile");
        terminal.types(key::CTRL_C);
        assert_eq!(terminal.ends(), 1);
        harmless_on_screen(&terminal.raw(), &terminal.screen());
    })
    .await;
}
