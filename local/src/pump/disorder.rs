//! What SQS does not promise, made to happen by a seed: messages out of order, twice, and again after
//! they were done. A FIFO queue's groups keep their order even so, because SQS promises that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chance::Chance;
use crate::queues::Message;

/// One message in so many is delivered twice at once, and one deletion in so many is lost.
const ONE_IN: usize = 8;

/// Batches that are out at the same time, at most.
const POLLERS: usize = 5;

#[derive(Clone, Debug)]
pub(super) struct Disorder {
    chance: Arc<Mutex<Chance>>,
}

impl Disorder {
    pub(super) fn seeded(seed: u64) -> Self {
        Self {
            chance: Arc::new(Mutex::new(Chance::seeded(seed))),
        }
    }

    pub(super) fn pollers(&self) -> usize {
        1 + self.chance().below(POLLERS)
    }

    /// All messages, some twice, in any order and in batches of any size; never one twice in a batch.
    pub(super) fn standard(
        &self,
        received: Vec<Vec<Message>>,
        batch_size: usize,
    ) -> Vec<Vec<Message>> {
        let mut chance = self.chance();
        let mut messages: Vec<Message> = received.into_iter().flatten().collect();
        let again = messages.iter().filter(|_| chance.one_in(ONE_IN));
        let again: Vec<Message> = again.cloned().collect();
        messages.extend(again);
        chance.shuffle(&mut messages);
        let mut batches: Vec<Vec<Message>> = vec![Vec::new()];
        let mut size = 1 + chance.below(batch_size);
        for message in messages {
            let is_fit = batches.last().is_some_and(|batch| {
                batch.len() < size
                    && !batch
                        .iter()
                        .any(|held| held.message_id == message.message_id)
            });
            if !is_fit {
                batches.push(Vec::new());
                size = 1 + chance.below(batch_size);
            }
            if let Some(batch) = batches.last_mut() {
                batch.push(message);
            }
        }
        batches
    }

    /// The batches in any order, some twice: two receives never share a group.
    pub(super) fn fifo(&self, mut received: Vec<Vec<Message>>) -> Vec<Vec<Message>> {
        let mut chance = self.chance();
        chance.shuffle(&mut received);
        let mut batches = Vec::new();
        for batch in received {
            if chance.one_in(ONE_IN) {
                batches.push(batch.clone());
            }
            batches.push(batch);
        }
        batches
    }

    /// Those whose deletion reaches the queue.
    pub(super) fn lose_some<'m>(&self, done: impl Iterator<Item = &'m str>) -> Vec<&'m str> {
        let mut chance = self.chance();
        done.filter(|_| !chance.one_in(ONE_IN)).collect()
    }

    fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
