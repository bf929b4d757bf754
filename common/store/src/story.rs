//! Why was this account charged, or why not: what happened to its top-ups, in the order of time.
//!
//! Every line is a fact with its ids; how it is shown is for whoever shows it, and each fact has a plain sentence of
//! its own. Left out: the ledger at large. Only the sends that reached a threshold are looked up.

mod fact;
mod sentences;

pub use fact::{Fact, StoryLine};

use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use tokio_postgres::Row;
use topup_rules::account::AutoTopup;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, TopupId};
use topup_rules::money::Money;
use topup_rules::settle::ReversalState;
use topup_rules::topup::{PaymentState, TopupState};

/// What one row tells.
type Tell = fn(&Row) -> Result<Vec<StoryLine>, StoreError>;

/// Where the lines come from, causes before their effects. All take `$1` whose and `$2` how many at most.
const CHAPTERS: [(&str, Tell); 6] = [
    (include_str!("story/steps.sql"), |row| Ok(vec![step(row)?])),
    (include_str!("story/purchases.sql"), purchase),
    (include_str!("story/registrations.sql"), registration),
    (include_str!("story/calls.sql"), |row| Ok(vec![call(row)?])),
    (include_str!("story/reversals.sql"), reversal),
    (include_str!("story/notices.sql"), |row| Ok(vec![notice(row)?])),
];

impl Store {
    /// The story of an account's last `limit` top-ups and as many purchases and registrations of cards, with what was asked of the gateway, given
    /// back and told to people, and how its wallets stand now. Empty for an account without wallets.
    ///
    /// # Errors
    /// The database's.
    pub async fn story(&self, account: AccountId, limit: i64) -> Result<Vec<StoryLine>, StoreError> {
        const ONE_MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.transact_as(ONE_MOMENT, |tx| async move {
            let mut lines = Vec::new();
            for (sql, tell) in CHAPTERS {
                for row in tx.query(sql, &[&account.get(), &limit]).await? {
                    lines.extend(tell(&row)?);
                }
            }
            for row in tx
                .query(include_str!("story/wallets.sql"), &[&account.get()])
                .await?
            {
                lines.extend(standing(&row)?);
            }
            // Stable: what happened in one moment stays in the order of cause and effect.
            lines.sort_by_key(|line| line.at);
            Ok(lines)
        })
        .await
    }
}

fn line(row: &Row, at: &str, fact: Fact) -> Result<StoryLine, StoreError> {
    Ok(StoryLine {
        at: row.try_get(at)?,
        service: Some(rows::name(row, "service", "topups")?),
        topup_id: row.try_get("topup_id")?,
        fact,
    })
}

fn step(row: &Row) -> Result<StoryLine, StoreError> {
    let state: TopupState = rows::name(row, "state", "topup_steps")?;
    let reason: Option<String> = row.try_get("reason")?;
    let amount = |column| -> Result<Option<Money>, StoreError> {
        let amount_minor: Option<i64> = row.try_get(column)?;
        let currency = rows::name(row, "currency", "topups")?;
        Ok(amount_minor.map(|amount_minor| Money::new(amount_minor, currency)))
    };
    let fact = match state {
        TopupState::Requested => Fact::Requested {
            event_id: row.try_get("trigger_event_id")?,
            cost: optional_credits(row, "cost_milli")?,
            balance: rows::credits(row, "trigger_milli")?,
            threshold: optional_credits(row, "threshold_milli")?,
            method: rows::name(row, "method", "topups")?,
            quantity: rows::credits(row, "quantity_milli")?,
            price: amount("amount_minor")?,
        },
        TopupState::Scheduled => Fact::Scheduled {
            due_at: row.try_get("due_at")?,
            waits_for: row.try_get("waits_for")?,
            reason,
        },
        TopupState::Charging => Fact::Charging {
            reference: optional_name(row, "reference", "payments")?,
            amount: amount("paid_minor")?,
            card_last4: row.try_get("last4")?,
        },
        TopupState::Pending | TopupState::Unknown | TopupState::Parked => Fact::StillOpen { state, reason },
        TopupState::Succeeded | TopupState::Failed | TopupState::Skipped | TopupState::Reversed => {
            Fact::Ended {
                state,
                credits: (state == TopupState::Succeeded).then_some(rows::credits(row, "quantity_milli")?),
                reason,
                settled_by: optional_name(row, "settled_by", "payments")?,
            }
        }
    };
    line(row, "at", fact)
}

