//! Rewriting copies of the real table.

use serde_json::json;

use super::*;

fn table() -> String {
    fs::read_to_string(TABLE).unwrap()
}

fn list(rows: &Value) -> Value {
    json!({ "object": "list", "data": rows })
}

fn glm(providers: &Value) -> Value {
    list(
        &json!([{ "id": "zai-org/GLM-4.7", "architecture": { "input_modalities": ["text", "image"] }, "providers": providers }]),
    )
}

fn rewritten(table: &str, list: &Value, date: &str) -> (String, Vec<String>) {
    rewrite(table, &List::read(&list.to_string(), Some(date.into())).unwrap()).unwrap()
}

#[test]
fn a_list_without_our_models_changes_not_a_byte() {
    let (new, changes) = rewritten(&table(), &list(&json!([{ "id": "acme/one" }])), "2026-03-01");
    assert_eq!(new, table());
    assert!(changes.is_empty());
}

#[test]
fn figures_come_with_their_source_and_the_rest_stays() {
    let list = glm(&json!([
        { "provider": "a", "status": "live", "context_length": 131072, "pricing": { "input": 0.5, "output": 0.060000000000000005 } },
        { "provider": "b", "status": "live", "context_length": 131072, "pricing": { "input": 0.1, "output": 2 } },
        { "provider": "c", "status": "error", "context_length": 1, "pricing": { "input": 0, "output": 0 } },
    ]));
    let (new, changes) = rewritten(&table(), &list, "2026-03-01");
    let glm = new
        .split("Bundled {")
        .find(|block| block.contains("GLM-4.7"))
        .unwrap();
    let lines: Vec<Vec<&str>> = glm
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for expected in [
        r#"input: &["text", "image"], // list 2026-03-01"#,
        "context_window: Some(131_072), // list 2026-03-01: a, b",
        r#"price: usd("0.5", "0.06", Some("0.11")), // list 2026-03-01: a; cached: models.dev"#,
        "max_output_tokens: Some(131_072), // models.dev",
        "reasoning: true, // models.dev",
    ] {
        let words: Vec<&str> = expected.split_whitespace().collect();
        assert!(lines.contains(&words), "{expected} is not in {glm}");
    }
    assert_eq!(changes.len(), 3, "{changes:?}");
    let old = table();
    let untouched = |text: &str| {
        text.split("Bundled {")
            .filter(|block| !block.contains("GLM-4.7"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(untouched(&new), untouched(&old));
}

#[test]
fn a_second_run_changes_nothing_on_any_day() {
    let list = glm(
        &json!([{ "provider": "a", "status": "live", "context_length": 8192, "pricing": { "input": 1, "output": 2 } }]),
    );
    let (once, _) = rewritten(&table(), &list, "2026-03-01");
    assert_ne!(once, table());
    let (twice, changes) = rewritten(&once, &list, "2026-03-02");
    assert_eq!(twice, once);
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn a_price_from_elsewhere_keeps_the_source_of_its_cached_part() {
    let list = list(
        &json!([{ "id": "moonshotai/Kimi-K2.5", "providers": [{ "provider": "a", "status": "live", "pricing": { "input": 1, "output": 2 } }] }]),
    );
    let (new, changes) = rewritten(&table(), &list, "2026-03-01");
    assert!(new.contains(r#"price: usd("1", "2", Some("0.1")),"#), "{new}");
    assert!(new.contains("// list 2026-03-01: a; cached: models.dev"), "{new}");
    assert_eq!(changes.len(), 1);
}

#[test]
fn the_command_rewrites_a_file_from_a_recording() {
    let dir = env::temp_dir().join(format!("rewrite-bundled-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let (copy, recording) = (dir.join("table.rs"), dir.join("list.json"));
    fs::write(&copy, table()).unwrap();
    let body = glm(&json!([{ "provider": "a", "status": "live", "context_length": 8192 }]));
    let recorded = json!({ "recorded_at": "Sun, 01 Mar 2026 20:40:45 GMT", "response_body": body });
    fs::write(&recording, recorded.to_string()).unwrap();
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let args = [text(&recording), "--table".into(), text(&copy)];
    assert_eq!(run(args.clone().into_iter()).unwrap().len(), 2);
    assert!(fs::read_to_string(&copy).unwrap().contains("Some(8_192),"));
    assert!(
        fs::read_to_string(&copy)
            .unwrap()
            .contains("// list 2026-03-01: a\n")
    );
    assert!(run(args.into_iter()).unwrap().is_empty());
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_is_no_list_says_why() {
    for (text, why) in [
        ("{", "no JSON"),
        ("{\"data\":[]}", "lists no model"),
        ("{\"error\":1}", "no list named"),
    ] {
        let error = List::read(text, None).err().unwrap();
        assert!(error.contains(why), "{error}");
    }
    assert!(run(["a".to_owned(), "b".to_owned()].into_iter()).is_err());
    assert!(run(std::iter::empty()).is_err());
}

#[test]
fn dates_are_days() {
    assert_eq!(
        day_of("Wed, 31 Dec 2025 20:40:45 GMT").as_deref(),
        Some("2025-12-31")
    );
    assert_eq!(day_of("2026-02-03T04:05:06Z").as_deref(), Some("2026-02-03"));
    assert_eq!(day_of("yesterday"), None);
    assert!(day_of(&today()).is_some());
}

#[test]
fn the_recorded_list_is_what_the_table_has() {
    let Ok(corpus) = env::var("ROUTER_CORPUS") else {
        println!("skipped: ROUTER_CORPUS is not set");
        return;
    };
    let mut lists = 0;
    for file in fs::read_dir(format!("{corpus}/models")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        if let Ok(list) = List::read(&text, None) {
            lists += 1;
            assert_eq!(rewrite(&table(), &list).unwrap().1, Vec::<String>::new());
        }
    }
    assert!(lists > 0);
}
