//~ private
//! A handler that forgets to authorize has nothing to read from.
use shared::{access::Caller, store::TenantStore};

pub fn open(caller: &Caller) -> TenantStore {
    TenantStore { app: caller.app.clone(), tenant: caller.tenant() }
}
