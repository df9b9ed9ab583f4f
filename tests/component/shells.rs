//! Completions as a shell runs them, and the manual.

use std::process::Command;

use crate::terminal::{Home, person};

#[tokio::test]
async fn completions_and_the_manual_know_the_option_of_the_provider() {
    person(|| {
        let home = Home::new("");
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            let ran = home.run(&["completions", shell]);
            assert_eq!(ran.code, Some(0), "{shell}: {ran:?}");
            assert!(ran.out.contains("huggingface-api-key"), "{shell}");
        }
        assert_eq!(home.run(&["completions", "cmd"]).code, Some(2));
        let ran = home.run(&["man"]);
        assert!(ran.out.contains(".TH") && ran.out.contains("doctor"), "{ran:?}");
        let ran = home.run(&["man", "onboard"]);
        assert!(ran.out.contains("huggingface\\-api\\-key"), "{ran:?}");
        assert_eq!(home.run(&["man", "nonsense"]).code, Some(1));
    })
    .await;
}

/// What bash offers for the last of these words, with the script in it.
fn offered(script: &str, words: &[&str]) -> Option<Vec<String>> {
    let (last, before) = (words.last()?, words.get(words.len().checked_sub(2)?)?);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let asking = format!(
        "{script}\nCOMP_WORDS=({}); COMP_CWORD={}\n\
         \"$(complete -p host-harness | sed 's/.*-F \\([^ ]*\\).*/\\1/')\" host-harness '{last}' '{before}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );
    let bash = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", &asking])
        .output();
    let Ok(output) = bash else {
        eprintln!("skipped: there is no bash");
        return None;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().map(str::to_owned).collect())
}

#[tokio::test]
async fn bash_completes_commands_their_options_and_values() {
    person(|| {
        let script = Home::new("").run(&["completions", "bash"]).out;
        for (words, offers) in [
            (&["host-harness", "mo"][..], &["models", "mock-router"][..]),
            (&["host-harness", "models", "--so"], &["--sort"]),
            (&["host-harness", "models", "--sort", "p"], &["price"]),
            (&["host-harness", "onboard", "--hugg"], &["--huggingface-api-key"]),
            (
                &["host-harness", "onboard", "--auth-choice", "h"],
                &["huggingface-api-key"],
            ),
            (&["host-harness", "mock-router", "--sc"], &["--scenario"]),
            (&["host-harness", "completions", "z"], &["zsh"]),
        ] {
            if let Some(found) = offered(&script, words) {
                assert_eq!(found, offers, "{words:?}");
            }
        }
    })
    .await;
}
