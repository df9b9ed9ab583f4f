//! The search for a marked token in what a user sees and leaves behind: onboarding, by prompts and by options, and
//! conversations. Only the key file may contain it.

use std::sync::Arc;

use mock_router::{MockOptions, MockRouter, Script};
use serde_json::json;

use crate::{
    leaks::echoes,
    onboarding::{primary, stored},
    program::files_below,
    secret_search::{TOKEN, search_files, search_text},
    terminal::{Home, Terminal, key, person},
};

/// Where onboarding stores it on purpose.
const KEYS: &str = "agents/main/agent/auth-profiles.json";

async fn mock(options: MockOptions) -> Arc<MockRouter> {
    Arc::new(MockRouter::start(options).await.expect("a mock router"))
}

/// Fails if the token is on the screen, or was there for a moment.
fn search_screen(what: &str, terminal: &Terminal) {
    search_text(what, terminal.screen().as_bytes());
    search_text(what, &terminal.raw());
}

fn search_home(what: &str, home: &Home) {
    search_files(what, files_below(home.dir()), &[KEYS]);
}

/// A list whose rows echo it.
fn telling_list() -> Script {
    let row = |id: &str| json!({ "id": id, "name": TOKEN, "owned_by": TOKEN, "providers": [{ "provider": TOKEN, "status": "live" }] });
    let rows = [
        row("acme/told"),
        row(&format!("acme/{TOKEN}")),
        row("Qwen/Qwen3-8B"),
    ];
    Script::json(200, &json!({ "data": rows })).header("etag", TOKEN)
}

fn says(terminal: &mut Terminal, text: &str) {
    terminal.types(text);
    terminal.types(key::ENTER);
}

#[tokio::test]
async fn a_pasted_key_is_not_shown_and_is_stored_only_in_the_key_file() {
    let mock = mock(MockOptions::immediate()).await;
    for _ in 0..3 {
        mock.push_models(telling_list());
    }
    let home = Home::new(&mock.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Enter Hugging Face API key (HF token)");
        terminal.pastes(TOKEN);
        terminal.types(key::ENTER);
        terminal.sees("the key is good");
        terminal.sees("Default Hugging Face model");
        terminal.types("qwen3-8b");
        terminal.waits_for("the filtered list", |screen| screen.contains("type to search"));
        terminal.types(key::ENTER);
        terminal.sees("Prefer a specific backend?");
        search_screen("at the prompt", &terminal);
        terminal.types(key::ENTER);
        terminal.answers("Alias", TOKEN);
        terminal.types(key::CTRL_C);
        terminal.ends();
        // As an alias it was typed openly, so that it is on the user's screen; no file contains it.
        search_home("an alias", &home);

        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Enter Hugging Face API key (HF token)");
        // First a wrong key, then the good one letter by letter.
        terminal.types("no");
        terminal.types(&key::BACKSPACE.repeat(2));
        terminal.types(TOKEN);
        terminal.types(key::ENTER);
        terminal.answers("Default Hugging Face model", "");
        terminal.answers("Prefer a specific backend?", "");
        terminal.answers("Alias", "");
        terminal.answers("Fallbacks", "");
        terminal.answers("Send a test message", "y");
        terminal.ends();
        search_screen("to its end", &terminal);
        search_home("to its end", &home);
        assert_eq!(stored(&home)["key"], TOKEN, "it was there to be found");
        assert!(primary(&home).is_string());

        // A second run: the key is offered, shown by its ends.
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Use existing Hugging Face token");
        terminal.types(key::CTRL_C);
        terminal.ends();
        search_screen("offered", &terminal);
        for arguments in [
            &["doctor"][..],
            &["-vvv", "doctor", "--format", "json"],
            &["-vvv", "models"],
        ] {
            let ran = home.run(arguments);
            search_text(&format!("{arguments:?}"), (ran.out + &ran.err).as_bytes());
        }
        search_home("in the end", &home);
    })
    .await;
    let sent = mock.requests();
    let bearer = format!("Bearer {TOKEN}");
    assert!(
        sent.iter()
            .any(|request| request.header("authorization") == Some(&bearer))
    );
}

