//! The embedded DynamoDB through the AWS SDK on a real socket. Each test has an engine and a table of its own.

#![cfg(test)]

mod batches;
mod concurrency;
mod expiry;
mod harness;
mod indexes;
mod queries;
mod scans;
mod streams;
mod tables;
mod transactions;
mod updates;
mod writes;
