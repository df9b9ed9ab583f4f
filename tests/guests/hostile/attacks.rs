//! The attacks: one word each, with a number after `-` for its size.

use alloc::{string::String, vec, vec::Vec};
use core::hint::black_box;

use wasi::{
    clocks::monotonic_clock,
    http::types::{ErrorCode, Fields, FutureIncomingResponse},
};

use crate::{contract::settings, web};

const MIB: usize = 1024 * 1024;

/// Runs the attack of this word; returns what has to stay allocated, or the error that stopped it.
pub(crate) fn act(attack: &str) -> Result<Vec<Vec<u8>>, ErrorCode> {
    let (word, number) = attack.rsplit_once('-').unwrap_or((attack, ""));
    let number: usize = number.parse().unwrap_or(usize::MAX);
    match word {
        "loop" => compute(),
        "clock" => busy(number),
        "memory" => {
            black_box(vec![1u8; number.saturating_mul(MIB)]);
        }
        "deep" => {
            black_box(deep(number as u64));
        }
        "panic" => {
            let nothing: Option<u8> = black_box(None);
            #[expect(clippy::unwrap_used, reason = "the attack is a panic")]
            black_box(nothing.unwrap());
        }
        "trap" => core::arch::wasm32::unreachable(),
        "sleep" => monotonic_clock::subscribe_duration((number as u64).saturating_mul(1_000_000)).block(),
        "handles" => {
            black_box((0..number).map(|_| Fields::new()).collect::<Vec<_>>());
        }
        "fields" => fields(number)?,
        "forbid" => {
            for _ in 0..number {
                let _ = Fields::new().set("host", &[b"elsewhere.test".to_vec()]);
            }
        }
        "forbid_and_trap" => {
            let _ = Fields::new().set("host", &[b"elsewhere.test".to_vec()]);
            answered(&begin_list()?)?;
            core::arch::wasm32::unreachable();
        }
        "open" => open(number)?,
        "ask" => {
            for _ in 0..number {
                answered(&begin_list()?)?;
            }
        }
        "send" => send(number)?,
        "take" | "take_some" | "take_and_trap" => return take(word, number),
        _ => {}
    }
    Ok(Vec::new())
}

/// Loops for ever, without a call to the host.
fn compute() {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Loops for this many milliseconds, reading the clock all the time.
fn busy(ms: usize) {
    let start = monotonic_clock::now();
    let end = start.saturating_add((ms as u64).saturating_mul(1_000_000));
    while monotonic_clock::now() < end {}
}

/// This many frames of the stack.
#[inline(never)]
fn deep(frames: u64) -> u64 {
    if frames == 0 {
        return 0;
    }
    let below = deep(black_box(frames - 1));
    black_box(below).wrapping_mul(31) ^ frames
}

/// One set of header fields of this many bytes.
fn fields(bytes: usize) -> Result<(), ErrorCode> {
    let fields = Fields::new();
    for _ in 0..bytes.div_ceil(1024) {
        fields
            .append("x-more", &[b'x'; 1018])
            .map_err(|_| ErrorCode::HttpRequestDenied)?;
    }
    Ok(())
}

fn base_url() -> String {
    settings::get().base_url.unwrap_or_default()
}

fn begin_list() -> Result<FutureIncomingResponse, ErrorCode> {
    Ok(web::begin(&base_url(), "/models", &[], false)?.sent())
}

/// This many concurrent requests; none is dropped before all have started.
fn open(requests: usize) -> Result<(), ErrorCode> {
    let mut open = Vec::new();
    for _ in 0..requests {
        open.push(begin_list()?);
    }
    for future in &open {
        answered(future)?;
    }
    Ok(())
}

fn answered(future: &FutureIncomingResponse) -> Result<(), ErrorCode> {
    let answer = web::answer(future)?;
    while answer.next()?.is_some() {}
    Ok(())
}

fn chat() -> Result<web::Writing, ErrorCode> {
    let headers: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
    web::begin(&base_url(), "/chat/completions", &headers, true)
}

/// A body of this many KiB.
fn send(kib: usize) -> Result<(), ErrorCode> {
    let writing = chat()?;
    for _ in 0..kib {
        if !writing.write(&[b' '; 1024]) {
            // The reader is gone; the response's future has the reason.
            let web::Writing { stream, body, future } = writing;
            drop((stream, body));
            return answered(&future);
        }
    }
    answered(&writing.sent())
}

/// Sends a request as a provider would, and reads the response: all of it, its first chunks, or all of it and then traps.
fn take(how: &str, pieces: usize) -> Result<Vec<Vec<u8>>, ErrorCode> {
    let writing = chat()?;
    writing.write(br#"{"model":"Qwen/Qwen3-8B","stream":true,"messages":[{"role":"user","content":"hi"}]}"#);
    let future = writing.sent();
    let answer = web::answer(&future)?;
    let mut kept: Vec<Vec<u8>> = answer
        .response
        .headers()
        .entries()
        .into_iter()
        .map(|(_, v)| v)
        .collect();
    let mut read = 0;
    while let Some(piece) = answer.next()? {
        // Storing an endless response would be a memory bomb, which is another attack.
        if kept.len() < 1024 {
            kept.push(piece);
        }
        read += 1;
        if how == "take_some" && read >= pieces {
            break;
        }
    }
    if how != "take" {
        core::arch::wasm32::unreachable();
    }
    Ok(kept)
}
