//! Rate limits over all instances: a bucket is one row of the ephemeral table, and each instance leases
//! permits from it in blocks. In any window of time at most `burst + rate × (window + lease)` pass, and
//! beside them what instances let through on trust.
//!
//! A bucket is named by a key and holds what a [`RateLimit`] says; `levels` knows what is limited.
//!
//! Where there is trust, an instance lets so many permits through before it asks the table, and pays them
//! with its next lease. At any time each instance owes at most that many, so light traffic costs a fraction
//! of a write for each request.
//!
//! A lease is made to last a quarter of the time in which the bucket fills, two seconds at most, and
//! lapses after twice that. So a steady stream costs about one write in two seconds for each instance
//! that serves it, and a limit of a few requests a second costs up to one write for each request.

pub(crate) mod cost;
mod gcra;
pub(crate) mod levels;
mod quota;
mod wallet;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    store::{Key, Leased, StoreError},
};

use gcra::Rate;
use wallet::{Step, Wallet};

pub use levels::{Attempt, month_of};

pub(crate) use levels::admit_caller;
pub(crate) use quota::{Quota, Quotas, of_refusal};
pub(crate) use wallet::Lease;

/// Buckets that one instance keeps in mind.
const CAPACITY: usize = 10_000;

/// Leases that are tried for one request before it passes: each failure brings the bucket's true number.
const ATTEMPTS: usize = 4;

/// So many requests in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    #[garde(range(min = 1, max = 1_000_000))]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub requests: u32,
    #[garde(range(min = 1, max = 86_400))]
    #[schema(minimum = 1, maximum = 86_400)]
    pub per_seconds: u32,
    /// How many may come at once after a pause; `requests` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(range(min = 1, max = 1_000_000)))]
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub burst: Option<u32>,
}

/// A request over its limit, as RFC 9110 section 10.2.3 and draft-ietf-httpapi-ratelimit-headers tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverLimit {
    /// What is limited: the policy's name.
    pub policy: &'static str,
    pub limit: RateLimit,
    /// Whole seconds, at least one.
    pub retry_after_s: u64,
}

/// What one instance holds of the buckets that it has used lately.
#[derive(Default)]
pub(crate) struct LimitCache {
    buckets: Mutex<HashMap<(Key, RateLimit), Arc<Bucket>>>,
}

/// What a request is held against, and how much of it the request takes.
pub(crate) struct Charge {
    pub(crate) policy: &'static str,
    pub(crate) key: Key,
    pub(crate) limit: RateLimit,
    /// Permits that an instance may owe.
    pub(crate) trust: u32,
    pub(crate) cost: u32,
    /// Whether the bucket's row also counts the requests of the month.
    pub(crate) metered: Option<Metered>,
}

/// A month and how many requests it may have.
pub(crate) struct Metered {
    pub(crate) month: String,
    pub(crate) quota: Option<u32>,
    pub(crate) ends_at: Timestamp,
}

/// Requests of a month that an instance has let through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) month: String,
    /// Not yet in the row.
    pub(crate) new: u32,
    /// In the row when it was last written.
    pub(crate) known: u64,
}

struct Bucket {
    wallet: Mutex<Wallet>,
    usage: Mutex<Usage>,
    /// One lease at a time: who waits here finds permits afterwards.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.requests, self.per_seconds, self.burst())
    }
}

impl RateLimit {
    pub fn burst(self) -> u32 {
        self.burst.unwrap_or(self.requests)
    }

    fn rate(self) -> Rate {
        Rate::new(self.requests, self.per_seconds, self.burst())
    }
}

/// Takes `cost` permits from the bucket `key`. Without a call while the instance holds a lease.
///
/// If the table does not answer the request passes, and for a second all others do.
///
/// # Errors
/// The limit is reached.
pub(crate) async fn take(
    app: &App,
    policy: &'static str,
    key: &Key,
    limit: RateLimit,
    cost: u32,
    now: Timestamp,
) -> Result<(), OverLimit> {
    let level = Charge {
        policy,
        key: key.clone(),
        limit,
        trust: 0,
        cost,
        metered: None,
    };
    charge(app, &level, now).await.map(drop)
}

/// As [`take`]; yields what is left, as far as the instance knows.
///
/// # Errors
/// The limit is reached, or the month's quota.
pub(crate) async fn charge(app: &App, level: &Charge, now: Timestamp) -> Result<Quota, OverLimit> {
    let at = now.as_nanosecond();
    let bucket = app.limits.bucket(&level.key, level.limit, level.trust, at);
    if let Some(metered) = &level.metered
        && let Some(quota) = metered.quota
        && bucket.usage(metered).known >= u64::from(quota)
    {
        return Err(levels::over_month(metered, quota, now));
    }
    pass(app, level, &bucket, at).await?;
    if let Some(metered) = &level.metered {
        bucket.count(metered);
    }
    let (remaining, wait) = bucket.with(|wallet| wallet.remaining(at));
    Ok(Quota {
        policy: level.policy,
        limit: level.limit,
        remaining,
        reset_s: u64::try_from(wait.div_euclid(1_000_000_000)).unwrap_or(0),
    })
}

