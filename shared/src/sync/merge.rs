//! The three-way merge of one record, field by field, against what both sides had when they last agreed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A record's mapped fields. A missing field and `null` are the same: vendors cannot tell them apart.
pub type Fields = BTreeMap<String, Value>;

/// Which side wins a field that both have changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    Local,
    Remote,
    /// The side that changed last; as `manual` where one of the times is unknown, or both are the same.
    Newest,
    /// Nobody wins: both values stand until a person decides.
    #[default]
    Manual,
}

/// A policy for each field, and one for the others and for deletes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Policies {
    #[serde(default)]
    pub default: Policy,
    #[serde(default)]
    pub fields: BTreeMap<String, Policy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Local,
    Remote,
}

/// A record as one side has it now.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordSide {
    Present {
        fields: Fields,
        changed_at: Option<Timestamp>,
    },
    /// Not there: deleted if it was there before, or never made.
    Absent { since: Option<Timestamp> },
}

/// A value that another one took the place of. It is kept, so that it can be put back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Loss {
    /// `None` for the whole record, which was deleted or made again.
    pub field: Option<String>,
    /// Whose value lost.
    pub side: Side,
    pub lost: Value,
    pub won: Value,
}

/// Two values of which nobody has chosen one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Conflict {
    /// `None` for the whole record: one side has deleted what the other has changed.
    pub field: Option<String>,
    pub base: Value,
    pub local: Value,
    pub remote: Value,
}

/// What is to be done, and what both sides have agreed on once it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merge {
    /// Fields that a side is to take.
    pub to_local: Fields,
    pub to_remote: Fields,
    pub make: Option<Side>,
    pub delete: Option<Side>,
    pub losses: Vec<Loss>,
    pub conflicts: Vec<Conflict>,
    /// `None` once neither side has the record.
    pub base: Option<Fields>,
}

/// A person's choice for one conflict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "take", rename_all = "snake_case", deny_unknown_fields)]
pub enum Resolution {
    Local,
    Remote,
    Value { value: Value },
}

impl Policies {
    fn of(&self, field: &str) -> Policy {
        self.fields.get(field).copied().unwrap_or(self.default)
    }
}

impl Merge {
    /// Whether there is nothing to be done, not even to be remembered.
    pub fn is_idle(&self, base: Option<&Fields>) -> bool {
        self.to_local.is_empty()
            && self.to_remote.is_empty()
            && self.make.is_none()
            && self.delete.is_none()
            && self.conflicts.is_empty()
            && self.base.as_ref() == base
    }
}

/// Merges a record. `base` is what both sides had when they last agreed: `None` for a record that is new to
/// the sync, on one side or (matched by a key) on both.
pub fn merge(
    base: Option<&Fields>,
    local: &RecordSide,
    remote: &RecordSide,
    policies: &Policies,
) -> Merge {
    match (local, remote) {
        (RecordSide::Absent { .. }, RecordSide::Absent { .. }) => Merge::default(),
        (
            RecordSide::Present {
                fields: local,
                changed_at: local_at,
            },
            RecordSide::Present {
                fields: remote,
                changed_at: remote_at,
            },
        ) => merge_fields(base, (local, *local_at), (remote, *remote_at), policies),
        (RecordSide::Present { fields, changed_at }, RecordSide::Absent { since }) => {
            let here = (Side::Local, fields, *changed_at);
            one_sided(base, here, *since, policies)
        }
        (RecordSide::Absent { since }, RecordSide::Present { fields, changed_at }) => {
            let here = (Side::Remote, fields, *changed_at);
            one_sided(base, here, *since, policies)
        }
    }
}

/// The fields that a person's choice sends to each side.
pub fn resolve(conflict: &Conflict, resolution: &Resolution) -> (Value, Vec<Loss>) {
    let chosen = match resolution {
        Resolution::Local => conflict.local.clone(),
        Resolution::Remote => conflict.remote.clone(),
        Resolution::Value { value } => value.clone(),
    };
    let sides = [
        (Side::Local, &conflict.local),
        (Side::Remote, &conflict.remote),
    ];
    let losses = sides
        .into_iter()
        .filter(|(_, value)| **value != chosen)
        .map(|(side, value)| Loss {
            field: conflict.field.clone(),
            side,
            lost: value.clone(),
            won: chosen.clone(),
        });
    let losses = losses.collect();
    (chosen, losses)
}

