//! `fleetctl topup settle`: a person says how a top-up's payment ended, where nobody else can (C8).
//!
//! It goes through the queue `payment-results` like any other result, so that one place alone moves credits. Left
//! out: what follows from it, and whether it may follow; both are decided there, on locked rows.

use crate::cli::SettleArgs;
use crate::fleet::Fleet;
use crate::output::Report;
use crate::sending::Sender;
use crate::words;
use anyhow::Context as _;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use topup_rules::message::{Message as _, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::money::Money;
use topup_rules::topup::{PaymentState, TopupState};
use topup_store::{PaymentView, Store, TopupView};

/// How long the worker of `payment-results` is waited for.
const WAIT: Duration = Duration::from_secs(30);
/// The pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// Settles a top-up.
///
/// # Errors
/// Settings; no such top-up, or nothing to settle; the broker's and the database's; a worker that does not come to it.
pub(crate) async fn run(fleet: &Fleet, args: &SettleArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let before = look(&store, args).await?;
    let Some(payment) = &before.payment else {
        anyhow::bail!(
            "nothing is to be settled: top-up {} is {}, and its card was never to be charged",
            before.topup_id,
            before.state
        );
    };
    let verdict = args.verdict();
    match standing(payment.state, verdict) {
        Standing::Open => {}
        Standing::AlreadySo => return told(&before, "nothing was to be done: "),
        Standing::Refused(why) => anyhow::bail!("nothing was changed: {why}"),
    }
    let now = store.now().await.context("the database can't be reached")?;
    let result = result(payment, verdict, &args.reason, now);
    let sender = Sender::connect(fleet).await?;
    sender
        .send(&result)
        .await
        .context("the result is not known to be published; it is safe to say it again")?;
    sender.close().await;
    let until = Instant::now() + WAIT;
    loop {
        let after = look(&store, args).await?;
        if is_settled(&after, payment) {
            return told(&after, "");
        }
        anyhow::ensure!(
            Instant::now() < until,
            "the result is published, but nobody has settled it within {} s: is {} running? `fleetctl topup show {}` \
             says how it stands, `fleetctl dead list --queue {}` whether it was parked",
            WAIT.as_secs(),
            PaymentResult::QUEUE,
            after.topup_id,
            PaymentResult::QUEUE,
        );
        sleep(LOOK_PAUSE).await;
    }
}

async fn look(store: &Store, args: &SettleArgs) -> anyhow::Result<TopupView> {
    let topup = store.topup(args.topup).await?;
    topup.with_context(|| format!("there is no top-up {}", args.topup))
}

/// How a verdict stands to what is known already.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// It can be said.
    Open,
    /// It is known.
    AlreadySo,
    /// It can't be so.
    Refused(&'static str),
}

/// Spares the round through the broker where its end is known: a success is overwritten by a reversal alone (C10).
fn standing(state: PaymentState, verdict: PaymentStatus) -> Standing {
    let succeeded = verdict == PaymentStatus::Success;
    match state {
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => {
            Standing::Open
        }
        PaymentState::Failed if succeeded => Standing::Open,
        PaymentState::Failed => Standing::AlreadySo,
        PaymentState::Succeeded if succeeded => Standing::AlreadySo,
        PaymentState::Succeeded => Standing::Refused(
            "the money was taken and the credits came; what is refunded at the gateway takes them back",
        ),
        PaymentState::Reversed => Standing::Refused("the money was taken and given back"),
    }
}

/// What a person knows, in the shape of any other result.
fn result(payment: &PaymentView, status: PaymentStatus, reason: &str, now: jiff::Timestamp) -> PaymentResult {
    PaymentResult {
        reference: payment.reference.clone(),
        gateway: payment.gateway.clone(),
        status,
        amount_minor: Some(payment.amount_minor),
        currency: Some(payment.currency),
        gateway_transaction_id: payment.gateway_transaction_id.clone(),
        reason: Some(reason.to_owned()),
        decline: None,
        card: None,
        source: ResultSource::Operator,
        mode: payment.mode,
        reversal_id: None,
        occurred_at: now,
    }
}

/// Whoever settled it: the gateway may have been quicker than the person.
fn is_settled(after: &TopupView, before: &PaymentView) -> bool {
    after
        .payment
        .as_ref()
        .is_some_and(|payment| payment.settled_at.is_some() && payment.settled_at != before.settled_at)
}

fn told(topup: &TopupView, before: &str) -> anyhow::Result<Report> {
    let payment = topup.payment.as_ref();
    let amount = payment.map(|payment| Money::new(payment.amount_minor, payment.currency));
    let amount = amount.map(|amount| format!(" for {amount}")).unwrap_or_default();
    let by = payment
        .and_then(|payment| payment.settled_by)
        .map(|source| format!(", settled by {source}"))
        .unwrap_or_default();
    let came = match topup.state {
        TopupState::Succeeded => format!("; {} came", words::credits(topup.quantity)),
        TopupState::Requested
        | TopupState::Scheduled
        | TopupState::Charging
        | TopupState::Pending
        | TopupState::Unknown
        | TopupState::Parked
        | TopupState::Failed
        | TopupState::Skipped
        | TopupState::Reversed => String::new(),
    };
    let TopupView {
        topup_id,
        account_id,
        service,
        state,
        ..
    } = topup;
    let text =
        format!("{before}top-up {topup_id} ({service} of account {account_id}){amount} is {state}{by}{came}");
    Report::fine(topup, text)
}

#[cfg(test)]
mod tests {
    use super::super::tests::topup;
    use super::*;

    #[test]
    fn a_success_is_never_made_a_failure_and_a_repeat_changes_nothing() {
        use PaymentState::{Charging, Failed, Parked, Pending, Reversed, Succeeded, Unknown};
        for state in [Charging, Pending, Unknown, Parked] {
            assert_eq!(standing(state, PaymentStatus::Success), Standing::Open);
            assert_eq!(standing(state, PaymentStatus::Failed), Standing::Open);
        }
        assert_eq!(standing(Failed, PaymentStatus::Success), Standing::Open);
        assert_eq!(standing(Failed, PaymentStatus::Failed), Standing::AlreadySo);
        assert_eq!(standing(Succeeded, PaymentStatus::Success), Standing::AlreadySo);
        let refused = |state, verdict| matches!(standing(state, verdict), Standing::Refused(_));
        assert!(refused(Succeeded, PaymentStatus::Failed));
        assert!(refused(Reversed, PaymentStatus::Success) && refused(Reversed, PaymentStatus::Failed));
    }

    #[test]
    fn a_persons_verdict_is_over_exactly_what_was_asked_for() {
        let payment = topup().payment.unwrap();
        let now = jiff::Timestamp::UNIX_EPOCH;
        let result = result(&payment, PaymentStatus::Success, "seen on the statement", now);
        assert_eq!(result.reference, payment.reference);
        assert_eq!(
            (result.amount_minor, result.currency, result.mode),
            (Some(payment.amount_minor), Some(payment.currency), payment.mode)
        );
        assert_eq!(result.source, ResultSource::Operator);
        assert_eq!(result.reason.as_deref(), Some("seen on the statement"));
    }

    #[test]
    fn it_is_settled_when_somebody_settled_it_since() {
        let before = topup().payment.unwrap();
        let mut after = topup();
        assert!(!is_settled(&after, &before));
        after.payment.as_mut().unwrap().settled_at = Some(jiff::Timestamp::UNIX_EPOCH);
        assert!(is_settled(&after, &before));
        after.payment = None;
        assert!(!is_settled(&after, &before));
    }

    #[test]
    fn the_end_is_told_with_who_settled_it() {
        let mut succeeded = topup();
        succeeded.state = TopupState::Succeeded;
        succeeded.payment.as_mut().unwrap().settled_by = Some(ResultSource::Operator);
        let report = told(&succeeded, "").unwrap();
        assert!(
            format!("{report:?}").contains(
                "top-up 00000000-0000-0000-0000-000000000000 (sms of account 1001) for ZAR 127.50 is succeeded, \
                 settled by operator; 500 credits came"
            ),
            "{report:?}"
        );
    }
}