async fn pass(app: &App, level: &Charge, bucket: &Bucket, now: i128) -> Result<(), OverLimit> {
    let cost = level.cost;
    let over = |wait: i128| OverLimit {
        policy: level.policy,
        limit: level.limit,
        retry_after_s: u64::try_from(wait.div_euclid(1_000_000_000) + 1).unwrap_or(1),
    };
    let first = bucket.with(|wallet| {
        wallet.count(cost);
        wallet.step(now, cost)
    });
    match first {
        Step::Pass => return Ok(()),
        Step::Refuse { wait } => return Err(over(wait)),
        Step::Ask => {}
    }
    let _turn = bucket.turn.lock().await;
    match bucket.with(|wallet| wallet.step(now, cost)) {
        Step::Pass => return Ok(()),
        Step::Refuse { wait } => return Err(over(wait)),
        Step::Ask => {}
    }
    for _ in 0..ATTEMPTS {
        let lease = bucket.with(|wallet| wallet.plan(now, cost)).map_err(over)?;
        let usage = level.metered.as_ref().map(|metered| bucket.usage(metered));
        match app
            .platform()
            .lease(&level.key, &lease, usage.as_ref())
            .await
        {
            Ok(Leased::Written { full_until, used }) => {
                bucket.with(|wallet| wallet.granted(lease, full_until, cost));
                bucket.counted(usage, used);
                return Ok(());
            }
            Ok(Leased::Moved(full_until)) => bucket.with(|wallet| wallet.learned(full_until)),
            Err(error) => {
                fail_open(bucket, now, &error);
                return Ok(());
            }
        }
    }
    tracing::warn!(
        limit.policy = level.policy,
        "a limit's row changed under every lease: the request passes"
    );
    Ok(())
}

/// Grants nothing before `until`, because whoever is protected asks for it. What other instances have
/// leased they may still spend; an instance that cannot write it keeps to it alone.
pub(crate) async fn pause(
    app: &App,
    key: &Key,
    limit: RateLimit,
    until: Timestamp,
    now: Timestamp,
) {
    let (now, until) = (now.as_nanosecond(), until.as_nanosecond());
    let rate = limit.rate();
    // Full enough that the first permit is free at that moment.
    let full_until = until + rate.capacity() - rate.interval;
    let bucket = app.limits.bucket(key, limit, 0, now);
    bucket.with(|wallet| wallet.pause(until, full_until));
    if let Err(error) = app.platform().pause_bucket(key, full_until).await {
        tracing::warn!(%error, "a pause could not be shared");
    }
}

fn fail_open(bucket: &Bucket, now: i128, error: &StoreError) {
    bucket.with(|wallet| wallet.went_blind(now));
    tracing::warn!(%error, "a limit's row does not answer: requests pass");
}

impl Bucket {
    fn with<T>(&self, use_wallet: impl FnOnce(&mut Wallet) -> T) -> T {
        use_wallet(&mut self.wallet.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of_month<T>(&self, metered: &Metered, work: impl FnOnce(&mut Usage) -> T) -> T {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if usage.month != metered.month {
            *usage = Usage {
                month: metered.month.clone(),
                ..Usage::default()
            };
        }
        work(&mut usage)
    }

    fn usage(&self, metered: &Metered) -> Usage {
        self.of_month(metered, |usage| usage.clone())
    }

    fn count(&self, metered: &Metered) {
        self.of_month(metered, |usage| usage.new = usage.new.saturating_add(1));
    }

    /// What was sent with a lease is in the row now.
    fn counted(&self, sent: Option<Usage>, used: Option<u64>) {
        let (Some(sent), Some(used)) = (sent, used) else {
            return;
        };
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        if usage.month == sent.month {
            usage.new = usage.new.saturating_sub(sent.new);
            usage.known = used;
        }
    }
}

impl LimitCache {
    fn bucket(&self, key: &Key, limit: RateLimit, trust: u32, now: i128) -> Arc<Bucket> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(&(key.clone(), limit)) {
            return Arc::clone(bucket);
        }
        if buckets.len() >= CAPACITY {
            buckets.retain(|_, bucket| !bucket.with(|wallet| wallet.is_idle(now)));
        }
        let bucket = Arc::new(Bucket {
            wallet: Mutex::new(Wallet::new(limit.rate(), trust)),
            usage: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
        });
        if buckets.len() < CAPACITY {
            buckets.insert((key.clone(), limit), Arc::clone(&bucket));
        }
        bucket
    }
}
