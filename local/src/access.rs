//! Who may do what, as IAM decides it: a function's call passes only if the template's statements allow every
//! action in it. Callers with other credentials are the operator of the machine and may do everything.

mod need;

use std::collections::BTreeMap;

pub use crate::access::need::{Need, needs};
use crate::template::{ACCOUNT, Effect, FunctionSpec, Statement, TableSpec};

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
    grants: BTreeMap<String, Grants>,
    /// Policies of the tables themselves.
    of_tables: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Grants {
    statements: Vec<Statement>,
    boundary: Option<Vec<Statement>>,
}

impl Access {
    pub fn new(functions: &[FunctionSpec], tables: &[TableSpec]) -> Self {
        let grants = functions.iter().map(|function| {
            let grants = Grants {
                statements: function.statements.clone(),
                boundary: function.boundary.clone(),
            };
            (function.binary.clone(), grants)
        });
        let of_tables = tables.iter().flat_map(|table| table.policy.clone());
        Self {
            grants: grants.collect(),
            of_tables: of_tables.collect(),
        }
    }

    /// The error is the message that AWS would put into its `AccessDeniedException`.
    pub fn check(&self, binary: &str, needs: &[Need]) -> Result<(), String> {
        let user = format!("arn:aws:sts::{ACCOUNT}:assumed-role/{binary}/{binary}");
        let Some(grants) = self.grants.get(binary) else {
            return Err(format!(
                "User: {user} is not authorized: the template has no function {binary}"
            ));
        };
        for need in needs {
            if let Err(reason) = grants.check(need, &self.of_tables) {
                let Need { action, resource } = need;
                return Err(format!(
                    "User: {user} is not authorized to perform: {action} on resource: {resource} because {reason}"
                ));
            }
        }
        Ok(())
    }
}

impl Grants {
    /// An explicit deny anywhere wins; without an allow the answer is no.
    fn check(&self, need: &Need, of_tables: &[Statement]) -> Result<(), String> {
        let policies = [
            ("identity-based policy", self.statements.as_slice()),
            ("resource-based policy", of_tables),
            (
                "permissions boundary",
                self.boundary.as_deref().unwrap_or_default(),
            ),
        ];
        for (policy, statements) in policies {
            if has(statements, Effect::Deny, need) {
                return Err(format!("of an explicit deny in a {policy}"));
            }
        }
        let action = &need.action;
        if !has(&self.statements, Effect::Allow, need) && !has(of_tables, Effect::Allow, need) {
            return Err(format!(
                "no identity-based policy allows the {action} action"
            ));
        }
        match &self.boundary {
            Some(boundary) if !has(boundary, Effect::Allow, need) => Err(format!(
                "no permissions boundary allows the {action} action"
            )),
            _ => Ok(()),
        }
    }
}

fn has(statements: &[Statement], effect: Effect, need: &Need) -> bool {
    statements
        .iter()
        .any(|statement| statement.effect == effect && applies(statement, need))
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
