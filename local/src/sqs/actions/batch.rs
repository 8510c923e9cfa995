//! What the batch actions share: the rules for entries, and an answer for each entry on its own.

use std::collections::HashSet;

use crate::sqs::error::{ErrorKind, Fault, SqsError};
use crate::sqs::wire::{BatchOut, EntryIn, EntryOut, FailedOut};

const MAX_ENTRIES: usize = 10;
const MAX_ID_CHARS: usize = 80;

/// Checks the entries as a whole and pairs each with its id.
pub(super) fn entries<T>(entries: Option<Vec<EntryIn<T>>>) -> Result<Vec<(String, T)>, SqsError> {
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        return Err(SqsError::new(
            ErrorKind::EmptyBatchRequest,
            format!("a batch must have 1 to {MAX_ENTRIES} entries, got none"),
        ));
    }
    if entries.len() > MAX_ENTRIES {
        return Err(SqsError::new(
            ErrorKind::TooManyEntriesInBatchRequest,
            format!(
                "a batch must have 1 to {MAX_ENTRIES} entries, got {}",
                entries.len()
            ),
        ));
    }
    let entries: Vec<(String, T)> = entries
        .into_iter()
        .map(|entry| (entry.id.unwrap_or_default(), entry.content))
        .collect();
    let mut seen = HashSet::new();
    for (id, _) in &entries {
        check_id(id)?;
        if !seen.insert(id.as_str()) {
            return Err(SqsError::new(
                ErrorKind::BatchEntryIdsNotDistinct,
                format!("the ids of a batch's entries must differ, got `{id}` twice"),
            ));
        }
    }
    Ok(entries)
}

/// Does the work of each entry. What one entry does wrong is reported with it and stops no other; a
/// fault of the service stops all, because the transaction is then in doubt.
pub(super) fn each<T, R>(
    entries: Vec<(String, T)>,
    mut work: impl FnMut(T) -> Result<R, SqsError>,
) -> Result<BatchOut<R>, SqsError> {
    let mut out = BatchOut {
        successful: Vec::new(),
        failed: Vec::new(),
    };
    for (id, content) in entries {
        match work(content) {
            Ok(result) => out.successful.push(EntryOut { id, result }),
            Err(error) => match error.kind.fault() {
                Fault::Receiver => return Err(error),
                Fault::Sender => out.failed.push(FailedOut {
                    id,
                    sender_fault: true,
                    code: error.kind.query_code(),
                    message: error.message().to_owned(),
                }),
            },
        }
    }
    Ok(out)
}

fn check_id(id: &str) -> Result<(), SqsError> {
    let is_valid = (1..=MAX_ID_CHARS).contains(&id.len())
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_valid {
        return Ok(());
    }
    Err(SqsError::new(
        ErrorKind::InvalidBatchEntryId,
        format!(
            "the id of a batch entry must be 1 to {MAX_ID_CHARS} letters, digits, hyphens or underscores, got `{id}`"
        ),
    ))
}
