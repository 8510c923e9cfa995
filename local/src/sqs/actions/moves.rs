//! The message move tasks: dead letters back to where they came from, or to a queue of choice.

use super::in_range;
use crate::sqs::SqsServer;
use crate::sqs::error::{ErrorKind, SqsError};
use crate::sqs::name::QueueName;
use crate::sqs::store::{MoveTask, MoveTaskStatus, NewMoveTask, Queue, Tx};
use crate::sqs::wire::{
    CancelMoveIn, CancelMoveOut, ListMovesIn, ListMovesOut, MoveTaskOut, StartMoveIn, StartMoveOut,
    required,
};

const MAX_RATE: i64 = 500;
const MAX_RESULTS: i64 = 10;

pub(super) fn start_message_move_task(
    server: &SqsServer,
    input: StartMoveIn,
) -> Result<StartMoveOut, SqsError> {
    let source = QueueName::from_arn(&required(input.source_arn, "SourceArn")?)?;
    let destination = input
        .destination_arn
        .map(|arn| QueueName::from_arn(&arn))
        .transpose()?;
    let rate = input
        .max_number_of_messages_per_second
        .map(|rate| in_range("MaxNumberOfMessagesPerSecond", rate, 1..=MAX_RATE))
        .transpose()?;
    if destination.as_ref() == Some(&source) {
        return Err(SqsError::invalid_parameter(
            "DestinationArn must differ from SourceArn",
        ));
    }
    let task_handle = server.transaction(|tx| {
        let source = resource(tx, &source)?;
        if let Some(destination) = &destination {
            let destination = resource(tx, destination)?;
            if destination.settings.kind != source.settings.kind {
                return Err(SqsError::invalid_parameter(
                    "SourceArn and DestinationArn must be queues of the same kind, standard or FIFO",
                ));
            }
        }
        tx.start_move(&source, &NewMoveTask { destination, rate })
    })?;
    Ok(StartMoveOut { task_handle })
}

pub(super) fn list_message_move_tasks(
    server: &SqsServer,
    input: ListMovesIn,
) -> Result<ListMovesOut, SqsError> {
    let source = QueueName::from_arn(&required(input.source_arn, "SourceArn")?)?;
    let limit = in_range(
        "MaxResults",
        input.max_results.unwrap_or(1),
        1..=MAX_RESULTS,
    )?;
    let tasks = server.transaction(|tx| tx.move_tasks(&resource(tx, &source)?, limit))?;
    Ok(ListMovesOut {
        results: tasks
            .into_iter()
            .map(|task| render(task, source.arn()))
            .collect(),
    })
}

pub(super) fn cancel_message_move_task(
    server: &SqsServer,
    input: CancelMoveIn,
) -> Result<CancelMoveOut, SqsError> {
    let handle = required(input.task_handle, "TaskHandle")?;
    let moved = server.transaction(|tx| tx.cancel_move(&handle))?;
    Ok(CancelMoveOut {
        approximate_number_of_messages_moved: moved,
    })
}

/// These actions name a missing queue differently from all others.
fn resource(tx: &Tx<'_>, name: &QueueName) -> Result<Queue, SqsError> {
    tx.find_queue(name)?.ok_or_else(|| {
        SqsError::new(
            ErrorKind::ResourceNotFound,
            format!("the queue {} does not exist", name.arn()),
        )
    })
}

fn render(task: MoveTask, source_arn: String) -> MoveTaskOut {
    MoveTaskOut {
        task_handle: Some(task.handle).filter(|_| task.status == MoveTaskStatus::Running),
        status: task.status.as_str(),
        source_arn,
        destination_arn: task.destination,
        max_number_of_messages_per_second: task.rate,
        approximate_number_of_messages_moved: task.moved,
        approximate_number_of_messages_to_move: task.to_move,
        failure_reason: task.failure,
        started_timestamp: task.started_at,
    }
}
