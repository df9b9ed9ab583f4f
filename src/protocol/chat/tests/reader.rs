//! Every recorded answer, compared with what an independent reader makes of it: `tests/reader.py`, which shares
//! nothing with this crate. Where the two differ by a decision of the design,
//! `tests/cases/reader-differences.json` names the rule.

use std::{collections::BTreeMap, env, fs, prelude::v1::*, println, process::Command};

use serde_json::{Value, json};

use super::{corpus::*, *};
use crate::contract::types::AssistantPart;
use crate::protocol::chat::Fold;

/// What the reader makes of each file. `None` without a corpus or without Python, which CI has to have.
fn expected() -> Option<BTreeMap<String, Value>> {
    let root = env::var_os("ROUTER_CORPUS")?;
    let script = cases_root().with_file_name("reader.py");
    let output = match Command::new("python3").arg(script).arg(root).output() {
        Ok(output) => output,
        Err(error) if env::var_os("CI").is_none() => {
            println!("skipped: python3 does not run: {error}");
            return None;
        }
        Err(error) => panic!("python3 does not run: {error}"),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| {
        let reading: Value = serde_json::from_str(line).unwrap();
        (reading["file"].as_str().unwrap().to_owned(), reading)
    });
    Some(lines.collect())
}

/// An outcome in the reader's words.
fn reading(outcome: Outcome) -> Value {
    let mut fold = Fold::default();
    outcome.events.into_iter().for_each(|event| fold.push(event));
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for part in fold.finish() {
        match part {
            AssistantPart::Text(more) => text += &more,
            AssistantPart::Reasoning(more) => reasoning += &more.text,
            AssistantPart::ToolCall(call) => {
                calls.push(json!({ "name": call.name, "arguments": call.arguments_json.trim() }));
            }
            AssistantPart::Media(_) | AssistantPart::Other(_) => {}
        }
    }
    match outcome.result {
        Ok(summary) => {
            let usage = summary.usage;
            json!({
                "text": text, "reasoning": reasoning, "toolCalls": calls,
                "usage": {
                    "input": usage.input_tokens, "cached": usage.cached_input_tokens,
                    "output": usage.output_tokens, "reasoning": usage.reasoning_tokens,
                },
                "finish": word(summary.finish_reason), "rawFinish": summary.raw_finish_reason, "error": null,
            })
        }
        Err(error) => json!({
            "text": text, "reasoning": reasoning, "toolCalls": [], "usage": null, "finish": null,
            "rawFinish": null, "error": {
                "kind": word(error.kind), "status": error.status, "code": error.code, "message": error.message,
            },
        }),
    }
}

/// The fields in which two readings differ. A message of null is one that the reader would have to invent.
fn differences(theirs: &Value, ours: &Value) -> Vec<String> {
    let fields = ["text", "reasoning", "toolCalls", "usage", "finish", "rawFinish"].map(|field| (field, ""));
    let of_error = ["kind", "status", "code", "message"].map(|field| ("error", field));
    let value = |reading: &Value, (field, inner): (&str, &str)| {
        let field = &reading[field];
        if inner.is_empty() {
            field.clone()
        } else {
            field[inner].clone()
        }
    };
    let is_other = |&path: &(&str, &str)| {
        let theirs = value(theirs, path);
        theirs != value(ours, path) && (path.1 != "message" || !theirs.is_null())
    };
    let name = |(field, inner): (&str, &str)| [field, inner].join(".").trim_end_matches('.').to_owned();
    fields.into_iter().chain(of_error).filter(is_other).map(name).collect()
}

/// Whether a name is of a pattern, whose `*` stands for any text.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    name.strip_prefix(start)
        .is_some_and(|name| (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| is_like(rest, name))))
}

#[test]
fn every_recorded_answer_means_what_an_independent_reader_says() {
    let Some(expected) = expected() else {
        println!("skipped: ROUTER_CORPUS is not set, or there is no python3");
        return;
    };
    let text = fs::read_to_string(cases_root().join("reader-differences.json")).unwrap();
    let rules: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut unused: Vec<bool> = vec![true; rules.len()];
    let (mut compared, mut faults) = (0, Vec::new());
    for (kind, ending) in [("sse", "sse"), ("chat", "json"), ("errors", "json")] {
        for (name, about, body) in recordings(kind) {
            let file = format!("{kind}/{name}.{ending}");
            let theirs = expected.get(&file).unwrap_or_else(|| panic!("the reader has not read {file}"));
            let ours = reading(outcome(&served(&about, body), &[]));
            compared += 1;
            for field in differences(theirs, &ours) {
                let rule = rules.iter().position(|rule| {
                    rule["field"] == *field && is_like(rule["files"].as_str().unwrap(), &file)
                });
                match rule {
                    Some(rule) => unused[rule] = false,
                    None => faults.push(format!("{file}: {field}\n  reader: {theirs}\n  plugin: {ours}")),
                }
            }
        }
    }
    assert_eq!(compared, expected.len(), "the reader has read other files");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for (rule, is_unused) in rules.iter().zip(unused) {
        assert!(!is_unused, "the two no longer differ: {rule}");
    }
    println!("{compared} recordings compared");
}
