//! How long old secrets stay good beside a new one, at endpoints and destinations alike.

pub(super) const LONGEST_OVERLAP_HOURS: u16 = 7 * 24;

pub(super) fn one_day() -> u16 {
    24
}
