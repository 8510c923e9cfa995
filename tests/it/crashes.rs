//! Workers that die: at each of their calls in turn, and at random under a load of duplicates. What was
//! accepted is applied once all the same.

use std::collections::BTreeSet;

use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Endpoint, Stack, text},
    storm::{all_events, chance, count, seeds, send_all, settle},
};

const WORKER: &str = "webhook-worker";

/// Longer than the visibility time-out: what a dead worker held is back.
const BACK_S: u64 = 181;

/// What a worker has to do when it dies.
#[derive(Clone, Copy, Debug)]
enum Work {
    Fresh,
    Duplicate,
    Poison,
    Replay,
}

#[tokio::test]
async fn a_worker_may_die_before_and_after_each_of_its_calls() {
    let stack = Stack::start().await;
    let endpoint = Endpoint::create(&stack.tenant("acme").await, "stripe").await;
    let mut deaths = 0;
    let mut at_most = 0;
    for work in [Work::Fresh, Work::Duplicate, Work::Poison, Work::Replay] {
        for answer in [Answer::CrashBefore, Answer::CrashAfter] {
            // Until a call is not made any more, because the work is done before it.
            for calls in 0.. {
                if !dies(&stack, &endpoint, work, answer, calls).await {
                    at_most = at_most.max(calls);
                    break;
                }
                deaths += 1;
            }
        }
    }
    assert!(
        deaths >= 14 && at_most >= 2,
        "{deaths} deaths, up to call {at_most}"
    );
}

/// Whether the worker made so many calls that it died; in either case the work must be done in the end.
async fn dies(stack: &Stack, endpoint: &Endpoint, work: Work, answer: Answer, calls: u32) -> bool {
    let name = format!("{work:?}-{answer:?}-{calls}");
    let owner = stack.again("acme").await;
    let id = match work {
        Work::Fresh | Work::Duplicate | Work::Replay => {
            text(&stack.send(endpoint, &name).await.status(202)["id"])
        }
        Work::Poison => {
            let answer = stack.send_body(endpoint, &name, name.as_bytes()).await;
            text(&answer.status(202)["id"])
        }
    };
    match work {
        Work::Fresh | Work::Poison => {}
        Work::Duplicate => {
            stack.drain().await;
            stack.send(endpoint, &name).await.status(202);
        }
        Work::Replay => {
            stack.drain().await;
            let path = format!("/v1/events/{id}:replay");
            owner.post(&path, json!({})).await.status(202);
        }
    }
    let fault = Fault::everywhere(answer).by(WORKER).after(calls).times(1);
    let fault = stack.faults().add(fault);
    stack.drain().await;
    let is_dead = stack.faults().hits(fault) == 1;
    assert_eq!(is_dead, stack.queued("EventsQueue") == 1, "{name}");
    stack.faults().clear();
    stack.advance_s(BACK_S);
    stack.drain().await;
    assert_eq!(stack.queued("EventsQueue"), 0, "{name}");
    let event = stack
        .again("acme")
        .await
        .get(&format!("/v1/events/{id}"))
        .await
        .status(200);
    let (state, attempts) = match work {
        Work::Fresh | Work::Duplicate => ("processed", 1),
        Work::Replay => ("processed", 2),
        Work::Poison => ("dead", 1),
    };
    assert_eq!(event["state"], state, "{name}: {event}");
    assert!(
        event["attempt_count"].as_u64() >= Some(attempts),
        "{name}: {event}"
    );
    is_dead
}

/// `PORTICO_EVENTS=1000` is the whole proof; fewer by default, because an event and its four
/// repetitions cost 160 ms of processor time without optimisation.
#[tokio::test]
async fn events_sent_five_times_with_dying_workers_have_one_effect_each() {
    const TIMES: usize = 5;
    const WAVES: usize = 5;
    let events = count("PORTICO_EVENTS", 100);
    for seed in seeds(&[1]) {
        let mut chance = chance(seed);
        let stack = Stack::with(Redeliver::Seeded(chance.bits())).await;
        let owner = stack.tenant("acme").await;
        let endpoint = Endpoint::create(&owner, "stripe").await;
        let mut sent: Vec<String> = (0..events * TIMES)
            .map(|at| format!("evt_{}", at % events))
            .collect();
        chance.shuffle(&mut sent);
        let crashes = [Answer::CrashBefore, Answer::CrashAfter].map(|answer| {
            let fault = Fault::everywhere(answer)
                .by(WORKER)
                .one_in(150, chance.bits());
            stack.faults().add(fault)
        });
        let mut accepted = Vec::new();
        for wave in sent.chunks(sent.len().div_ceil(WAVES)) {
            accepted.extend(send_all(&stack, &endpoint, wave).await);
            stack.drain().await;
            stack.advance_s(BACK_S);
        }
        let deaths: u32 = crashes.iter().map(|id| stack.faults().hits(*id)).sum();
        eprintln!("{deaths} workers died");
        assert!(deaths > 0);
        stack.faults().clear();
        settle(&stack, &["EventsQueue"]).await;
        check(&stack.again("acme").await, &accepted, &sent).await;
    }
}

/// Each vendor event has one processed event, and that is one of the accepted.
async fn check(owner: &Client, accepted: &[String], sent: &[String]) {
    let ids: BTreeSet<&String> = accepted.iter().collect();
    assert_eq!(ids.len(), sent.len());
    let events = all_events(owner).await;
    let processed: Vec<(&String, &Value)> = events
        .iter()
        .filter(|(_, event)| event["state"] == "processed")
        .collect();
    let vendors: BTreeSet<String> = processed
        .iter()
        .map(|(_, event)| text(&event["vendor_event_id"]))
        .collect();
    let wanted: BTreeSet<String> = sent.iter().cloned().collect();
    assert_eq!(processed.len(), wanted.len());
    assert_eq!(vendors, wanted);
    assert!(
        processed
            .iter()
            .all(|(id, event)| ids.contains(id) && event["attempt_count"] == 1)
    );
}
