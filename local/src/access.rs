//! Who may do what, as IAM decides it: a function's call passes only if the template's statements allow every
//! action in it. Callers with other credentials are the operator of the machine and may do everything.

mod condition;
mod need;

use std::collections::BTreeMap;

pub use crate::access::condition::Circumstances;
pub use crate::access::need::{Need, Schemas, needs};
use crate::sts::Session;
use crate::template::{ACCOUNT, Effect, FunctionSpec, RoleSpec, Statement, Template, role_arn};

/// Access key ids with this prefix belong to functions; the rest of the id is the binary's name.
const KEY_PREFIX: &str = "LOCAL-";

/// The access key id that a function signs with.
pub fn access_key_id(binary: &str) -> String {
    format!("{KEY_PREFIX}{binary}")
}

/// The binary that an access key id belongs to, unless it is the operator's.
pub fn binary_of(access_key_id: &str) -> Option<&str> {
    access_key_id.strip_prefix(KEY_PREFIX)
}

#[derive(Clone, Debug)]
pub struct Access {
    /// By the binary's name.
    functions: BTreeMap<String, Grants>,
    /// By the role's ARN.
    roles: BTreeMap<String, Grants>,
    /// Policies of the tables themselves.
    of_tables: Vec<Statement>,
    schemas: Schemas,
}

/// What a caller wants to become.
#[derive(Clone, Copy, Debug)]
pub struct Assumption<'a> {
    pub role: &'a str,
    pub session_name: &'a str,
    pub tags: &'a BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Grants {
    /// The role's own ARN.
    arn: String,
    statements: Vec<Statement>,
    boundary: Option<Vec<Statement>>,
    /// Who may take it on; nobody but Lambda takes on a function's.
    trust: Vec<Statement>,
}

impl Access {
    pub fn new(template: &Template) -> Self {
        let functions = template.functions.iter();
        let roles = template.roles.iter();
        let of_tables = template.tables.iter();
        Self {
            functions: functions
                .map(|function| (function.binary.clone(), Grants::of_function(function)))
                .collect(),
            roles: roles
                .map(|role| (role.arn.clone(), Grants::of_role(role)))
                .collect(),
            of_tables: of_tables.flat_map(|table| table.policy.clone()).collect(),
            schemas: Schemas::new(&template.tables),
        }
    }

    /// The needs of one call, given its `X-Amz-Target` header and its body.
    pub fn needs(&self, target: &str, body: &[u8]) -> Vec<Need> {
        needs(&self.schemas, target, body)
    }

    /// Whether a function may. The error is the message that AWS would put into its `AccessDeniedException`.
    pub fn check(&self, binary: &str, needs: &[Need]) -> Result<(), String> {
        let user = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{binary}/{binary}");
        let Some(grants) = self.functions.get(binary) else {
            return Err(format!(
                "User: {user} is not authorized: the template has no function {binary}"
            ));
        };
        self.decide(grants, &user, None, needs)
    }

    /// Whether a session of a role may.
    pub fn check_session(&self, session: &Session, needs: &[Need]) -> Result<(), String> {
        self.check_role(&session.role, &session.arn(), &session.tags, needs)
    }

    /// Whether a role may in a session with these tags; `user` is what a refusal calls it.
    pub fn check_role(
        &self,
        role: &str,
        user: &str,
        tags: &BTreeMap<String, String>,
        needs: &[Need],
    ) -> Result<(), String> {
        let grants = self.roles.get(role);
        let grants = grants.ok_or_else(|| format!("the template has no role {role}"))?;
        self.decide(grants, user, Some(tags), needs)
    }

    fn decide(
        &self,
        grants: &Grants,
        user: &str,
        tags: Option<&BTreeMap<String, String>>,
        needs: &[Need],
    ) -> Result<(), String> {
        for need in needs {
            let circumstances = Circumstances {
                principal_tags: tags,
                leading_keys: need.leading_keys.as_deref(),
                ..Circumstances::default()
            };
            if let Err(reason) = grants.check(need, &circumstances, &self.of_tables) {
                let Need {
                    action, resource, ..
                } = need;
                return Err(format!(
                    "User: {user} is not authorized to perform: {action} on resource: {resource} because {reason}"
                ));
            }
        }
        Ok(())
    }

