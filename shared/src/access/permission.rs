//! The closed list of permissions. A permission is named here and nowhere else.

use std::fmt;

/// What a caller may be allowed to do in its own tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    MeRead,
    MeUpdate,
    TenantRead,
    TenantUpdate,
    UsersRead,
    UsersWrite,
    EndpointsRead,
    EndpointsWrite,
    EventsRead,
    EventsReplay,
    JobsRead,
    JobsWrite,
    AuditRead,
}

impl Permission {
    pub const ALL: [Self; 13] = [
        Self::MeRead,
        Self::MeUpdate,
        Self::TenantRead,
        Self::TenantUpdate,
        Self::UsersRead,
        Self::UsersWrite,
        Self::EndpointsRead,
        Self::EndpointsWrite,
        Self::EventsRead,
        Self::EventsReplay,
        Self::JobsRead,
        Self::JobsWrite,
        Self::AuditRead,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::MeRead => "me:read",
            Self::MeUpdate => "me:update",
            Self::TenantRead => "tenant:read",
            Self::TenantUpdate => "tenant:update",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::EndpointsRead => "webhook_endpoints:read",
            Self::EndpointsWrite => "webhook_endpoints:write",
            Self::EventsRead => "events:read",
            Self::EventsReplay => "events:replay",
            Self::JobsRead => "jobs:read",
            Self::JobsWrite => "jobs:write",
            Self::AuditRead => "audit:read",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
