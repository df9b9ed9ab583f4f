//! Measurements of this process, and of plugin and twin in turns.

use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// A kilobyte, as the targets count it.
pub(crate) const KB: f64 = 1_000.0;

/// Microseconds.
pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// How long something takes, in microseconds.
pub(crate) async fn wall(work: impl Future) -> f64 {
    let started = Instant::now();
    work.await;
    micros(started.elapsed())
}

/// The CPU time that the whole process spends meanwhile, in microseconds.
pub(crate) async fn cpu(work: impl Future) -> f64 {
    let started = ProcessTime::now();
    work.await;
    micros(started.elapsed())
}

/// The figure in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The same work done by the plugin and by the twin.
pub(crate) struct Pair {
    /// Medians.
    pub(crate) plugin: f64,
    pub(crate) twin: f64,
    /// The median of the ratios of adjacent measurements, which is least sensitive to other load.
    pub(crate) ratio: f64,
    /// The same of the differences.
    pub(crate) difference: f64,
}

/// Measures both in turns, so that other load affects both; the first turn warms up.
pub(crate) async fn in_turns(
    rounds: usize,
    mut plugin: impl AsyncFnMut() -> f64,
    mut twin: impl AsyncFnMut() -> f64,
) -> Pair {
    let (mut ours, mut natives) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (our, native) = if round % 2 == 0 {
            (plugin().await, twin().await)
        } else {
            let native = twin().await;
            (plugin().await, native)
        };
        if round > 0 {
            ours.push(our);
            natives.push(native);
        }
    }
    let both = || ours.iter().zip(&natives);
    Pair {
        plugin: median(&ours),
        twin: median(&natives),
        ratio: median(&both().map(|(our, native)| our / native).collect::<Vec<_>>()),
        difference: median(&both().map(|(our, native)| our - native).collect::<Vec<_>>()),
    }
}

/// Current resident memory in bytes; pages that are mapped several times count once.
pub(crate) fn resident() -> f64 {
    kib("/proc/self/smaps_rollup", "Pss:")
}

/// Peak resident memory, in bytes.
pub(crate) fn resident_peak() -> f64 {
    kib("/proc/self/status", "VmHWM:")
}

pub(crate) fn kib(file: &str, key: &str) -> f64 {
    let text = std::fs::read_to_string(file).expect("Linux has this file");
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib * 1024.0)
}
