//! How often something that must not be guessed was tried, over all instances. Counted before it is tried, so
//! that no number of requests at once gets more tries than one after the other.

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError, types::ReturnValuesOnConditionCheckFailure,
};

use crate::{
    seal,
    store::{
        PlatformStore, StoreError,
        change::number,
        db::{Item, Table, Write},
        key::Key,
    },
};

/// So many wrong tries are taken within one window.
pub(crate) const MOST_TRIES: u32 = 10;

/// Seconds from the first try that was not right.
pub(crate) const WINDOW_S: i64 = 900;

/// Whether one more try may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    Counted,
    /// No more before this Unix second.
    Locked {
        until_s: i64,
    },
}

impl PlatformStore {
    /// Counts a try at what `name` says. One call for who has made no mistake, two otherwise.
    pub(crate) async fn count_try(&self, name: &str, now_s: i64) -> Result<Try, StoreError> {
        // Another request may count between the two steps: then the first one is right again.
        for _ in 0..3 {
            let first = self.first_try(name, now_s).await?;
            let Some(row) = first else {
                return Ok(Try::Counted);
            };
            let until_s = row
                .get("expires_at")
                .and_then(|at| at.as_n().ok()?.parse().ok())
                .unwrap_or(now_s);
            if self.further_try(name, now_s).await? {
                return Ok(Try::Counted);
            }
            if until_s > now_s {
                return Ok(Try::Locked { until_s });
            }
        }
        Ok(Try::Locked { until_s: now_s + 1 })
    }

    /// The write that forgets all tries, because the last one was right.
    pub(crate) fn forget_tries(&self, name: &str) -> Result<Write, StoreError> {
        let key = key(name).attributes();
        self.db().writer(Table::Ephemeral)?.clear(key)
    }

    /// The row that is there, if this is not the first try of a window.
    async fn first_try(&self, name: &str, now_s: i64) -> Result<Option<Item>, StoreError> {
        let request = self.db().client().update_item();
        let answer = request
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_key(Some(key(name).attributes()))
            .update_expression("SET tries = :one, expires_at = :end")
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now_s))
            .expression_attribute_values(":end", number(now_s + WINDOW_S))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Some(failed.item().cloned().unwrap_or_default()))
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Whether the window had room for one more.
    async fn further_try(&self, name: &str, now_s: i64) -> Result<bool, StoreError> {
        let request = self.db().client().update_item();
        let answer = request
            .table_name(self.db().table(Table::Ephemeral)?)
            .set_key(Some(key(name).attributes()))
            .update_expression("SET tries = tries + :one")
            .condition_expression("tries < :most AND expires_at > :now")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(MOST_TRIES))
            .expression_attribute_values(":now", number(now_s))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(error.into()),
            },
        }
    }
}

fn key(name: &str) -> Key {
    Key {
        pk: format!("TRY#{}", seal::sha256_hex(name.as_bytes())),
        sk: "TRIES".to_owned(),
    }
}
