//! Long polls that wait for a queue to change. A poll subscribes before it looks, so that no change is missed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

#[derive(Default)]
pub(super) struct Waiters {
    queues: Mutex<HashMap<i64, watch::Sender<()>>>,
}

impl Waiters {
    pub(super) fn subscribe(&self, queue: i64) -> watch::Receiver<()> {
        self.lock()
            .entry(queue)
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe()
    }

    pub(super) fn notify(&self, queues: impl IntoIterator<Item = i64>) {
        let waiting = self.lock();
        for queue in queues {
            if let Some(sender) = waiting.get(&queue) {
                sender.send_replace(());
            }
        }
    }

    pub(super) fn notify_all(&self) {
        for sender in self.lock().values() {
            sender.send_replace(());
        }
    }

    pub(super) fn count(&self, queue: i64) -> usize {
        self.lock()
            .get(&queue)
            .map_or(0, watch::Sender::receiver_count)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, watch::Sender<()>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
