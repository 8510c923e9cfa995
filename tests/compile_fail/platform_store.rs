//~ is private
//! A function has no door to what belongs to no tenant.
use shared::{App, store::PlatformStore};

pub fn open(app: &App) -> PlatformStore {
    app.platform()
}
