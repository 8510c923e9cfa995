//! The actions on queues themselves. Creating a queue that is there with these attributes changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::in_range;
use crate::sqs::SqsServer;
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::name::QueueName;
use crate::sqs::settings::{ATTRIBUTE_NAMES, Settings};
use crate::sqs::store::{Queue, Tx};
use crate::sqs::wire::{
    Attributes, AttributesOut, CreateQueueIn, Empty, GetAttributesIn, GetQueueUrlIn, ListQueuesIn,
    ListQueuesOut, ListSourceQueuesIn, ListSourceQueuesOut, QueueIn, QueueUrlOut, SetAttributesIn,
    TagQueueIn, TagsOut, UntagQueueIn, required,
};

const MAX_PAGE: i64 = 1_000;
const MAX_TAGS: usize = 50;

pub(super) fn create_queue(
    server: &SqsServer,
    host: &str,
    input: CreateQueueIn,
) -> Result<QueueUrlOut, SqsError> {
    let name = QueueName::parse(&required(input.queue_name, "QueueName")?)?;
    let attributes = input.attributes.unwrap_or_default();
    let settings = Settings::create(&name, &attributes)?;
    let tags = input.tags.unwrap_or_default();
    check_tags(&tags)?;
    server.transaction(|tx| match tx.find_queue(&name)? {
        None => tx.create_queue(&name, &settings, &tags),
        Some(existing) if existing.settings.with(&attributes)? == existing.settings => Ok(()),
        Some(_) => Err(SqsError::new(
            ErrorKind::QueueNameExists,
            format!("the queue `{}` exists with other attributes", name.as_str()),
        )),
    })?;
    Ok(QueueUrlOut {
        queue_url: name.url(host),
    })
}

pub(super) fn get_queue_url(
    server: &SqsServer,
    host: &str,
    input: GetQueueUrlIn,
) -> Result<QueueUrlOut, SqsError> {
    let name = QueueName::parse(&required(input.queue_name, "QueueName")?)?;
    server.transaction(|tx| tx.queue(&name))?;
    Ok(QueueUrlOut {
        queue_url: name.url(host),
    })
}

pub(super) fn list_queues(
    server: &SqsServer,
    host: &str,
    input: ListQueuesIn,
) -> Result<ListQueuesOut, SqsError> {
    let page = Page::parse(input.max_results, input.next_token)?;
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let names = server.transaction(|tx| tx.queue_names(&prefix, &page.after, page.limit + 1))?;
    let (queue_urls, next_token) = page.cut(names, host);
    Ok(ListQueuesOut {
        queue_urls,
        next_token,
    })
}

pub(super) fn list_dead_letter_source_queues(
    server: &SqsServer,
    host: &str,
    input: ListSourceQueuesIn,
) -> Result<ListSourceQueuesOut, SqsError> {
    let page = Page::parse(input.max_results, input.next_token)?;
    let names = on_queue(server, input.queue_url, |tx, queue| {
        tx.source_queues(&queue.name, &page.after, page.limit + 1)
    })?;
    let (queue_urls, next_token) = page.cut(names, host);
    Ok(ListSourceQueuesOut {
        queue_urls,
        next_token,
    })
}

pub(super) fn delete_queue(server: &SqsServer, input: QueueIn) -> Result<Empty, SqsError> {
    on_queue(server, input.queue_url, |tx, queue| tx.delete_queue(queue))?;
    Ok(Empty {})
}

pub(super) fn purge_queue(server: &SqsServer, input: QueueIn) -> Result<Empty, SqsError> {
    on_queue(server, input.queue_url, |tx, queue| tx.purge_queue(queue))?;
    Ok(Empty {})
}

pub(super) fn get_queue_attributes(
    server: &SqsServer,
    input: GetAttributesIn,
) -> Result<AttributesOut, SqsError> {
    let names: BTreeSet<String> = input
        .attribute_names
        .unwrap_or_default()
        .into_iter()
        .collect();
    let is_known = |name: &str| ATTRIBUTE_NAMES.contains(&name) || name == "SqsManagedSseEnabled";
    if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
        return Err(SqsError::new(
            ErrorKind::InvalidAttributeName,
            format!("`{unknown}` is not the name of a queue attribute"),
        ));
    }
    let mut attributes = on_queue(server, input.queue_url, |tx, queue| {
        let counts = tx.counts(queue)?;
        let mut attributes: BTreeMap<&'static str, String> =
            queue.settings.attributes().into_iter().collect();
        attributes.extend([
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            (
                "ApproximateNumberOfMessagesNotVisible",
                counts.in_flight.to_string(),
            ),
            (
                "ApproximateNumberOfMessagesDelayed",
                counts.delayed.to_string(),
            ),
            ("CreatedTimestamp", (queue.created_at / 1_000).to_string()),
            (
                "LastModifiedTimestamp",
                (queue.modified_at / 1_000).to_string(),
            ),
            ("QueueArn", queue.name.arn()),
        ]);
        Ok(attributes)
    })?;
    if !names.contains("All") {
        attributes.retain(|name, _| names.contains(*name));
    }
    Ok(AttributesOut { attributes })
}

