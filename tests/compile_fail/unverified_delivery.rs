//~ private
//! Only the verifier makes a verified value.
use shared::{id::TenantId, webhook::Verified};

pub fn trust(tenant: TenantId, body: String) -> Verified<String> {
    Verified { tenant, value: body }
}
