//! The rows of duties: when each is due, who has its turn, where it goes on.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;

use crate::{
    schedule::{DutyRow, Stored},
    store::{
        PlatformStore, StoreError,
        change::{number, read, text},
        db::{Filter, Query, Range, Table},
        key::Key,
    },
};

/// More duties than there will be.
const MOST: usize = 100;

impl PlatformStore {
    /// Every duty that ever had a turn, by name. One call.
    pub(crate) async fn duties(&self) -> Result<HashMap<String, DutyRow>, StoreError> {
        let query = Query {
            table: Table::Platform,
            index: None,
            partition: duty_key("").pk,
            range: Range::Prefix("DUTY#".to_owned()),
            after: None,
            newest_first: false,
            limit: MOST,
            filter: &Filter::default(),
        };
        let (items, _) = self.db().query(query).await?;
        let mut duties = HashMap::new();
        for item in items {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok());
            let name = sk
                .and_then(|sk| sk.strip_prefix("DUTY#"))
                .map(str::to_owned);
            duties.insert(name.unwrap_or_default(), read(item)?);
        }
        Ok(duties)
    }

    /// Takes the duty's turn until `until`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`]: it is not due, or another has its turn.
    pub(crate) async fn lease_duty(
        &self,
        name: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<DutyRow, StoreError> {
        let free = "(attribute_not_exists(due_ms) OR due_ms <= :now) \
                    AND (attribute_not_exists(lease_ms) OR lease_ms <= :now)";
        let answer = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(duty_key(name).attributes()))
            .update_expression("SET lease_ms = :until, began_at = :began ADD turn :one")
            .condition_expression(free)
            .expression_attribute_values(":until", number(until.as_millisecond()))
            .expression_attribute_values(":now", number(now.as_millisecond()))
            .expression_attribute_values(":began", text(now))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        read(answer.attributes.unwrap_or_default())
    }

    /// Gives the turn back. Only the latest turn may.
    pub(crate) async fn end_duty(&self, name: &str, end: &Stored<'_>) -> Result<(), StoreError> {
        let or_null = |value: Option<&str>| value.map_or(AttributeValue::Null(true), text);
        self.db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Platform)?)
            .set_key(Some(duty_key(name).attributes()))
            .update_expression(
                "SET due_ms = :due, place = :place, last_error = :error REMOVE lease_ms",
            )
            .condition_expression("turn = :turn")
            .expression_attribute_values(":due", number(end.due.as_millisecond()))
            .expression_attribute_values(":place", or_null(end.place))
            .expression_attribute_values(":error", or_null(end.error))
            .expression_attribute_values(":turn", number(end.turn))
            .send()
            .await?;
        Ok(())
    }
}

fn duty_key(name: &str) -> Key {
    Key {
        pk: "P#DUTIES".to_owned(),
        sk: format!("DUTY#{name}"),
    }
}
