//! Mail to people. A request commits and queues; the worker looks the person up, writes the letter and
//! sends it by SES. So no answer depends on whether an address is known, in words or in time.
//!
//! **Invariant:** no token is on the queue or in a table: see `access::mail_token`.

mod job;
mod letter;
mod ses;

pub use job::run;

pub(crate) use job::{MailJob, queue};
