//! The environment functions are started with. It holds the function's own identity and nobody else's.

use std::collections::BTreeMap;

use crate::access;
use crate::queues::Queues;
use crate::template::{self, FunctionSpec, REGION, Template};

/// Where the services are.
#[derive(Clone, Copy)]
pub(super) struct Urls<'a> {
    pub(super) dynamodb: &'a str,
    pub(super) sqs: &'a str,
    pub(super) sts: &'a str,
}

/// What every function is told.
pub(super) fn common(urls: Urls<'_>, port: u16, egress_allow: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", urls.dynamodb.to_owned()),
        ("AWS_ENDPOINT_URL_SQS", urls.sqs.to_owned()),
        ("AWS_ENDPOINT_URL_STS", urls.sts.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        // Without it an SDK that lacks a setting would look for one on the network.
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("PORTICO_MAIL_FROM", "portico@local.example".to_owned()),
        ("PORTICO_EGRESS_ALLOW", egress_allow.to_owned()),
        ("PORTICO_PUBLIC_URL", format!("http://127.0.0.1:{port}")),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The template's variables, then what only this machine knows, then the function's own identity.
pub(super) fn of_function(
    spec: &FunctionSpec,
    common: &BTreeMap<String, String>,
    renamed: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut environment = spec.env.clone();
    for value in environment.values_mut() {
        if let Some(url) = renamed.get(value) {
            value.clone_from(url);
        }
    }
    environment.extend(common.clone());
    environment.insert(
        "AWS_ACCESS_KEY_ID".to_owned(),
        access::access_key_id(&spec.binary),
    );
    environment.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), spec.binary.clone());
    environment
}

/// Local queue URL to the URL that somebody else's server gave the queue.
pub(super) fn renamed_queues(
    template: &Template,
    queues: &Queues,
    sqs_url: &str,
) -> BTreeMap<String, String> {
    let ids = template
        .queues
        .iter()
        .map(|queue| queue.logical_id.as_str());
    ids.filter_map(|id| Some((template::queue_url(sqs_url, id), queues.url(id)?.to_owned())))
        .collect()
}
