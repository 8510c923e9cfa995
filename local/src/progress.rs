//! Lines that tell a person what is going on. Everything the local command says on stdout goes through here.

use std::cell::Cell;
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

type Write = Arc<dyn Fn(&str) + Send + Sync>;

/// Where lines go: nowhere, to stdout, or to a function of the caller.
#[derive(Clone, Default)]
pub struct Progress {
    write: Option<Write>,
}

impl Progress {
    pub fn silent() -> Self {
        Self::default()
    }

    pub fn stdout() -> Self {
        Self::to(|line| {
            // A closed pipe must not stop the platform.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }

    pub fn to(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self {
            write: Some(Arc::new(write)),
        }
    }

    pub fn line(&self, line: impl fmt::Display) {
        if let Some(write) = &self.write {
            write(&line.to_string());
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.write.is_some() {
            "Progress"
        } else {
            "Progress(silent)"
        })
    }
}

/// Progress lines with the time since the one before.
pub(crate) struct Steps {
    progress: Progress,
    since: Cell<Instant>,
}

impl Steps {
    pub(crate) fn new(progress: Progress) -> Self {
        Self {
            progress,
            since: Cell::new(Instant::now()),
        }
    }

    pub(crate) fn done(&self, name: &str, detail: &str) {
        let took = self.since.replace(Instant::now()).elapsed();
        self.progress
            .line(format!("{name:<16} {detail}  {} ms", took.as_millis()));
    }
}
