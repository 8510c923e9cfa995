//! The audit trail: one entry for each change, committed with it or not at all; sealed into a log that
//! cannot be altered without a trace.

mod checkpoint;
mod entry;
mod leaf;
pub mod merkle;
mod sealing;
mod verify;

pub use checkpoint::Checkpoint;
pub use entry::{Action, Actor, Entry, FieldChange, Origin};
pub use sealing::seal_logs;
pub use verify::{Finding, Report, verify_export};

pub(crate) use checkpoint::{hash_of, vkey};
pub(crate) use entry::differences;
pub(crate) use sealing::{MARGIN, minute_of};
