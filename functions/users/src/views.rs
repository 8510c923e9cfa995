//! Wire types of the user routes.

use garde::Validate;
use serde::Deserialize;
use shared::{access::Role, http::rules, seal::Secret};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserIn {
    #[garde(custom(rules::email))]
    #[schema(example = "grace@acme.example")]
    pub(crate) email: String,
    #[garde(custom(rules::name))]
    #[schema(example = "Grace Hopper")]
    pub(crate) name: String,
    #[garde(skip)]
    pub(crate) role: Role,
    #[garde(custom(rules::optional_password))]
    #[schema(value_type = Option<String>, min_length = 10, max_length = 256)]
    pub(crate) password: Option<Secret<String>>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
    #[garde(skip)]
    pub(crate) role: Option<Role>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MePatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserQuery {
    /// 1 to 100; 25 if not given.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) email: Option<String>,
}
