//! Tests through the front door: HTTP to a whole platform, one for each test, stores in memory.

#![cfg(test)]

mod access_matrix;
mod admission;
mod audit;
mod audit_log;
mod auth;
mod bad_input;
mod batches;
mod breakers;
mod budgets;
mod chaos;
mod compile_fail;
mod crashes;
mod custom;
mod destinations;
mod documents;
mod egress;
mod endpoints;
mod events;
mod fairness;
mod handshakes;
mod harness;
mod idempotency;
mod idp;
mod isolation;
mod jobs;
mod limits;
mod operator;
mod receiver;
mod rejections;
mod retries;
mod roles;
mod rotation;
mod routes;
mod saml;
mod scheduler;
mod schemes;
mod sessions;
mod stories;
mod storm;
mod template;
mod tidy;
mod users;
mod vendor_keys;
mod webhooks;
