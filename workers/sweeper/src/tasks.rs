//! The sweeper's tasks. Each says how many rows or messages it dealt with.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use topup_rules::retry::{NextTry, RetryPolicy};
use topup_rules::sends::OpenWindow;
use topup_rules::topup::TopupState;
use topup_runtime::Process;
use topup_store::{LEDGER_DAYS_AHEAD, OutboxMessage};

/// How much longer than the longest call a charge may be left alone.
const CHARGE_MARGIN: SignedDuration = SignedDuration::from_secs(60);
/// How much longer than all its tries together a notice may be left alone.
const NOTICE_MARGIN: SignedDuration = SignedDuration::from_mins(10);
/// Wallets out of step that are told of in one sweep, at most.
const OUT_OF_STEP_MAX: i64 = 20;

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

/// S5: holds whose time is over give back what they set aside.
pub(crate) async fn holds(process: &Process) -> Result<u64> {
    let limit = i64::from(process.settings.sweeper.rows_max);
    let expired = process
        .store
        .expire_holds(limit)
        .await
        .context("expiring holds")?;
    Ok(expired as u64)
}

/// S4: partitions for the days to come; days that left the open window are closed, their sums carried forward.
pub(crate) async fn partitions(process: &Process) -> Result<u64> {
    let rules = &process.settings.rules;
    let window = OpenWindow {
        back: rules.window_back,
        ahead: rules.window_ahead,
    };
    let made = process
        .store
        .ensure_partitions(&window, LEDGER_DAYS_AHEAD)
        .await
        .context("making partitions")?;
    let closed = process.store.close_days(&window).await.context("closing days")?;
    Ok((made.len() + closed.len()) as u64)
}

/// What an operator watches: how much waits, and for how long.
pub(crate) async fn gauges(process: &Process) -> Result<u64> {
    let (rows, oldest_s) = process
        .store
        .outbox_backlog()
        .await
        .context("measuring the outbox")?;
    metrics::gauge!("topup_outbox_rows").set(rows as f64);
    metrics::gauge!("topup_outbox_oldest_seconds").set(oldest_s);
    let open = process
        .store
        .open_topups_by_state()
        .await
        .context("counting open top-ups")?;
    for state in TopupState::ALL.iter().filter(|state| state.is_open()) {
        let found = open.iter().find(|o| o.state == *state);
        let (count, oldest_s) = found.map_or((0, 0), |o| (o.count, o.oldest_age_s));
        metrics::gauge!("topup_topups_open", "state" => state.as_str()).set(count as f64);
        metrics::gauge!("topup_topups_open_oldest_seconds", "state" => state.as_str()).set(oldest_s as f64);
    }
    for wallet in process
        .store
        .wallets_out_of_step(OUT_OF_STEP_MAX)
        .await
        .context("comparing wallets and top-ups")?
    {
        tracing::error!(
            account.id = wallet.wallet.account.get(),
            service = wallet.wallet.service.as_str(),
            named = ?wallet.named,
            open = ?wallet.open,
            "a wallet and its top-ups say different things of what is open"
        );
    }
    Ok(0)
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
