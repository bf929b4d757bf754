//! The locked rows that a settlement is decided on.

use crate::topups::{lock_spacing, lock_topup};
use crate::transaction::Tx;
use crate::{StoreError, locks, rows};
use jiff::Timestamp;
use tokio_postgres::Row;
use topup_rules::account::Wallet;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, ReferenceKind, WalletKey};
use topup_rules::message::{PaymentResult, PaymentStatus};
use topup_rules::money::Money;
use topup_rules::settle::{PaidFor, PaymentIntent, ReversalRow};
use topup_rules::topup::Topup;
use uuid::Uuid;

/// A payment with everything that its result can change.
pub(super) struct Snapshot {
    pub(super) intent: PaymentIntent,
    pub(super) bought: Bought,
    pub(super) wallet: Wallet,
    /// Of the card that was charged.
    pub(super) card_last4: Option<String>,
    /// E8, P3: a saved card was charged that no consent needs any more: its token was kept for this payment alone.
    pub(super) is_left_over: bool,
    pub(super) traceparent: Option<String>,
    /// The database's clock, read when all locks were held.
    pub(super) now: Timestamp,
}

/// What a payment is for.
pub(super) enum Bought {
    Topup(Topup),
    Purchase(Purchase),
    Registration(Registration),
}

/// A purchase's row. It never changes.
pub(super) struct Purchase {
    pub(super) id: Uuid,
    pub(super) wallet: WalletKey,
    pub(super) quantity: Credits,
    /// The tax in its price, in the currency's minor unit.
    pub(super) tax_minor: i64,
    pub(super) billing: Option<serde_json::Value>,
    pub(super) email: String,
    /// P3: agreed with it.
    pub(super) consent: Option<Uuid>,
}

/// A registration's row, as far as it never changes.
pub(super) struct Registration {
    pub(super) id: Uuid,
    pub(super) wallet: WalletKey,
    pub(super) threshold: Credits,
    pub(super) quantity: Credits,
    pub(super) terms_version: String,
    pub(super) address: String,
    pub(super) agreed_at: Timestamp,
    pub(super) email: String,
}

/// What of a payment never changes: it says which rows are to be locked.
struct Fixed {
    wallet: WalletKey,
    topup: Option<Uuid>,
    purchase: Option<Purchase>,
    registration: Option<Registration>,
    paid_for: PaidFor,
    traceparent: Option<String>,
}

impl Snapshot {
    /// Locks wallets, claim, top-up and payment, in the one lock order. `None`: no payment bears the reference.
    pub(super) async fn lock(tx: &Tx, result: &PaymentResult) -> Result<Option<Self>, StoreError> {
        let Some((_, account, _)) = result.reference.parts() else {
            return Ok(None);
        };
        let Some(fixed) = fixed(tx, account, &result.reference).await? else {
            return Ok(None);
        };
        let mut wallets = if reaches_account(result.status) {
            locks::wallets_of(tx, account).await?
        } else {
            locks::wallets(tx, std::iter::once(fixed.wallet)).await?
        };
        let Some(wallet) = wallets.remove(&fixed.wallet) else {
            return Ok(None);
        };
        let bought = match (fixed.topup, fixed.purchase, fixed.registration) {
            (Some(topup), _, _) => {
                lock_spacing(tx, account).await?;
                let Some(locked) = lock_topup(tx, account, topup).await? else {
                    return Ok(None);
                };
                Bought::Topup(locked.topup)
            }
            (None, Some(purchase), _) => Bought::Purchase(purchase),
            (None, None, Some(registration)) => Bought::Registration(registration),
            (None, None, None) => return Ok(None),
        };
        let quantity = bought.quantity();
        let (intent, card_last4, is_left_over) =
            payment(tx, account, result, fixed.paid_for, quantity).await?;
        Ok(Some(Self {
            intent,
            bought,
            wallet,
            card_last4,
            is_left_over,
            traceparent: fixed.traceparent,
            now: tx.clock().await?,
        }))
    }
}

/// V1: a reversal disables card auto top-up of all the account's wallets.
const fn reaches_account(status: PaymentStatus) -> bool {
    match status {
        PaymentStatus::Reversed => true,
        PaymentStatus::Success
        | PaymentStatus::Failed
        | PaymentStatus::Pending
        | PaymentStatus::Unknown
        | PaymentStatus::ActionRequired
        | PaymentStatus::DisputeOpened
        | PaymentStatus::DisputeWon
        | PaymentStatus::RefundFailed => false,
    }
}

impl Bought {
    pub(super) const fn quantity(&self) -> Credits {
        match self {
            Self::Topup(topup) => topup.quantity,
            Self::Purchase(purchase) => purchase.quantity,
            Self::Registration(_) => Credits::ZERO,
        }
    }

    /// The kind of the ledger entry that it is credited by, and what stands before its id everywhere.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Topup(_) => "topup",
            Self::Purchase(_) => "purchase",
            Self::Registration(_) => "registration",
        }
    }

    pub(super) const fn id(&self) -> Uuid {
        match self {
            Self::Topup(topup) => topup.id,
            Self::Purchase(purchase) => purchase.id,
            Self::Registration(registration) => registration.id,
        }
    }
}

