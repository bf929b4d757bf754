//! Credits moved between a main account and its subs by the main's hand (X5): what the interface and the pages both call.
//!
//! Left out: HTTP, and which time of asking it is.

use serde::{Deserialize, Serialize};
use topup_rules::access::{AccessRefusal, Leave, may_move};
use topup_rules::account::Account;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_runtime::PublicDatabase;
use topup_store::{AdjustRefusal, ByHand, Moved, StoreError};

/// What the ledger says where nobody gives a reason.
pub const REASON_DEFAULT: &str = "moved by hand";

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the main account to its sub.
    ToSub,
    /// From the sub account to its main.
    FromSub,
}

/// What is to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The main account.
    pub main: AccountId,
    /// Its sub.
    pub sub: AccountId,
    /// Which way.
    pub direction: Direction,
    /// Of which wallets.
    pub service: Service,
    /// How many.
    pub credits: Credits,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Moving {
    /// Both wallets have it, now or from before.
    Done,
    /// It is not the caller's to do, or there is no such account for the caller.
    Denied(AccessRefusal),
    /// A rule says no. Nothing changed.
    Refused(AdjustRefusal),
}

/// Moves credits, if the bearer of `leave` may.
///
/// # Errors
/// The database's; asked again with the same `by_hand`, it is done at most once.
pub async fn move_credits(
    db: &PublicDatabase,
    leave: &Leave,
    wanted: Move,
    by_hand: &ByHand,
) -> Result<Moving, StoreError> {
    let account = |id| async move {
        let found: Option<Account> = db.store.account(id).await?;
        Ok::<_, StoreError>(found.ok_or(AccessRefusal::NoAccount(id)))
    };
    let of_main = match account(wanted.main).await? {
        Ok(of_main) => of_main,
        Err(missing) => return Ok(Moving::Denied(missing)),
    };
    let allowed = match account(wanted.sub).await? {
        Ok(of_sub) => may_move(leave, &of_main, &of_sub),
        // Whoever may not know of the main account hears nothing of its subs.
        Err(missing) => may_move(leave, &of_main, &of_main).and(Err(missing)),
    };
    if let Err(denied) = allowed {
        return Ok(Moving::Denied(denied));
    }
    let service = wanted.service;
    let wallet = |account| WalletKey { account, service };
    let (main, sub) = (wallet(wanted.main), wallet(wanted.sub));
    let (from, to) = match wanted.direction {
        Direction::ToSub => (main, sub),
        Direction::FromSub => (sub, main),
    };
    Ok(
        match db
            .store
            .move_credits_by_hand(from, to, wanted.credits, by_hand)
            .await?
        {
            Moved::Done { outbox, .. } => {
                db.outbox.send(outbox);
                Moving::Done
            }
            Moved::AlreadyDone => Moving::Done,
            Moved::Refused(refusal) => Moving::Refused(refusal),
        },
    )
}

/// Who moves them, as the ledger has it.
#[must_use]
pub fn moved_by(main: AccountId) -> String {
    format!("account {main}")
}
