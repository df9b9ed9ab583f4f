//! Conversations at a terminal.

use std::{sync::Arc, time::Duration};

use mock_router::{MockOptions, MockRouter};
use serde_json::{Value, json};

use crate::{
    harness::TOKEN,
    terminal::{Home, Terminal, key, person},
};

const R1: &str = "deepseek-ai/DeepSeek-R1";

async fn mock(options: MockOptions) -> Arc<MockRouter> {
    Arc::new(MockRouter::start(options).await.expect("a mock router"))
}

fn home(mock: &MockRouter) -> Home {
    Home::new(&mock.base_url()).variable("HF_TOKEN", TOKEN)
}

/// The bodies of the chat requests received.
fn questions(mock: &MockRouter) -> Vec<Value> {
    let requests = mock.requests();
    let chats = requests
        .iter()
        .filter(|request| request.path.ends_with("/chat/completions"));
    chats.map(mock_router::RecordedRequest::json).collect()
}

fn says(terminal: &mut Terminal, text: &str) {
    terminal.types(text);
    terminal.types(key::ENTER);
}

#[tokio::test]
async fn each_prompt_is_sent_with_the_conversation_so_far() {
    let mock = mock(MockOptions::default().pace(Duration::from_millis(2))).await;
    let (home, seen) = (home(&mock), Arc::clone(&mock));
    person(move || {
        let mut terminal = home.open(&["chat", "--system", "Be brief."]);
        terminal.sees(&format!("Talking to huggingface/{R1}."));
        says(&mut terminal, "Tell me.");
        terminal.sees("You wrote: “Tell me.”");
        let screen = terminal.sees("tok/s");
        assert!(screen.contains(" in") && screen.contains(" out"), "{screen}");
        assert!(
            screen.contains("Words in the question"),
            "reasoning is shown: {screen}"
        );
        assert!(
            !screen.contains("\n\n\n"),
            "no blank lines around reasoning: {screen}"
        );
        says(&mut terminal, "\"\"\"");
        says(&mut terminal, "One line \\");
        says(&mut terminal, "and another.");
        says(&mut terminal, "\"\"\"");
        terminal.sees("This is the mock router speaking");
        terminal.waits_for("the second response", |screen| {
            screen.matches("tok/s").count() == 2
        });
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        let questions = questions(&seen);
        assert_eq!(questions.len(), 2);
        assert_eq!(
            questions[0]["messages"],
            json!([{ "role": "system", "content": "Be brief." }, { "role": "user", "content": "Tell me." }])
        );
        let second = questions[1]["messages"].as_array().expect("messages");
        let roles: Vec<_> = second
            .iter()
            .map(|message| message["role"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(roles, ["system", "user", "assistant", "user"]);
        assert!(
            second[2]["content"]
                .as_str()
                .is_some_and(|text| text.starts_with("You wrote")),
            "{second:?}"
        );
        assert_eq!(second[3]["content"], "One line \\\nand another.");
        let history = home.read("chat-history");
        assert!(history.contains("Tell me."), "{history}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(home.path("chat-history"))
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "the history is the user's alone");
        }
    })
    .await;
}

#[tokio::test]
async fn ctrl_c_cancels_the_response_and_not_the_conversation() {
    let mock = mock(MockOptions::default().pace(Duration::from_millis(300))).await;
    let (home, seen) = (home(&mock), Arc::clone(&mock));
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to");
        says(&mut terminal, "Slowly, please.");
        terminal.sees("You wrote");
        terminal.types(key::CTRL_C);
        terminal.sees("error[cancelled]");
        terminal.sees("the partial response stays in the conversation");
        // At the prompt it discards the typed line.
        terminal.types("half a sen");
        terminal.sees("> half a sen");
        terminal.types(key::CTRL_C);
        terminal.sees("Ctrl-D ends the conversation");
        says(&mut terminal, "/save out.json");
        terminal.sees("written to out.json");
        let saved = std::fs::read_to_string(home.dir().join("out.json")).expect("saved");
        let saved: Value = serde_json::from_str(&saved).expect("JSON");
        assert_eq!(saved["messages"][0]["content"], "Slowly, please.");
        let partial = saved["messages"][1]["content"].as_str().expect("text");
        assert!(partial.starts_with("You wrote"), "{partial}");
        says(&mut terminal, "Go on.");
        terminal.waits_for("the second response", |screen| {
            screen.matches("You wrote").count() == 2
        });
        terminal.types(key::CTRL_C);
        terminal.waits_for("its end", |screen| {
            screen.matches("error[cancelled]").count() == 2
        });
        let second = questions(&seen).pop().expect("a chat request");
        assert_eq!(second["messages"][1]["content"], partial, "{second}");
        assert_eq!(second["messages"].as_array().map(Vec::len), Some(3));
        says(&mut terminal, "/retry");
        terminal.waits_for("the third response", |screen| {
            screen.matches("You wrote").count() == 3
        });
        terminal.types(key::CTRL_C);
        terminal.waits_for("its end", |screen| {
            screen.matches("error[cancelled]").count() == 3
        });
        let third = questions(&seen).pop().expect("a chat request");
        assert_eq!(third["messages"], second["messages"], "sent again, not appended");
        says(&mut terminal, "/quit");
        assert_eq!(terminal.ends(), 0);
        assert_eq!(questions(&seen).len(), 3);
    })
    .await;
}

