//! A wallet's auto top-up settings: enabled, changed, disabled (E1–E8).
//!
//! Each locks the wallet, asks the rules, and writes; nothing here triggers a top-up (T3). A top-up that is under
//! way meets the new settings when it wakes, or is settled by its result (E7).
//! Left out: registering a card at the gateway (E3); its outcome comes here.

use crate::cards::{self, SavedCard};
use crate::outbox::OutboxMessage;
use crate::transaction::Tx;
use crate::{Store, StoreError, events, locks, topups};
use jiff::Timestamp;
use topup_rules::account::{Account, AutoTopup, AutoTopupSettings, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::events::settings_changed;
use topup_rules::ids::{AccountId, WalletKey};
use topup_rules::low_credit::check_threshold;
use topup_rules::settings::{self, Actor, SettingsRefusal};
use uuid::Uuid;

/// Agreement to the terms, and the card that was registered with it (E3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardConsent {
    /// Which terms.
    pub terms_version: String,
    /// Where the agreement came from: a network address.
    pub address: String,
    /// The registered card.
    pub card: SavedCard,
}

/// What became of a wish to change settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsChange {
    /// The wallet's settings are these now.
    Done(AutoTopup),
    /// The rules refuse it; nothing changed.
    Refused(SettingsRefusal),
    /// No such account, or no such service of it.
    NoWallet,
}

/// The same, and what platforms hear of it.
pub(crate) struct Changed {
    change: SettingsChange,
    pub(crate) events: Vec<OutboxMessage>,
}

impl From<SettingsChange> for Changed {
    fn from(change: SettingsChange) -> Self {
        Self {
            change,
            events: Vec::new(),
        }
    }
}

impl Store {
    fn told(&self, changed: Changed) -> SettingsChange {
        self.publish(changed.events);
        changed.change
    }

    /// E1–E4, E6, E8: `who` enables card top-up, or enables it again, or registers another card. The agreement is
    /// kept; a card that nothing needs any more is forgotten.
    ///
    /// # Errors
    /// The database's.
    pub async fn enable_card(
        &self,
        wallet: WalletKey,
        who: AccountId,
        threshold: Credits,
        quantity: Credits,
        consent: Option<&CardConsent>,
    ) -> Result<SettingsChange, StoreError> {
        let changed = self.transact(|tx| async move {
            let Some((account, wallet)) = lock(&tx, wallet).await? else {
                return Ok(SettingsChange::NoWallet.into());
            };
            let actor = Actor::of(&account, who);
            match settings::enable_card(&account, &wallet, actor, consent.is_some(), threshold, quantity) {
                Err(refusal) => Ok(SettingsChange::Refused(refusal).into()),
                Ok(enabled) => enable_with_card(&tx, wallet.key, enabled, consent).await,
            }
        });
        Ok(self.told(changed.await?))
    }

    /// E1, E2, E4, E6: `who` enables transfer top-up, or enables it again.
    ///
    /// # Errors
    /// The database's.
    pub async fn enable_transfer(
        &self,
        wallet: WalletKey,
        who: AccountId,
        threshold: Credits,
        quantity: Credits,
    ) -> Result<SettingsChange, StoreError> {
        let changed = self.transact(|tx| async move {
            let Some((account, wallet)) = lock(&tx, wallet).await? else {
                return Ok(SettingsChange::NoWallet.into());
            };
            let actor = Actor::of(&account, who);
            match settings::enable_transfer(&account, &wallet, actor, threshold, quantity) {
                Err(refusal) => Ok(SettingsChange::Refused(refusal).into()),
                Ok(enabled) => done(&tx, wallet.key, AutoTopup::Enabled(enabled), None).await,
            }
        });
        Ok(self.told(changed.await?))
    }

    /// E4, E5: `who` changes threshold and quantity. The card stays.
    ///
    /// # Errors
    /// The database's.
    pub async fn change_auto_topup(
        &self,
        wallet: WalletKey,
        who: AccountId,
        threshold: Credits,
        quantity: Credits,
    ) -> Result<SettingsChange, StoreError> {
        let changed = self.transact(|tx| async move {
            let Some((account, wallet)) = lock(&tx, wallet).await? else {
                return Ok(SettingsChange::NoWallet.into());
            };
            match settings::change(&wallet, Actor::of(&account, who), threshold, quantity) {
                Err(refusal) => Ok(SettingsChange::Refused(refusal).into()),
                Ok(changed) => {
                    let card = card_id(&tx, wallet.key).await?;
                    done(&tx, wallet.key, changed, card).await
                }
            }
        });
        Ok(self.told(changed.await?))
    }

    /// E6: `who` disables auto top-up; `reason` is for the account holder. What is disabled already keeps its reason. The
    /// wallet lets go of its card either way: its token is forgotten where nothing else needs it.
    ///
    /// # Errors
    /// The database's.
    pub async fn disable_auto_topup(
        &self,
        wallet: WalletKey,
        who: AccountId,
        reason: &str,
    ) -> Result<SettingsChange, StoreError> {
        let changed = self.transact(|tx| async move {
            let Some((account, wallet)) = lock(&tx, wallet).await? else {
                return Ok(SettingsChange::NoWallet.into());
            };
            if let Err(refusal) = settings::may_disable(&wallet, Actor::of(&account, who)) {
                return Ok(SettingsChange::Refused(refusal).into());
            }
            let done = match wallet.auto_topup {
                AutoTopup::Enabled(settings) => {
                    let disabled = AutoTopup::Disabled {
                        settings,
                        reason: reason.to_owned(),
                    };
                    done(&tx, wallet.key, disabled, None).await?
                }
                as_it_was @ (AutoTopup::Off | AutoTopup::Disabled { .. }) => {
                    write(&tx, wallet.key, &as_it_was, None).await?;
                    SettingsChange::Done(as_it_was).into()
                }
            };
            cards::forget_unused(&tx, wallet.key.account).await?;
            Ok(done)
        });
        Ok(self.told(changed.await?))
    }

