//! Every vector of every preset, and for every header family the round trip of signing and verifying.

mod round_trip;
mod vectors;
