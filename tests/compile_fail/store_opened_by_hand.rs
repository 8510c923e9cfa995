//~ associated function `open` is private
//! A tenant's store cannot be opened for a tenant of one's choice.
use shared::{App, audit::{Actor, Origin}, id::TenantId, store::TenantStore};

pub fn open(app: &App, tenant: TenantId) -> TenantStore {
    TenantStore::open(app, tenant, Actor::System, Origin::default(), app.clock.now())
}
