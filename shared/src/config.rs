//! Every environment variable, read once. What is missing or malformed is named in one error.

use std::{collections::BTreeMap, fmt};

use zeroize::Zeroizing;

use crate::{id::TenantId, ip_ranges::IpRanges, plan::Plan};

/// What a function is told about its surroundings. Variables that a function does not use are
/// absent from its environment: reading such a name is an error of that function's template.
#[derive(Debug, Clone, Default)]
pub struct Config {
    vars: BTreeMap<String, String>,
}

/// A variable that a function needs and does not have.
#[derive(Debug, Clone, thiserror::Error)]
#[error("environment variable {name} {problem}")]
pub struct ConfigError {
    name: &'static str,
    problem: &'static str,
}

/// How the root key of this deployment is kept. See [`crate::seal`].
pub enum MasterKeyConfig {
    /// AWS KMS key id or ARN.
    Kms(String),
    /// 32 bytes known to this machine only: a laptop or a test.
    Local(Zeroizing<[u8; 32]>),
}

impl Config {
    /// The process's own environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub fn from_env() -> Self {
        let known = std::env::vars().filter(|(name, _)| {
            name.starts_with("PORTICO_") || name.starts_with("AWS_") || name == "RUST_LOG"
        });
        Self {
            vars: known.collect(),
        }
    }

    /// An environment given as a map: how the local stack starts functions in one process.
    pub fn from_vars(vars: BTreeMap<String, String>) -> Self {
        Self { vars }
    }

    pub fn platform_table(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_PLATFORM_TABLE")
    }

    pub fn directory_table(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_DIRECTORY_TABLE")
    }

    pub fn events_table(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_EVENTS_TABLE")
    }

    pub fn audit_table(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_AUDIT_TABLE")
    }

    pub fn ephemeral_table(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_EPHEMERAL_TABLE")
    }

    pub fn events_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_EVENTS_QUEUE_URL")
    }

    pub fn ordered_events_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_ORDERED_EVENTS_QUEUE_URL")
    }

    pub fn ordered_events_dead_letter_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_ORDERED_EVENTS_DEAD_LETTER_QUEUE_URL")
    }

    pub fn jobs_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_JOBS_QUEUE_URL")
    }

    pub fn jobs_dead_letter_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_JOBS_DEAD_LETTER_QUEUE_URL")
    }

    pub fn events_dead_letter_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_EVENTS_DEAD_LETTER_QUEUE_URL")
    }

    pub fn deliveries_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_DELIVERIES_QUEUE_URL")
    }

    pub fn deliveries_dead_letter_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_DELIVERIES_DEAD_LETTER_QUEUE_URL")
    }

    /// The role that the function takes on for one tenant's data.
    pub fn tenant_role_arn(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_TENANT_ROLE_ARN")
    }

    pub fn mail_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_MAIL_QUEUE_URL")
    }

    pub fn mail_dead_letter_queue_url(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_MAIL_DEAD_LETTER_QUEUE_URL")
    }

    /// The sender of all mail.
    pub fn mail_from(&self) -> Result<&str, ConfigError> {
        self.required("PORTICO_MAIL_FROM")
    }

    /// The application that links in mails lead to, without a trailing slash.
    pub fn app_url(&self) -> Option<&str> {
        self.optional("PORTICO_APP_URL")
            .map(|url| url.trim_end_matches('/'))
    }

    /// The URL of the queue that an event source's ARN names, among those that the function knows.
    pub fn queue_url(&self, arn: &str) -> Option<&str> {
        let name = arn.rsplit(':').next()?;
        self.vars
            .iter()
            .filter(|(variable, _)| variable.ends_with("_QUEUE_URL"))
            .map(|(_, url)| url.as_str())
            .find(|url| url.trim_end_matches('/').rsplit('/').next() == Some(name))
    }

    /// The address under which clients reach the API, without a trailing slash; `None` when each
    /// request's own domain name is to be used.
    pub fn public_url(&self) -> Option<&str> {
        self.optional("PORTICO_PUBLIC_URL")
            .map(|url| url.trim_end_matches('/'))
    }

    /// Ranges for which `egress` lifts its rules: CIDRs separated by commas, none by default.
    ///
    /// # Errors
    /// `PORTICO_EGRESS_ALLOW` is not a list of ranges.
    pub fn egress_allow(&self) -> Result<IpRanges, ConfigError> {
        const NAME: &str = "PORTICO_EGRESS_ALLOW";
        let ranges = self.optional(NAME).unwrap_or_default().parse();
        ranges.map_err(|_| ConfigError {
            name: NAME,
            problem: "must be ranges such as 192.0.2.0/24, separated by commas",
        })
    }

    /// What stands in for every vendor's own host, without a trailing slash: `<url>/<host>/<path>` is
    /// called. For a laptop and for tests; whoever sets it vouches for the keys that come from there.
    pub fn vendors_url(&self) -> Option<&str> {
        self.optional("PORTICO_VENDORS_URL")
            .map(|url| url.trim_end_matches('/'))
    }

    /// Origins of the applications that people are sent back to after signing in; separated by commas.
    pub fn app_origins(&self) -> impl Iterator<Item = &str> {
        let origins = self.optional("PORTICO_APP_ORIGINS").unwrap_or_default();
        origins
            .split(',')
            .map(|origin| origin.trim().trim_end_matches('/'))
            .filter(|origin| !origin.is_empty())
    }

    /// The tenant whose members operate the platform; `None` where nobody does by the API.
    ///
    /// # Errors
    /// `PORTICO_OPERATOR_TENANT` is no tenant's id.
    pub fn operator_tenant(&self) -> Result<Option<TenantId>, ConfigError> {
        const NAME: &str = "PORTICO_OPERATOR_TENANT";
        let id = self.optional(NAME).map(str::parse).transpose();
        id.map_err(|_| ConfigError {
            name: NAME,
            problem: "must be the id of a tenant (ten_…), or empty",
        })
    }

    /// The plan of a tenant that has none of its own.
    ///
    /// # Errors
    /// `PORTICO_DEFAULT_PLAN` names none.
    pub fn default_plan(&self) -> Result<Plan, ConfigError> {
        const NAME: &str = "PORTICO_DEFAULT_PLAN";
        self.required(NAME)?.parse().map_err(|problem| ConfigError {
            name: NAME,
            problem,
        })
    }

    /// Attempts to sign in that one address has in a minute.
    ///
    /// # Errors
    /// `PORTICO_SIGN_INS_PER_MINUTE` is not a number above 0.
    pub fn sign_ins_per_minute(&self) -> Result<u32, ConfigError> {
        const NAME: &str = "PORTICO_SIGN_INS_PER_MINUTE";
        let number = self.required(NAME)?.parse().ok();
        number.filter(|number| *number > 0).ok_or(ConfigError {
            name: NAME,
            problem: "must be a whole number above 0",
        })
    }

    pub fn region(&self) -> &str {
        self.optional("AWS_REGION").unwrap_or("us-east-1")
    }

    pub fn log_filter(&self) -> &str {
        self.optional("RUST_LOG").unwrap_or("info")
    }

    /// `AWS_ENDPOINT_URL_<SERVICE>`: the AWS SDKs' own name for another endpoint.
    pub fn endpoint_url(&self, service: &str) -> Option<&str> {
        self.optional(&format!("AWS_ENDPOINT_URL_{service}"))
    }

    /// Whether AWS runs this process: on a developer's machine, a proxy's authority may have to be trusted.
    pub fn is_in_lambda(&self) -> bool {
        self.optional("AWS_LAMBDA_FUNCTION_NAME").is_some()
    }

    /// Static credentials, as Lambda passes them to every function.
    pub fn credentials(&self) -> Option<(&str, &str, Option<&str>)> {
        let key_id = self.optional("AWS_ACCESS_KEY_ID")?;
        let secret = self.optional("AWS_SECRET_ACCESS_KEY")?;
        Some((key_id, secret, self.optional("AWS_SESSION_TOKEN")))
    }

    /// # Errors
    /// Neither `PORTICO_KMS_KEY_ID` nor a local key is set, or the local key is not 64 hex digits.
    pub fn master_key(&self) -> Result<MasterKeyConfig, ConfigError> {
        const NAME: &str = "PORTICO_LOCAL_KEY";
        let problem = |problem| ConfigError {
            name: NAME,
            problem,
        };
        let hex = match (self.optional(NAME), self.optional("PORTICO_LOCAL_KEY_FILE")) {
            (Some(hex), _) => Zeroizing::new(hex.to_owned()),
            (None, Some(path)) => {
                std::fs::read_to_string(path)
                    .map(Zeroizing::new)
                    .map_err(|_| {
                        problem("names a file (PORTICO_LOCAL_KEY_FILE) that cannot be read")
                    })?
            }
            (None, None) => {
                return self
                    .required("PORTICO_KMS_KEY_ID")
                    .map(|id| MasterKeyConfig::Kms(id.to_owned()));
            }
        };
        let bytes = crate::seal::decode_hex(hex.trim()).map(Zeroizing::new);
        let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
        key.map(|key| MasterKeyConfig::Local(Zeroizing::new(key)))
            .ok_or_else(|| problem("must be 64 hexadecimal digits"))
    }

    fn required(&self, name: &'static str) -> Result<&str, ConfigError> {
        self.optional(name).ok_or(ConfigError {
            name,
            problem: "is not set",
        })
    }

    fn optional(&self, name: &str) -> Option<&str> {
        self.vars
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for MasterKeyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kms(id) => write!(f, "Kms({id})"),
            Self::Local(_) => f.write_str("Local(redacted)"),
        }
    }
}

#[cfg(test)]
mod tests;
