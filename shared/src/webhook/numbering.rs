//! Numbers what a receiver accepts, so that the ledger can be held against something. Each instance counts
//! for itself, in memory: a number costs no call, and a message that disappears leaves a gap.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{id::EndpointId, queue::Number, seal};

/// Endpoints that an instance counts for before it begins new runs.
const CAPACITY: usize = 10_000;

/// Numbers that were not sent and wait to be told. More than these, and a new run begins.
const MOST_UNSENT: usize = 16;

#[derive(Default)]
pub(crate) struct Numbering {
    runs: Mutex<HashMap<EndpointId, Run>>,
}

struct Run {
    name: String,
    next: u64,
    unsent: Vec<u64>,
}

/// A number that was given out. Unless it is kept, its message was not sent.
pub(crate) struct Numbered<'a> {
    numbering: &'a Numbering,
    endpoint: EndpointId,
    number: Option<Number>,
}

impl Numbering {
    pub(crate) fn take(&self, endpoint: EndpointId) -> (Number, Numbered<'_>) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= CAPACITY && !runs.contains_key(&endpoint) {
            runs.clear();
        }
        let run = runs.entry(endpoint).or_insert_with(Run::begin);
        if run.unsent.len() > MOST_UNSENT {
            *run = Run::begin();
        }
        let number = Number {
            run: run.name.clone(),
            at: run.next,
            unsent: std::mem::take(&mut run.unsent),
        };
        run.next += 1;
        let numbered = Numbered {
            numbering: self,
            endpoint,
            number: Some(number.clone()),
        };
        (number, numbered)
    }

    fn give_back(&self, endpoint: EndpointId, number: Number) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = runs.get_mut(&endpoint).filter(|run| run.name == number.run) {
            run.unsent.extend(number.unsent);
            run.unsent.push(number.at);
        }
    }
}

impl Run {
    fn begin() -> Self {
        Self {
            name: seal::encode_hex(&seal::random::<8>()),
            next: 0,
            unsent: Vec::new(),
        }
    }
}

impl Numbered<'_> {
    /// The queue has the message.
    pub(crate) fn sent(mut self) {
        self.number = None;
    }
}

impl Drop for Numbered<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number.take() {
            self.numbering.give_back(self.endpoint, number);
        }
    }
}

#[cfg(test)]
mod tests;
