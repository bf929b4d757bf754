//! Credits moved by hand: an operator's adjustment, and a move between a main account and its sub (X5).
//!
//! Both are ledger entries of their own, trigger nothing (T3), and can raise a low-credit notice (L1). Each bears an
//! id of the caller's, so that asking twice does it once: a COMMIT whose answer was lost is simply asked again.

use crate::ledger::{self, Entry};
use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, locks, notices, topups};
use jiff::Timestamp;
use topup_rules::account::{Account, AccountKind};
use topup_rules::credits::Credits;
use topup_rules::holds::{Leave, leave};
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::phrases;
use uuid::Uuid;

/// Who does it, why, and which time of asking it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// Of this one act, and of every repeat of it.
    pub id: Uuid,
    /// When it was first asked for, by the database's clock ([`Store::now`]).
    pub at: Timestamp,
    /// Why, on one line.
    pub reason: String,
    /// Who.
    pub by: String,
}

impl ByHand {
    /// What the ledger keeps of it: the same for every repeat, and for nothing else.
    fn detail(&self, what: &str) -> String {
        format!("{what}:{}: {} (by {})", self.id, self.reason, self.by)
    }
}

/// What became of an adjustment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adjusted {
    /// The wallet has it.
    Done {
        /// The new balance.
        balance: Credits,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// It had it before.
    AlreadyDone {
        /// The balance now.
        balance: Credits,
    },
    /// Nothing changed.
    Refused(AdjustRefusal),
}

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// Both wallets have it.
    Done {
        /// The giver's new balance.
        from_balance: Credits,
        /// The receiver's new balance.
        to_balance: Credits,
        /// To be published now.
        outbox: Vec<OutboxMessage>,
    },
    /// They had it before.
    AlreadyDone,
    /// Nothing changed.
    Refused(AdjustRefusal),
}

/// Why credits are not moved by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdjustRefusal {
    /// There is no such account, or no such service of it.
    #[error("account {account} has no wallet for the service {service}", account = .0.account, service = .0.service)]
    NoWallet(WalletKey),
    /// Nothing to do.
    #[error("X5: credits must not be 0")]
    Zero,
    /// A move goes one way.
    #[error("X5: credits must be above 0")]
    NotPositive,
    /// Beyond what a wallet can hold.
    #[error("X5: the balance would be {0}, more than a wallet can hold, or less than it can owe")]
    OutOfBounds(Credits),
    /// Not a main and its sub, or not the same service.
    #[error(
        "X5: credits move between a main account and its own subs, for one service: not from {from} to {to}"
    )]
    NotRelated {
        /// The giver.
        from: WalletKey,
        /// The receiver.
        to: WalletKey,
    },
    /// The giver's available credits do not cover it.
    #[error("X5: {from} has {missing} credits too few available")]
    TooLittle {
        /// The giver.
        from: WalletKey,
        /// What they fall short.
        missing: Credits,
    },
    /// Whoever looks at it later wants to know why.
    #[error("X5: a reason is needed")]
    NoReason,
}

phrases! {
    AdjustRefusal;
    words {
        "moves-nothing": Zero,
        "moves-not-positive": NotPositive,
        "moves-without-reason": NoReason,
    }
    figures {
        "no-wallet": Self::NoWallet(wallet) => [account = &wallet.account, service = &wallet.service],
            like Self::NoWallet(WalletKey::EXAMPLE);
        "moves-out-of-bounds": Self::OutOfBounds(balance) => [balance = balance],
            like Self::OutOfBounds(Credits::WALLET_MAX);
        "moves-not-related": Self::NotRelated { from, to } => [from = from, to = to],
            like Self::NotRelated {
                from: WalletKey::EXAMPLE,
                to: WalletKey { service: Service::Whatsapp, ..WalletKey::EXAMPLE },
            };
        "moves-too-little": Self::TooLittle { from, missing } => [from = from, missing = missing],
            like Self::TooLittle { from: WalletKey::EXAMPLE, missing: Credits::from_milli(1_234_500) };
    }
    passes {}
}

impl Store {
    /// X5: adds `credits` to a wallet, or takes them where they are negative; below zero if need be.
    ///
    /// # Errors
    /// The database's. Asked again with the same [`ByHand`], it is done at most once.
    pub async fn adjust(
        &self,
        wallet: WalletKey,
        credits: Credits,
        by_hand: &ByHand,
    ) -> Result<Adjusted, StoreError> {
        if by_hand.reason.trim().is_empty() {
            return Ok(Adjusted::Refused(AdjustRefusal::NoReason));
        }
        if credits == Credits::ZERO {
            return Ok(Adjusted::Refused(AdjustRefusal::Zero));
        }
        self.transact(|tx| async move { adjust_in(&tx, wallet, credits, by_hand).await })
            .await
    }

