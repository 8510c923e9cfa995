//! Properties that hold for every scheme.

pub(super) mod dispatched;
mod horizons;
pub(crate) mod mutations;
mod round_trip;
mod vectors;

pub(crate) use round_trip::published;
