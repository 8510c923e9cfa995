//! Plans: how much a tenant may ask of the platform. A plan is a row of a table here, and a tenant may
//! have terms of its own in place of any of its numbers.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::limit::RateLimit;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    Free,
    Pro,
    Enterprise,
}

/// What is allowed, in units of cost: a read is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// All of the tenant's callers together.
    pub tenant: RateLimit,
    /// One user, or one API key.
    pub caller: RateLimit,
    /// Requests in a calendar month (UTC), whatever they cost.
    pub monthly_requests: Option<u32>,
}

/// A tenant's plan, and what was agreed with it beside the plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// The deployment's default if `None`.
    pub plan: Option<Plan>,
    pub overrides: Overrides,
}

/// Numbers in place of the plan's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overrides {
    pub tenant: Option<RateLimit>,
    pub caller: Option<RateLimit>,
    pub monthly_requests: Option<u32>,
}

impl Plan {
    pub const ALL: [Self; 3] = [Self::Free, Self::Pro, Self::Enterprise];

    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    pub fn allowance(self) -> Allowance {
        let per_minute = |requests, burst| RateLimit {
            requests,
            per_seconds: 60,
            burst: Some(burst),
        };
        match self {
            Self::Free => Allowance {
                tenant: per_minute(1_200, 400),
                caller: per_minute(600, 200),
                monthly_requests: Some(100_000),
            },
            Self::Pro => Allowance {
                tenant: per_minute(6_000, 2_000),
                caller: per_minute(3_000, 1_000),
                monthly_requests: Some(5_000_000),
            },
            Self::Enterprise => Allowance {
                tenant: per_minute(120_000, 20_000),
                caller: per_minute(60_000, 10_000),
                monthly_requests: None,
            },
        }
    }
}

impl FromStr for Plan {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|plan| plan.name() == text);
        found.ok_or("must be free, pro or enterprise")
    }
}

impl Terms {
    pub fn plan(&self, default: Plan) -> Plan {
        self.plan.unwrap_or(default)
    }

    pub fn allowance(&self, default: Plan) -> Allowance {
        let plan = self.plan(default).allowance();
        Allowance {
            tenant: self.overrides.tenant.unwrap_or(plan.tenant),
            caller: self.overrides.caller.unwrap_or(plan.caller),
            monthly_requests: self.overrides.monthly_requests.or(plan.monthly_requests),
        }
    }
}