#[tokio::test]
async fn typed_ahead_text_is_the_next_prompt_and_is_not_echoed_into_the_response() {
    let mock = mock(MockOptions::default().pace(Duration::from_millis(40))).await;
    let (home, seen) = (home(&mock), Arc::clone(&mock));
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to");
        says(&mut terminal, "First?");
        terminal.sees("You wrote");
        says(&mut terminal, "Second?");
        says(&mut terminal, "Third?");
        std::thread::sleep(Duration::from_millis(200));
        let screen = terminal.screen();
        assert!(
            !screen.contains("Second") && !screen.contains("tok/s"),
            "nothing in the middle of a response: {screen}"
        );
        terminal.sees("> Second?");
        terminal.sees("> Third?");
        terminal.waits_for("the third response", |screen| {
            screen.matches("tok/s").count() == 3
        });
        // Lines as a terminal without bracketed paste sends them.
        terminal.types("Fourth?\rFifth?\r");
        terminal.waits_for("the fifth response", |screen| {
            screen.matches("tok/s").count() == 5
        });
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        assert!(terminal.is_as_before());
        let asked: Vec<Value> = questions(&seen)
            .iter()
            .filter_map(|body| Some(body["messages"].as_array()?.last()?["content"].clone()))
            .collect();
        assert_eq!(asked, ["First?", "Second?", "Third?", "Fourth?", "Fifth?"]);
    })
    .await;
}

#[tokio::test]
async fn an_end_that_is_typed_during_a_response_ends_the_conversation_after_it() {
    let mock = mock(MockOptions::default().pace(Duration::from_millis(40))).await;
    let home = home(&mock);
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to");
        says(&mut terminal, "First?");
        terminal.sees("You wrote");
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        assert!(
            terminal.screen().contains("tok/s"),
            "the response is whole: {}",
            terminal.screen()
        );
        assert!(terminal.is_as_before());
    })
    .await;
}

#[tokio::test]
async fn models_are_chosen_by_alias_and_prompts_are_sent_again() {
    let mock = mock(MockOptions::default().pace(Duration::from_millis(2))).await;
    let config = r#"{ agents: { defaults: { models: {
        "huggingface/Qwen/Qwen3-8B": { alias: "Quick Qwen", params: { temperature: 0.25 } },
    } } } }"#;
    let (home, seen) = (home(&mock).file("openclaw.json", config), Arc::clone(&mock));
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to");
        says(&mut terminal, "First?");
        terminal.sees("You wrote: “First?”");
        terminal.sees("tok/s");
        terminal.types("/model quick");
        terminal.types(key::TAB);
        terminal.sees("> /model Quick Qwen");
        terminal.types(key::ENTER);
        terminal.sees("Quick Qwen (huggingface/Qwen/Qwen3-8B)");
        says(&mut terminal, "/retry");
        terminal.sees("speaking for Qwen/Qwen3-8B");
        terminal.waits_for("the end", |screen| screen.matches("tok/s").count() == 2);
        says(&mut terminal, "/model nonsense of mine");
        terminal.sees("error[invalid-reference]");
        says(&mut terminal, "/modle x");
        terminal.sees("did you mean `/model`?");
        says(&mut terminal, "/models qwen3 8b");
        terminal.sees("REFERENCE");
        says(&mut terminal, "/system Answer in verse.");
        terminal.sees("system prompt: Answer in verse.");
        says(&mut terminal, "/help");
        terminal.sees("/image FILE");
        says(&mut terminal, "/image nowhere.png");
        terminal.sees("nowhere.png cannot be read");
        says(&mut terminal, &format!("my key is {TOKEN}"));
        terminal.sees("the request holds the credential");
        says(&mut terminal, "/save talk.md");
        terminal.sees("written to talk.md");
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        let questions = questions(&seen);
        assert_eq!(questions.len(), 2);
        assert_eq!(
            (&questions[0]["model"], &questions[0]["temperature"]),
            (&json!(R1), &Value::Null)
        );
        assert_eq!(
            (&questions[1]["model"], &questions[1]["temperature"]),
            (&json!("Qwen/Qwen3-8B"), &json!(0.25))
        );
        assert_eq!(
            questions[1]["messages"], questions[0]["messages"],
            "sent again, not appended"
        );
        let talk = std::fs::read_to_string(home.dir().join("talk.md")).expect("saved");
        assert!(
            talk.contains("## System\n\nAnswer in verse.") && talk.contains("## You\n\nFirst?"),
            "{talk}"
        );
        assert!(
            !home.read("chat-history").contains(TOKEN),
            "a key is never stored"
        );
    })
    .await;
}

