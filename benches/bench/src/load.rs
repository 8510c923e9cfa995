//! Throughput and latency with 1, 16 and 64 instances, each with one request at a time as in Lambda, against a
//! queue that answers after 5 ms. Every instance waits for its own send only: throughput grows with them until
//! the processor is full.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use local::function::{Invoke as _, process::Process};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::stage::{SlowQueue, Stage};

const LEVELS: [usize; 3] = [1, 16, 64];
const QUEUE_DELAY: Duration = Duration::from_millis(5);
const DEADLINE: Duration = Duration::from_secs(10);

/// One level.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Level {
    pub(crate) name: String,
    pub(crate) instances: usize,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// The median instance: from the spawn to the first request for an event.
    pub(crate) start_ms: f64,
    /// The largest instance, after its requests.
    pub(crate) peak_memory_kb: u64,
}

pub(crate) async fn measure(
    stage: &Stage,
    binaries: &Path,
    requests: usize,
) -> anyhow::Result<Vec<Level>> {
    let queue = SlowQueue::start(QUEUE_DELAY).await?;
    let mut levels = Vec::new();
    for name in ["hello", "webhooks"] {
        for instances in LEVELS {
            let binary = binaries.join(name);
            levels.push(level(stage, &queue, &binary, name, instances, requests).await?);
        }
    }
    queue.stop().await;
    Ok(levels)
}

async fn level(
    stage: &Stage,
    queue: &SlowQueue,
    binary: &Path,
    name: &str,
    instances: usize,
    requests: usize,
) -> anyhow::Result<Level> {
    let mut processes = Vec::new();
    for _ in 0..instances {
        processes.push(stage.process(binary, Some(queue)).await?);
    }
    let event = stage.event()?;
    // Fills each instance's caches before the clock runs.
    try_join_all(processes.iter().map(|process| asked(process, &event, 2))).await?;
    let share = requests.div_ceil(instances);
    let began = Instant::now();
    let took = try_join_all(
        processes
            .iter()
            .map(|process| asked(process, &event, share)),
    )
    .await?;
    let elapsed = began.elapsed();
    let mut latencies: Vec<f64> = took.into_iter().flatten().map(ms).collect();
    let mut starts: Vec<f64> = processes
        .iter()
        .map(|process| ms(process.started_in()))
        .collect();
    let peaks = processes.iter().filter_map(Process::id).map(peak_memory_kb);
    let peak_memory_kb = peaks
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .max()
        .unwrap_or(0);
    for process in processes {
        process.stop().await?;
    }
    Ok(Level {
        name: name.to_owned(),
        instances,
        per_second: (share * instances) as f64 / elapsed.as_secs_f64(),
        p50_ms: quantile(&mut latencies, 0.5),
        p99_ms: quantile(&mut latencies, 0.99),
        start_ms: quantile(&mut starts, 0.5),
        peak_memory_kb,
    })
}

async fn asked(process: &Process, event: &Value, times: usize) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(times);
    for _ in 0..times {
        let began = Instant::now();
        let answer = process.invoke(event.clone(), DEADLINE).await?;
        took.push(began.elapsed());
        ensure!(
            answer.get("statusCode").is_some_and(|status| status == 202),
            "it answered {answer}"
        );
    }
    Ok(took)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn quantile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * part).round() as usize;
    values.get(at).copied().unwrap_or_default()
}

/// `VmHWM` of proc_pid_status(5).
fn peak_memory_kb(pid: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("the process has a peak")?.parse()?)
}
