//~ mismatched types
//! A user's id is not an endpoint's.
use shared::{id::UserId, store::{StoreError, TenantStore}};

pub async fn read(store: &TenantStore, user: UserId) -> Result<(), StoreError> {
    store.endpoint(user).await?;
    Ok(())
}
