//! The gateway's list of a day against ours: what the gateway knows better is settled by its word, through
//! `payment-results` like everything else; what can't be settled is kept for a person.
//!
//! For the sweeper, which compares every day once it is over, and for the operator's command. Nothing is open while
//! the gateway is asked. A day may be compared any number of times. Left out: what a difference means, which the rules
//! decide payment by payment.

mod list;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use list::Pages;
use std::collections::HashMap;
use std::time::Duration;
use topup_gateways::payment::{Answer, Listed, PaymentGateway, Verified};
use topup_rules::ids::Reference;
use topup_rules::lines::CallClass;
use topup_rules::message::{PaymentResult, ResultSource};
use topup_rules::money::Money;
use topup_rules::reconcile::{Difference, Finding, Ours, Theirs, compare};
use topup_runtime::Line;
use topup_runtime::Settings;
use topup_store::{OutboxMessage, ReconciledDifference, Reconciliation, Store, StoreError};

/// How long leave for one call is waited for: whoever compares a day is in no hurry.
const LEAVE_MAX: Duration = Duration::from_secs(300);
/// Payments that are looked up one by one because the list did not have them, at most. More than that means that the
/// list is not ours.
const LOOKED_UP_MAX: usize = 1_000;
/// Payments of ours that are read at once.
const CAPTURED_AT_ONCE: i64 = 1_000;

/// Why a day could not be compared; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway gave no list, however often it was asked.
    #[error("the payment gateway's list can't be had: {0}")]
    NoList(String),
    /// The gateway said nothing of a payment that its list does not have.
    #[error("the payment gateway says nothing of {reference}: {reason}")]
    NoWord {
        /// Which.
        reference: Reference,
        /// What happened.
        reason: String,
    },
    /// The line to the gateway stayed closed.
    #[error("the line to the payment gateway stayed closed for {} s", .0.as_secs())]
    NoLine(Duration),
    /// No calendar has it.
    #[error("{0} is no day that can be compared: {1}")]
    NoDay(Date, jiff::Error),
}

/// A day that was compared.
#[derive(Debug)]
pub struct Reconciled {
    /// What was found, as it is kept.
    pub found: Reconciliation,
    /// What follows from it, committed already; to be published now, or by the sweeper.
    pub outbox: Vec<OutboxMessage>,
}

/// Compares the payments of `day`, in the time zone of the rules, with the gateway's list, and keeps what it finds.
///
/// # Errors
/// See [`ReconcileError`]; nothing was changed then.
pub async fn reconcile(
    store: &Store,
    gateway: &PaymentGateway,
    settings: &Settings,
    day: Date,
) -> Result<Reconciled, ReconcileError> {
    let (from, to) = bounds(day, &settings.rules.time_zone)?;
    let line = |class| Line {
        store: store.clone(),
        gateway: gateway.name(),
        class,
        policy: settings.line_policy(class),
    };
    let mut findings = Findings::new(gateway, day);
    let mut pages = Pages::new(gateway, line(CallClass::Other), from, to);
    while let Some(page) = pages.next().await? {
        let references: Vec<Reference> = page.iter().filter_map(ours_alone).collect();
        let known = store.payments_of(&references).await?;
        let known: HashMap<&str, &Ours> = known.iter().map(|ours| (ours.reference.as_str(), ours)).collect();
        for theirs in &page {
            let ours = known.get(theirs.reference.as_str()).copied();
            findings.is_listed(ours, theirs);
        }
    }
    let mut looked_up = 0;
    let mut after = None;
    loop {
        let captured = store
            .captured_between(gateway.name(), from, to, after.as_ref(), CAPTURED_AT_ONCE)
            .await?;
        let Some(last) = captured.last() else { break };
        after = Some(last.reference.clone());
        for ours in captured.iter().filter(|ours| !pages.had(ours.reference.as_str())) {
            // The list's day and ours may end at different moments: what it lacks is looked up before it is missed.
            let theirs = if looked_up < LOOKED_UP_MAX {
                look_up(gateway, &line(CallClass::Verify), &ours.reference).await?
            } else {
                None
            };
            looked_up += 1;
            findings.compare(Some(ours), theirs.as_ref());
        }
    }
    let Findings { found, results, .. } = findings;
    let outbox = store.keep_reconciliation(&found, &results).await?;
    Ok(Reconciled { found, outbox })
}

