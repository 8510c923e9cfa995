//! The actions by name. Each one reads its body, checks it, and works in one transaction.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sqs::SqsServer;
use crate::sqs::error::{ErrorKind, SqsError};

mod batch;
mod messages;
mod moves;
mod queues;
mod receive;

/// Performs the action that `X-Amz-Target` names and returns its answer as JSON.
pub(super) async fn perform(
    server: &SqsServer,
    target: &str,
    host: &str,
    body: &[u8],
) -> Result<String, SqsError> {
    match target.strip_prefix("AmazonSQS.").unwrap_or_default() {
        "CancelMessageMoveTask" => json(moves::cancel_message_move_task(server, parse(body)?)?),
        "ChangeMessageVisibility" => {
            json(messages::change_message_visibility(server, parse(body)?)?)
        }
        "ChangeMessageVisibilityBatch" => json(messages::change_message_visibility_batch(
            server,
            parse(body)?,
        )?),
        "CreateQueue" => json(queues::create_queue(server, host, parse(body)?)?),
        "DeleteMessage" => json(messages::delete_message(server, parse(body)?)?),
        "DeleteMessageBatch" => json(messages::delete_message_batch(server, parse(body)?)?),
        "DeleteQueue" => json(queues::delete_queue(server, parse(body)?)?),
        "GetQueueAttributes" => json(queues::get_queue_attributes(server, parse(body)?)?),
        "GetQueueUrl" => json(queues::get_queue_url(server, host, parse(body)?)?),
        "ListDeadLetterSourceQueues" => json(queues::list_dead_letter_source_queues(
            server,
            host,
            parse(body)?,
        )?),
        "ListMessageMoveTasks" => json(moves::list_message_move_tasks(server, parse(body)?)?),
        "ListQueueTags" => json(queues::list_queue_tags(server, parse(body)?)?),
        "ListQueues" => json(queues::list_queues(server, host, parse(body)?)?),
        "PurgeQueue" => json(queues::purge_queue(server, parse(body)?)?),
        "ReceiveMessage" => json(receive::receive_message(server, parse(body)?).await?),
        "SendMessage" => json(messages::send_message(server, parse(body)?)?),
        "SendMessageBatch" => json(messages::send_message_batch(server, parse(body)?)?),
        "SetQueueAttributes" => json(queues::set_queue_attributes(server, parse(body)?)?),
        "StartMessageMoveTask" => json(moves::start_message_move_task(server, parse(body)?)?),
        "TagQueue" => json(queues::tag_queue(server, parse(body)?)?),
        "UntagQueue" => json(queues::untag_queue(server, parse(body)?)?),
        _ => Err(SqsError::new(
            ErrorKind::UnknownOperation,
            format!(
                "X-Amz-Target must name a supported action as AmazonSQS.Action, got `{target}`"
            ),
        )),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, SqsError> {
    // An action without parameters may come with no body at all.
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        SqsError::new(
            ErrorKind::Serialization,
            format!("the body must be the action's JSON: {error}"),
        )
    })
}

fn json(answer: impl Serialize) -> Result<String, SqsError> {
    serde_json::to_string(&answer).map_err(SqsError::internal)
}

/// A number that must lie in a range.
fn in_range(
    parameter: &str,
    value: i64,
    allowed: std::ops::RangeInclusive<i64>,
) -> Result<i64, SqsError> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    Err(SqsError::invalid_parameter(format!(
        "{parameter} must be {} to {}, got {value}",
        allowed.start(),
        allowed.end()
    )))
}
