//! The search for a marked token in the command line's output about plugins that misbehave. They pass for the workspace's
//! own, so that the token is sent with their requests; and the upstream echoes it. All logs are on.

use mock_router::Script;
use serde_json::json;

use crate::{
    bad_swaps::of_contract,
    guests::{DISGUISE, Files},
    leaks::{mock, program, run},
    secret_search::TOKEN,
};

/// What the plugin does with a prompt, its settings, and the expected end.
const ENDINGS: [(&str, &[&str], &str); 9] = [
    ("trap", &[], "plugin-trap"),
    ("panic", &[], "plugin-trap"),
    ("take_and_trap", &[], "plugin-trap"),
    ("read.then-trap", &[], "plugin-trap"),
    ("read.loop", &["--set", "max-guest-time-ms=200"], "limit"),
    ("memory-200", &[], "limit"),
    ("deep", &[], "limit"),
    ("ask-17", &[], "limit"),
    ("take", &["--set", "max-response-bytes=100"], "limit"),
];

#[tokio::test]
async fn no_fault_of_a_plugin_shows_the_token() {
    let mock = mock().await;
    let url = mock.base_url();
    let program = program();
    let files = Files::new();
    let path = |file: std::path::PathBuf| file.to_string_lossy().into_owned();
    let hostile = path(files.ordered("hostile", DISGUISE));
    let granted = run(&program, &url, &["grant", "--yes", &hostile], None).await;
    assert_eq!(granted.code, Some(0), "{granted:?}");
    let echo =
        json!({ "error": { "message": TOKEN, "nested": { TOKEN: [TOKEN] } }, "rest": "x".repeat(200) });
    for format in ["text", "json"] {
        for (attack, settings, kind) in ENDINGS {
            mock.push(Script::json(200, &echo).header("x-request-id", TOKEN));
            let model = format!("huggingface/a/{attack}");
            let chat = [
                "--format", format, "chat", "--plugin", &hostile, "-m", &model, "Hello!",
            ];
            let ended = run(&program, &url, &[&chat[..], settings].concat(), None).await;
            assert_eq!(ended.code, Some(1), "{attack}: {ended:?}");
            assert!((ended.out + &ended.err).contains(kind), "{attack} is no {kind}");
        }
        let whole = std::fs::read(&hostile).unwrap();
        let others = DISGUISE.into_iter().filter(|(name, _)| *name != "base-url");
        let elsewhere = [("base-url", "https://elsewhere.test/v1")];
        for (file, kind) in [
            (
                files.write("world", &wat::parse_str("(component)").unwrap()),
                "contract-mismatch",
            ),
            (of_contract(&files, "0.3.0"), "contract-mismatch"),
            (files.write("half", &whole[..whole.len() / 2]), "plugin-load"),
            (files.ordered("elsewhere", others.chain(elsewhere)), "not-granted"),
        ] {
            let file = path(file);
            for command in [
                &["chat", "-m", "huggingface/a/b", "Hello!"][..],
                &["models"],
                &["inspect"],
            ] {
                let line = [&["--format", format], command, &["--plugin", &file]].concat();
                let ended = run(&program, &url, &line, None).await;
                let is_shown = command == ["inspect"] && kind == "not-granted";
                assert_eq!(ended.code, Some(i32::from(!is_shown)), "{line:?}: {ended:?}");
                assert!(
                    is_shown || (ended.out + &ended.err).contains(kind),
                    "{line:?} is no {kind}"
                );
            }
        }
    }
    // The token was really there to be found, and echoed.
    let bearer = format!("Bearer {TOKEN}");
    let sent = mock.requests();
    assert!(
        sent.iter()
            .any(|request| request.header("authorization") == Some(&bearer))
    );
}
