//! Recorded responses of the real router through the real component. Found by `ROUTER_CORPUS`; skipped without it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use futures::{StreamExt as _, stream};
use mock_router::Chunking;
use model_provider_host::contract::{DiscoveryMode, FinishReason, ModelSource};
use serde_json::{Value, json};

use crate::{
    harness::{Harness, Heard, question},
    reader::Reader,
};

pub fn corpus() -> Option<PathBuf> {
    let dir = std::env::var_os("ROUTER_CORPUS").map(PathBuf::from);
    if dir.is_none() {
        eprintln!("skipped: ROUTER_CORPUS is not set");
    }
    dir
}

pub fn files(dir: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no files", dir.display());
    files
}

/// The reference of the model that a recording requested, as far as its name is one.
fn request(file: &Path) -> String {
    let record = fs::read_to_string(file.with_extension("json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let id = record["model_requested"].as_str().unwrap_or_default();
    let id = id.replace("%2F", "/");
    let is_plain = |part: &str| !part.is_empty() && !part.contains(['/', ':']);
    match id.split_once('/') {
        Some((org, name)) if is_plain(org) && is_plain(name) => format!("huggingface/{id}"),
        _ => "huggingface/some/model".to_owned(),
    }
}

/// Replays one file with this chunking, and collects the events.
async fn replay(file: PathBuf, chunking: Chunking) -> Heard {
    let model = request(&file);
    let harness = Harness::with()
        .mock(|mock| mock.replay([file]).chunking(chunking))
        .setting("max-retries", "0")
        .start()
        .await;
    harness.send(question(&model, "Hello!")).await
}

/// A replay whole, byte by byte and split in two gives the same response, and never a trap.
async fn replays_alike(file: PathBuf) -> (PathBuf, Heard) {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let whole = replay(file.clone(), Chunking::Whole).await;
    // The split differs from file to file, and is the same in every run.
    let length = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
    let place = name
        .bytes()
        .fold(7usize, |n, byte| n.wrapping_mul(31) + usize::from(byte))
        % length.max(1);
    for chunking in [Chunking::Bytes, Chunking::SplitAt(place)] {
        let other = replay(file.clone(), chunking).await;
        assert_eq!(other.text(), whole.text(), "{name}");
        assert_eq!(other.reasoning(), whole.reasoning(), "{name}");
        let ended = |heard: &Heard| {
            (
                heard.summary.as_ref().map(|s| (s.finish_reason, s.usage)),
                heard.error.as_ref().map(|e| (e.kind(), e.message().to_owned())),
                heard
                    .tool_calls()
                    .iter()
                    .map(|c| (c.name.clone(), c.arguments_json.clone()))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(ended(&other), ended(&whole), "{name}");
    }
    if let Some(error) = &whole.error {
        assert!(!error.is_plugin_fault(), "{name}: {error}");
    } else {
        assert!(whole.summary.is_some(), "{name}: neither an end nor an error");
    }
    (file, whole)
}

/// The result, in the form of `tests/reader.py`.
fn reading(heard: &Heard) -> Value {
    let calls = heard.tool_calls();
    let finish = |reason: FinishReason| match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool-calls",
        FinishReason::ContentFilter => "content-filter",
        FinishReason::Other => "other",
    };
    json!({
        "text": heard.text(),
        "reasoning": heard.reasoning(),
        "toolCalls": calls
            .iter()
            .map(|call| json!({ "name": call.name, "arguments": call.arguments_json.trim() }))
            .collect::<Value>(),
        "usage": heard.summary.as_ref().map(|summary| json!({
            "input": summary.usage.input_tokens,
            "cached": summary.usage.cached_input_tokens,
            "output": summary.usage.output_tokens,
            "reasoning": summary.usage.reasoning_tokens,
        })),
        "finish": heard.summary.as_ref().map(|summary| finish(summary.finish_reason)),
        "rawFinish": heard.summary.as_ref().map(|summary| &summary.raw_finish_reason),
        "error": heard.error.as_ref().map(|error| json!({
            "kind": error.kind().as_str(),
            "status": error.details().status,
            "code": error.details().code,
            "message": error.message(),
        })),
    })
}

/// Compares a folder of recordings with the independent reader's results.
async fn means_what_the_reader_says(folder: &str, ending: &str) {
    let Some(corpus) = corpus() else { return };
    let Some(mut reader) = Reader::of(&corpus, folder) else {
        return;
    };
    let heard: Vec<_> = stream::iter(files(&corpus.join(folder), ending))
        .map(replays_alike)
        .buffer_unordered(8)
        .collect()
        .await;
    for (file, heard) in &heard {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        reader.compare(&format!("{folder}/{name}"), &reading(heard));
    }
    reader.finish();
    eprintln!("{folder}: {} recordings compared", heard.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_stream_reads_as_in_an_independent_reader() {
    means_what_the_reader_says("sse", ".sse").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_whole_response_reads_as_in_an_independent_reader() {
    means_what_the_reader_says("chat", ".json").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_error_has_the_kind_status_code_and_message_of_the_table() {
    means_what_the_reader_says("errors", ".json").await;
}

#[tokio::test]
async fn the_recorded_list_is_listed_whole() {
    let Some(dir) = corpus() else { return };
    for file in files(&dir.join("models"), "model-list.chatlas.json") {
        let harness = Harness::with().mock(|mock| mock.replay([file])).start().await;
        let catalog = harness.host.list_models(DiscoveryMode::Always).await.unwrap();
        assert_eq!(catalog.source, ModelSource::Live);
        assert_eq!(catalog.models.len(), 127);
        assert!(catalog.warnings.is_empty(), "{:?}", catalog.warnings);
    }
}
