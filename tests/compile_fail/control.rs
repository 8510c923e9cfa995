//! What a handler may do.
use shared::{access::{Caller, Permission}, problem::ApiError};

pub async fn name(caller: Caller) -> Result<String, ApiError> {
    let store = caller.authorize(Permission::TenantRead)?;
    Ok(store.tenant().await?.value.name)
}
