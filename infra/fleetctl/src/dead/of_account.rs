//! The parked messages of one account, for whoever asks what became of it; nothing is moved.

use super::which::account;
use super::{Parked, dead_queues};
use serde::Serialize;
use topup_rules::ids::AccountId;
use topup_runtime::broker::admin::Admin;

/// Messages that are looked at in one queue, from its head on.
const LOOKED_AT_MAX: u32 = 2_000;
/// Messages that are found in one queue, at most.
const FOUND_MAX: usize = 20;

/// What was found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct OfAccount {
    /// The messages, queue by queue.
    pub(crate) messages: Vec<Parked>,
    /// Queues of which only the head was looked at.
    pub(crate) looked_at_in_part: Vec<String>,
}

/// Looks through the heads of all queues of parked messages.
///
/// # Errors
/// The broker's.
pub(crate) async fn of_account(broker: &Admin, wanted: AccountId) -> anyhow::Result<OfAccount> {
    let mut found = OfAccount::default();
    for queue in dead_queues() {
        // Nothing there is nothing to hold.
        match broker.count(&queue).await? {
            Some(count) if count.messages > 0 => {}
            Some(_) | None => continue,
        }
        let Some(mut holding) = broker.hold(&queue).await? else {
            continue;
        };
        let mut count = 0;
        while count < FOUND_MAX && holding.seen() < LOOKED_AT_MAX {
            let Some(held) = holding.next().await? else { break };
            if account(&held.seen) == Some(wanted) {
                found
                    .messages
                    .push(Parked::of(&queue, held.position, &held.seen, false));
                count += 1;
            }
        }
        if holding.seen() < holding.at_first() {
            found.looked_at_in_part.push(queue);
        }
        holding.give_back().await?;
    }
    Ok(found)
}
