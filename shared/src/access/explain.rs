//! Why a caller may or may not do something: the rules of [`Caller::authorize`], one by one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Caller, Permission, Permissions, Role};

/// One rule, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rule {
    /// `tenant_active`, `session_valid`, `role`, `permission`.
    pub rule: &'static str,
    pub holds: bool,
    /// A sentence for people.
    pub detail: String,
}

/// The decision on one permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explanation {
    pub permission: Permission,
    pub allowed: bool,
    /// The role that was asked about.
    pub role: Role,
    /// What the role allows.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Permissions,
    pub chain: Vec<Rule>,
}

/// Explains the decision for the caller, or for whoever has `role` in the caller's tenant.
pub fn explain(caller: &Caller, permission: Permission, role: Option<Role>) -> Explanation {
    let gate = caller.gate();
    let asked = role.unwrap_or(caller.role());
    let set = match role {
        None => Some(caller.permissions()),
        Some(role) => gate.permissions(role),
    };
    let rule = |rule, holds, detail| Rule {
        rule,
        holds,
        detail,
    };
    let mut chain = vec![rule(
        "tenant_active",
        true,
        "the tenant is active, or the caller had not been let in".to_owned(),
    )];
    if role.is_none() {
        let session = caller.session();
        chain.push(rule(
            "session_valid",
            true,
            format!("session {session} is neither ended nor of an earlier epoch"),
        ));
    }
    let kind = match asked {
        Role::Custom(_) => "a custom role of the tenant",
        Role::User | Role::Admin | Role::Owner => "a built-in role",
    };
    let detail = match set {
        Some(_) => format!("{asked} is {kind}"),
        None => format!("the tenant has no role {asked}"),
    };
    chain.push(rule("role", set.is_some(), detail));
    let permissions = set.unwrap_or_default();
    let allowed = permissions.contains(permission);
    let verb = if allowed { "allows" } else { "does not allow" };
    chain.push(rule(
        "permission",
        allowed,
        format!("{asked} {verb} {permission}"),
    ));
    Explanation {
        permission,
        allowed,
        role: asked,
        permissions,
        chain,
    }
}
