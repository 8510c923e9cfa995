//! Calls to vendors: what decides whether one is made at all.

mod breaker;
mod breakers;

pub use breaker::{Breaker, Mark, Phase, Rules, Trip};
pub use breakers::{Permit, Refused, Scope, admit, reset, settle, state};

pub(crate) use breakers::BreakerCache;
