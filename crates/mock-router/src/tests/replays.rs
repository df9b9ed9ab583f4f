//! Recorded responses: files of our own in the recorders' formats, and the corpus when it is there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::asking;
use super::client::{chat, get, send};
use crate::{Chunking, MockError, MockOptions, MockRouter};

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mock-replay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn replaying(files: Vec<PathBuf>, chunking: Chunking) -> MockRouter {
    MockRouter::start(MockOptions::immediate().replay(files).chunking(chunking))
        .await
        .expect("the mock starts")
}

const STREAM: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"ñ\"}}]}\n\ndata: [DONE]\n\n";

fn recorded_stream(folder: &Folder) -> Vec<PathBuf> {
    let beside = json!({"kind": "sse", "status": 200, "response_headers": {
        "Content-Type": "text/event-stream; charset=utf-8", "Content-Length": "7", "transfer-encoding": "gzip",
        "content-encoding": "br", "Connection": "close", "x-inference-provider": "novita"}});
    vec![
        folder.file("one.json", &beside.to_string()),
        folder.file("one.sse", STREAM),
    ]
}

#[tokio::test]
async fn a_recorded_stream_has_its_headers_except_those_that_no_longer_fit() {
    let folder = Folder::new("stream");
    for chunking in [Chunking::Whole, Chunking::Bytes, Chunking::AsWritten] {
        let mock = replaying(recorded_stream(&folder), chunking).await;
        let answer = send(&mock, "POST", "/v1/chat/completions", None, "any")
            .await
            .expect("a response");
        assert_eq!(answer.text(), STREAM);
        assert!(answer.complete);
        assert_eq!(
            answer.header("content-type"),
            Some("text/event-stream; charset=utf-8")
        );
        assert_eq!(answer.header("x-inference-provider"), Some("novita"));
        assert_eq!(answer.header("content-length"), None);
        assert_eq!(answer.header("content-encoding"), None);
        assert_eq!(answer.header("connection"), None);
    }
    let cut = chat(
        &replaying(recorded_stream(&folder), Chunking::CutAt(30)).await,
        &json!({}),
    )
    .await;
    assert_eq!(
        (cut.body.as_slice(), cut.complete),
        (&STREAM.as_bytes()[..30], false)
    );
}

#[tokio::test]
async fn several_recordings_come_in_order_and_the_last_repeats() {
    let folder = Folder::new("order");
    let mut files = recorded_stream(&folder);
    let whole = json!({
        "kind": "chat", "status": 200, "response_headers": {},
        "response_body": {"id": "x"}, "response_raw": "{ \"id\": \"x\" }",
    });
    files.push(folder.file("two.json", &whole.to_string()));
    let error = json!({
        "kind": "errors", "status": 404, "response_headers": {"content-type": "text/plain"}, "body": "Not Found",
    });
    files.push(folder.file("404.three.json", &error.to_string()));
    let mock = replaying(files, Chunking::AsWritten).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = chat(&mock, &asking("any/model:anyone", "hi")).await;
        seen.push((answer.status, answer.text()));
    }
    let (two, three) = (
        (200, "{ \"id\": \"x\" }".to_owned()),
        (404, "Not Found".to_owned()),
    );
    assert_eq!(seen, [(200, STREAM.to_owned()), two, three.clone(), three]);
    assert!(
        get(&mock, "/v1/models").await.text().contains("Qwen/Qwen3-8B"),
        "the own list without a recorded one"
    );
}

#[tokio::test]
async fn a_recorded_list_takes_the_place_of_the_own_one() {
    let folder = Folder::new("list");
    let rows = json!([{"id": "a/b", "providers": []}]);
    let list = json!({"kind": "models", "response_body": {"object": "list", "data": rows}});
    let mock = replaying(vec![folder.file("list.json", &list.to_string())], Chunking::Whole).await;
    assert_eq!(
        get(&mock, "/v1/models").await.json()["data"],
        json!([{"id": "a/b", "providers": []}])
    );
    assert_eq!(get(&mock, "/v1/models/a/b").await.json()["id"], "a/b");
    let free = send(
        &mock,
        "POST",
        "/v1/chat/completions",
        None,
        &asking("no/such", "hi").to_string(),
    )
    .await;
    assert_eq!(free.map(|answer| answer.status), Some(200), "no key, any model");
}

#[tokio::test]
async fn a_file_that_is_no_recording_is_named_with_what_is_wrong() {
    let folder = Folder::new("wrong");
    let start = async |file: PathBuf| {
        let started = MockRouter::start(MockOptions::immediate().replay([file.clone()])).await;
        let error = started.expect_err("refused");
        assert!(matches!(&error, MockError::Replay { file: named, .. } if *named == file));
        error.to_string()
    };
    let header = json!({"status": 200, "response_headers": {"a b": "c"}, "body": ""});
    for (file, why) in [
        (folder.0.join("absent.json"), "No such file"),
        (folder.file("text.json", "hello"), "not JSON"),
        (folder.file("empty.json", "{}"), "no recorded response"),
        (
            folder.file("status.json", r#"{"status": 20, "body": {}}"#),
            "no HTTP status",
        ),
        (folder.file("header.json", &header.to_string()), "`a b`"),
        (folder.0.join("absent.sse"), "No such file"),
    ] {
        let error = start(file).await;
        assert!(error.contains(why), "{error}");
    }
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the corpus is there");
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|known| known == extension));
    files.sort();
    files
}

#[tokio::test]
async fn every_recorded_response_of_the_corpus_is_replayed_byte_for_byte() {
    let Some(corpus) = std::env::var_os("ROUTER_CORPUS").map(PathBuf::from) else {
        println!("skipped: ROUTER_CORPUS is not set");
        return;
    };
    let streams = files(&corpus.join("sse"), "sse");
    let mock = replaying(streams.clone(), Chunking::AsWritten).await;
    for file in &streams {
        let answer = chat(&mock, &json!({})).await;
        assert!(
            answer.complete && answer.body == fs::read(file).expect("readable"),
            "{}",
            file.display()
        );
    }
    for folder in ["chat", "errors"] {
        let recorded = files(&corpus.join(folder), "json");
        let mock = replaying(recorded.clone(), Chunking::AsWritten).await;
        for file in &recorded {
            let answer = chat(&mock, &json!({})).await;
            let known: serde_json::Value =
                serde_json::from_slice(&fs::read(file).expect("readable")).expect("JSON");
            assert_eq!(known["status"], answer.status, "{}", file.display());
            assert!(answer.complete && !answer.body.is_empty(), "{}", file.display());
        }
    }
    let mock = replaying(files(&corpus.join("models"), "json"), Chunking::AsWritten).await;
    assert_eq!(
        get(&mock, "/v1/models").await.json()["data"]
            .as_array()
            .map(Vec::len),
        Some(127)
    );
}
