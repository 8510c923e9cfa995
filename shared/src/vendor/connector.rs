//! Connectors: what Portico knows of a vendor's API, as data. A manifest is one JSON file; nothing in the
//! code names a vendor.

use std::{collections::BTreeMap, sync::OnceLock};

use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    config::Config,
    vendor::request::{SIMULATED, host_of},
};

const MANIFESTS: [&str; 9] = [
    include_str!("connectors/directory.json"),
    include_str!("connectors/github.json"),
    include_str!("connectors/hubspot.json"),
    include_str!("connectors/messaging.json"),
    include_str!("connectors/payments.json"),
    include_str!("connectors/rest.json"),
    include_str!("connectors/salesforce.json"),
    include_str!("connectors/slack.json"),
    include_str!("connectors/stripe.json"),
];

/// One vendor's API. What a tenant writes is checked as a whole, by `check_manifest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Connector {
    pub name: String,
    pub title: String,
    /// Where the API is; `null` where each connection has a URL of its own.
    pub base_url: Option<String>,
    /// Ends that the host of a connection's own URL must have one of; any host if empty.
    #[serde(default)]
    pub host_suffixes: Vec<String>,
    pub auth: Auth,
    /// Headers of every call, such as the API's version.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A cheap GET that answers 2xx when the credentials are good.
    #[serde(default)]
    pub test_path: Option<String>,
    /// The header that makes a repeated write one write.
    #[serde(default)]
    pub idempotency_header: Option<String>,
    /// How a body is written.
    #[serde(default)]
    pub body: BodyFormat,
    pub pagination: Pagination,
    #[serde(default)]
    pub rate: RateHeaders,
    #[serde(default)]
    pub errors: ErrorClasses,
    /// Requests in seconds that one connection may make, unless the connection says otherwise.
    pub budget: Budget,
    #[serde(default)]
    pub objects: BTreeMap<String, Object>,
    /// The scheme of webhook endpoints that this vendor signs for.
    #[serde(default)]
    pub webhook_scheme: Option<String>,
}

/// How credentials are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    #[serde(default)]
    pub api_key: Option<ApiKeyAuth>,
    #[serde(default)]
    pub basic: bool,
    #[serde(default)]
    pub oauth2: Option<OAuth2>,
}

/// Where tokens come from (RFC 6749).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Where a person consents; none for a vendor that takes client credentials only.
    #[serde(default)]
    pub authorize_url: Option<String>,
    pub token_url: String,
    #[serde(default)]
    pub client_auth: ClientAuth,
    #[serde(default)]
    pub scopes: Vec<String>,
    /// What this vendor wants to be asked besides, such as `access_type`.
    #[serde(default)]
    pub authorize_params: BTreeMap<String, String>,
    /// Whether a client may ask for itself (section 4.4).
    #[serde(default)]
    pub client_credentials: bool,
    /// Errors by which this vendor says, besides `invalid_grant`, that a grant is over.
    #[serde(default)]
    pub ended_errors: Vec<String>,
}

/// How a client signs in at the token endpoint (section 2.3.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    #[default]
    Basic,
    Body,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyAuth {
    pub header: String,
    #[serde(default)]
    pub prefix: String,
}

/// How this vendor wants the body of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    #[default]
    Json,
    /// `application/x-www-form-urlencoded`, nested names in brackets.
    Form,
}

/// How a list goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "style", rename_all = "snake_case", deny_unknown_fields)]
pub enum Pagination {
    None {},
    /// A parameter that takes what the answer holds at a JSON pointer.
    Cursor {
        param: String,
        next: String,
        limit_param: Option<String>,
    },
    /// A parameter that takes the id of the page's last item, while the answer says that there is more.
    LastId {
        param: String,
        id: String,
        has_more: String,
        limit_param: Option<String>,
    },
    /// The `next` of the `Link` header (RFC 8288).
    Link {
        limit_param: Option<String>,
    },
    /// A URL or path that the answer holds at a JSON pointer.
    NextUrl {
        next: String,
    },
}

/// Headers in which a vendor tells what is left of its own limit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateHeaders {
    pub limit: Option<String>,
    pub remaining: Option<String>,
    /// When the limit starts anew, in Unix seconds.
    pub reset_unix_s: Option<String>,
}

/// Statuses that mean something else than their number says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorClasses {
    /// Over the limit, beside 429.
    pub throttled: Vec<u16>,
    /// Where a 200 tells of a failure: a pointer to a boolean that is false then.
    pub ok_pointer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub requests: u32,
    pub per_seconds: u32,
}

/// A kind of thing that the vendor has, and the paths below its base URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Object {
    pub list: Option<Operation>,
    pub get: Option<Operation>,
    pub create: Option<Operation>,
    pub update: Option<Operation>,
    pub delete: Option<Operation>,
    /// Pointer to the items within a page; the page itself if empty.
    #[serde(default)]
    pub items: String,
    /// Pointer to an item's id.
    pub id: String,
    /// Pointer to the time of an item's last change.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// Pointer to a boolean that says that an item is gone.
    #[serde(default)]
    pub deleted: Option<String>,
    /// The list parameter that takes only what changed since a time.
    #[serde(default)]
    pub since_param: Option<String>,
    /// Our field to a pointer into the vendor's item.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    pub method: String,
    /// `{id}` stands for the item's id.
    pub path: String,
}

/// The connectors that a tenant is offered, by name: those of simulated vendors only where one is running.
pub fn connectors(config: &Config) -> impl Iterator<Item = &'static Connector> {
    let has_simulated = config.vendors_url().is_some();
    let all = built_in().iter();
    all.filter(move |connector| has_simulated || !connector.is_simulated())
}

/// The connector of this name, if a tenant is offered it.
pub fn offered(config: &Config, name: &str) -> Option<&'static Connector> {
    connectors(config).find(|connector| connector.name == name)
}

/// All built-in connectors, by name.
pub(crate) fn built_in() -> &'static [Connector] {
    static ALL: OnceLock<Vec<Connector>> = OnceLock::new();
    ALL.get_or_init(|| {
        let parsed = MANIFESTS.iter().map(|text| serde_json::from_str(text));
        // A manifest that does not parse is missing here, and fails a test.
        parsed.filter_map(Result::ok).collect()
    })
}

pub fn connector(name: &str) -> Option<&'static Connector> {
    built_in().iter().find(|connector| connector.name == name)
}

impl Connector {
    /// Whether the vendor exists only where it is simulated: its hosts are of a name that RFC 2606 keeps free.
    fn is_simulated(&self) -> bool {
        let base_url = self.base_url.as_deref();
        base_url.is_some_and(|url| host_of(url).ends_with(SIMULATED))
    }
}

#[cfg(test)]
mod tests;
