//! A top-up wakes: the transaction that decides again, and does what the rules say.
//!
//! Lock order, here and everywhere: wallets by (account, service), then the account's card-spacing row,
//! then top-ups, then payments, then the line to the gateway. The clock is read when all rows are locked that decide.

mod answer;
pub(crate) mod apply;
mod spacing;

pub(crate) use answer::Asked;
pub use answer::{GatewayCall, LineEnd};
pub(crate) use spacing::{lock as lock_spacing, release as release_spacing};

use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, lines, locks, prices, rows};
use futures_util::try_join;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use topup_rules::account::{Account, AccountKind, Method, Wallet};
use topup_rules::caps::{CapPeriods, CapUsage, cap_periods};
use topup_rules::ids::{AccountId, Reference, TopupId, WalletKey};
use topup_rules::lines::{Admission, CallClass, LinePolicy};
use topup_rules::message::PaymentMode;
use topup_rules::money::Money;
use topup_rules::sends::LedgerKey;
use topup_rules::settle::PaidFor;
use topup_rules::topup::{SpacingClaim, Topup, TopupState};
use topup_rules::wake::{Wake, WakeFacts, wake};
use uuid::Uuid;

/// What the platform decided about top-ups.
#[derive(Debug, Clone)]
pub struct TopupPolicy {
    /// Least time between two card top-ups of an account (C1).
    pub card_spacing: SignedDuration,
    /// Definite failures in a row that disable (C7).
    pub failures_to_disable: u32,
    /// Where days and months of the caps begin (C12).
    pub time_zone: TimeZone,
    /// The gateway that charges: `paystack`.
    pub gateway: &'static str,
    /// With real money or not.
    pub mode: PaymentMode,
    /// How many charges the gateway takes, and when it is left alone (C9).
    pub line: LinePolicy,
}

/// A charge whose intent is committed (C5): to be made now, with nothing open.
#[derive(Clone)]
pub struct ChargeIntent {
    /// The idempotency key, the same on every try.
    pub reference: Reference,
    /// Whose card.
    pub account: AccountId,
    /// What for.
    pub paid_for: PaidFor,
    /// Which gateway is asked: `paystack`.
    pub gateway: String,
    /// How much.
    pub amount: Money,
    /// The gateway's token of the card. A secret.
    pub authorization_code: String,
    /// The address that created the token.
    pub email: String,
    /// The trace that it is part of.
    pub traceparent: Option<String>,
    /// What a top-up was triggered by; nothing of the kind for a purchase.
    pub triggered: Option<Triggered>,
}

/// How a top-up came to its charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triggered {
    /// The time of the send that triggered it, as its sender's clock had it.
    pub at: Timestamp,
    /// It was scheduled for later in between.
    pub waited: bool,
}

/// Without the card's token and the address.
impl fmt::Debug for ChargeIntent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChargeIntent")
            .field("reference", &self.reference)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// What became of a top-up that woke.
