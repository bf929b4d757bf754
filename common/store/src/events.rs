//! Events for platforms, written to the outbox in the transaction of the change that they tell of.
//!
//! Those of changes that the account holder is told of, too, come with their notices (`notices`). Left out: settings that
//! an import brings to a wallet that was not there before.

use crate::StoreError;
use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use jiff::Timestamp;
use topup_rules::account::{AutoTopup, AutoTopupSettings};
use topup_rules::events::EventDraft;

/// Queues each for publishing, as what happened at this moment.
pub(crate) async fn write(
    tx: &Tx,
    events: impl IntoIterator<Item = EventDraft>,
    at: Timestamp,
    traceparent: Option<&str>,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let drafts = events
        .into_iter()
        .map(|event| Ok(Draft::event(&event.at(at))?.traced(traceparent)))
        .collect::<Result<_, StoreError>>()?;
    outbox::write(tx, drafts).await
}

/// The settings of what is enabled: what of it is disabled is told of, and what was disabled before is not.
pub(crate) const fn enabled(auto: &AutoTopup) -> Option<&AutoTopupSettings> {
    match auto {
        AutoTopup::Enabled(settings) => Some(settings),
        AutoTopup::Off | AutoTopup::Disabled { .. } => None,
    }
}
