//! Tests through the front door: HTTP to a whole platform, one for each test, stores in memory.

#![cfg(test)]

mod access_matrix;
mod audit;
mod auth;
mod budgets;
mod compile_fail;
mod documents;
mod endpoints;
mod events;
mod harness;
mod isolation;
mod routes;
mod template;
mod tidy;
mod users;
mod webhooks;
