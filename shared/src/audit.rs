//! The audit trail: one entry for each change, committed with it or not at all.

mod entry;

pub use entry::{Action, Actor, Entry, FieldChange, Origin};

pub(crate) use entry::differences;
