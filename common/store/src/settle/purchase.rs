//! What a purchase's account holder is told at its end (P4): a receipt, or that it failed. Its failure disables
//! nothing, and what became of it stands in its payment alone.

use super::Change;
use super::ending::Ending;
use super::snapshot::Purchase;
use topup_rules::credits::Credits;
use topup_rules::notices::{self, Bought, NoticeDraft};

/// Where the name on an invoice stands in what the buyer gave for it.
const BILLING_NAME: &str = "name";

/// A receipt, or the bad news.
pub(super) fn told(
    change: &Change<'_>,
    purchase: &Purchase,
    ending: &Ending,
    balance: Credits,
) -> NoticeDraft {
    let snapshot = change.snapshot;
    let bought = Bought {
        id: purchase.id,
        wallet: purchase.wallet,
        quantity: purchase.quantity,
        amount: snapshot.intent.amount,
        tax_minor: purchase.tax_minor,
        reference: &snapshot.intent.reference,
        card_last4: snapshot.card_last4.as_deref(),
        billing_name: purchase
            .billing
            .as_ref()
            .and_then(|billing| billing.get(BILLING_NAME)?.as_str()),
    };
    match ending {
        Ending::Credited { .. } => notices::purchase_succeeded(&bought, balance),
        Ending::Failed { reason, decline, .. } => notices::purchase_failed(&bought, reason, Some(*decline)),
    }
}
