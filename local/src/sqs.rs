//! An SQS server for this machine: the AWS JSON protocol on a real socket, the queues in SQLite.
//! An acknowledged message is stored, and a message is with at most one consumer at a time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;

mod actions;
mod error;
mod fair;
mod http;
mod message;
mod name;
mod settings;
mod store;
mod waiters;
mod wire;

use crate::sqs::error::SqsError;
use crate::sqs::name::QueueName;
use crate::sqs::store::{Store, Tx};
use crate::sqs::waiters::Waiters;

pub use crate::sqs::store::{Counts, Storage};

/// The queues and everybody who waits for them. Clones share one server.
#[derive(Clone)]
pub struct SqsServer {
    inner: Arc<Inner>,
}

struct Inner {
    store: Mutex<Store>,
    clock: Clock,
    waiters: Waiters,
    is_closed: AtomicBool,
}

/// The only source of the present: milliseconds since 1970. Tests pass one that they can move.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

#[derive(Debug, thiserror::Error)]
#[error("could not open the queue storage {storage:?}")]
pub struct OpenError {
    storage: Storage,
    source: rusqlite::Error,
}

impl SqsServer {
    pub fn open(storage: Storage, clock: Clock) -> Result<Self, OpenError> {
        let store = match Store::open(&storage) {
            Ok(store) => store,
            Err(source) => return Err(OpenError { storage, source }),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                store: Mutex::new(store),
                clock,
                waiters: Waiters::default(),
                is_closed: AtomicBool::new(false),
            }),
        })
    }

    /// Answers every SQS request, whatever its path. The caller adds its own layers.
    pub fn router(&self) -> Router {
        http::router(self.clone())
    }

    /// The clock was moved: every long poll looks again.
    pub fn wake(&self) {
        self.inner.waiters.notify_all();
    }

    /// Ends the long polls, now and from now on, with what they have. Call it when the shutdown of
    /// [`serve`] starts; otherwise a graceful shutdown waits for the longest of them.
    pub fn close(&self) {
        self.inner.is_closed.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// The messages of a queue by state, or `None` without such a queue.
    pub fn counts(&self, queue: &str) -> Option<Counts> {
        let name = QueueName::parse(queue).ok()?;
        self.transaction(|tx| tx.counts(&tx.queue(&name)?)).ok()
    }

    /// How many long polls wait for a queue; a poll whose caller has gone is not among them.
    pub fn waiting(&self, queue: &str) -> usize {
        QueueName::parse(queue)
            .and_then(|name| self.transaction(|tx| tx.queue(&name)))
            .map_or(0, |queue| self.inner.waiters.count(queue.id))
    }

    fn now(&self) -> i64 {
        (self.inner.clock.0)()
    }

    fn is_closed(&self) -> bool {
        self.inner.is_closed.load(Ordering::SeqCst)
    }

    /// Stores first, wakes second: a poll that is woken finds what it was woken for.
    fn transaction<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, SqsError>,
    ) -> Result<T, SqsError> {
        // A panic inside `work` drops its transaction, which rolls it back: the store is whole after it.
        let mut store = self
            .inner
            .store
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let stored = store.transaction(now, work);
        drop(store);
        let (result, changed) = stored?;
        self.inner.waiters.notify(changed);
        Ok(result)
    }
}

impl Clock {
    pub fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }
}

impl fmt::Debug for SqsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsServer").finish_non_exhaustive()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// Serves until `shutdown` ends, then lets open requests finish. SQLite works on the calling runtime's
/// threads, for well under a millisecond per request: give it a runtime of its own where that matters.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Only latency is lost where this is refused.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown)
        .await
}