#[tokio::test]
async fn a_rejected_key_is_not_shown_and_not_stored() {
    let mock = mock(MockOptions::immediate().reject_key(TOKEN)).await;
    let home = Home::new(&mock.base_url());
    person(move || {
        let mut terminal = home.open(&["onboard", "--auth-choice", "huggingface-api-key"]);
        terminal.sees("Enter Hugging Face API key (HF token)");
        terminal.pastes(&format!("export HF_TOKEN='{TOKEN}'"));
        terminal.types(key::ENTER);
        terminal.sees("error[unauthenticated]");
        terminal.sees("What now?");
        terminal.types(key::CTRL_C);
        terminal.ends();
        search_screen("refused", &terminal);
        search_files("refused", files_below(home.dir()), &[]);
    })
    .await;
}

#[tokio::test]
async fn options_of_onboarding_are_not_echoed() {
    let mock = mock(MockOptions::immediate()).await;
    let home = Home::new(&mock.base_url());
    person(move || {
        let key = [
            "--auth-choice",
            "huggingface-api-key",
            "--huggingface-api-key",
            TOKEN,
        ];
        let token = ["--auth-choice", "apiKey", "--token-provider"];
        let cases: [Vec<&str>; 6] = [
            key.to_vec(),
            [&key[..], &["--skip-health"]].concat(),
            [&token[..], &["huggingface", "--token", TOKEN]].concat(),
            [&token[..], &["nobody", "--token", TOKEN]].concat(),
            [&token[..], &[TOKEN, "--token", TOKEN]].concat(),
            vec!["--huggingface-api-key", TOKEN, "--also", "/no/such/file.wasm"],
        ];
        for case in &cases {
            for format in ["text", "json"] {
                let onboard = ["-vvv", "--format", format, "onboard", "--non-interactive"];
                let ran = home.run(&[&onboard[..], case].concat());
                search_text(&format!("{case:?}"), (ran.out + &ran.err).as_bytes());
                search_home(&format!("{case:?}"), &home);
            }
        }
        assert_eq!(stored(&home)["key"], TOKEN, "it was there to be found");
    })
    .await;
}

#[tokio::test]
async fn a_conversation_shows_and_stores_no_token() {
    let mock = mock(MockOptions::immediate()).await;
    let home = Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN);
    let upstream = Arc::clone(&mock);
    person(move || {
        let mut terminal = home.open(&["chat", "--no-fallback", "--set", "max-retries=0"]);
        terminal.sees("Talking to");
        // Every tenth of the echoing responses; the test of `chat` with a prompt covers them all.
        let said: Vec<_> = echoes().into_iter().step_by(10).collect();
        for (turn, script) in said.into_iter().enumerate() {
            upstream.push(script);
            says(&mut terminal, &format!("Question {turn} of mine?"));
            terminal.sees(&format!("Question {turn} of mine?"));
            terminal.waits_for("the end of the response", |screen| {
                let screen = screen.trim_end();
                screen.ends_with("\n>") && !screen.ends_with("mine?\n>")
            });
        }
        for (command, words) in [
            ("/models", "Apertus"),
            ("/help", "/image FILE"),
            ("/save said.json", "written to said.json"),
            ("/save said.md", "written to said.md"),
        ] {
            says(&mut terminal, command);
            terminal.sees(words);
        }
        search_screen("what was heard", &terminal);
        assert!(
            String::from_utf8_lossy(&terminal.raw()).contains("*****"),
            "something was to be hidden"
        );
        // Typed text is on the screen of the user who typed it, and nowhere else.
        for (turn, typed) in ["My key is", "/system", "/model", "/nonsense"]
            .into_iter()
            .enumerate()
        {
            says(&mut terminal, &format!("{typed} {TOKEN}"));
            terminal.sees(&format!("> {typed} {TOKEN}"));
            terminal.waits_for("the prompt", |screen| screen.trim_end().ends_with("\n>"));
            says(&mut terminal, &format!("/save typed-{turn}.json"));
            terminal.sees(&format!("written to typed-{turn}.json"));
        }
        terminal.waits_for("the prompt", |screen| screen.trim_end().ends_with("\n>"));
        says(&mut terminal, "/save typed.md");
        terminal.sees("written to typed.md");
        terminal.types(key::CTRL_D);
        terminal.ends();
        search_files("a conversation", files_below(home.dir()), &[]);
        assert!(home.read("chat-history").contains("Question 0 of mine?"));
    })
    .await;
    let sent = mock.requests();
    assert!(
        sent.iter()
            .all(|request| crate::secret_search::found(&request.body).is_none()),
        "no prompt took it along"
    );
}
