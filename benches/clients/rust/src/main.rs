//! Benchmarks of Rust clients: `bench-clients CLIENT KEY ROUNDS ANSWER STREAM50 STREAM500`.
//!
//! The last three are base URLs of mock servers, each with one response. Prints one JSON value a line: the call, its
//! median time, and the CPU time of the process for each call, in microseconds.

mod clients;

use std::time::Instant;

use clients::{Client, Fault};
use cpu_time::ProcessTime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [client, key, rounds, answer, stream50, stream500] = &words[..] else {
        return Err("CLIENT KEY ROUNDS ANSWER STREAM50 STREAM500".into());
    };
    let rounds: usize = rounds.parse()?;
    let few = (rounds / 5).max(1);
    let at = |url: &str| Client::new(client, key, url);
    let (short, of50, of500) = (at(answer)?, at(stream50)?, at(stream500)?);
    report("short", rounds, async || {
        assert!(short.whole().await?.len() > 100);
        Ok(None)
    })
    .await?;
    report("first", rounds, async || {
        let started = Instant::now();
        let mut took = None;
        of50.streamed(|_| {
            took.get_or_insert_with(|| started.elapsed().as_secs_f64());
        })
        .await?;
        Ok(took)
    })
    .await?;
    for (name, client, events, rounds) in [("stream50", &of50, 47, rounds), ("stream500", &of500, 497, few)] {
        report(name, rounds, async || {
            let mut pieces = 0;
            client
                .streamed(|text| pieces += usize::from(!text.is_empty()))
                .await?;
            assert_eq!(pieces, events);
            Ok(None)
        })
        .await?;
    }
    if short.lists() {
        report("list", few, async || {
            assert_eq!(short.list().await?, 136);
            Ok(None)
        })
        .await?;
    }
    Ok(())
}

/// Measures a call and prints the result; the first calls warm up. A call may time itself.
async fn report(
    name: &str,
    rounds: usize,
    mut call: impl AsyncFnMut() -> Result<Option<f64>, Fault>,
) -> Result<(), Fault> {
    for _ in 0..3 {
        call().await?;
    }
    let mut times = Vec::with_capacity(rounds);
    let used = ProcessTime::now();
    for _ in 0..rounds {
        let started = Instant::now();
        let own = call().await?;
        times.push(own.unwrap_or_else(|| started.elapsed().as_secs_f64()));
    }
    let used = used.elapsed().as_secs_f64() / rounds as f64;
    times.sort_by(f64::total_cmp);
    let said = serde_json::json!({"call": name, "time": times[rounds / 2] * 1e6, "cpu": used * 1e6});
    println!("{said}");
    Ok(())
}
