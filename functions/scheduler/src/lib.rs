//! What the platform does by itself, on a timer: a list of duties. A further duty is a line here, and
//! its permissions in the template.

use shared::schedule::Duty;

pub const DUTIES: &[Duty] = &[];
