//! Roles: fixed sets of permissions. Nobody grants a role above their own.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Permission;

/// A member's role in one tenant, from the least to the most powerful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Admin,
    Owner,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::User, Self::Admin, Self::Owner];

    /// A new permission does not compile until it is decided who has it.
    pub fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::MeRead
            | Permission::MeUpdate
            | Permission::TenantRead
            | Permission::UsersRead
            | Permission::EndpointsRead
            | Permission::EventsRead
            | Permission::JobsRead => self >= Self::User,
            Permission::TenantUpdate
            | Permission::UsersWrite
            | Permission::EndpointsWrite
            | Permission::EventsReplay
            | Permission::JobsWrite
            | Permission::AuditRead => self >= Self::Admin,
        }
    }

    /// Whether a caller of this role may give, change or take away `other`.
    pub fn may_grant(self, other: Self) -> bool {
        self >= other && self.allows(Permission::UsersWrite)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
