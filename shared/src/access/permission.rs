//! The closed list of permissions. A permission is named here and nowhere else.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{PartialSchema, ToSchema, openapi};

use crate::{access::Role, named::named};

named! {
    /// What a caller may be allowed to do in its own tenant.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Permission {
        MeRead => "me:read",
        MeUpdate => "me:update",
        TenantRead => "tenant:read",
        TenantUpdate => "tenant:update",
        TenantExport => "tenant:export",
        UsersRead => "users:read",
        UsersWrite => "users:write",
        OwnersWrite => "owners:write",
        RolesRead => "roles:read",
        RolesWrite => "roles:write",
        ConnectionsRead => "connections:read",
        ConnectionsWrite => "connections:write",
        ConnectionsCall => "connections:call",
        EndpointsRead => "webhook_endpoints:read",
        EndpointsWrite => "webhook_endpoints:write",
        EventsRead => "events:read",
        EventsReplay => "events:replay",
        JobsRead => "jobs:read",
        JobsWrite => "jobs:write",
        DestinationsRead => "destinations:read",
        DestinationsWrite => "destinations:write",
        DeliveriesRead => "deliveries:read",
        DeliveriesRetry => "deliveries:retry",
        RecordsRead => "records:read",
        RecordsWrite => "records:write",
        CollectionsWrite => "collections:write",
        AuditRead => "audit:read",
        ApiKeysRead => "api_keys:read",
        ApiKeysWrite => "api_keys:write",
        SsoRead => "sso:read",
        SsoWrite => "sso:write",
        PlatformRead => "platform:read",
        PlatformWrite => "platform:write",
    }
}

impl Permission {
    /// The list for people: a Markdown table of each permission and the built-in roles that have it.
    pub fn table() -> String {
        let mut table = "| permission | user | admin | owner |\n|---|---|---|---|\n".to_owned();
        for permission in Self::ALL {
            let has = |role: Role| if role.allows(*permission) { "yes" } else { "" };
            let [user, admin, owner] = [Role::User, Role::Admin, Role::Owner].map(has);
            table += &format!("| `{permission}` | {user} | {admin} | {owner} |\n");
        }
        table
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|one| one.name() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|one| one.name()).collect();
            format!("must be one of {}, got `{text}`", names.join(", "))
        })
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The OpenAPI document prints the list from the code.
impl PartialSchema for Permission {
    fn schema() -> openapi::RefOr<openapi::schema::Schema> {
        let names = Self::ALL.iter().map(|one| one.name());
        openapi::ObjectBuilder::new()
            .schema_type(openapi::schema::Type::String)
            .enum_values(Some(names))
            .description(Some(format!(
                "A permission, and the built-in roles that have it.\n\n{}",
                Self::table()
            )))
            .build()
            .into()
    }
}

impl ToSchema for Permission {}
