//! What got lost on the way, and is called again.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use topup_rules::retry::{NextTry, RetryPolicy};
use topup_runtime::Process;
use topup_store::OutboxMessage;

/// How much longer than the longest call a charge may be left alone.
const CHARGE_MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// How much longer than all its tries together a notice may be left alone.
const NOTICE_MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// Rows that their worker did not get to publish: it was killed, or the broker was away.
pub(crate) async fn outbox(process: &Process) -> Result<u64> {
    let settings = &process.settings.sweeper;
    let rows = process
        .store
        .outbox_overdue(settings.outbox_overdue, i64::from(settings.rows_max))
        .await
        .context("reading the outbox")?;
    Ok(process.outbox.publish_all(rows).await as u64)
}

/// Top-ups whose message should have come by now: the broker lost it, or its settlement did.
pub(crate) async fn topups(process: &Process) -> Result<u64> {
    let settings = &process.settings.sweeper;
    let messages = process
        .store
        .overdue_topups(settings.topup_overdue, i64::from(settings.rows_max))
        .await
        .context("waking overdue top-ups")?;
    Ok(hand_over(process, messages))
}

/// C8: charges that nobody settled: a worker died on the way, or the broker lost the result.
pub(crate) async fn charges(process: &Process) -> Result<u64> {
    let longest_call =
        SignedDuration::try_from(process.settings.paystack.timeout).unwrap_or(SignedDuration::MAX);
    let age = longest_call.saturating_add(CHARGE_MARGIN);
    let rows_max = i64::from(process.settings.sweeper.rows_max);
    let messages = process
        .store
        .overdue_charges(age, rows_max)
        .await
        .context("looking for charges left alone")?;
    Ok(hand_over(process, messages))
}

/// N1: notices that are neither sent nor parked, though every try of theirs is over: the broker lost them.
pub(crate) async fn notices(process: &Process) -> Result<u64> {
    let age = longest_trying(&process.settings.notifications.retry).saturating_add(NOTICE_MARGIN);
    let rows_max = i64::from(process.settings.sweeper.rows_max);
    let messages = process
        .store
        .overdue_notices(age, rows_max)
        .await
        .context("looking for notices left alone")?;
    Ok(hand_over(process, messages))
}

fn hand_over(process: &Process, messages: Vec<OutboxMessage>) -> u64 {
    let called = messages.len() as u64;
    process.outbox.send(messages);
    called
}

/// The sum of all pauses between the tries of one message.
fn longest_trying(policy: &RetryPolicy) -> SignedDuration {
    let pauses_s = (1..policy.attempts_max).map(|attempts| match policy.after(attempts) {
        NextTry::After { delay_s } => i64::from(delay_s),
        NextTry::GiveUp => 0,
    });
    SignedDuration::from_secs(pauses_s.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_trying_is_the_sum_of_all_pauses() {
        let policy = RetryPolicy {
            attempts_max: 5,
            first_s: 5,
            max_s: 12,
        };
        assert_eq!(
            longest_trying(&policy),
            SignedDuration::from_secs(5 + 10 + 12 + 12)
        );
    }
}
