//! Two-way sync as pure decisions: how two sides of a record merge, which deletes are too many to believe, and
//! what a run may do next. Nothing here reads a clock, a table or a vendor.
//!
//! **Invariant:** of two edits of one field none is dropped in silence: the losing value is in the merge's
//! losses, or both stand as a conflict.

mod deletes;
mod merge;
mod run;

pub use deletes::{DeleteRule, Verdict};
pub use merge::{
    Conflict, Fields, Loss, Merge, Policies, Policy, RecordSide, Resolution, Side, merge, resolve,
};
pub use run::{Ended, Phase, Refused, Run, RunState, Statistics, Step};
