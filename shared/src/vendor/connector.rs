//! Connectors: what Portico knows of a vendor's API, as data. A manifest is one JSON file; nothing in the
//! code names a vendor.

use std::{collections::BTreeMap, sync::OnceLock};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const MANIFESTS: [&str; 6] = [
    include_str!("connectors/github.json"),
    include_str!("connectors/hubspot.json"),
    include_str!("connectors/rest.json"),
    include_str!("connectors/salesforce.json"),
    include_str!("connectors/slack.json"),
    include_str!("connectors/stripe.json"),
];

/// One vendor's API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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

/// All built-in connectors, by name.
pub fn connectors() -> &'static [Connector] {
    static ALL: OnceLock<Vec<Connector>> = OnceLock::new();
    ALL.get_or_init(|| {
        let parsed = MANIFESTS.iter().map(|text| serde_json::from_str(text));
        // A manifest that does not parse is missing here, and fails a test.
        parsed.filter_map(Result::ok).collect()
    })
}

pub fn connector(name: &str) -> Option<&'static Connector> {
    connectors().iter().find(|connector| connector.name == name)
}

#[cfg(test)]
mod tests;