    /// L1: sets the low-credit notice threshold; 0: never. It is no debit, and notifies nobody. Auto top-up stays
    /// as it is.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_low_credit_threshold(
        &self,
        wallet: WalletKey,
        threshold: Credits,
    ) -> Result<SettingsChange, StoreError> {
        if let Err(refusal) = check_threshold(threshold) {
            return Ok(SettingsChange::Refused(refusal.into()));
        }
        self.transact(|tx| async move {
            let Some((_, locked)) = lock(&tx, wallet).await? else {
                return Ok(SettingsChange::NoWallet);
            };
            tx.execute(
                "UPDATE wallets SET low_credit_threshold_milli = $3 WHERE account_id = $1 AND service = $2",
                &[
                    &wallet.account.get(),
                    &wallet.service.as_str(),
                    &threshold.milli(),
                ],
            )
            .await?;
            Ok(SettingsChange::Done(locked.auto_topup))
        })
        .await
    }
}

/// The locked wallet, and its account.
pub(crate) async fn lock(tx: &Tx, key: WalletKey) -> Result<Option<(Account, Wallet)>, StoreError> {
    let Some(wallet) = locks::wallet(tx, key).await? else {
        return Ok(None);
    };
    Ok(topups::account(tx, key.account)
        .await?
        .map(|account| (account, wallet)))
}

/// Writes a locked wallet's settings, and tells platforms where they changed.
pub(crate) async fn done(
    tx: &Tx,
    key: WalletKey,
    auto: AutoTopup,
    card: Option<Uuid>,
) -> Result<Changed, StoreError> {
    let events = match write(tx, key, &auto, card).await? {
        true => {
            let now = tx.clock().await?;
            events::write(tx, settings_changed(key, &auto, now), now, None).await?
        }
        false => Vec::new(),
    };
    Ok(Changed {
        change: SettingsChange::Done(auto),
        events,
    })
}

async fn enable_with_card(
    tx: &Tx,
    key: WalletKey,
    enabled: AutoTopupSettings,
    consent: Option<&CardConsent>,
) -> Result<Changed, StoreError> {
    // The rules let nothing be enabled without.
    let Some(consent) = consent else {
        return Ok(SettingsChange::Refused(SettingsRefusal::NotAgreed).into());
    };
    let card = cards::keep(tx, key.account, &consent.card).await?;
    let (terms, address) = (&consent.terms_version, &consent.address);
    keep_consent(tx, key, terms, address, tx.clock().await?).await?;
    let outcome = done(tx, key, AutoTopup::Enabled(enabled), Some(card)).await?;
    cards::forget_unused(tx, key.account).await?;
    Ok(outcome)
}

/// E3: what was agreed to, from where and when.
pub(crate) async fn keep_consent(
    tx: &Tx,
    key: WalletKey,
    terms_version: &str,
    address: &str,
    agreed_at: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO consents (account_id, consent_id, service, terms_version, address, agreed_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            &key.account.get(),
            &Uuid::now_v7(),
            &key.service.as_str(),
            &terms_version,
            &address,
            &agreed_at,
        ],
    )
    .await?;
    Ok(())
}

/// The card that the wallet charges.
pub(crate) async fn card_id(tx: &Tx, key: WalletKey) -> Result<Option<Uuid>, StoreError> {
    let row = tx
        .query_one(
            "SELECT auto_card_id FROM wallets WHERE account_id = $1 AND service = $2",
            &[&key.account.get(), &key.service.as_str()],
        )
        .await?;
    Ok(row.try_get("auto_card_id")?)
}

/// Writes a locked wallet's settings. Returns whether anything changed. Failures in a row count anew from the
/// moment of enabling.
pub(crate) async fn write(
    tx: &Tx,
    key: WalletKey,
    auto: &AutoTopup,
    card: Option<Uuid>,
) -> Result<bool, StoreError> {
    let (settings, enabled, reason) = match auto {
        AutoTopup::Off => (None, false, None),
        AutoTopup::Disabled { settings, reason } => (Some(settings), false, Some(reason.as_str())),
        AutoTopup::Enabled(settings) => (Some(settings), true, None),
    };
    let card = settings.filter(|s| s.method == Method::Card).and(card);
    let changed = tx
        .execute(
            "UPDATE wallets
                SET auto_method = $3, auto_threshold_milli = $4, auto_quantity_milli = $5, auto_enabled = $6,
                    auto_disabled_reason = $7, auto_card_id = $8,
                    auto_disabled_at = CASE WHEN $6 OR $3 IS NULL THEN NULL
                                            WHEN auto_enabled OR auto_disabled_at IS NULL THEN clock_timestamp()
                                            ELSE auto_disabled_at END,
                    consecutive_failures = CASE WHEN $6 AND NOT auto_enabled THEN 0 ELSE consecutive_failures END
              WHERE account_id = $1 AND service = $2
                AND (auto_method, auto_threshold_milli, auto_quantity_milli, auto_enabled, auto_disabled_reason, auto_card_id)
                    IS DISTINCT FROM ($3, $4, $5, $6, $7, $8)",
            &[
                &key.account.get(),
                &key.service.as_str(),
                &settings.map(|s| s.method.as_str()),
                &settings.map(|s| s.threshold.milli()),
                &settings.map(|s| s.quantity.milli()),
                &enabled,
                &reason,
                &card,
            ],
        )
        .await?;
    Ok(changed > 0)
}
