//! Switches a destination off, and tells those destinations that asked to be told. An operational event
//! is kept in its deliveries alone; its id is kept with the destination until that is switched on again.

use jiff::Timestamp;
use serde_json::json;

use crate::{
    app::App,
    id::DestinationId,
    outbound::{
        fan_out::{announce, repair},
        notice::{Notice, notices},
    },
    store::{Conflict, Destination, StoreError, TenantStore},
};

const DISABLED: &str = "portico.destination.disabled";

/// One transaction: the destination, its audit entry and the deliveries that tell of it. Nothing more if
/// it is disabled or gone already.
pub(super) async fn disable(
    app: &App,
    store: &TenantStore,
    id: DestinationId,
    reason: &str,
    now: Timestamp,
) -> anyhow::Result<()> {
    let outlets = store.outlets().await?;
    loop {
        let from = match store.destination(id).await {
            Ok(from) if from.value.enabled => from,
            Ok(from) => return renotify(app, store, &from.value).await,
            Err(StoreError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let event = app.ids.make(now);
        let notice = Notice {
            event,
            kind: DISABLED,
            // Without the URL, which may hold a key: this goes to somebody else.
            data: json!({
                "destination_id": from.value.id,
                "name": from.value.name,
                "reason": reason,
            }),
            except: Some(from.value.id),
        };
        let notices = notices(&outlets, &notice, now);
        match store
            .disable_destination(from, reason, event, &notices)
            .await
        {
            Ok(()) => {
                app.outlets.forget(store.tenant_id());
                tracing::warn!(destination.id = %id, reason, "disabled a destination");
                return announce(app, store, &notices).await;
            }
            // Somebody changed it at the same time.
            Err(StoreError::Conflict {
                conflict: Conflict::Version,
                ..
            }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// For a destination that an earlier run has disabled: that run may have died before it sent the messages.
pub(super) async fn renotify(
    app: &App,
    store: &TenantStore,
    destination: &Destination,
) -> anyhow::Result<()> {
    let Some(event) = destination.notice else {
        return Ok(());
    };
    let outlets = store.outlets().await?;
    let ids: Vec<DestinationId> = outlets
        .destinations
        .iter()
        .map(|destination| destination.id)
        .collect();
    repair(app, store, [(event, ids.as_slice())]).await
}
