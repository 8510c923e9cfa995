//! The platform on one machine: what `template.yaml` declares, running in this process. In reading order:
//! the template; the stores (`dynamodb`, `sqs`, `queues`) and the door to them (`front`, `access`, `sts`, `fault`);
//! functions and what calls them (`gateway`, `pump`); what tests do to them (`crash`, `chance`); and all of it
//! together (`platform`, `cli`).

#![expect(
    clippy::disallowed_methods,
    reason = "the bans are for what runs in Lambda; here is where the machine's clock and randomness come in"
)]

pub mod access;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod crash;
pub mod dynamodb;
pub mod fault;
pub mod front;
pub mod function;
pub mod gateway;
pub mod openapi;
pub mod outbox;
pub mod platform;
pub mod progress;
pub mod pump;
pub mod queues;
pub mod registry;
pub mod server;
pub mod sqs;
pub mod sts;
pub mod template;
pub mod upstream;
pub mod vendor_hosts;
pub mod vendors;
pub mod witness;

#[cfg(test)]
mod testing;
