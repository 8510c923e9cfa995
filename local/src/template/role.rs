//! A role of the template that functions take on.

use anyhow::Context as _;
use serde_json::{Map, Value};

use crate::template::function::boundary;
use crate::template::policy::{self, one_or_many};
use crate::template::scope::Scope;
use crate::template::{RoleSpec, known_only};

const READ: &[&str] = &[
    "AssumeRolePolicyDocument",
    "Path",
    "PermissionsBoundary",
    "Policies",
];
const WITHOUT_MEANING: &[&str] = &["Description", "MaxSessionDuration", "Tags"];

pub(super) fn read(
    scope: &Scope<'_>,
    logical_id: &str,
    properties: &Map<String, Value>,
) -> anyhow::Result<RoleSpec> {
    known_only(properties, READ, WITHOUT_MEANING)?;
    let trust = properties
        .get("AssumeRolePolicyDocument")
        .context("AssumeRolePolicyDocument is missing")?;
    let mut statements = Vec::new();
    for policy in one_or_many(properties.get("Policies")) {
        let document = policy.get("PolicyDocument");
        let document = document.context("a policy has no PolicyDocument")?;
        statements.extend(policy::statements(document).context("Policies")?);
    }
    Ok(RoleSpec {
        logical_id: logical_id.to_owned(),
        arn: scope.attribute(&format!("{logical_id}.Arn"))?,
        trust: policy::of_trust(trust).context("AssumeRolePolicyDocument")?,
        statements,
        boundary: boundary(scope, properties.get("PermissionsBoundary"))
            .context("PermissionsBoundary")?,
    })
}
