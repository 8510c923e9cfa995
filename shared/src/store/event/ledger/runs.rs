//! What receivers say that they accepted, from the numbers that their messages bear. Independent of what
//! workers made of the events: a number whose message no worker has seen is a gap.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::{id::EndpointId, store::event::ledger::Row};

/// One endpoint's messages, by run.
#[derive(Default)]
pub(super) struct Runs {
    runs: HashMap<(EndpointId, String), Run>,
    /// Events of a time before numbers: their rows speak for themselves.
    unnumbered: HashMap<EndpointId, u64>,
}

#[derive(Default)]
struct Run {
    messages: BTreeMap<u64, Message>,
    unsent: BTreeSet<u64>,
}

/// A message that workers have seen.
struct Message {
    /// Events with a row.
    rows: u64,
    /// Events that it carries.
    events: u64,
    accepted_at: Timestamp,
}

/// What one endpoint's receivers have accepted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) accepted: u64,
    pub(super) unseen: Vec<Unseen>,
}

/// Events that were accepted before this time, and have no row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unseen {
    pub(super) events: u64,
    pub(super) before: Timestamp,
}

impl Runs {
    pub(super) fn add(&mut self, row: &Row) {
        let Some(run) = &row.run else {
            *self.unnumbered.entry(row.endpoint_id).or_default() += 1;
            return;
        };
        let run = self.runs.entry((row.endpoint_id, run.clone())).or_default();
        run.unsent.extend(&row.unsent);
        let message = run.messages.entry(row.number).or_insert(Message {
            rows: 0,
            events: row.of_items.unwrap_or(1),
            accepted_at: row.id.made_at(),
        });
        message.rows += 1;
    }

    pub(super) fn close(self) -> BTreeMap<EndpointId, Numbered> {
        let mut endpoints: BTreeMap<EndpointId, Numbered> = BTreeMap::new();
        for (endpoint, rows) in self.unnumbered {
            endpoints.entry(endpoint).or_default().accepted += rows;
        }
        for ((endpoint, _), run) in self.runs {
            run.close(endpoints.entry(endpoint).or_default());
        }
        endpoints
    }
}

impl Run {
    /// A gap before the first number that is seen and one after the last cannot be told from the rest of
    /// time: it takes an earlier and a later message of the run to see what is not there.
    fn close(&self, into: &mut Numbered) {
        let mut expected = None;
        for (number, message) in &self.messages {
            let gap = expected.unwrap_or(*number)..*number;
            let unsent = self.unsent.range(gap.clone()).count();
            let lost = (gap.end - gap.start).saturating_sub(count(unsent));
            let partly = message.events.saturating_sub(message.rows);
            into.accepted += lost + message.events.max(message.rows);
            for events in [lost, partly] {
                if events > 0 {
                    let before = message.accepted_at;
                    into.unseen.push(Unseen { events, before });
                }
            }
            expected = Some(number + 1);
        }
    }
}

fn count(of: usize) -> u64 {
    u64::try_from(of).unwrap_or(u64::MAX)
}
