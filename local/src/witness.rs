//! Who looks on while a platform runs. It is told what happened and changes nothing.

use std::fmt;
use std::sync::Arc;

use http::StatusCode;

use crate::access::Need;

/// Something that happened on the platform.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// A function made a call that the template allows its role, and this is a part of it. The role for tenants' data is
    /// the binary's name with `/tenant`.
    Call { role: &'a str, need: &'a Need },
    /// The gateway gave this answer.
    Answer {
        method: &'a str,
        path: &'a str,
        status: StatusCode,
    },
}

type See = dyn Fn(Sight<'_>) + Send + Sync;

/// By default nobody.
#[derive(Clone, Default)]
pub struct Witness(Option<Arc<See>>);

impl Witness {
    pub fn new(see: impl Fn(Sight<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(see)))
    }

    pub(crate) fn see(&self, sight: Sight<'_>) {
        if let Some(see) = &self.0 {
            see(sight);
        }
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Witness")
    }
}
