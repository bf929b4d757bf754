//! `fleetctl adjust`: credits added to a wallet or taken away by hand (X5). Triggers nothing (T3).
//!
//! A low-credit notice that it causes stands in the outbox, and goes out with the sweeper's next look.

use crate::cli::AdjustArgs;
use crate::fleet::Fleet;
use crate::output::Report;
use anyhow::Context as _;
use serde::Serialize;
use std::time::Duration;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_store::{Adjusted, ByHand, Store, StoreError};
use uuid::Uuid;

/// How often it is asked again when the answer got lost. It is the same adjustment, so it is done once.
const TRIES_MAX: u32 = 5;
/// The pause before that.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Outcome {
    account_id: AccountId,
    service: Service,
    credits: Credits,
    balance: Credits,
    /// Names it in the ledger.
    adjustment_id: Uuid,
}

/// Adjusts a wallet.
///
/// # Errors
/// Settings; a refusal; the database's.
pub(crate) async fn run(fleet: &Fleet, args: &AdjustArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let wallet = WalletKey {
        account: args.account,
        service: args.service,
    };
    let by_hand = ByHand {
        id: Uuid::now_v7(),
        at: store.now().await.context("the database can't be reached")?,
        reason: args.reason.clone(),
        by: args.by.name().to_owned(),
    };
    let adjusted = adjust(&store, wallet, args.credits, &by_hand)
        .await
        .with_context(|| {
            format!(
                "adjustment {} is not known to be done: look at the account before asking again",
                by_hand.id
            )
        })?;
    let balance = match adjusted {
        Adjusted::Done { balance, outbox: _ } | Adjusted::AlreadyDone { balance } => balance,
        Adjusted::Refused(refusal) => anyhow::bail!("nothing was changed: {refusal}"),
    };
    let text = format!("{wallet}: {} credits, balance {balance}", signed(args.credits));
    let WalletKey { account, service } = wallet;
    let outcome = Outcome {
        account_id: account,
        service,
        credits: args.credits,
        balance,
        adjustment_id: by_hand.id,
    };
    Report::fine(&outcome, text)
}

async fn adjust(
    store: &Store,
    wallet: WalletKey,
    credits: Credits,
    by_hand: &ByHand,
) -> Result<Adjusted, StoreError> {
    let mut tries = 1;
    loop {
        match store.adjust(wallet, credits, by_hand).await {
            Err(error) if error.is_outage() && tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            answer => return answer,
        }
    }
}

/// With its sign, whichever it is.
fn signed(credits: Credits) -> String {
    if credits.is_positive() {
        format!("+{credits}")
    } else {
        credits.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credits_are_shown_with_their_sign() {
        assert_eq!(signed(Credits::from_milli(1_500)), "+1.5");
        assert_eq!(signed(Credits::from_milli(-1_500)), "-1.5");
    }
}
