//~ private
//! A change cannot be made without its audit action.
use shared::store::Change;

pub fn silent() -> Change<()> {
    Change { value: (), writes: Vec::new() }
}
