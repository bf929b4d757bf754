//! What a purchase's end brings about besides credits: its account holder is told (P4): a receipt, or that it failed. Its
//! failure disables nothing, and what became of it stands in its payment alone. Consent to 1-Click that was agreed with
//! it stands once it is paid (P3).

use super::Change;
use super::ending::Ending;
use super::snapshot::Purchase;
use crate::{StoreError, one_click};
use topup_rules::credits::Credits;
use topup_rules::message::PaymentResult;
use topup_rules::notices::{self, Bought, NoticeDraft};

/// Where the name on an invoice stands in what the buyer gave for it.
const BILLING_NAME: &str = "name";
/// The longest name of a kind of card that is kept.
const BRAND_MAX_BYTES: usize = 40;

/// P3: the card is kept by the consent that was agreed with it; what a receipt says of it is kept in any case.
pub(super) async fn end(change: &Change<'_>, purchase: &Purchase, ending: &Ending) -> Result<(), StoreError> {
    let Change { tx, result, .. } = change;
    let account = purchase.wallet.account;
    match (ending, purchase.consent) {
        (Ending::Credited { .. }, consent) => {
            let card = match consent {
                Some(consent) => one_click::stand(tx, account, consent, result, &purchase.email).await?,
                None => None,
            };
            tx.execute(
                "UPDATE payments SET card_id = coalesce($3, card_id), paid_brand = $4, paid_last4 = $5
                  WHERE account_id = $1 AND reference = $2",
                &[
                    &account.get(),
                    &result.reference.as_str(),
                    &card,
                    &seen_brand(result),
                    &seen_last4(result),
                ],
            )
            .await?;
        }
        (Ending::Failed { .. }, _) => {}
    }
    Ok(())
}

/// The last digits of the card that was paid with on the gateway's page.
pub(super) fn seen_last4(result: &PaymentResult) -> Option<&str> {
    result
        .card
        .as_ref()?
        .get("last4")?
        .as_str()
        .filter(|it| it.len() == 4 && it.bytes().all(|b| b.is_ascii_digit()))
}

/// `visa`: of a card whose last digits are known.
fn seen_brand(result: &PaymentResult) -> Option<&str> {
    seen_last4(result)?;
    let brand = result.card.as_ref()?.get("brand")?.as_str()?;
    (brand.len() <= BRAND_MAX_BYTES).then_some(brand)
}

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
        card_last4: snapshot
            .card_last4
            .as_deref()
            .or_else(|| seen_last4(change.result)),
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
