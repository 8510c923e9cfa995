//! What deliveries outlast: workers that die, stores that fail, and destinations that do.

use std::collections::BTreeSet;

use local::{
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    deliveries::{listed, only, path_of, start},
    destinations::create,
    harness::{Endpoint, Stack, text},
    receiver::Receiver,
    storm::{all_events, chance, count, seeds, send_all, settle},
};

/// Longer than the visibility time-outs: what a dead worker held is back.
const BACK_S: u64 = 181;

const QUEUES: [&str; 2] = ["EventsQueue", "DeliveriesQueue"];

/// What is under way when a worker dies.
#[derive(Clone, Copy, Debug)]
enum Work {
    Event,
    Batch,
    Replay,
    FailedAttempt,
}

#[tokio::test]
async fn a_worker_may_die_at_each_of_its_calls_and_nothing_is_lost_or_doubled() {
    let stack = Stack::start().await;
    let owner = stack.tenant("acme").await;
    let endpoint = Endpoint::create(&owner, "standardwebhooks").await;
    let receiver = Receiver::start().await;
    create(&owner, &receiver, json!({})).await;
    let mut deaths = 0;
    for (function, work) in [
        ("webhook-worker", Work::Event),
        ("webhook-worker", Work::Batch),
        ("webhook-worker", Work::Replay),
        ("delivery-worker", Work::Event),
        ("delivery-worker", Work::FailedAttempt),
    ] {
        for answer in [Answer::CrashBefore, Answer::CrashAfter] {
            // Until a call is not made any more.
            for calls in 0.. {
                let case = Case {
                    function,
                    work,
                    answer,
                    calls,
                };
                if !case.dies(&stack, &endpoint, &receiver).await {
                    break;
                }
                deaths += 1;
            }
        }
    }
    assert!(deaths >= 30, "{deaths} deaths");
}

#[derive(Clone, Copy, Debug)]
struct Case {
    function: &'static str,
    work: Work,
    answer: Answer,
    calls: u32,
}

impl Case {
    /// Whether the worker made so many calls that it died; in either case all is delivered in the end.
    async fn dies(self, stack: &Stack, endpoint: &Endpoint, receiver: &Receiver) -> bool {
        let name = format!("{self:?}");
        let owner = stack.again("acme").await;
        let events = self.send(stack, endpoint, &name).await;
        match self.work {
            Work::Event | Work::Batch => {}
            Work::Replay => {
                stack.drain().await;
                receiver.take();
                let replay = format!("/v1/events/{}:replay", events[0]);
                owner.post(&replay, json!({})).await.status(202);
            }
            Work::FailedAttempt => receiver.answer(500, "", ""),
        }
        let fault = Fault::everywhere(self.answer)
            .by(self.function)
            .after(self.calls)
            .times(1);
        let fault = stack.faults().add(fault);
        stack.drain().await;
        let is_dead = stack.faults().hits(fault) == 1;
        stack.faults().clear();
        for _ in 0..3 {
            stack.advance_s(BACK_S);
            stack.drain().await;
        }
        for queue in QUEUES {
            assert_eq!(stack.queued(queue), 0, "{name}: {queue}");
        }
        let owner = stack.again("acme").await;
        for event in &events {
            let list = listed(&owner, &format!("event={event}")).await;
            assert_eq!(list.len(), 1, "{name}");
            assert_eq!(list[0]["state"], "delivered", "{name}: {}", list[0]);
        }
        // An answer that the worker did not live to note is asked for once more.
        let sent = receiver.take().len();
        let least = events.len() + usize::from(matches!(self.work, Work::FailedAttempt));
        let most = least + usize::from(is_dead && self.function == "delivery-worker");
        assert!((least..=most).contains(&sent), "{name}: {sent}");
        is_dead
    }

    /// The ids of what was sent.
    async fn send(self, stack: &Stack, endpoint: &Endpoint, name: &str) -> Vec<String> {
        match self.work {
            Work::Event | Work::Replay | Work::FailedAttempt => {
                vec![text(&stack.send(endpoint, name).await.status(202)["id"])]
            }
            Work::Batch => {
                let items = json!([{ "type": "a", "name": name }, { "type": "b", "name": name }]);
                let body = items.to_string().into_bytes();
                let url = format!("{}/batch", endpoint.url);
                let headers = endpoint.sign(name, stack.now_s(), &body);
                let answer = stack.post_raw(&url, &headers, &body).await.status(202);
                let items = answer["items"].as_array().expect("a result for each item");
                items.iter().map(|item| text(&item["id"])).collect()
            }
        }
    }
}

