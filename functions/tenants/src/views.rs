//! Wire types of the tenant routes.

use garde::Validate;
use serde::{Deserialize, Serialize};
use shared::{
    access::{Permission, Permissions, Role},
    http::{nullable, rules},
    id::RoleId,
    store::CustomRole,
};
use utoipa::ToSchema;

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantPatchIn {
    #[garde(custom(rules::optional_name))]
    #[schema(example = "Acme Ltd")]
    pub(crate) name: Option<String>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleIn {
    #[garde(custom(rules::name))]
    #[schema(example = "Support")]
    pub(crate) name: String,
    #[garde(inner(length(chars, max = 500)))]
    pub(crate) description: Option<String>,
    /// Beside `me:read` and `me:update`, which every member has.
    #[garde(length(min = 1, max = 128))]
    pub(crate) permissions: Vec<Permission>,
}

#[derive(Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolePatchIn {
    #[garde(custom(rules::optional_name))]
    pub(crate) name: Option<String>,
    /// `null` removes it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    #[garde(inner(inner(length(chars, max = 500))))]
    pub(crate) description: Option<Option<String>>,
    /// All that the role is to allow.
    #[garde(inner(length(min = 1, max = 128)))]
    pub(crate) permissions: Option<Vec<Permission>>,
}

/// A role of the tenant's own.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleOut {
    #[schema(value_type = String)]
    id: RoleId,
    name: String,
    description: Option<String>,
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
    /// How many members have it.
    members: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: String,
    #[schema(value_type = String, format = DateTime)]
    updated_at: String,
}

impl From<CustomRole> for RoleOut {
    fn from(role: CustomRole) -> Self {
        Self {
            id: role.id,
            name: role.name,
            description: role.description,
            permissions: role.permissions,
            members: role.members,
            created_at: role.created_at.to_string(),
            updated_at: role.updated_at.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct BuiltInRoleOut {
    id: Role,
    #[schema(value_type = Vec<Permission>)]
    permissions: Permissions,
}

impl From<Role> for BuiltInRoleOut {
    fn from(role: Role) -> Self {
        Self {
            id: role,
            permissions: Permissions::built_in(role),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RolesOut {
    pub(crate) built_in: Vec<BuiltInRoleOut>,
    pub(crate) data: Vec<RoleOut>,
    pub(crate) next_cursor: Option<String>,
}