/// From its first moment to the next day's.
pub(crate) fn bounds(day: Date, time_zone: &TimeZone) -> Result<(Timestamp, Timestamp), ReconcileError> {
    let start = |day: Date| day.to_zoned(time_zone.clone()).map(|zoned| zoned.timestamp());
    let ends = start(day).and_then(|from| Ok((from, start(day.tomorrow()?)?)));
    ends.map_err(|wrong| ReconcileError::NoDay(day, wrong))
}

/// The reference, where it is one of the fleet's.
fn ours_alone(listed: &Listed) -> Option<Reference> {
    let reference: Reference = listed.reference.parse().ok()?;
    reference.parts().is_some().then_some(reference)
}

/// What the gateway says of one payment; `None` where it does not know it.
async fn look_up(
    gateway: &PaymentGateway,
    line: &Line,
    reference: &Reference,
) -> Result<Option<Listed>, ReconcileError> {
    if !line.leave(LEAVE_MAX).await? {
        return Err(ReconcileError::NoLine(LEAVE_MAX));
    }
    let verified = gateway.verify(reference).await;
    line.ended(verified.call_end()).await?;
    let no_word = |reason| ReconcileError::NoWord {
        reference: reference.clone(),
        reason,
    };
    match verified {
        Verified::Answered(answer) => Ok(Some(Listed {
            reference: reference.as_str().to_owned(),
            answer: *answer,
        })),
        Verified::NotKnown => Ok(None),
        Verified::Unknown { reason, end: _ } => Err(no_word(reason)),
        Verified::OurTrouble(trouble) => Err(no_word(trouble.reason)),
    }
}

/// What was found so far.
struct Findings<'a> {
    gateway: &'a PaymentGateway,
    found: Reconciliation,
    results: Vec<PaymentResult>,
}

impl<'a> Findings<'a> {
    fn new(gateway: &'a PaymentGateway, day: Date) -> Self {
        Self {
            gateway,
            found: Reconciliation {
                gateway: gateway.name().to_owned(),
                day,
                transactions: 0,
                matched: 0,
                foreign: 0,
                differences: Vec::new(),
            },
            results: Vec::new(),
        }
    }

    fn is_listed(&mut self, ours: Option<&Ours>, listed: &Listed) {
        self.found.transactions += 1;
        self.compare(ours, Some(listed));
    }

    fn compare(&mut self, ours: Option<&Ours>, listed: Option<&Listed>) {
        let theirs = listed.map(theirs);
        match compare(ours, theirs.as_ref()) {
            Finding::Same => self.found.matched += 1,
            Finding::Foreign => self.found.foreign += 1,
            Finding::Settles(kind) => {
                if let (Some(ours), Some(listed)) = (ours, listed) {
                    self.results.push(listed.answer.clone().into_message(
                        self.gateway,
                        &ours.reference,
                        ResultSource::Reconcile,
                    ));
                }
                self.differs(kind, ours, listed, true);
            }
            Finding::ForAPerson(kind) => self.differs(kind, ours, listed, false),
        }
    }

    fn differs(&mut self, kind: Difference, ours: Option<&Ours>, listed: Option<&Listed>, is_settling: bool) {
        let reference = listed
            .map(|it| it.reference.as_str())
            .or(ours.map(|it| it.reference.as_str()));
        self.found.differences.push(ReconciledDifference {
            reference: reference.unwrap_or_default().to_owned(),
            kind,
            ours: ours.map(|ours| format!("{}, {}", ours.state, ours.amount)),
            theirs: listed.map(|it| in_words(&it.answer)),
            is_settling,
        });
    }
}

fn theirs(listed: &Listed) -> Theirs {
    let Listed { reference, answer } = listed;
    Theirs {
        reference: reference.clone(),
        status: answer.status,
        amount_minor: answer.amount_minor,
        currency: answer.currency,
        mode: answer.mode,
    }
}

/// `success, ZAR 127.50`.
fn in_words(answer: &Answer) -> String {
    match (answer.amount_minor, answer.currency) {
        (Some(amount_minor), Some(currency)) => {
            format!("{}, {}", answer.status, Money::new(amount_minor, currency))
        }
        (Some(amount_minor), None) => format!("{}, {amount_minor} minor units", answer.status),
        (None, Some(_) | None) => answer.status.to_string(),
    }
}
