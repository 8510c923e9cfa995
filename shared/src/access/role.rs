//! Roles: sets of permissions. Three are built in; a tenant makes others. Nobody grants what they do
//! not hold.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{PartialSchema, ToSchema, openapi};

use crate::{access::Permission, id::RoleId};

/// A member's role in one tenant. The built-in ones follow each other in power; a custom role sorts
/// below them, so that by itself it allows nothing: its set stands in the tenant's gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Custom(RoleId),
    User,
    Admin,
    Owner,
}

impl Role {
    pub const BUILT_IN: [Self; 3] = [Self::User, Self::Admin, Self::Owner];

    /// What a built-in role allows. A new permission does not compile until it is decided who has it.
    pub fn allows(self, permission: Permission) -> bool {
        match permission {
            Permission::MeRead
            | Permission::MeUpdate
            | Permission::TenantRead
            | Permission::UsersRead
            | Permission::RolesRead
            | Permission::ConnectionsRead
            | Permission::EndpointsRead
            | Permission::EventsRead
            | Permission::RecordsRead
            | Permission::RecordsWrite
            | Permission::JobsRead
            | Permission::DestinationsRead
            | Permission::DeliveriesRead => self >= Self::User,
            Permission::TenantUpdate
            | Permission::UsersWrite
            | Permission::RolesWrite
            | Permission::ConnectionsWrite
            | Permission::ConnectionsCall
            | Permission::EndpointsWrite
            | Permission::EventsReplay
            | Permission::CollectionsWrite
            | Permission::JobsWrite
            | Permission::DestinationsWrite
            | Permission::DeliveriesRetry
            | Permission::AuditRead
            | Permission::ApiKeysRead
            | Permission::ApiKeysWrite
            | Permission::SsoRead => self >= Self::Admin,
            // Who may make and unmake owners: what an owner has and an administrator has not.
            Permission::OwnersWrite => self >= Self::Owner,
            // Held beside the role, in the operators' tenant only: see `Permissions::of_operator`.
            Permission::PlatformRead | Permission::PlatformWrite => false,
            // All of the tenant's data at once.
            Permission::TenantExport => self >= Self::Owner,
            // Whoever names the identity provider can have it vouch for any member, an owner too.
            Permission::SsoWrite => self >= Self::Owner,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom(id) => id.fmt(f),
            Self::User => f.write_str("user"),
            Self::Admin => f.write_str("admin"),
            Self::Owner => f.write_str("owner"),
        }
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            "owner" => Ok(Self::Owner),
            other => other.parse().map(Self::Custom).map_err(
                |_| "a role must be owner, admin, user or the id of a custom role (rol_…)",
            ),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl PartialSchema for Role {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .pattern(Some("^(owner|admin|user|rol_[0-7][0-9a-hjkmnp-tv-z]{25})$"))
            .description(Some(
                "A built-in role (`owner`, `admin`, `user`) or the id of a custom role.",
            ))
            .examples(["user"])
            .build()
            .into()
    }
}

impl ToSchema for Role {}
