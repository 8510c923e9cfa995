//! What the tests share that let chance decide: a seed that is named when a test fails, many senders at
//! once, and the way back to rest.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use local::chance::Chance;
use serde_json::Value;

use crate::harness::{Client, Endpoint, Stack, text};

/// Requests under way at the same time.
const SENDERS: usize = 16;

/// Rounds of waiting after which nothing may be left: more than an event has attempts.
const ROUNDS: usize = 40;

/// The seeds to run: `PORTICO_SEED` alone if it is set, else the given ones, and as many more as
/// `PORTICO_SEEDS` says.
pub(crate) fn seeds(given: &[u64]) -> Vec<u64> {
    if let Some(seed) = number("PORTICO_SEED") {
        return vec![seed];
    }
    let more = number("PORTICO_SEEDS").unwrap_or(0);
    given.iter().copied().chain(1_000..1_000 + more).collect()
}

/// A size that a person may raise by this environment variable.
pub(crate) fn count(name: &str, default: usize) -> usize {
    number(name).map_or(default, |count| usize::try_from(count).unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person re-runs a seed by an environment variable"
)]
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, got {text}")),
    )
}

/// The chance of one test run. The line is shown if the test fails.
pub(crate) fn chance(seed: u64) -> Chance {
    eprintln!("the seed is {seed}; PORTICO_SEED={seed} runs it again");
    Chance::seeded(seed)
}

/// Sends an event per vendor id, several at once; the accepted ids in the order of the vendor's.
pub(crate) async fn send_all(stack: &Stack, endpoint: &Endpoint, ids: &[String]) -> Vec<String> {
    let mut accepted = Vec::new();
    for ids in ids.chunks(SENDERS) {
        let answers = join_all(ids.iter().map(|id| stack.send(endpoint, id))).await;
        accepted.extend(answers.iter().map(|answer| text(&answer.status(202)["id"])));
    }
    accepted
}

/// Runs and waits until the queue is empty.
pub(crate) async fn settle(stack: &Stack, queues: &[&str]) {
    for _ in 0..ROUNDS {
        stack.drain().await;
        if queues.iter().all(|queue| stack.queued(queue) == 0) {
            return;
        }
        stack.advance_s(1_000);
    }
    panic!("after {ROUNDS} rounds {queues:?} are still not empty");
}

/// Every event of the tenant, by id.
pub(crate) async fn all_events(client: &Client) -> BTreeMap<String, Value> {
    let mut events = BTreeMap::new();
    let mut path = "/v1/events?limit=100".to_owned();
    loop {
        let page = client.get(&path).await.status(200);
        for event in page["data"].as_array().unwrap() {
            events.insert(text(&event["id"]), event.clone());
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/events?limit=100&cursor={cursor}"),
            None => return events,
        }
    }
}
