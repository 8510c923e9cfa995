//! The SQS server through the AWS SDK on a real socket. Time is a number that only the tests move.

#![cfg(test)]

mod batches;
mod dead_letters;
mod fifo;
mod groups;
mod harness;
mod long_polls;
mod moves;
mod queues;
mod receiving;
mod sending;
mod storage;
