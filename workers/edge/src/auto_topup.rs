//! Changing and disabling auto top-up (E5, E6): what the interface and the pages both call.
//!
//! Left out: HTTP, who may, and registering a card ([`crate::registering`]).

use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, WalletKey};
use topup_rules::settings::SettingsRefusal;
use topup_store::{SettingsChange, Store, StoreError};

/// Why it is disabled, for the account holder.
pub const BY_ITSELF: &str = "disabled by the account holder";
/// The same, by somebody else's hand.
pub const BY_MAIN: &str = "disabled by the main account";

/// `who` sets the figures: of a card's top-up that is set up, without another agreement; of a transfer, which that
/// enables as well.
///
/// # Errors
/// The database's.
pub async fn set_figures(
    store: &Store,
    key: WalletKey,
    who: AccountId,
    method: Method,
    threshold: Credits,
    quantity: Credits,
) -> Result<SettingsChange, StoreError> {
    match method {
        Method::Transfer => store.enable_transfer(key, who, threshold, quantity).await,
        Method::Card => {
            let changed = store.change_auto_topup(key, who, threshold, quantity).await?;
            // Where nothing is set up, what is missing is the agreement.
            if changed == SettingsChange::Refused(SettingsRefusal::NothingToChange) {
                return Ok(SettingsChange::Refused(SettingsRefusal::NotAgreed));
            }
            Ok(changed)
        }
    }
}

/// `who` disables it; the reason says whose hand it was.
///
/// # Errors
/// The database's.
pub async fn disable(store: &Store, key: WalletKey, who: AccountId) -> Result<SettingsChange, StoreError> {
    let reason = if who == key.account { BY_ITSELF } else { BY_MAIN };
    store.disable_auto_topup(key, who, reason).await
}