async fn fixed(tx: &Tx, account: AccountId, reference: &Reference) -> Result<Option<Fixed>, StoreError> {
    tx.query_opt(
        "SELECT p.account_id, coalesce(t.service, b.service, r.service) AS service, p.kind, p.topup_id, p.purchase_id,
                b.method, b.quantity_milli, b.tax_minor, b.billing, b.email, b.consent_id,
                p.registration_id, r.threshold_milli, r.quantity_milli AS registered_milli, r.terms_version, r.address,
                r.agreed_at, r.email AS registered_email,
                coalesce(t.traceparent, b.traceparent, r.traceparent) AS traceparent
           FROM payments p
           LEFT JOIN topups t ON t.account_id = p.account_id AND t.topup_id = p.topup_id
           LEFT JOIN purchases b ON b.account_id = p.account_id AND b.purchase_id = p.purchase_id
           LEFT JOIN card_registrations r ON r.account_id = p.account_id AND r.registration_id = p.registration_id
          WHERE p.account_id = $1 AND p.reference = $2",
        &[&account.get(), &reference.as_str()],
    )
    .await?
    .as_ref()
    .map(fixed_of)
    .transpose()
}

fn fixed_of(row: &Row) -> Result<Fixed, StoreError> {
    let wallet = rows::wallet_key(row, "payments")?;
    let mut fixed = Fixed {
        wallet,
        topup: row.try_get("topup_id")?,
        purchase: None,
        registration: None,
        paid_for: PaidFor::Topup(Uuid::nil()),
        traceparent: row.try_get("traceparent")?,
    };
    match rows::name(row, "kind", "payments")? {
        ReferenceKind::Topup => fixed.paid_for = PaidFor::Topup(row.try_get("topup_id")?),
        ReferenceKind::Purchase => {
            let purchase = purchase(row, wallet)?;
            fixed.paid_for = PaidFor::Purchase {
                id: purchase.id,
                method: rows::name(row, "method", "purchases")?,
            };
            fixed.purchase = Some(purchase);
        }
        ReferenceKind::Registration => {
            let registration = registration(row, wallet)?;
            fixed.paid_for = PaidFor::Registration(registration.id);
            fixed.registration = Some(registration);
        }
    }
    Ok(fixed)
}

fn registration(row: &Row, wallet: WalletKey) -> Result<Registration, StoreError> {
    Ok(Registration {
        id: row.try_get("registration_id")?,
        wallet,
        threshold: rows::credits(row, "threshold_milli")?,
        quantity: rows::credits(row, "registered_milli")?,
        terms_version: row.try_get("terms_version")?,
        address: row.try_get("address")?,
        agreed_at: row.try_get("agreed_at")?,
        email: row.try_get("registered_email")?,
    })
}

fn purchase(row: &Row, wallet: WalletKey) -> Result<Purchase, StoreError> {
    Ok(Purchase {
        id: row.try_get("purchase_id")?,
        wallet,
        quantity: rows::credits(row, "quantity_milli")?,
        tax_minor: row.try_get("tax_minor")?,
        billing: row.try_get("billing")?,
        email: row.try_get("email")?,
        consent: row.try_get("consent_id")?,
    })
}

/// Locks the payment; the last digits of its card come along.
async fn payment(
    tx: &Tx,
    account: AccountId,
    result: &PaymentResult,
    paid_for: PaidFor,
    quantity: Credits,
) -> Result<(PaymentIntent, Option<String>, bool), StoreError> {
    let row = tx
        .query_one(
            "SELECT p.amount_minor, p.currency, p.mode, p.state, p.reversed_minor, p.taken_back_milli, c.last4,
                    coalesce(c.authorization_code <> '', false)
                    AND NOT EXISTS (SELECT FROM wallets w
                                     WHERE w.account_id = c.account_id AND w.auto_card_id = c.card_id)
                    AND NOT EXISTS (SELECT FROM one_click_consents o
                                     WHERE o.account_id = c.account_id AND o.card_id = c.card_id
                                       AND o.withdrawn_at IS NULL) AS is_left_over
               FROM payments p
               LEFT JOIN cards c ON c.account_id = p.account_id AND c.card_id = p.card_id
              WHERE p.account_id = $1 AND p.reference = $2
                FOR UPDATE OF p",
            &[&account.get(), &result.reference.as_str()],
        )
        .await?;
    let intent = PaymentIntent {
        reference: result.reference.clone(),
        amount: Money::new(
            row.try_get("amount_minor")?,
            rows::name(&row, "currency", "payments")?,
        ),
        mode: rows::name(&row, "mode", "payments")?,
        state: rows::name(&row, "state", "payments")?,
        quantity,
        paid_for,
        reversed_minor: row.try_get("reversed_minor")?,
        taken_back: rows::credits(&row, "taken_back_milli")?,
        reversal: reversal(tx, account, result).await?,
    };
    Ok((intent, row.try_get("last4")?, row.try_get("is_left_over")?))
}

/// What is recorded of the reversal that a result names; the payment's lock covers it.
async fn reversal(
    tx: &Tx,
    account: AccountId,
    result: &PaymentResult,
) -> Result<Option<ReversalRow>, StoreError> {
    let Some(reversal_id) = &result.reversal_id else {
        return Ok(None);
    };
    tx.query_opt(
        "SELECT state, amount_minor, held_milli FROM reversals
          WHERE account_id = $1 AND reference = $2 AND reversal_id = $3",
        &[&account.get(), &result.reference.as_str(), reversal_id],
    )
    .await?
    .map(|row| {
        Ok(ReversalRow {
            state: rows::name(&row, "state", "reversals")?,
            amount_minor: row.try_get("amount_minor")?,
            held: rows::credits(&row, "held_milli")?,
        })
    })
    .transpose()
}
