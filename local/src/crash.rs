//! Functions that die in the middle of their work, as when an execution environment is lost. What a
//! dead invocation has not said by then it never says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Who dies when. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Crashes {
    functions: Arc<Mutex<BTreeMap<String, watch::Sender<()>>>>,
}

/// One invocation's view: whether its function has crashed since it began.
#[derive(Debug)]
pub(crate) struct Life {
    crashes: watch::Receiver<()>,
}

impl Crashes {
    /// Ends every invocation of this function that is under way, and the instance that runs it.
    pub fn crash(&self, binary: &str) {
        self.with(binary, |sender| sender.send_replace(()));
    }

    pub(crate) fn begin(&self, binary: &str) -> Life {
        Life {
            crashes: self.with(binary, watch::Sender::subscribe),
        }
    }

    fn with<T>(&self, binary: &str, work: impl FnOnce(&watch::Sender<()>) -> T) -> T {
        let mut functions = self
            .functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        work(
            functions
                .entry(binary.to_owned())
                .or_insert_with(|| watch::Sender::new(())),
        )
    }
}

impl Life {
    /// Ready as soon as the function has crashed; never otherwise.
    pub(crate) async fn ended(&mut self) {
        if self.crashes.changed().await.is_err() {
            // The platform is gone, and with it whoever could order a crash.
            std::future::pending::<()>().await;
        }
    }
}
