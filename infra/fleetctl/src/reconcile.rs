//! `fleetctl reconcile`: the payment gateway's list of a day against ours.
//!
//! Left out: the comparison itself, which is the sweeper's.

use crate::cli::ReconcileArgs;
use crate::fleet::Fleet;
use crate::output::{Report, Side, Table, Verdict, count};
use crate::sending::Sender;
use anyhow::Context as _;
use serde::Serialize;
use std::fmt::Write as _;
use sweeper::reconcile::{Reconciled, reconcile};
use topup_gateways::payment::PaymentGateway;
use topup_rules::reconcile::Difference;
use topup_store::Reconciliation;

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    found: &'a Reconciliation,
    /// Differences that the gateway's word does not settle.
    for_a_person: usize,
}

/// Compares a day.
///
/// # Errors
/// Settings; the gateway's, the database's, the broker's. What is to be settled is committed before it is published,
/// and the sweeper publishes what is left.
pub(crate) async fn run(fleet: &Fleet, args: &ReconcileArgs) -> anyhow::Result<Report> {
    let settings = fleet.settings();
    let gateway = settings.paystack.client(PaymentGateway::paystack)?;
    let store = fleet.store()?;
    let Reconciled { found, outbox } = reconcile(&store, &gateway, settings, args.day).await?;
    if !outbox.is_empty() {
        let sender = Sender::connect(fleet).await?;
        let sent = sender.send_rows(&store, &outbox).await;
        sent.context("what is to be settled is written down, and the sweeper will publish it")?;
        sender.close().await;
    }
    let for_a_person = found.differences.iter().filter(|it| !it.is_settling).count();
    let document = Document {
        found: &found,
        for_a_person,
    };
    let text = told(&found, for_a_person)?;
    Report::new(&document, text, Verdict::fine_if(!found.needs_a_person()))
}

fn told(found: &Reconciliation, for_a_person: usize) -> anyhow::Result<String> {
    let Reconciliation {
        gateway,
        day,
        transactions,
        matched,
        foreign,
        differences,
        ..
    } = found;
    let listed = count(u64::from(*transactions), "payment", "payments");
    let mut text = format!("{day}: {listed} on the list of {gateway}; {matched} the same here");
    if *foreign > 0 {
        write!(text, ", {foreign} of other systems")?;
    }
    text.push('\n');
    if differences.is_empty() {
        text.push_str("nothing differs");
        return Ok(text);
    }
    let mut table = Table::new([
        ("PAYMENT", Side::Left),
        ("HERE", Side::Left),
        ("THERE", Side::Left),
        ("SO", Side::Left),
    ]);
    let none = || "-".to_owned();
    for it in differences {
        let so = if it.is_settling {
            format!("{}: settled by the gateway's word", in_words(it.kind))
        } else {
            format!("{}: a person has to look", in_words(it.kind))
        };
        table.row([
            it.reference.clone(),
            it.ours.clone().unwrap_or_else(none),
            it.theirs.clone().unwrap_or_else(none),
            so,
        ]);
    }
    writeln!(text, "\n{}", table.render())?;
    let differing = count(differences.len() as u64, "difference", "differences");
    match for_a_person {
        0 => write!(text, "{differing}, on the way to being settled")?,
        some => write!(text, "{differing}, {some} for a person")?,
    }
    Ok(text)
}

const fn in_words(kind: Difference) -> &'static str {
    match kind {
        Difference::NotSettledHere => "not settled here yet",
        Difference::FailedHere => "failed here, and yet captured",
        Difference::ReversedThere => "given back there",
        Difference::NotKnownHere => "bears one of our references, and is none of ours",
        Difference::MissingThere => "the gateway has none of it",
        Difference::NotCapturedThere => "credited here, and not captured",
        Difference::StillOpenThere => "settled here, and open there",
        Difference::OtherAmount => "over another amount",
        Difference::OtherMode => "real money on one side alone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_store::ReconciledDifference;

    fn found(differences: Vec<ReconciledDifference>) -> Reconciliation {
        Reconciliation {
            gateway: "paystack".to_owned(),
            day: jiff::civil::date(2026, 11, 21),
            transactions: 12,
            matched: 10,
            foreign: 1,
            differences,
        }
    }

    #[test]
    fn a_day_without_differences_says_so() {
        assert_eq!(
            told(&found(Vec::new()), 0).unwrap(),
            "2026-11-21: 12 payments on the list of paystack; 10 the same here, 1 of other systems\nnothing differs"
        );
    }

    #[test]
    fn each_difference_says_what_becomes_of_it() {
        let difference = |kind, theirs: Option<&str>, is_settling| ReconciledDifference {
            reference: "topup-1001-a".to_owned(),
            kind,
            ours: Some("pending, ZAR 127.50".to_owned()),
            theirs: theirs.map(str::to_owned),
            is_settling,
        };
        let text = told(
            &found(vec![
                difference(Difference::NotSettledHere, Some("success, ZAR 127.50"), true),
                difference(Difference::MissingThere, None, false),
            ]),
            1,
        )
        .unwrap();
        assert!(
            text.contains(
                "topup-1001-a  pending, ZAR 127.50  success, ZAR 127.50  not settled here yet: settled by the gateway's word\n\
                 topup-1001-a  pending, ZAR 127.50  -                    the gateway has none of it: a person has to look\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("2 differences, 1 for a person"), "{text}");
    }
}
