//! What an operator watches.

use crate::daily::DAYS_MAX;
use anyhow::{Context as _, Result};
use topup_rules::ids::ReferenceKind;
use topup_rules::topup::TopupState;
use topup_runtime::Process;
use topup_runtime::metrics::{self, OPEN_PAYMENTS};

/// Wallets out of step that are told of in one sweep, at most.
const OUT_OF_STEP_MAX: i64 = 20;

/// What an operator watches: how much waits, and for how long.
pub(crate) async fn measure(process: &Process) -> Result<u64> {
    let (rows, oldest_s) = process
        .store
        .outbox_backlog()
        .await
        .context("measuring the outbox")?;
    metrics::OUTBOX_WAITING.set([], rows as f64);
    metrics::OUTBOX_OLDEST_SECONDS.set([], oldest_s);
    let open = process
        .store
        .open_topups_by_state()
        .await
        .context("counting open top-ups")?;
    for state in TopupState::ALL.iter().filter(|state| state.is_open()) {
        let found = open.iter().find(|o| o.state == *state);
        let (count, oldest_s) = found.map_or((0, 0), |o| (o.count, o.oldest_age_s));
        metrics::TOPUPS_OPEN.set([state.as_str()], count as f64);
        metrics::TOPUPS_OPEN_OLDEST_SECONDS.set([state.as_str()], oldest_s as f64);
    }
    payments(process).await?;
    lines(process).await?;
    // Whoever compared a day, and whenever this process was started.
    let for_a_person = process
        .store
        .differences_for_a_person(DAYS_MAX)
        .await
        .context("counting differences from the payment gateway's list")?;
    metrics::RECONCILIATION_FOR_A_PERSON.set([], for_a_person as f64);
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

/// Payments whose end is not known, of every kind: a state without any is told, too, so that it goes back to 0.
async fn payments(process: &Process) -> Result<()> {
    let open = process
        .store
        .open_payments_by_state()
        .await
        .context("counting open payments")?;
    for kind in ReferenceKind::ALL {
        for state in OPEN_PAYMENTS {
            let found = open.iter().find(|it| it.kind == *kind && it.state == state);
            let (count, oldest_s) = found.map_or((0, 0), |it| (it.count, it.oldest_age_s));
            let labels = [kind.as_str(), state.as_str()];
            metrics::PAYMENTS_OPEN.set(labels, count as f64);
            metrics::PAYMENTS_OPEN_OLDEST_SECONDS.set(labels, oldest_s as f64);
        }
    }
    Ok(())
}

/// Whether the payment gateway is left alone, and for how much longer.
async fn lines(process: &Process) -> Result<()> {
    let lines = process
        .store
        .gateway_lines()
        .await
        .context("looking at the lines to the payment gateway")?;
    for line in lines {
        let labels = [line.gateway.as_str(), line.class.as_str()];
        metrics::GATEWAY_LINE_CLOSED_SECONDS.set(labels, line.closed_for_s as f64);
    }
    Ok(())
}