#[tokio::test]
async fn after_a_storm_each_event_has_one_delivery_and_it_arrived() {
    for seed in seeds(&[7]) {
        let mut chance = chance(seed);
        let stack = Stack::with(Redeliver::Seeded(chance.bits())).await;
        let (_, endpoint, receiver, _) = start(&stack).await;
        let other = Receiver::start().await;
        create(&stack.again("acme").await, &other, json!({})).await;
        for _ in 0..count("PORTICO_STEPS", 12) {
            let ids: Vec<String> = (0..=chance.below(6))
                .map(|_| format!("evt_{}", chance.below(30)))
                .collect();
            send_all(&stack, &endpoint, &ids).await;
            let function = *chance.pick(&["webhook-worker", "delivery-worker"]).unwrap();
            let answer = *chance
                .pick(&[
                    Answer::CrashBefore,
                    Answer::CrashAfter,
                    Answer::Throttling,
                    Answer::LostAnswer,
                ])
                .unwrap();
            let calls = u32::try_from(chance.below(20)).unwrap();
            let fault = Fault::everywhere(answer).by(function).after(calls).times(1);
            stack.faults().add(fault);
            if chance.below(3) == 0 {
                receiver.answer(503, "", "");
            }
            stack.drain().await;
            stack.advance_s(chance.below(400) as u64);
        }
        stack.faults().clear();
        settle(&stack, &QUEUES).await;
        let owner = stack.again("acme").await;
        let events = all_events(&owner).await;
        let applied: BTreeSet<String> = events
            .values()
            .filter(|event| event["state"] == "processed")
            .map(|event| text(&event["id"]))
            .collect();
        assert!(!applied.is_empty());
        let list = listed(&owner, "limit=100").await;
        assert_eq!(list.len(), applied.len() * 2);
        for delivery in list {
            assert_eq!(delivery["state"], "delivered", "{delivery}");
        }
        for receiver in [receiver, other] {
            let arrived: BTreeSet<String> = receiver
                .take()
                .iter()
                .map(|sent| sent.headers["webhook-id"].clone())
                .collect();
            assert_eq!(arrived, applied);
        }
    }
}

#[tokio::test]
async fn a_destination_that_is_gone_is_disabled_at_once() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, destination) = start(&stack).await;
    receiver.answer(410, "", "");
    stack.send(&endpoint, "evt_1").await.status(202);
    stack.drain().await;
    let delivery = only(&owner).await;
    assert_eq!(delivery["state"], "failed");
    let path = path_of(&destination);
    let shown = owner.get(&path).await.status(200);
    assert_eq!(shown["enabled"], false);
    assert!(text(&shown["disabled_reason"]).contains("410"), "{shown}");
    let health = owner.get(&format!("{path}/health")).await.status(200);
    assert_eq!(health["state"], "disabled");
    let trail = owner.get("/v1/audit?action=destination.disabled").await;
    assert_eq!(trail.status(200)["data"][0]["actor"], "system");
    let enabled = owner.patch(&path, json!({ "enabled": true })).await;
    assert_eq!(enabled.status(200)["disabled_reason"], Value::Null);
}

/// Days without a success, each with a failure.
async fn fail_for_days(stack: &Stack, endpoint: &Endpoint, receiver: &Receiver, days: u64) {
    for day in 0..days {
        for _ in 0..3 {
            receiver.answer(500, "", "");
        }
        let id = format!("evt_{day}_{}", stack.now_s());
        stack.send(endpoint, &id).await.status(202);
        stack.drain().await;
        stack.advance_s(24 * 3_600);
    }
}

#[tokio::test]
async fn a_destination_that_fails_for_five_days_is_disabled_until_somebody_enables_it() {
    let stack = Stack::start().await;
    let (_, endpoint, receiver, destination) = start(&stack).await;
    let path = path_of(&destination);
    fail_for_days(&stack, &endpoint, &receiver, 5).await;
    let shown = stack.again("acme").await.get(&path).await.status(200);
    assert_eq!(shown["enabled"], true, "{shown}");
    for _ in 0..30 {
        receiver.answer(500, "", "");
    }
    stack.send(&endpoint, "evt_last").await.status(202);
    for _ in 0..3 {
        stack.drain().await;
        stack.advance_s(61);
    }
    let owner = stack.again("acme").await;
    let shown = owner.get(&path).await.status(200);
    assert_eq!(shown["enabled"], false, "{shown}");
    assert!(text(&shown["disabled_reason"]).contains("since"), "{shown}");
    // Whoever enables it gives it another five days.
    let enable = json!({ "enabled": true });
    owner.patch(&path, enable).await.status(200);
    stack.advance_s(11);
    stack.send(&endpoint, "evt_more").await.status(202);
    stack.drain().await;
    let shown = owner.get(&path).await.status(200);
    assert_eq!(shown["enabled"], true, "{shown}");
}