fn call(row: &Row) -> Result<StoryLine, StoreError> {
    let fact = Fact::Called {
        reference: rows::name(row, "reference", "payment_calls")?,
        call: row.try_get("call")?,
        outcome: row.try_get("outcome")?,
        detail: row.try_get("detail")?,
        took_ms: row.try_get("took_ms")?,
    };
    line(row, "ended_at", fact)
}

/// A purchase, and its end if it has come.
fn purchase(row: &Row) -> Result<Vec<StoryLine>, StoreError> {
    let purchase_id = row.try_get("purchase_id")?;
    let service = Some(rows::name(row, "service", "purchases")?);
    let quantity = rows::credits(row, "quantity_milli")?;
    let state: PaymentState = rows::name(row, "state", "payments")?;
    let settled_at: Option<Timestamp> = row.try_get("settled_at")?;
    let bought = Fact::Bought {
        purchase_id,
        method: rows::name(row, "method", "purchases")?,
        quantity,
        price: price(row)?,
        reference: rows::name(row, "reference", "payments")?,
        card_last4: row.try_get("last4")?,
    };
    let paid = Fact::Paid {
        purchase_id,
        state,
        credits: (state == PaymentState::Succeeded).then_some(quantity),
        reason: row.try_get("reason")?,
        settled_by: optional_name(row, "settled_by", "payments")?,
    };
    let begun_at: Timestamp = row.try_get("created_at")?;
    let lines = [(Some(begun_at), bought), (settled_at, paid)].map(|(at, fact)| {
        Some(StoryLine {
            at: at?,
            service,
            topup_id: None,
            fact,
        })
    });
    Ok(lines.into_iter().flatten().collect())
}

/// A card's registration, and its end if it has come.
fn registration(row: &Row) -> Result<Vec<StoryLine>, StoreError> {
    let registration_id = row.try_get("registration_id")?;
    let service = Some(rows::name(row, "service", "card_registrations")?);
    let agreed_at: Timestamp = row.try_get("agreed_at")?;
    let mut facts = vec![(
        agreed_at,
        Fact::Registering {
            registration_id,
            threshold: rows::credits(row, "threshold_milli")?,
            quantity: rows::credits(row, "quantity_milli")?,
            amount: price(row)?,
            reference: rows::name(row, "reference", "payments")?,
        },
    )];
    if let (Some(ended_at), Some(outcome)) = (
        row.try_get("ended_at")?,
        optional_name(row, "outcome", "card_registrations")?,
    ) {
        let ended = Fact::Registered {
            registration_id,
            outcome,
            card_last4: row.try_get("last4")?,
            reason: row.try_get("reason")?,
            settled_by: optional_name(row, "settled_by", "payments")?,
        };
        facts.push((ended_at, ended));
    }
    let lines = facts.into_iter().map(|(at, fact)| StoryLine {
        at,
        service,
        topup_id: None,
        fact,
    });
    Ok(lines.collect())
}

/// A refund, or a dispute and its end.
fn reversal(row: &Row) -> Result<Vec<StoryLine>, StoreError> {
    let state: ReversalState = rows::name(row, "state", "reversals")?;
    let opened_at: Timestamp = row.try_get("opened_at")?;
    let ended_at: Option<Timestamp> = row.try_get("ended_at")?;
    // A refund begins and ends in one moment.
    let was_open = ended_at.is_none_or(|ended_at| ended_at > opened_at);
    let mut facts = Vec::with_capacity(2);
    if was_open {
        facts.push((opened_at, disputed(row, state)?));
    }
    let end = match state {
        ReversalState::Disputed => None,
        ReversalState::Won => Some(Fact::DisputeWon {
            reference: rows::name(row, "reference", "reversals")?,
            reversal_id: row.try_get("reversal_id")?,
        }),
        ReversalState::Reversed => Some(reversed(row)?),
        ReversalState::Failed => Some(Fact::NotGivenBack {
            reference: rows::name(row, "reference", "reversals")?,
            reversal_id: row.try_get("reversal_id")?,
            amount: price(row)?,
            reason: row.try_get("reason")?,
        }),
    };
    facts.extend(end.map(|end| (ended_at.unwrap_or(opened_at), end)));
    let service = optional_name(row, "service", "topups")?;
    let topup_id: Option<TopupId> = row.try_get("topup_id")?;
    let line = |(at, fact)| StoryLine {
        at,
        service,
        topup_id,
        fact,
    };
    Ok(facts.into_iter().map(line).collect())
}

