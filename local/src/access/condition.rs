//! Whether a statement's conditions hold for a request.

use std::collections::BTreeMap;

use crate::access::matches;
use crate::template::{Condition, Operator};

/// What conditions may ask about a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances<'a> {
    /// The tags of the session that the caller signs with.
    pub principal_tags: Option<&'a BTreeMap<String, String>>,
    /// The tags that a session is to have.
    pub request_tags: Option<&'a BTreeMap<String, String>>,
    pub session_name: Option<&'a str>,
    pub leading_keys: Option<&'a [String]>,
}

impl Circumstances<'_> {
    pub(super) fn meet(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| self.meets(condition))
    }

    fn meets(&self, condition: &Condition) -> bool {
        let values = self.values(&condition.key);
        let is_one_of = |value: &String| {
            condition
                .values
                .iter()
                .any(|pattern| self.fits(condition.operator, pattern, value))
        };
        match condition.operator {
            Operator::Null => {
                let is_absent = values.is_none().to_string();
                condition.values.iter().all(|wanted| *wanted == is_absent)
            }
            // A key that the request does not have meets no plain condition …
            Operator::StringEquals | Operator::StringLike => {
                values.is_some_and(|values| values.iter().any(is_one_of))
            }
            // … and every condition on all of its values, as it has none. Hence the Null beside it.
            Operator::StringEqualsIfExists
            | Operator::ForAllValuesStringEquals
            | Operator::ForAllValuesStringLike => {
                values.is_none_or(|values| values.iter().all(is_one_of))
            }
        }
    }

    fn fits(&self, operator: Operator, pattern: &str, value: &str) -> bool {
        let Some(pattern) = self.expanded(pattern) else {
            return false;
        };
        match operator {
            Operator::StringLike | Operator::ForAllValuesStringLike => matches(&pattern, value),
            Operator::StringEquals
            | Operator::StringEqualsIfExists
            | Operator::ForAllValuesStringEquals
            | Operator::Null => pattern == value,
        }
    }

    /// The values of a key; `None` when the request has none.
    fn values(&self, key: &str) -> Option<Vec<String>> {
        if let Some(name) = key.strip_prefix("aws:PrincipalTag/") {
            return Some(vec![self.principal_tags?.get(name)?.clone()]);
        }
        if let Some(name) = key.strip_prefix("aws:RequestTag/") {
            return Some(vec![self.request_tags?.get(name)?.clone()]);
        }
        match key {
            "dynamodb:LeadingKeys" => self.leading_keys.map(<[String]>::to_vec),
            "aws:TagKeys" => self.request_tags.map(|tags| tags.keys().cloned().collect()),
            "sts:RoleSessionName" => self.session_name.map(|name| vec![name.to_owned()]),
            _ => None,
        }
    }

    /// A policy's variables with their values. One without a value makes the pattern fit nothing.
    fn expanded(&self, pattern: &str) -> Option<String> {
        let mut expanded = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (variable, after) = after.split_once('}')?;
            expanded.push_str(before);
            expanded.push_str(self.values(variable)?.first()?);
            rest = after;
        }
        expanded.push_str(rest);
        Some(expanded)
    }
}
