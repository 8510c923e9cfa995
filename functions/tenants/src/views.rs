//! Wire types of the tenant routes.

use garde::Validate;
use serde::Deserialize;
use shared::http::rules;
use utoipa::ToSchema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatchIn {
    #[garde(custom(rules::optional_name))]
    #[schema(example = "Acme Ltd")]
    pub(crate) name: Option<String>,
}