fn disputed(row: &Row, state: ReversalState) -> Result<Fact, StoreError> {
    Ok(Fact::Disputed {
        reference: rows::name(row, "reference", "reversals")?,
        reversal_id: row.try_get("reversal_id")?,
        amount: price(row)?,
        held: match state {
            ReversalState::Disputed => Some(rows::credits(row, "held_milli")?),
            ReversalState::Won | ReversalState::Reversed | ReversalState::Failed => None,
        },
        source: rows::name(row, "source", "reversals")?,
        reason: row.try_get("reason")?,
    })
}

fn reversed(row: &Row) -> Result<Fact, StoreError> {
    Ok(Fact::Reversed {
        reference: rows::name(row, "reference", "reversals")?,
        reversal_id: row.try_get("reversal_id")?,
        amount: price(row)?,
        taken_back: rows::credits(row, "taken_back_milli")?,
        source: rows::name(row, "source", "reversals")?,
        reason: row.try_get("reason")?,
    })
}

/// The amount of a row, in its currency.
fn price(row: &Row) -> Result<Money, StoreError> {
    let currency = rows::name(row, "currency", "payments")?;
    Ok(Money::new(row.try_get("amount_minor")?, currency))
}

fn notice(row: &Row) -> Result<StoryLine, StoreError> {
    Ok(StoryLine {
        at: row.try_get("created_at")?,
        service: optional_name(row, "service", "notices")?,
        topup_id: row.try_get("topup_id")?,
        fact: Fact::Notice {
            notification_id: row.try_get("notification_id")?,
            template: rows::name(row, "template", "notices")?,
            channel: rows::name(row, "channel", "notices")?,
            to: row.try_get("sent_to")?,
            state: rows::name(row, "state", "notices")?,
            detail: row.try_get("detail")?,
            ended_at: row.try_get("ended_at")?,
        },
    })
}

/// When auto top-up was disabled, if it is, and how the wallet stands now.
fn standing(row: &Row) -> Result<Vec<StoryLine>, StoreError> {
    let wallet = rows::wallet(row)?;
    let of_wallet = |at, fact| StoryLine {
        at,
        service: Some(wallet.key.service),
        topup_id: None,
        fact,
    };
    let mut lines = Vec::new();
    let (auto_topup, threshold) = match &wallet.auto_topup {
        AutoTopup::Off => ("off", None),
        AutoTopup::Enabled(settings) => ("enabled", Some(settings.threshold)),
        AutoTopup::Disabled { settings, reason } => {
            let disabled_at: Option<Timestamp> = row.try_get("auto_disabled_at")?;
            let disabled = |at| {
                of_wallet(
                    at,
                    Fact::Disabled {
                        reason: reason.clone(),
                    },
                )
            };
            lines.extend(disabled_at.map(disabled));
            ("disabled", Some(settings.threshold))
        }
    };
    let stands = Fact::Stands {
        balance: wallet.balance,
        available: wallet.available(),
        auto_topup,
        threshold,
        open_topup: wallet.open_topup,
    };
    lines.push(of_wallet(row.try_get("now")?, stands));
    Ok(lines)
}

fn optional_credits(row: &Row, column: &str) -> Result<Option<Credits>, StoreError> {
    let milli: Option<i64> = row.try_get(column)?;
    Ok(milli.map(Credits::from_milli))
}

fn optional_name<T: std::str::FromStr<Err: ToString>>(
    row: &Row,
    column: &str,
    table: &'static str,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(|_| rows::name(row, column, table)).transpose()
}