pub(super) fn set_queue_attributes(
    server: &SqsServer,
    input: SetAttributesIn,
) -> Result<Empty, SqsError> {
    let attributes = input.attributes.unwrap_or_default();
    on_queue(server, input.queue_url, |tx, queue| {
        if attributes.contains_key("FifoQueue") {
            Settings::check_kind(&queue.name, &attributes)?;
        }
        tx.update_settings(queue, &queue.settings.with(&attributes)?)
    })?;
    Ok(Empty {})
}

pub(super) fn tag_queue(server: &SqsServer, input: TagQueueIn) -> Result<Empty, SqsError> {
    let added = input.tags.unwrap_or_default();
    on_queue(server, input.queue_url, |tx, queue| {
        let mut tags = tx.tags(queue)?;
        tags.extend(added);
        check_tags(&tags)?;
        tx.set_tags(queue, &tags)
    })?;
    Ok(Empty {})
}

pub(super) fn untag_queue(server: &SqsServer, input: UntagQueueIn) -> Result<Empty, SqsError> {
    let removed = input.tag_keys.unwrap_or_default();
    on_queue(server, input.queue_url, |tx, queue| {
        let mut tags = tx.tags(queue)?;
        tags.retain(|key, _| !removed.contains(key));
        tx.set_tags(queue, &tags)
    })?;
    Ok(Empty {})
}

pub(super) fn list_queue_tags(server: &SqsServer, input: QueueIn) -> Result<TagsOut, SqsError> {
    let tags = on_queue(server, input.queue_url, |tx, queue| tx.tags(queue))?;
    Ok(TagsOut { tags })
}

/// Finds the queue of a `QueueUrl` and works on it, in one transaction.
pub(super) fn on_queue<T>(
    server: &SqsServer,
    queue_url: Option<String>,
    work: impl FnOnce(&Tx<'_>, &Queue) -> Result<T, SqsError>,
) -> Result<T, SqsError> {
    let name = QueueName::from_url(&required(queue_url, "QueueUrl")?)?;
    server.transaction(|tx| work(tx, &tx.queue(&name)?))
}

/// One page of an ordered list of names. The token is the last name that was given out.
struct Page {
    after: String,
    limit: usize,
    /// Without `MaxResults` the list ends with the page, and there is no token.
    is_paged: bool,
}

impl Page {
    fn parse(max_results: Option<i64>, next_token: Option<String>) -> Result<Self, SqsError> {
        let limit = in_range("MaxResults", max_results.unwrap_or(MAX_PAGE), 1..=MAX_PAGE)?;
        let after = match next_token {
            None => String::new(),
            Some(token) => URL_SAFE_NO_PAD
                .decode(&token)
                .ok()
                .and_then(|name| String::from_utf8(name).ok())
                .ok_or_else(|| {
                    SqsError::invalid_parameter(format!(
                        "NextToken must come from an earlier page, got `{token}`"
                    ))
                })?,
        };
        Ok(Self {
            after,
            limit: usize::try_from(limit).unwrap_or_default(),
            is_paged: max_results.is_some(),
        })
    }

    /// `names` holds one more than the page where there is a next one.
    fn cut(&self, mut names: Vec<QueueName>, host: &str) -> (Vec<String>, Option<String>) {
        let has_next = names.len() > self.limit && self.is_paged;
        names.truncate(self.limit);
        let next_token = names
            .last()
            .filter(|_| has_next)
            .map(|name| URL_SAFE_NO_PAD.encode(name.as_str()));
        (
            names.iter().map(|name| name.url(host)).collect(),
            next_token,
        )
    }
}

fn check_tags(tags: &Attributes) -> Result<(), SqsError> {
    let is_valid = tags.len() <= MAX_TAGS
        && tags.iter().all(|(key, value)| {
            (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256
        });
    if is_valid {
        return Ok(());
    }
    Err(SqsError::invalid_parameter(format!(
        "a queue may have up to {MAX_TAGS} tags with keys of 1 to 128 and values of up to 256 characters"
    )))
}