#[tokio::test]
async fn a_picture_is_attached_to_the_next_prompt_and_dropped_by_a_new_conversation() {
    let mock = mock(MockOptions::immediate()).await;
    let (home, seen) = (home(&mock), Arc::clone(&mock));
    person(move || {
        std::fs::write(home.dir().join("p 1.png"), b"\x89PNG\r\n\x1a\n").expect("a picture");
        let mut terminal = home.open(&["chat", "-m", "zai-org/GLM-4.5V"]);
        terminal.sees("Talking to");
        // The name as tab completes it.
        terminal.types("/image p");
        terminal.types(key::TAB);
        terminal.sees("> /image p\\ 1.png");
        terminal.types(key::ENTER);
        terminal.sees("1 picture attached to the next prompt");
        says(&mut terminal, "What is it?");
        terminal.sees("I was shown 1 image(s)");
        terminal.sees("1 attempt");
        says(&mut terminal, "/save talk.json");
        terminal.sees("written to talk.json");
        says(&mut terminal, "/new");
        terminal.sees("forgotten");
        says(&mut terminal, "/retry");
        terminal.sees("there is no prompt to send again");
        says(&mut terminal, "/frobnicate");
        terminal.sees("there is no command `/frobnicate`; `/help` lists them");
        says(&mut terminal, "And now?");
        terminal.waits_for("the second response", |screen| {
            screen.matches("1 attempt").count() == 2
        });
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
        let sent = questions(&seen);
        assert_eq!(sent.len(), 2);
        assert_eq!(sent[0]["messages"][0]["content"][0]["type"], "image_url");
        assert_eq!(
            sent[1]["messages"],
            json!([{ "role": "user", "content": "And now?" }])
        );
        // What was saved can be sent again, by any reader of the dialect.
        let asked = home.run(&["chat", "--request", "talk.json", "And what else?"]);
        assert_eq!(asked.code, Some(0), "{asked:?}");
        let again = questions(&seen).pop().expect("a chat request");
        assert_eq!(again["model"], "zai-org/GLM-4.5V");
        assert_eq!(again["messages"].as_array().map(Vec::len), Some(3), "{again}");
        assert_eq!(again["messages"][0], sent[0]["messages"][0]);
    })
    .await;
}

#[tokio::test]
async fn a_failover_is_shown_with_both_models() {
    let mock = mock(MockOptions::immediate()).await;
    let config = r#"{ agents: { defaults: { model: {
        primary: "huggingface/no/such-model", fallbacks: ["huggingface/Qwen/Qwen3-8B"],
    } } } }"#;
    let home = home(&mock).file("openclaw.json", config);
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to huggingface/no/such-model");
        says(&mut terminal, "Anybody?");
        terminal.sees("speaking for Qwen/Qwen3-8B");
        terminal.sees("huggingface/no/such-model failed after");
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
    })
    .await;
}

#[tokio::test]
async fn tool_calls_are_shown() {
    let mock = mock(MockOptions::immediate().scenario("tool-pieces")).await;
    let home = home(&mock);
    person(move || {
        let mut terminal = home.open(&["chat"]);
        terminal.sees("Talking to");
        says(&mut terminal, "The weather?");
        terminal.sees("tool call get_weather");
        terminal.types(key::CTRL_D);
        assert_eq!(terminal.ends(), 0);
    })
    .await;
}

#[tokio::test]
async fn escape_sequences_of_a_response_do_not_reach_the_terminal() {
    let mock = mock(MockOptions::immediate()).await;
    let home = home(&mock);
    person(move || {
        // The mock echoes the prompt.
        let mut terminal = home.open(&["chat", "a\u{1b}]0;owned\u{7}b\u{9b}2Jc"]);
        assert_eq!(terminal.ends(), 0);
        let screen = terminal.sees("You wrote");
        assert!(screen.contains("owned"), "{screen}");
        let raw = String::from_utf8_lossy(&terminal.raw()).into_owned();
        assert!(
            !raw.contains("\u{1b}]0;") && !raw.contains('\u{7}') && !raw.contains('\u{9b}'),
            "{raw:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_grant_is_given_by_a_person_and_not_by_default() {
    let home = Home::new("");
    person(move || {
        let other = home.other_plugin();
        let granted = || home.read("grants.json").contains("puddingface");
        for (answer, code) in [("", 1), (key::CTRL_C, 1), ("y", 0)] {
            let mut terminal = home.open(&["grant", &other]);
            let screen = terminal.sees("Grant this to `puddingface`?");
            assert!(
                screen.contains("to reach https://router.puddingface.co"),
                "{screen}"
            );
            assert!(!granted());
            terminal.types(answer);
            if answer != key::CTRL_C {
                terminal.types(key::ENTER);
            }
            assert_eq!(terminal.ends(), code, "{}", terminal.screen());
        }
        assert!(granted());
    })
    .await;
}