#[tokio::test]
async fn one_success_or_a_lull_starts_the_five_days_anew() {
    for recovers in [true, false] {
        let stack = Stack::start().await;
        let (_, endpoint, receiver, destination) = start(&stack).await;
        fail_for_days(&stack, &endpoint, &receiver, 4).await;
        if recovers {
            while stack.queued("DeliveriesQueue") > 0 {
                stack.advance_s(901);
                stack.drain().await;
            }
            assert_eq!(
                listed(&stack.again("acme").await, "state=delivered")
                    .await
                    .len(),
                4
            );
        } else {
            stack.advance_s(2 * 24 * 3_600);
        }
        fail_for_days(&stack, &endpoint, &receiver, 2).await;
        let path = path_of(&destination);
        let shown = stack.again("acme").await.get(&path).await.status(200);
        assert_eq!(shown["enabled"], true, "recovers: {recovers}");
    }
}

#[tokio::test]
async fn a_dead_destination_is_probed_by_one_delivery_at_a_time() {
    let stack = Stack::start().await;
    let (owner, endpoint, receiver, dead) = start(&stack).await;
    let healthy = Receiver::start().await;
    create(&owner, &healthy, json!({})).await;
    for at in 0..5 {
        receiver.answer(500, "", "");
        stack
            .send(&endpoint, &format!("evt_{at}"))
            .await
            .status(202);
    }
    stack.drain().await;
    assert_eq!(receiver.take().len(), 5);
    // Suspended: a new event waits, and the other destination has it at once.
    stack.send(&endpoint, "evt_new").await.status(202);
    stack.drain().await;
    stack.advance_s(20);
    stack.drain().await;
    assert!(receiver.take().is_empty());
    assert_eq!(healthy.take().len(), 6);
    assert_eq!(listed(&owner, "state=pending").await.len(), 1);
    let health = format!("{}/health", path_of(&dead));
    let shown = owner.get(&health).await.status(200);
    assert_eq!(shown["state"], "suspended");
    assert!(text(&shown["suspended_until"]) > text(&shown["last_failed_at"]));
    // Each probe that fails makes the next wait longer.
    let mut probes = 0;
    for _ in 0..12 {
        receiver.answer(503, "", "");
        stack.advance_s(60);
        stack.drain().await;
        let tried = receiver.take().len();
        assert!(tried <= 1, "{tried} at once");
        probes += tried;
    }
    assert!((3..=6).contains(&probes), "{probes}");
    // Once one gets through, all do.
    receiver.forget();
    for _ in 0..60 {
        stack.advance_s(901);
        stack.drain().await;
    }
    let owner = stack.again("acme").await;
    assert_eq!(listed(&owner, "state=delivered").await.len(), 12);
    assert_eq!(owner.get(&health).await.status(200)["state"], "healthy");
    assert_eq!(stack.queued("DeliveriesQueue"), 0);
}

#[tokio::test]
async fn an_answer_that_refuses_the_event_does_not_suspend_the_destination() {
    let stack = Stack::start().await;
    let (_, endpoint, receiver, _) = start(&stack).await;
    for at in 0..8 {
        receiver.answer(400, "", "");
        stack
            .send(&endpoint, &format!("evt_{at}"))
            .await
            .status(202);
    }
    stack.drain().await;
    assert_eq!(receiver.take().len(), 8);
    stack.advance_s(11);
    stack.drain().await;
    assert_eq!(receiver.take().len(), 8);
}

#[tokio::test]
async fn a_queue_that_fails_for_hours_delays_deliveries_and_loses_none() {
    let stack = Stack::start().await;
    let (_, endpoint, receiver, _) = start(&stack).await;
    let failure = Fault::on("SendMessageBatch", Answer::InternalError).by("webhook-worker");
    stack.faults().add(failure);
    let id = text(&stack.send(&endpoint, "evt_1").await.status(202)["id"]);
    // More attempts than the endpoint's policy gives an event that cannot be applied.
    for _ in 0..14 {
        stack.drain().await;
        stack.advance_s(1_000);
    }
    let path = format!("/v1/events/{id}");
    let event = stack.again("acme").await.get(&path).await.status(200);
    assert_eq!(event["state"], "processed");
    assert_eq!(stack.queued("EventsDeadLetterQueue"), 0);
    assert!(receiver.take().is_empty());
    stack.faults().clear();
    settle(&stack, &QUEUES).await;
    assert_eq!(only(&stack.again("acme").await).await["state"], "delivered");
    assert_eq!(receiver.take().len(), 1);
}