    /// Whether a function may take a role on. Its own policy need not say so when the role names it:
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
    pub fn check_assumption(&self, binary: &str, wanted: Assumption<'_>) -> Result<(), String> {
        let refused = |reason: &str| {
            let role = wanted.role;
            format!(
                "{binary} is not authorized to perform: sts:AssumeRole on resource: {role} because {reason}"
            )
        };
        let function = self.functions.get(binary);
        let function = function.ok_or_else(|| refused("the template has no such function"))?;
        let role = self.roles.get(wanted.role);
        let role = role.ok_or_else(|| refused("the template has no such role"))?;
        let circumstances = Circumstances {
            request_tags: Some(wanted.tags).filter(|tags| !tags.is_empty()),
            session_name: Some(wanted.session_name),
            ..Circumstances::default()
        };
        let tagging = (!wanted.tags.is_empty()).then_some("sts:TagSession");
        for action in ["sts:AssumeRole"].into_iter().chain(tagging) {
            let of_function = Need {
                action: action.to_owned(),
                resource: wanted.role.to_owned(),
                leading_keys: None,
            };
            let boundary = function.boundary.as_deref();
            let is_cut = boundary.is_some_and(|boundary| {
                !has(boundary, Effect::Allow, &of_function, &circumstances)
            });
            if is_cut {
                return Err(refused("no permissions boundary allows it"));
            }
            let of_role = Need {
                resource: function.arn.clone(),
                ..of_function
            };
            if !has(&role.trust, Effect::Allow, &of_role, &circumstances) {
                return Err(refused("its trust policy does not allow it"));
            }
        }
        Ok(())
    }
}

impl Grants {
    fn of_function(function: &FunctionSpec) -> Self {
        Self {
            arn: role_arn(&format!("{}Role", function.logical_id)),
            statements: function.statements.clone(),
            boundary: function.boundary.clone(),
            trust: Vec::new(),
        }
    }

    fn of_role(role: &RoleSpec) -> Self {
        Self {
            arn: role.arn.clone(),
            statements: role.statements.clone(),
            boundary: role.boundary.clone(),
            trust: role.trust.clone(),
        }
    }

    /// An explicit deny anywhere wins; without an allow the answer is no.
    fn check(
        &self,
        need: &Need,
        circumstances: &Circumstances<'_>,
        of_tables: &[Statement],
    ) -> Result<(), String> {
        let policies = [
            ("identity-based policy", self.statements.as_slice()),
            ("resource-based policy", of_tables),
            (
                "permissions boundary",
                self.boundary.as_deref().unwrap_or_default(),
            ),
        ];
        for (policy, statements) in policies {
            if has(statements, Effect::Deny, need, circumstances) {
                return Err(format!("of an explicit deny in a {policy}"));
            }
        }
        let action = &need.action;
        let allows = |statements| has(statements, Effect::Allow, need, circumstances);
        if !allows(&self.statements) && !allows(of_tables) {
            return Err(format!(
                "no identity-based policy allows the {action} action"
            ));
        }
        match &self.boundary {
            Some(boundary) if !allows(boundary) => Err(format!(
                "no permissions boundary allows the {action} action"
            )),
            _ => Ok(()),
        }
    }
}

fn has(
    statements: &[Statement],
    effect: Effect,
    need: &Need,
    circumstances: &Circumstances<'_>,
) -> bool {
    statements.iter().any(|statement| {
        statement.effect == effect
            && applies(statement, need)
            && circumstances.meet(&statement.conditions)
    })
}

fn applies(statement: &Statement, need: &Need) -> bool {
    let action = need.action.to_ascii_lowercase();
    statement
        .actions
        .iter()
        .any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
        && statement
            .resources
            .iter()
            .any(|pattern| matches(pattern, &need.resource))
}

/// IAM's wildcards: `*` stands for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((literal, rest)) = pattern.split_once('*') else {
        return same(pattern, text);
    };
    let Some(text) = starts(literal, text) else {
        return false;
    };
    // After a star the rest may begin anywhere.
    std::iter::successors(Some(text), |text| {
        let mut characters = text.chars();
        characters.next().map(|_| characters.as_str())
    })
    .any(|text| matches(rest, text))
}

fn same(pattern: &str, text: &str) -> bool {
    starts(pattern, text).is_some_and(str::is_empty)
}

/// What follows `pattern`, which has no star, at the start of `text`.
fn starts<'a>(pattern: &str, text: &'a str) -> Option<&'a str> {
    let mut rest = text.chars();
    for expected in pattern.chars() {
        let found = rest.next()?;
        if expected != '?' && expected != found {
            return None;
        }
    }
    Some(rest.as_str())
}

#[cfg(test)]
mod tests;