#[derive(Debug)]
pub enum Woken {
    /// Its card is to be charged now.
    Charge(Box<ChargeIntent>),
    /// It moved on by itself; what it wants published.
    Moved {
        /// Where it stands now.
        state: TopupState,
        /// The moment that it waits for.
        due_at: Option<Timestamp>,
        /// Why, in words.
        reason: Option<String>,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// A stale or repeated message: it stands there already.
    Stale(TopupState),
    /// There is no such top-up.
    Missing,
}

/// How long a top-up waits for an operator who has to list a price, in seconds (C9: nobody's failure).
const PRICE_PAUSE_S: i64 = 60;

impl Store {
    /// A top-up's message came: decides again, on locked rows, and does what follows (C3).
    ///
    /// # Errors
    /// The database's; nothing is changed then.
    pub async fn wake_topup(
        &self,
        wallet: WalletKey,
        topup: TopupId,
        policy: &TopupPolicy,
    ) -> Result<Woken, StoreError> {
        self.transact(|tx| async move { wake_in(&tx, wallet, topup, policy).await })
            .await
    }
}

/// The locked rows that a top-up's waking is decided on.
pub(crate) struct Snapshot {
    pub(crate) account: Account,
    pub(crate) wallet: Wallet,
    pub(crate) main: Option<Wallet>,
    pub(crate) claim: SpacingClaim,
    pub(crate) topup: Topup,
    pub(crate) traceparent: Option<String>,
    pub(crate) triggered: Triggered,
    pub(crate) card: Option<Card>,
    pub(crate) now: Timestamp,
}

/// The card that auto top-up charges.
pub(crate) struct Card {
    pub(crate) id: Uuid,
    pub(crate) authorization_code: String,
    pub(crate) email: String,
}

async fn wake_in(tx: &Tx, key: WalletKey, id: TopupId, policy: &TopupPolicy) -> Result<Woken, StoreError> {
    let Some(mut snapshot) = lock(tx, key, id).await? else {
        return Ok(Woken::Missing);
    };
    if snapshot.topup.price.is_none() && snapshot.topup.method == Method::Card {
        snapshot.topup.price = price(tx, &snapshot).await?;
    }
    let periods = cap_periods(snapshot.now, &policy.time_zone);
    let usage = usage(tx, &snapshot.account, id, &periods).await?;
    let decision = wake(&WakeFacts {
        topup: &snapshot.topup,
        wallet: &snapshot.wallet,
        account: &snapshot.account,
        claim: snapshot.claim,
        usage,
        main: snapshot.main.as_ref(),
        has_card: snapshot.card.is_some(),
        card_spacing: policy.card_spacing,
        now: snapshot.now,
    });
    match decision {
        Wake::Charge { amount } => match admit(tx, &snapshot, policy).await? {
            Admission::Now => apply::charge(tx, snapshot, amount, policy).await,
            Admission::Later { until, why } => {
                apply::wait(tx, &snapshot, Some(until), None, why.to_string()).await
            }
        },
        Wake::NotPriced => {
            let due = snapshot
                .now
                .saturating_add(SignedDuration::from_secs(PRICE_PAUSE_S));
            let wallet = snapshot.topup.wallet;
            let reason = format!(
                "no price of {} in {} is listed",
                wallet.service, snapshot.account.currency
            );
            apply::wait(tx, &snapshot, due.ok(), None, reason).await
        }
        Wake::Move { from, quantity } => apply::transfer(tx, snapshot, from, quantity).await,
        Wake::Fail(failure) => apply::fail(tx, snapshot, &failure, policy).await,
        Wake::Wait { until, why } => {
            let waits_for = match why {
                topup_rules::wake::Waits::TooEarly => None,
                topup_rules::wake::Waits::EarlierUnsettled(earlier) => Some(earlier),
            };
            apply::wait(tx, &snapshot, until, waits_for, why.to_string()).await
        }
        Wake::Skip(reason) => apply::skip(tx, snapshot, reason, &periods, policy).await,
        Wake::Nothing(state) => Ok(Woken::Stale(state)),
    }
}

/// C9: leave to call the gateway now. A payment that there is from an earlier try is locked before the line.
async fn admit(tx: &Tx, snapshot: &Snapshot, policy: &TopupPolicy) -> Result<Admission, StoreError> {
    let reference = Reference::of_topup(snapshot.account.id, snapshot.topup.id);
    tx.query_opt(
        "SELECT FROM payments WHERE account_id = $1 AND reference = $2 FOR UPDATE",
        &[&snapshot.account.id.get(), &reference.as_str()],
    )
    .await?;
    lines::admit_call(tx, policy.gateway, CallClass::Charge, &policy.line).await
}

/// Locks all that a top-up's waking looks at, in the one lock order.
async fn lock(tx: &Tx, key: WalletKey, id: TopupId) -> Result<Option<Snapshot>, StoreError> {
    let (Some(account), Some(method)) = try_join!(account(tx, key.account), method(tx, key, id))? else {
        return Ok(None);
    };
    let main_key = match (method, account.kind) {
        (Method::Transfer, AccountKind::Sub { parent }) => Some(WalletKey {
            account: parent,
            ..key
        }),
        (Method::Transfer, AccountKind::Main)
        | (Method::Card, AccountKind::Main | AccountKind::Sub { .. }) => None,
    };
    let mut wallets = locks::wallets(tx, [Some(key), main_key].into_iter().flatten()).await?;
    let Some(wallet) = wallets.remove(&key) else {
        return Ok(None);
    };
    let claim = match method {
        Method::Card => lock_spacing(tx, key.account).await?,
        Method::Transfer => SpacingClaim::default(),
    };
    let Some(locked) = lock_topup(tx, key.account, id).await? else {
        return Ok(None);
    };
    let (card, now) = try_join!(card(tx, key), tx.clock())?;
    let main = main_key.and_then(|key| wallets.remove(&key));
    Ok(Some(Snapshot {
        account,
        wallet,
        main,
        claim,
        triggered: Triggered {
            at: locked.triggered_by.time(),
            waited: locked.topup.state != TopupState::Requested,
        },
        topup: locked.topup,
        traceparent: locked.traceparent,
        card,
        now,
    }))
}

/// An account, if there is such.
pub(crate) async fn account(tx: &Tx, id: AccountId) -> Result<Option<Account>, StoreError> {
    let sql = format!(
        "SELECT {} FROM accounts WHERE account_id = $1",
        rows::ACCOUNT_COLUMNS
    );
    tx.query_opt(&sql, &[&id.get()])
        .await?
        .as_ref()
        .map(rows::account)
        .transpose()
}

/// A top-up's method, which never changes: it says which rows are to be locked.
async fn method(tx: &Tx, key: WalletKey, id: TopupId) -> Result<Option<Method>, StoreError> {
    tx.query_opt(
        "SELECT method FROM topups WHERE account_id = $1 AND topup_id = $2 AND service = $3",
        &[&key.account.get(), &id, &key.service.as_str()],
    )
    .await?
    .map(|row| rows::name(&row, "method", "topups"))
    .transpose()
}

/// A top-up with what is kept of its cause.
pub(crate) struct LockedTopup {
    pub(crate) topup: Topup,
    pub(crate) traceparent: Option<String>,
    /// The send's entry in the ledger.
    triggered_by: LedgerKey,
}

/// Locks a top-up; its cause comes along.
pub(crate) async fn lock_topup(
    tx: &Tx,
    account: AccountId,
    id: TopupId,
) -> Result<Option<LockedTopup>, StoreError> {
    let sql = format!(
        "SELECT {}, traceparent, trigger_event_id FROM topups WHERE account_id = $1 AND topup_id = $2 FOR UPDATE",
        rows::TOPUP_COLUMNS
    );
    tx.query_opt(&sql, &[&account.get(), &id])
        .await?
        .map(|row| {
            Ok(LockedTopup {
                topup: rows::topup(&row)?,
                traceparent: row.try_get("traceparent")?,
                triggered_by: LedgerKey::from_uuid(row.try_get("trigger_event_id")?),
            })
        })
        .transpose()
}

/// The card of a locked wallet's auto top-up.
pub(crate) async fn card(tx: &Tx, key: WalletKey) -> Result<Option<Card>, StoreError> {
    tx.query_opt(
        "SELECT c.card_id, c.authorization_code, c.email
           FROM wallets w JOIN cards c ON c.account_id = w.account_id AND c.card_id = w.auto_card_id
          WHERE w.account_id = $1 AND w.service = $2",
        &[&key.account.get(), &key.service.as_str()],
    )
    .await?
    .map(|row| {
        Ok(Card {
            id: row.try_get("card_id")?,
            authorization_code: row.try_get("authorization_code")?,
            email: row.try_get("email")?,
        })
    })
    .transpose()
}

/// C4, for a top-up that was requested while no price was listed: the price now.
async fn price(tx: &Tx, snapshot: &Snapshot) -> Result<Option<Money>, StoreError> {
    let quote = prices::prices_in(tx).await?.price_of(
        snapshot.topup.wallet.service,
        snapshot.account.currency,
        snapshot.topup.quantity,
    );
    Ok(quote.map(|quote| quote.price))
}

/// C12: what counts against the account's caps when `topup` is to be charged. Not asked where there are none.
async fn usage(
    tx: &Tx,
    account: &Account,
    topup: TopupId,
    periods: &CapPeriods,
) -> Result<CapUsage, StoreError> {
    if account.caps.topups_per_day.is_none() && account.caps.amount_minor_per_month.is_none() {
        return Ok(CapUsage::default());
    }
    // Definite failures took no money and do not count; what is still open may have. A top-up that is tried again
    // has an intent already: it is the charge that is asked about, and fills no cap against itself.
    let row = tx
        .query_one(
            "SELECT count(*) FILTER (WHERE intent_at >= $2)::int AS topups_today,
                    coalesce(sum(amount_minor), 0)::bigint AS amount_minor
               FROM payments
              WHERE account_id = $1 AND kind = 'topup' AND intent_at >= $3 AND state <> 'failed'
                AND topup_id <> $4",
            &[
                &account.id.get(),
                &periods.day_start,
                &periods.month_start,
                &topup,
            ],
        )
        .await?;
    Ok(CapUsage {
        topups_today: rows::count(&row, "topups_today", "payments")?,
        amount_minor_this_month: row.try_get("amount_minor")?,
    })
}
