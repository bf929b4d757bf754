//! Once a day: yesterday's payments against the gateway's list, and those of the days before where nobody came to it.
//!
//! The database knows which days are done, so that of several sweepers, or after a restart, mostly one does it; twice
//! does no harm.

use crate::reconcile::{ReconcileError, Reconciled, bounds, reconcile};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use topup_gateways::payment::PaymentGateway;
use topup_runtime::{Process, metrics};
use tracing::{error, info, warn};

/// So many days that are over are looked at, and watched once they are compared; what lies further back is a person's to
/// ask for.
pub(crate) const DAYS_MAX: i32 = 3;

/// Compares until the process is to stop. A comparison under way is dropped then, and changes nothing.
pub(crate) async fn run(process: &Process, gateway: &PaymentGateway) {
    loop {
        tokio::select! {
            () = process.shutdown.requested() => return,
            () = look_in_time(process, gateway) => {}
        }
    }
}

async fn look_in_time(process: &Process, gateway: &PaymentGateway) {
    tokio::time::sleep(process.settings.sweeper.reconcile_look).await;
    match look(process, gateway).await {
        Ok(None) => {}
        Ok(Some(reconciled)) => {
            tell(&reconciled);
            process.outbox.send(reconciled.outbox);
        }
        Err(failed) => {
            metrics::RECONCILIATION_FAILURES.add([], 1);
            error!(error = %failed, "a day could not be compared with the gateway's list; it is tried again");
        }
    }
}

async fn look(process: &Process, gateway: &PaymentGateway) -> Result<Option<Reconciled>, ReconcileError> {
    let settings = &process.settings;
    let (grace, time_zone) = (settings.sweeper.reconcile_after, &settings.rules.time_zone);
    let now = process.store.now().await?;
    let Some(last) = last_day(now, grace, time_zone) else {
        return Ok(None);
    };
    // The oldest first: what a sweeper that was away for a while did not come to.
    for back in (0..DAYS_MAX).rev() {
        let Ok(day) = last.checked_sub(Span::new().days(back)) else {
            continue;
        };
        let (_, end) = bounds(day, time_zone)?;
        let compared = process.store.reconciliation(gateway.name(), day).await?;
        if !compared.is_some_and(|(_, at)| was_whole(at, end, grace)) {
            return reconcile(&process.store, gateway, settings, day).await.map(Some);
        }
    }
    Ok(None)
}

/// Whether a day that ended at `end` was over, and its stragglers in, when it was compared at `at`. A person may have
/// compared it while it lasted.
fn was_whole(at: Timestamp, end: Timestamp, grace: SignedDuration) -> bool {
    at.duration_since(end) >= grace
}

/// The last day that ended at least `grace` ago.
fn last_day(now: Timestamp, grace: SignedDuration, time_zone: &TimeZone) -> Option<Date> {
    let then = now.checked_sub(grace).ok()?;
    then.to_zoned(time_zone.clone()).date().yesterday().ok()
}

fn tell(reconciled: &Reconciled) {
    let found = &reconciled.found;
    let settling = found.differences.iter().filter(|it| it.is_settling).count();
    let for_a_person = found.differences.len() - settling;
    info!(
        day = %found.day,
        transactions = found.transactions,
        matched = found.matched,
        foreign = found.foreign,
        settling,
        for_a_person,
        "compared with the gateway's list"
    );
    if found.needs_a_person() {
        warn!(
            day = %found.day,
            for_a_person,
            "a person has to look at payments: `fleetctl reconcile` shows them"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_compared_when_it_has_been_over_for_a_while() {
        let johannesburg = TimeZone::get("Africa/Johannesburg").unwrap();
        let grace = SignedDuration::from_hours(2);
        let day_at = |now: &str| {
            last_day(now.parse().unwrap(), grace, &johannesburg)
                .unwrap()
                .to_string()
        };
        // Midnight is at 22:00 UTC there.
        assert_eq!(day_at("2026-11-22T23:59:59Z"), "2026-11-21");
        assert_eq!(day_at("2026-11-23T00:00:00Z"), "2026-11-22");
    }

    #[test]
    fn a_day_that_was_compared_while_it_lasted_is_compared_again() {
        let end: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let grace = SignedDuration::from_hours(2);
        let at = |text: &str| was_whole(text.parse().unwrap(), end, grace);
        assert!(!at("2026-11-21T18:00:00Z"));
        assert!(!at("2026-11-22T01:59:59Z"));
        assert!(at("2026-11-22T02:00:00Z"));
    }
}
