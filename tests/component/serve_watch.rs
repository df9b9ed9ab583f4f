//! `serve --watch` under load: the plugin's file is replaced while clients send requests without a pause.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use component_build::Build;
use mock_router::{MockOptions, MockRouter};

use crate::{
    harness::{TOKEN, built},
    http::{Client, question, streamed},
    program::Program,
};

const MODEL: &str = "Qwen/Qwen3-8B";
/// A file counts as written after a fifth of a second, and is compiled in one.
const LIMIT: Duration = Duration::from_secs(60);
const LAST: u64 = 7;

/// Sends one request after the other until the last generation responds; returns the generations. No response may be lost.
async fn load(client: Client) -> (usize, BTreeSet<u64>) {
    let mut answers = 0;
    let mut generations = BTreeSet::new();
    while !generations.contains(&LAST) {
        let streams = answers % 2 == 0;
        let body = if streams { streamed(MODEL) } else { question(MODEL) };
        let reply = client.chat(&body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let generation = reply.header("x-plugin-generation").parse().expect("a number");
        assert!(
            generations.last().is_none_or(|last| *last <= generation),
            "{generation} after {generations:?}"
        );
        generations.insert(generation);
        if streams {
            let (chunks, is_done) = reply.events();
            assert!(is_done && chunks.len() > 1, "{}", reply.text);
        } else {
            let text = &reply.json()["choices"][0]["message"]["content"];
            assert!(
                text.as_str().is_some_and(|text| !text.is_empty()),
                "{}",
                reply.text
            );
        }
        answers += 1;
        // Constant load that leaves the compiler some CPU.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (answers, generations)
}

/// Waits until this generation responds.
async fn comes(client: &Client, generation: u64) {
    let coming = async {
        while client.ask(MODEL).await.header("x-plugin-generation") != generation.to_string() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, coming).await;
    came.unwrap_or_else(|_| panic!("generation {generation} does not come"));
}

fn put(file: &Path, from: &Path) {
    let beside = file.with_extension("new");
    fs::copy(from, &beside).expect("copied");
    fs::rename(&beside, file).expect("replaced");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_file_replaced_under_load_is_swapped_in_and_no_request_fails() {
    let mock = MockRouter::start(MockOptions::immediate().pace(Duration::from_millis(1)))
        .await
        .expect("a mock router");
    let builds = tokio::task::spawn_blocking(|| [built(Build::Release), built(Build::NextVersion)]);
    let builds = builds.await.expect("they build");
    let program = Program::new().variable("HF_TOKEN", TOKEN);
    let file = program.state().join("plugin.wasm");
    put(&file, &builds[0]);
    let (url, path) = (mock.base_url(), file.to_string_lossy().into_owned());
    let running = program
        .start(&["--plugin", &path, "--base-url", &url, "serve", "--watch"])
        .await;
    let client = Client::of(&running.first);
    comes(&client, 1).await;
    let clients: Vec<_> = (0..4).map(|_| tokio::spawn(load(client.clone()))).collect();
    for generation in 2..=LAST {
        put(&file, &builds[usize::from(generation % 2 == 0)]);
        comes(&client, generation).await;
    }
    for loaded in clients {
        let loaded = tokio::time::timeout(LIMIT, loaded).await.expect("it ends");
        let (answers, generations) = loaded.expect("nothing was lost");
        eprintln!("{answers} responses of the generations {generations:?}, none lost");
    }
    let ended = running.stop().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended.err.matches("is live; ").count();
    // The last swap may not be reported yet.
    assert!(told >= 5, "{ended:?}");
}
