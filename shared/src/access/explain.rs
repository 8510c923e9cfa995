//! Why a caller may or may not do something: the rules of [`Caller::authorize`], one by one.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{Caller, Permission, Permissions, Principal, Role};

/// One rule, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rule {
    /// `tenant_active`, `session_valid`, `key_valid`, `role`, `permission`.
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
    /// The role that was asked about; `null` for an API key, which has none.
    pub role: Option<Role>,
    /// What the role or the key allows.
    #[schema(value_type = Vec<Permission>)]
    pub permissions: Permissions,
    pub chain: Vec<Rule>,
}

/// Explains the decision for the caller, or for whoever has `role` in the caller's tenant.
pub fn explain(caller: &Caller, permission: Permission, role: Option<Role>) -> Explanation {
    let gate = caller.gate();
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
    let asked = match (role, caller.principal()) {
        (Some(role), _) => Some(role),
        (None, Principal::Member(member)) => {
            let session = member.session;
            chain.push(rule(
                "session_valid",
                true,
                format!("session {session} is neither ended nor of an earlier epoch"),
            ));
            Some(member.role)
        }
        (None, Principal::Key(id)) => {
            chain.push(rule(
                "key_valid",
                true,
                format!("{id} is neither deleted nor expired, and may be used from here"),
            ));
            None
        }
    };
    let set = match role {
        None => Some(caller.permissions()),
        Some(role) => gate.permissions(role),
    };
    let subject = match (asked, caller.principal()) {
        (Some(role), _) => role.to_string(),
        (None, Principal::Key(id)) => id.to_string(),
        (None, Principal::Member(member)) => member.user.to_string(),
    };
    if let Some(asked) = asked {
        let kind = match asked {
            Role::Custom(_) => "a custom role of the tenant",
            Role::User | Role::Admin | Role::Owner => "a built-in role",
        };
        let detail = match set {
            Some(_) => format!("{asked} is {kind}"),
            None => format!("the tenant has no role {asked}"),
        };
        chain.push(rule("role", set.is_some(), detail));
    }
    let permissions = set.unwrap_or_default();
    let allowed = permissions.contains(permission);
    let verb = if allowed { "allows" } else { "does not allow" };
    chain.push(rule(
        "permission",
        allowed,
        format!("{subject} {verb} {permission}"),
    ));
    Explanation {
        permission,
        allowed,
        role: asked,
        permissions,
        chain,
    }
}
