//! What the platform does by itself, on a timer: a list of duties. A further duty is a line here, and
//! its permissions in the template.

use jiff::SignedDuration;
use shared::{audit, schedule::Duty};

pub const DUTIES: &[Duty] = &[Duty {
    name: "seal-audit",
    every: SignedDuration::from_mins(1),
    run: |app, turn| Box::pin(audit::seal_logs(app, turn)),
}];