    /// X5: moves `credits` from a main account's wallet to that of one of its subs, or back.
    ///
    /// # Errors
    /// The database's. Asked again with the same [`ByHand`], it is done at most once.
    pub async fn move_credits_by_hand(
        &self,
        from: WalletKey,
        to: WalletKey,
        credits: Credits,
        by_hand: &ByHand,
    ) -> Result<Moved, StoreError> {
        if by_hand.reason.trim().is_empty() {
            return Ok(Moved::Refused(AdjustRefusal::NoReason));
        }
        if !credits.is_positive() {
            return Ok(Moved::Refused(AdjustRefusal::NotPositive));
        }
        self.transact(|tx| async move { move_in(&tx, from, to, credits, by_hand).await })
            .await
    }
}

async fn adjust_in(
    tx: &Tx,
    key: WalletKey,
    credits: Credits,
    by_hand: &ByHand,
) -> Result<Adjusted, StoreError> {
    let Some(wallet) = locks::wallet(tx, key).await? else {
        return Ok(Adjusted::Refused(AdjustRefusal::NoWallet(key)));
    };
    let detail = by_hand.detail("adjustment");
    let entry = Entry {
        wallet: key,
        kind: "adjustment",
        credits,
        detail: &detail,
        at: by_hand.at,
    };
    if ledger::is_posted(tx, &entry).await? {
        return Ok(Adjusted::AlreadyDone {
            balance: wallet.balance,
        });
    }
    if let Some(refusal) = out_of_bounds(wallet.balance, credits) {
        return Ok(Adjusted::Refused(refusal));
    }
    let balance = ledger::post(tx, &entry).await?;
    let drafts = ledger::low_credit_notice(tx, key, credits, balance, &by_hand.id.to_string()).await?;
    let outbox = notices::request(tx, &drafts, None).await?;
    Ok(Adjusted::Done { balance, outbox })
}

async fn move_in(
    tx: &Tx,
    from: WalletKey,
    to: WalletKey,
    credits: Credits,
    by_hand: &ByHand,
) -> Result<Moved, StoreError> {
    if !related(tx, from, to).await? {
        return Ok(Moved::Refused(AdjustRefusal::NotRelated { from, to }));
    }
    let wallets = locks::wallets(tx, [from, to].into_iter()).await?;
    let Some(giver) = wallets.get(&from) else {
        return Ok(Moved::Refused(AdjustRefusal::NoWallet(from)));
    };
    let Some(receiver) = wallets.get(&to) else {
        return Ok(Moved::Refused(AdjustRefusal::NoWallet(to)));
    };
    let detail = by_hand.detail("move");
    // One act goes one way: it is done whichever of the two has received by it.
    for wallet in [to, from] {
        let received = Entry {
            wallet,
            kind: ledger::TRANSFER_IN,
            credits,
            detail: &detail,
            at: by_hand.at,
        };
        if ledger::is_posted(tx, &received).await? {
            return Ok(Moved::AlreadyDone);
        }
    }
    match leave(giver, credits) {
        Leave::Refused { missing } => return Ok(Moved::Refused(AdjustRefusal::TooLittle { from, missing })),
        Leave::Granted => {}
    }
    if let Some(refusal) = out_of_bounds(receiver.balance, credits) {
        return Ok(Moved::Refused(refusal));
    }
    let (moved, drafts) = ledger::move_credits(tx, from, to, credits, &detail, by_hand.at).await?;
    let outbox = notices::request(tx, &drafts, None).await?;
    Ok(Moved::Done {
        from_balance: moved.from_balance,
        to_balance: moved.to_balance,
        outbox,
    })
}

/// A main and its own sub, either way, for one service.
async fn related(tx: &Tx, from: WalletKey, to: WalletKey) -> Result<bool, StoreError> {
    let is_main_of = |main: AccountId, sub: &Option<Account>| {
        sub.as_ref()
            .is_some_and(|sub| sub.kind == AccountKind::Sub { parent: main })
    };
    let giver = topups::account(tx, from.account).await?;
    let receiver = topups::account(tx, to.account).await?;
    Ok(from.service == to.service && (is_main_of(from.account, &receiver) || is_main_of(to.account, &giver)))
}

fn out_of_bounds(balance: Credits, change: Credits) -> Option<AdjustRefusal> {
    let after = balance.checked_add(change).unwrap_or(balance);
    let fits = after != balance && after >= Credits::BALANCE_MIN && after <= Credits::WALLET_MAX;
    (!fits).then_some(AdjustRefusal::OutOfBounds(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_stays_within_what_a_wallet_can_hold() {
        let beyond = |balance, change| {
            out_of_bounds(Credits::from_milli(balance), Credits::from_milli(change)).is_some()
        };
        assert!(!beyond(5, -10));
        assert!(!beyond(Credits::WALLET_MAX.milli() - 1, 1));
        assert!(beyond(Credits::WALLET_MAX.milli(), 1));
        assert!(beyond(0, i64::MAX));
        assert!(beyond(-5, i64::MIN));
    }
}
