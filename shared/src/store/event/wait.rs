//! How far the messages of a waiting job have come: a row beside the event's, small whatever the payload.

use std::collections::HashMap;

use serde::Deserialize;

use crate::{
    queue::EventRef,
    store::{
        StoreError, TenantStore,
        change::{number, read},
        db::Table,
        key::{Key, Sort},
    },
};

#[derive(Deserialize)]
struct Waiting {
    step: u64,
}

impl TenantStore {
    /// The latest step of the waits of this life of the event; 0 before the first.
    pub(crate) async fn wait_step(&self, event: &EventRef) -> Result<u64, StoreError> {
        let key = self.wait_key(event);
        let row = self.db().get(Table::Events, key.attributes(), true).await?;
        match row {
            Some(row) => Ok(read::<Waiting>(row)?.step),
            None => Ok(0),
        }
    }

    /// Messages of earlier steps are over from now on. Never goes back.
    pub(crate) async fn advance_wait(&self, event: &EventRef, step: u64) -> Result<(), StoreError> {
        let values = HashMap::from([
            (":step".to_owned(), number(step)),
            (":until".to_owned(), number(self.retained_until())),
        ]);
        let request = self
            .db()
            .client()
            .update_item()
            .table_name(self.db().table(Table::Events)?)
            .set_key(Some(self.wait_key(event).attributes()))
            .update_expression("SET step = :step, expires_at = :until")
            .condition_expression("attribute_not_exists(step) OR step < :step")
            .set_expression_attribute_values(Some(values));
        match request.send().await.map_err(StoreError::from) {
            Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn wait_key(&self, event: &EventRef) -> Key {
        Key::new(self.tenant, &Sort::EventWait(event.event, event.generation))
    }
}
