//! What the platform does by itself, on a timer: a list of duties. A further duty is a line here, and
//! its permissions in the template.

use jiff::SignedDuration;
use shared::{access, audit, schedule::Duty};

pub const DUTIES: &[Duty] = &[
    Duty {
        name: "seal-audit",
        every: SignedDuration::from_mins(1),
        run: |app, turn| Box::pin(audit::seal_logs(app, turn)),
    },
    Duty {
        name: "rotate-signing-keys",
        every: SignedDuration::from_mins(10),
        run: |app, turn| Box::pin(access::rotate_keys(app, turn)),
    },
];
