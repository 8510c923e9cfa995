//! What an answer of a vendor means, by its connector's manifest. Pure: nothing is called here.

use std::time::Duration;

use axum::body::Bytes;
use http::{HeaderMap, header};
use jiff::Timestamp;

use crate::{outbound::retry_after, vendor::Connector};

/// No vendor makes a connection wait longer than this, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What the vendor said, and what it means to us.
#[derive(Debug, Clone)]
pub struct VendorAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub class: Class,
    /// How long the vendor asks to be left alone.
    pub pause: Option<Duration>,
    pub took: Duration,
    /// Requests that were made for it: more than one after a failure that could be repeated.
    pub attempts: u32,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Done,
    /// Over the vendor's limit: the request was not looked at.
    Throttled,
    /// The credentials are not good, or not for this.
    Denied,
    /// The request is wrong, and would be again.
    Rejected,
    /// The vendor failed: the same request may succeed later.
    Failed,
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
        }
    }
}

impl Connector {
    /// What an answer of this vendor means. A redirect is a rejection: it is not followed.
    pub fn classify(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> Class {
        let is_throttled = status == 429 || self.errors.throttled.contains(&status);
        // GitHub and others: forbidden because nothing is left of the limit, not for good.
        let is_spent = self.is_spent(headers) || headers.contains_key(header::RETRY_AFTER);
        match status {
            _ if is_throttled => Class::Throttled,
            403 if is_spent => Class::Throttled,
            200..=299 => self.of_success(body),
            401 | 403 => Class::Denied,
            500..=599 => Class::Failed,
            _ => Class::Rejected,
        }
    }

    /// How long the vendor asks to be left alone: by `Retry-After`, or because its headers say that
    /// nothing is left of its limit.
    pub fn pause(&self, status: u16, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
        let asked = match status {
            200..=399 => None,
            _ => retry_after(headers, now),
        };
        let until_reset = || {
            let name = self.rate.reset_unix_s.as_ref()?;
            let at: i64 = headers.get(name)?.to_str().ok()?.trim().parse().ok()?;
            let at = Timestamp::from_second(at).ok()?;
            Duration::try_from(at.duration_since(now)).ok()
        };
        let spent = self.is_spent(headers).then(until_reset).flatten();
        let pause = asked.or(spent)?.min(LONGEST_PAUSE);
        (!pause.is_zero()).then_some(pause)
    }

    fn is_spent(&self, headers: &HeaderMap) -> bool {
        let name = self.rate.remaining.as_ref();
        name.and_then(|name| headers.get(name))
            .is_some_and(|value| value.as_bytes() == b"0")
    }

    /// Some vendors answer 200 and say in the body that it went wrong.
    fn of_success(&self, body: &[u8]) -> Class {
        let Some(pointer) = &self.errors.ok_pointer else {
            return Class::Done;
        };
        let answer: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let ok = answer.and_then(|answer| answer.pointer(pointer)?.as_bool());
        match ok {
            Some(true) => Class::Done,
            Some(false) => Class::Rejected,
            // Nothing that this vendor says on purpose.
            None => Class::Failed,
        }
    }
}

#[cfg(test)]
mod tests;
