//! One page of a bulk job, whatever its rows are: which ones it takes, and what came of them.

use std::{fmt::Display, hash::Hash, str::FromStr, time::Duration};

use futures_util::{StreamExt, stream};

use crate::{
    bulk::{Done, limit, pace},
    store::{BulkJob, Plan, Planned, Rows, StoreError, Stretch},
};

/// Transactions under way at a time.
const SIDE_BY_SIDE: usize = 10;

/// How one row went, and the message that is due.
pub(super) type Outcome<M> = Result<(Done, Option<M>), StoreError>;

/// The most rows that the job's next page may take.
pub(super) fn len(job: &BulkJob) -> usize {
    let left = limit(&job.kind).map(|max| max.saturating_sub(job.progress.done));
    let left = left.and_then(|left| usize::try_from(left).ok());
    pace::page_len(pace(&job.kind)).min(left.unwrap_or(usize::MAX))
}

/// `life` is the row's count of such changes, by which a change that this job made is known.
pub(super) fn plan<Id: Display + Eq + Hash, T>(
    found: Stretch<Id>,
    rows: &Rows<Id, T>,
    life: impl Fn(&T) -> u64,
) -> Plan {
    let planned = |id: &Id| Planned {
        id: id.to_string(),
        life: rows.get(id).and_then(Option::as_ref).map_or(0, &life),
    };
    Plan {
        items: found.ids.iter().map(planned).collect(),
        examined: found.examined,
        next: found.next,
    }
}

/// The rows of a plan, each with its `life` as planned.
pub(super) fn items<Id: FromStr<Err: Into<anyhow::Error>>>(
    plan: &Plan,
) -> anyhow::Result<Vec<(Id, u64)>> {
    let item = |item: &Planned| Ok((item.id.parse::<Id>().map_err(Into::into)?, item.life));
    plan.items.iter().map(item).collect()
}

/// What a page came to.
pub(super) struct Ran<M> {
    outcomes: Vec<Done>,
    /// Each with its place in the time that the page covers.
    pub(super) messages: Vec<(M, Duration)>,
    failed: Option<StoreError>,
}

impl<M> Ran<M> {
    /// Runs the rows side by side and keeps their order.
    pub(super) async fn of(
        runs: impl Iterator<Item = impl Future<Output = Outcome<M>>>,
        pace_per_s: u32,
    ) -> Self {
        let runs: Vec<_> = stream::iter(runs).buffered(SIDE_BY_SIDE).collect().await;
        let mut ran = Self {
            outcomes: Vec::with_capacity(runs.len()),
            messages: Vec::new(),
            failed: None,
        };
        let mut before = 0;
        for run in runs {
            match run {
                Ok((done, message)) => {
                    let at = pace::offset(before, pace_per_s);
                    ran.messages.extend(message.map(|message| (message, at)));
                    before += usize::from(done == Done::Now);
                    ran.outcomes.push(done);
                }
                Err(error) => ran.failed = Some(error),
            }
        }
        ran
    }

    /// To be asked for after the messages were sent: what is changed gets its message even if the job ends here.
    pub(super) fn outcomes(self) -> anyhow::Result<Vec<Done>> {
        match self.failed {
            Some(error) => Err(error.into()),
            None => Ok(self.outcomes),
        }
    }
}