fn merge_fields(
    base: Option<&Fields>,
    (local, local_at): (&Fields, Option<Timestamp>),
    (remote, remote_at): (&Fields, Option<Timestamp>),
    policies: &Policies,
) -> Merge {
    let empty = Fields::new();
    let base = base.unwrap_or(&empty);
    let mut merged = Merge::default();
    let mut agreed = Fields::new();
    let names: BTreeSet<&String> = base
        .keys()
        .chain(local.keys())
        .chain(remote.keys())
        .collect();
    for name in names {
        let (was, ours, theirs) = (value(base, name), value(local, name), value(remote, name));
        let (mine, yours) = (ours != was, theirs != was);
        let winner = match (mine, yours) {
            _ if ours == theirs => None,
            (true, false) => Some(Side::Local),
            (false, _) => Some(Side::Remote),
            (true, true) => {
                let winner = winner(policies.of(name), local_at, remote_at);
                if winner.is_none() {
                    merged.conflicts.push(Conflict {
                        field: Some(name.clone()),
                        base: was.clone(),
                        local: ours.clone(),
                        remote: theirs.clone(),
                    });
                    keep(&mut agreed, name, was);
                    continue;
                }
                winner
            }
        };
        let is_loss = mine && yours;
        match winner {
            None => keep(&mut agreed, name, ours),
            Some(Side::Local) => {
                merged.to_remote.insert(name.clone(), ours.clone());
                keep(&mut agreed, name, ours);
                if is_loss {
                    merged.losses.push(loss(name, Side::Remote, theirs, ours));
                }
            }
            Some(Side::Remote) => {
                merged.to_local.insert(name.clone(), theirs.clone());
                keep(&mut agreed, name, theirs);
                if is_loss {
                    merged.losses.push(loss(name, Side::Local, ours, theirs));
                }
            }
        }
    }
    merged.base = Some(agreed);
    merged
}

/// One side has the record and the other has not.
fn one_sided(
    base: Option<&Fields>,
    (here, fields, changed_at): (Side, &Fields, Option<Timestamp>),
    gone_at: Option<Timestamp>,
    policies: &Policies,
) -> Merge {
    let there = here.other();
    let present = normal(fields);
    let make = |losses| {
        let mut merged = Merge {
            make: Some(there),
            losses,
            base: Some(present.clone()),
            ..Merge::default()
        };
        *merged.to(there) = present.clone();
        merged
    };
    let Some(base) = base else {
        // New here, and never there.
        return make(Vec::new());
    };
    let whole = |fields: &Fields| Value::Object(fields.clone().into_iter().collect());
    let delete = |losses| Merge {
        delete: Some(here),
        losses,
        ..Merge::default()
    };
    if normal(base) == present {
        return delete(Vec::new());
    }
    // Deleted there, changed here.
    let (local_at, remote_at) = match here {
        Side::Local => (changed_at, gone_at),
        Side::Remote => (gone_at, changed_at),
    };
    let lost = |side, lost, won| {
        vec![Loss {
            field: None,
            side,
            lost,
            won,
        }]
    };
    match winner(policies.default, local_at, remote_at) {
        Some(winner) if winner == here => make(lost(there, Value::Null, whole(fields))),
        Some(_) => delete(lost(here, whole(fields), Value::Null)),
        None => {
            let (local, remote) = match here {
                Side::Local => (whole(fields), Value::Null),
                Side::Remote => (Value::Null, whole(fields)),
            };
            Merge {
                conflicts: vec![Conflict {
                    field: None,
                    base: whole(base),
                    local,
                    remote,
                }],
                base: Some(base.clone()),
                ..Merge::default()
            }
        }
    }
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

impl Merge {
    fn to(&mut self, side: Side) -> &mut Fields {
        match side {
            Side::Local => &mut self.to_local,
            Side::Remote => &mut self.to_remote,
        }
    }
}

fn winner(policy: Policy, local: Option<Timestamp>, remote: Option<Timestamp>) -> Option<Side> {
    match policy {
        Policy::Local => Some(Side::Local),
        Policy::Remote => Some(Side::Remote),
        Policy::Manual => None,
        Policy::Newest => {
            let (local, remote) = (local?, remote?);
            if local == remote {
                return None;
            }
            Some(if local > remote {
                Side::Local
            } else {
                Side::Remote
            })
        }
    }
}

fn loss(field: &str, side: Side, lost: &Value, won: &Value) -> Loss {
    Loss {
        field: Some(field.to_owned()),
        side,
        lost: lost.clone(),
        won: won.clone(),
    }
}

fn value<'a>(fields: &'a Fields, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

fn keep(fields: &mut Fields, name: &str, value: &Value) {
    if !value.is_null() {
        fields.insert(name.to_owned(), value.clone());
    }
}

fn normal(fields: &Fields) -> Fields {
    let kept = fields.iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
