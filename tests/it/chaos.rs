//! Everything at once, by chance: repeated sends, dying workers, a failing store, queues that repeat and
//! reorder, a clock that jumps, replays. At the end nothing is lost and nothing doubled.

use std::collections::{BTreeMap, BTreeSet};

use local::{
    chance::Chance,
    fault::{Answer, Fault},
    pump::Redeliver,
};
use serde_json::{Value, json};

use crate::{
    harness::{Client, Endpoint, Stack},
    storm::{all_events, chance, count, seeds, send_all, settle},
};

const WORKER: &str = "webhook-worker";

/// What may happen at any time.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send,
    Drain,
    Kill,
    FailStore,
    Jump,
    Replay,
}

/// As often as it stands here.
const STEPS: [Step; 9] = [
    Step::Send,
    Step::Send,
    Step::Send,
    Step::Drain,
    Step::Drain,
    Step::Kill,
    Step::FailStore,
    Step::Jump,
    Step::Replay,
];

/// Vendor events that can be sent; more sends than these are repetitions.
const VENDOR_EVENTS: usize = 40;

struct Storm {
    stack: Stack,
    chance: Chance,
    endpoints: Vec<Endpoint>,
    /// The vendor's event of each accepted id, with its endpoint.
    accepted: BTreeMap<String, (String, String)>,
}

#[tokio::test]
async fn after_a_storm_nothing_is_lost_or_doubled() {
    let steps = count("PORTICO_STEPS", 30);
    for seed in seeds(&[1, 2, 3]) {
        let mut storm = Storm::gather(chance(seed)).await;
        for _ in 0..steps {
            storm.step().await;
        }
        storm.calm().await;
        storm.check().await;
    }
}

impl Storm {
    async fn gather(mut chance: Chance) -> Self {
        let stack = Stack::with(Redeliver::Seeded(chance.bits())).await;
        let owner = stack.tenant("acme").await;
        let mut endpoints = Vec::new();
        for scheme in ["stripe", "standardwebhooks"] {
            endpoints.push(Endpoint::create(&owner, scheme).await);
        }
        Self {
            stack,
            chance,
            endpoints,
            accepted: BTreeMap::new(),
        }
    }

    async fn step(&mut self) {
        match *self.chance.pick(&STEPS).unwrap() {
            Step::Send => self.send().await,
            Step::Drain => self.stack.drain().await,
            Step::Kill => self.kill(),
            Step::FailStore => self.fail_store(),
            Step::Jump => self.stack.advance_s(self.chance.below(4_000) as u64),
            Step::Replay => self.replay().await,
        }
    }

    async fn send(&mut self) {
        let endpoint = self.chance.pick(&self.endpoints).unwrap().clone();
        let ids: Vec<String> = (0..=self.chance.below(10))
            .map(|_| format!("evt_{}", self.chance.below(VENDOR_EVENTS)))
            .collect();
        let accepted = send_all(&self.stack, &endpoint, &ids).await;
        for (id, vendor) in accepted.into_iter().zip(ids) {
            let known = self.accepted.insert(id, (endpoint.id.clone(), vendor));
            assert_eq!(known, None, "an id was given twice");
        }
    }

    fn kill(&mut self) {
        let death = *self
            .chance
            .pick(&[Answer::CrashBefore, Answer::CrashAfter])
            .unwrap();
        let calls = u32::try_from(self.chance.below(30)).unwrap();
        let death = Fault::everywhere(death).by(WORKER).after(calls).times(1);
        self.stack.faults().add(death);
    }

    fn fail_store(&mut self) {
        let answers = [
            Answer::Throttling,
            Answer::InternalError,
            Answer::TransactionConflict,
            Answer::LostAnswer,
        ];
        let answer = *self.chance.pick(&answers).unwrap();
        let operation = *self
            .chance
            .pick(&["TransactWriteItems", "UpdateItem", "SendMessage"])
            .unwrap();
        let times = u32::try_from(1 + self.chance.below(20)).unwrap();
        let failure = Fault::on(operation, answer).by(WORKER).times(times);
        self.stack.faults().add(failure);
    }

    async fn replay(&mut self) {
        let ids: Vec<&String> = self.accepted.keys().collect();
        let Some(id) = self.chance.pick(&ids) else {
            return;
        };
        let owner = self.stack.again("acme").await;
        let answer = owner
            .post(&format!("/v1/events/{id}:replay"), json!({}))
            .await;
        // No worker has seen it yet, or it waits for its next attempt, or it is a duplicate.
        assert!(
            [202, 404, 409].contains(&answer.code.as_u16()),
            "{}",
            answer.body
        );
    }

    /// The books balance, and name what the senders were told, endpoint by endpoint.
    async fn check_ledger(&self, owner: &Client) {
        self.stack.advance_s(1);
        let since = jiff::Timestamp::from_second(self.stack.now_s() - 29 * 86_400).unwrap();
        let path = format!("/v1/events/ledger?since={since}");
        let ledger = owner.get(&path).await.status(200);
        assert_eq!(ledger["complete"], true, "{ledger}");
        assert_eq!(ledger["balanced"], true, "{ledger}");
        let count = |tally: &Value, of: &str| tally[of].as_u64().unwrap();
        let mut accepted = 0;
        for tally in ledger["endpoints"].as_array().unwrap() {
            let told = self.accepted.values();
            let told: Vec<_> = told
                .filter(|(endpoint, _)| tally["endpoint_id"] == **endpoint)
                .collect();
            let effects: BTreeSet<_> = told.iter().collect();
            let states = ["processed", "retrying", "dead", "ignored", "queued"];
            let sum: u64 = states.iter().map(|state| count(tally, state)).sum();
            assert_eq!(count(tally, "accepted"), sum, "{tally}");
            assert_eq!(count(tally, "accepted"), told.len() as u64, "{tally}");
            assert_eq!(count(tally, "processed"), effects.len() as u64, "{tally}");
            assert_eq!(
                count(tally, "ignored"),
                count(tally, "duplicates"),
                "{tally}"
            );
            accepted += count(tally, "accepted");
        }
        assert_eq!(count(&ledger["total"], "accepted"), accepted);
        assert_eq!(accepted, self.accepted.len() as u64);
    }

    /// No more faults; what was given up in the storm is replayed.
    async fn calm(&self) {
        let hits: u32 = self
            .stack
            .faults()
            .list()
            .iter()
            .map(|rule| rule.hits)
            .sum();
        assert!(hits > 0, "a storm without a single fault shows nothing");
        self.stack.faults().clear();
        settle(&self.stack, &["EventsQueue"]).await;
        let owner = self.stack.again("acme").await;
        for (id, event) in all_events(&owner).await {
            if event["state"] == "dead" {
                let path = format!("/v1/events/{id}:replay");
                owner.post(&path, json!({})).await.status(202);
            }
        }
        settle(&self.stack, &["EventsQueue"]).await;
    }

    async fn check(&self) {
        let owner = self.stack.again("acme").await;
        self.check_ledger(&owner).await;
        let mut applied = Vec::new();
        for (id, event) in all_events(&owner).await {
            let vendor = self.accepted.get(&id).expect("no event was made up");
            match event["state"].as_str() {
                Some("processed") => applied.push(vendor),
                Some("ignored") => {}
                state => panic!("{state:?} after the storm: {event}"),
            }
        }
        let wanted: BTreeSet<_> = self.accepted.values().collect();
        assert_eq!(applied.len(), wanted.len(), "one effect per vendor event");
        assert_eq!(applied.into_iter().collect::<BTreeSet<_>>(), wanted);
    }
}
