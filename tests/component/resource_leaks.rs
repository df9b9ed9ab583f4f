//! Many requests leave nothing behind: no memory, no file descriptors, no connections, no threads. Measured in a process
//! of its own, since other tests use all of these.

#![cfg(target_os = "linux")]

use std::{fs, process::Command};

use component_build::Build;
use model_provider_host::{Host, HostOptions, Settings};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::harness::{built, collect, plugin, question};

const MODEL: &str = "huggingface/Qwen/Qwen3-8B";
const REQUESTS: usize = 10_000;
/// Requests before the first measurement: pools fill, allocators settle.
const BEFORE: usize = 1_000;
const AT_ONCE: usize = 20;
/// Connections that may be in the pool at either measurement: those of one round, and those that the previous round
/// cancelled and that are being closed. One leaked per cancelled response would be a thousand.
const CONNECTIONS_LEFT: usize = 2 * AT_ONCE;
/// Server and client are both in this process.
const DESCRIPTORS_A_CONNECTION: usize = 2;
/// What an allocator may retain without a leak: 1.6 KiB a request would be more.
const MOST_GROWTH: u64 = 16 * 1024 * 1024;

#[derive(Debug)]
struct Held {
    memory: u64,
    descriptors: usize,
    threads: u64,
}

fn held() -> Held {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let number = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Held {
        memory: number("VmRSS:") * 1024,
        descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
        threads: number("Threads:"),
    }
}

/// A server that records nothing, unlike the mock router.
async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let chunk = r#"data: {"choices":[{"index":0,"delta":{"content":"Hello there. "}}]}"#;
    let end = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let body = format!("{}{end}\n\ndata: [DONE]\n\n", format!("{chunk}\n\n").repeat(20));
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        stream.get_mut().write_all(answer.as_bytes()).await?;
    }
}

async fn ask(host: &Host, requests: usize) {
    for turn in 0..requests / AT_ONCE {
        let answers = (0..AT_ONCE).map(|one| async move {
            let completion = host.chat(question(MODEL, "Hello!")).await.unwrap();
            match (turn + one) % 10 {
                // Some are cancelled.
                0 => drop(completion),
                _ => drop(collect(completion).await.summary()),
            }
        });
        futures::future::join_all(answers).await;
    }
}

/// The resources held while this many responses are open.
async fn with_open(host: &Host, answers: usize) -> Held {
    let mut open = Vec::new();
    for _ in 0..answers {
        let mut answer = host.chat(question(MODEL, "Hello!")).await.unwrap();
        answer.next().await.unwrap();
        open.push(answer);
    }
    held()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test below, in a process of its own"]
async fn measured() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = Settings::default();
    settings
        .set(
            "base-url",
            &format!("http://{}/v1", listener.local_addr().unwrap()),
        )
        .unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    let options = HostOptions::default().with_settings(settings);
    let host = Host::start(plugin().await, options).unwrap();
    ask(&host, BEFORE).await;
    let before = held();
    let opened = host.connections_opened();
    ask(&host, REQUESTS).await;
    let after = held();
    let more = host.connections_opened() - opened;
    println!("{REQUESTS} requests: {before:?}, then {after:?}; {more} new connections");
    let grown = after.memory.saturating_sub(before.memory);
    assert!(grown < MOST_GROWTH, "{grown} bytes more");
    assert!(
        after.descriptors <= before.descriptors + CONNECTIONS_LEFT * DESCRIPTORS_A_CONNECTION,
        "{before:?} {after:?}"
    );
    assert!(after.threads <= before.threads + 2, "{before:?} {after:?}");
    // Only connections of cancelled responses had to be replaced.
    assert!(more as usize <= REQUESTS / 10 + AT_ONCE, "{more} new connections");
    // Last, since this many connections stay open for a while.
    let during = with_open(&host, 200).await;
    assert!(during.threads <= before.threads + 2, "{before:?} {during:?}");
}

#[test]
fn many_requests_leave_nothing_behind() {
    // Built before, so that the other process has nothing to build.
    built(Build::Release);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["resource_leaks::measured", "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    eprintln!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
