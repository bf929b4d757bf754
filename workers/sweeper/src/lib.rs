//! The sweeper: what time alone brings about, and what got lost on the way.
//!
//! Loops side by side, none of which waits for another:
//!
//! | loop | task | what it does | how often |
//! | --- | --- | --- | --- |
//! | `sweeps` | `outbox` | publishes rows that their worker did not get to | every sweep |
//! | | `topups` | calls top-ups again whose message should have come by now | every sweep |
//! | | `charges` | publishes answers to charges again that settled nothing yet | every sweep |
//! | | `notices` | publishes notices again that were neither sent nor parked when all their tries were over | every sweep |
//! | | `holds` | releases holds that expired | every sweep |
//! | | `cards` | tells the holders of cards that expire soon, each once | every hour |
//! | | `partitions` | makes the ledger's partitions days ahead, closes and detaches days that left the open window | every hour |
//! | | `processes` | forgets processes that have said nothing for a day | every hour |
//! | `inquiries` | | asks the gateway about payments whose outcome is not known (C8) | as each is due |
//! | `history` | | indexes and counts the ledger's days that are over, for those who read them | every 10 minutes |
//! | `at_gateway` | | gives back what registering a card has cost, has the gateway forget tokens that no consent uses | as each is due |
//! | `daily` | | compares yesterday's payments with the gateway's list ([`reconcile`]) | once a day |
//!
//! Everything here may be done twice, and by several sweepers at once: messages are wake-ups that their receivers
//! recognise, and rows are guarded. What fails is told and tried again; the rest goes on. Deliberately absent: charging,
//! and settling what the gateway says: its answers go to `payment-results` like all others.

mod at_gateway;
mod daily;
mod ending;
mod history;
mod inquiries;
pub mod reconcile;
mod sweeps;
mod tasks;

use std::sync::Arc;
use topup_gateways::payment::PaymentGateway;
use topup_runtime::{Process, SettingsError};

/// The process's name.
pub const NAME: &str = "sweeper";

/// Sweeps until the process is to stop.
///
/// # Errors
/// Names the setting that is missing or unusable.
pub async fn sweep(process: Process) -> Result<(), SettingsError> {
    let gateway = Arc::new(process.settings.paystack.client(PaymentGateway::paystack)?);
    tokio::join!(
        sweeps::run(&process),
        inquiries::run(&process, &gateway),
        at_gateway::run(&process, &gateway),
        history::run(&process),
        daily::run(&process, &gateway),
    );
    Ok(())
}
