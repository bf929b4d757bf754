//! `fleetctl topup settle`: a person says how a payment ended, where nobody else can (C8). Mostly a top-up's; a
//! purchase's is named by its reference.
//!
//! It goes through the queue `payment-results` like any other result, so that one place alone moves credits. Left
//! out: what follows from it, and whether it may follow; both are decided there, on locked rows.

use crate::cli::SettleArgs;
use crate::fleet::Fleet;
use crate::output::Report;
use crate::sending::Sender;
use crate::words;
use anyhow::Context as _;
use serde::Serialize;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use topup_rules::ids::{Reference, ReferenceKind, TopupId};
use topup_rules::message::{Message as _, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::money::Money;
use topup_rules::topup::{PaymentState, TopupState};
use topup_store::{PaymentView, Store, TopupView};
use uuid::Uuid;

/// How long the worker of `payment-results` is waited for.
const WAIT: Duration = Duration::from_secs(30);
/// The pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(200);

/// What is to be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A top-up.
    Topup(TopupId),
    /// A purchase's payment, or a registration's.
    Purchase(Reference),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Self::Topup(id));
        }
        let reference: Option<Reference> = text.parse().ok();
        match reference.map(|it| (it.parts(), it)) {
            Some((Some((ReferenceKind::Topup, _, id)), _)) => Ok(Self::Topup(id)),
            Some((Some((ReferenceKind::Purchase | ReferenceKind::Registration, _, _)), reference)) => {
                Ok(Self::Purchase(reference))
            }
            Some((None, _)) | None => Err("is neither a top-up's id nor a payment's reference".to_owned()),
        }
    }
}

/// How it stands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Seen {
    Topup(Box<TopupView>),
    Purchase(Box<PaymentView>),
}

impl Seen {
    async fn look(store: &Store, target: &Target) -> anyhow::Result<Self> {
        match target {
            Target::Topup(id) => {
                let view = store.topup(*id).await?;
                let view = view.with_context(|| format!("there is no top-up {id}"))?;
                Ok(Self::Topup(Box::new(view)))
            }
            Target::Purchase(reference) => {
                let view = store.payment(reference).await?;
                let view = view.with_context(|| format!("there is no payment {reference}"))?;
                Ok(Self::Purchase(Box::new(view)))
            }
        }
    }

    /// `None` where nothing was ever asked of the gateway.
    fn payment(&self) -> Option<&PaymentView> {
        match self {
            Self::Topup(topup) => topup.payment.as_ref(),
            Self::Purchase(payment) => Some(payment),
        }
    }
}

/// Settles a payment.
///
/// # Errors
/// Settings; no such top-up or payment, or nothing to settle; the broker's and the database's; a worker that does not
/// come to it.
pub(crate) async fn run(fleet: &Fleet, args: &SettleArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let before = Seen::look(&store, &args.target).await?;
    let Some(payment) = before.payment() else {
        anyhow::bail!("nothing is to be settled: the card was never to be charged");
    };
    let verdict = args.verdict();
    match standing(payment.state, verdict) {
        Standing::Open => {}
        Standing::AlreadySo => return report(&before, "nothing was to be done: "),
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
        let after = Seen::look(&store, &args.target).await?;
        if is_settled(&after, payment) {
            return report(&after, "");
        }
        anyhow::ensure!(
            Instant::now() < until,
            "the result is published, but nobody has settled it within {} s: is {queue} running? `fleetctl dead list \
             --queue {queue}` says whether it was parked",
            WAIT.as_secs(),
            queue = PaymentResult::QUEUE,
        );
        sleep(LOOK_PAUSE).await;
    }
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
fn is_settled(after: &Seen, before: &PaymentView) -> bool {
    after
        .payment()
        .is_some_and(|payment| payment.settled_at.is_some() && payment.settled_at != before.settled_at)
}

fn report(seen: &Seen, before: &str) -> anyhow::Result<Report> {
    Report::fine(seen, format!("{before}{}", told(seen)))
}

fn told(seen: &Seen) -> String {
    let payment = seen.payment();
    let amount = payment.map(|payment| Money::new(payment.amount_minor, payment.currency));
    let amount = amount.map(|amount| format!(" for {amount}")).unwrap_or_default();
    let by = payment
        .and_then(|payment| payment.settled_by)
        .map(|source| format!(", settled by {source}"))
        .unwrap_or_default();
    match seen {
        Seen::Purchase(payment) => format!("payment {}{amount} is {}{by}", payment.reference, payment.state),
        Seen::Topup(topup) => {
            let TopupView {
                topup_id,
                account_id,
                service,
                state,
                quantity,
                ..
            } = &**topup;
            let came = if *state == TopupState::Succeeded {
                format!("; {} came", words::credits(*quantity))
            } else {
                String::new()
            };
            format!("top-up {topup_id} ({service} of account {account_id}){amount} is {state}{by}{came}")
        }
    }
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
        let seen = |view: &TopupView| Seen::Topup(Box::new(view.clone()));
        assert!(!is_settled(&seen(&after), &before));
        after.payment.as_mut().unwrap().settled_at = Some(jiff::Timestamp::UNIX_EPOCH);
        assert!(is_settled(&seen(&after), &before));
        after.payment = None;
        assert!(!is_settled(&seen(&after), &before));
    }

    #[test]
    fn the_end_is_told_with_who_settled_it() {
        let mut succeeded = topup();
        succeeded.state = TopupState::Succeeded;
        let payment = succeeded.payment.as_mut().unwrap();
        payment.settled_by = Some(ResultSource::Operator);
        let of_purchase = Seen::Purchase(Box::new(payment.clone()));
        assert_eq!(
            told(&Seen::Topup(Box::new(succeeded))),
            "top-up 00000000-0000-0000-0000-000000000000 (sms of account 1001) for ZAR 127.50 is succeeded, \
             settled by operator; 500 credits came"
        );
        assert_eq!(
            told(&of_purchase),
            "payment topup-1001-00000000-0000-0000-0000-000000000000 for ZAR 127.50 is failed, settled by operator"
        );
    }

    #[test]
    fn a_top_up_is_named_by_its_id_or_its_payment_and_a_purchase_by_its_payment() {
        let id = Uuid::from_u128(7);
        let account = topup().account_id;
        let read = |text: String| text.parse::<Target>();
        assert_eq!(read(id.to_string()), Ok(Target::Topup(id)));
        let of_topup = Reference::of_topup(account, id);
        assert_eq!(read(of_topup.to_string()), Ok(Target::Topup(id)));
        let of_purchase = Reference::of_purchase(account, id);
        assert_eq!(read(of_purchase.to_string()), Ok(Target::Purchase(of_purchase)));
        for wrong in ["", "1001", "topup-1001", "shop-order-1", "no such thing"] {
            assert!(read(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
