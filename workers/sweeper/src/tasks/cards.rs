//! Cards that expire soon.

use anyhow::{Context as _, Result};
use topup_runtime::Process;

/// Whole days in the time before a card's end at which its holder is told.
fn ahead_days(process: &Process) -> u32 {
    u32::try_from(process.settings.rules.card_expiry_notice.as_hours() / 24).unwrap_or(0)
}

/// Tells the holders of cards that are charged automatically and expire soon, each card once.
pub(crate) async fn expiring(process: &Process) -> Result<u64> {
    let today = process
        .store
        .now()
        .await
        .context("asking for the time")?
        .to_zoned(process.settings.rules.time_zone.clone())
        .date();
    let rows_max = i64::from(process.settings.sweeper.rows_max);
    let messages = process
        .store
        .expiring_cards(today, ahead_days(process), rows_max)
        .await
        .context("looking for cards that expire")?;
    let told = messages.len() as u64;
    process.outbox.send(messages);
    Ok(told)
}
