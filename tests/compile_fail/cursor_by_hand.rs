//~ private
//! A cursor is signed; it cannot be put together.
use shared::store::Cursor;

pub fn forge(text: String) -> Cursor {
    Cursor(text)
}
