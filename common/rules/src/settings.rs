//! E1–E8: who may set up, change and end auto top-up, and with which figures.
//!
//! Left out: that a top-up under way meets disabled settings (E7). It is decided where it wakes (`wake`) and where
//! its result comes (`settle`); so is the card's own registration (E3, E8), of which only the outcome comes here.

use crate::account::{Account, AccountKind, AutoTopup, AutoTopupSettings, Method, Wallet};
use crate::credits::Credits;
use crate::ids::AccountId;
use crate::low_credit::ThresholdRefusal;

/// Who asks, seen from the wallet's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The account itself.
    Itself,
    /// The main account that it is a sub of.
    ItsMain,
    /// Anybody else.
    Other,
}

impl Actor {
    /// What `who` is to `account`.
    #[must_use]
    pub fn of(account: &Account, who: AccountId) -> Self {
        match account.kind {
            AccountKind::Main | AccountKind::Sub { .. } if account.id == who => Self::Itself,
            AccountKind::Sub { parent } if parent == who => Self::ItsMain,
            AccountKind::Main | AccountKind::Sub { .. } => Self::Other,
        }
    }
}

/// Why settings are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsRefusal {
    /// There is nobody to transfer from.
    #[error("E1: a main account is topped up by card only")]
    MainByTransfer,
    /// The other method is enabled.
    #[error("E1: auto top-up by {enabled} is enabled, and there is never more than one method at once")]
    OtherMethodEnabled {
        /// The method in use.
        enabled: Method,
    },
    /// A card top-up is enabled by nobody else.
    #[error("E2: auto top-up by card is enabled by the account itself")]
    CardEnabledByItself,
    /// A transfer is given, not taken.
    #[error("E2: auto top-up by transfer is enabled by the main account")]
    TransferEnabledByMain,
    /// No agreement, or no card.
    #[error("E3: auto top-up by card needs agreement to the terms and a registered card")]
    NotAgreed,
    /// Below zero.
    #[error("E4: threshold must not be below 0")]
    NegativeThreshold,
    /// Nothing to top up with.
    #[error("E4: quantity must be above 0")]
    NoQuantity,
    /// It would trigger again at once.
    #[error("E4: quantity must be at least the threshold")]
    QuantityBelowThreshold,
    /// Beyond what a wallet can hold.
    #[error("E4: threshold and quantity must be at most {}", Credits::WALLET_MAX)]
    TooLarge,
    /// It would trigger with the next send.
    #[error("E4: current credits ({credits}) must exceed the threshold ({threshold})")]
    CreditsNotAboveThreshold {
        /// The balance.
        credits: Credits,
        /// What was asked for.
        threshold: Credits,
    },
    /// A card's settings are its account's.
    #[error("E5: auto top-up by card is changed by the account itself")]
    CardChangedByItself,
    /// A transfer's settings are the main's.
    #[error("E5: auto top-up by transfer is changed by the main account")]
    TransferChangedByMain,
    /// There is nothing to change.
    #[error("E5: auto top-up is not set up")]
    NothingToChange,
    /// Neither the account nor its main.
    #[error("E6: auto top-up by card is disabled by the account or its main account")]
    CardDisabledByItselfOrMain,
    /// A transfer is ended by who gives it.
    #[error("E6: auto top-up by transfer is disabled by the main account")]
    TransferDisabledByMain,
    /// There is nothing to disable.
    #[error("E6: auto top-up is not set up")]
    NothingToDisable,
    /// L1: of the notice.
    #[error("{0}")]
    NoticeThreshold(#[from] ThresholdRefusal),
}

/// E1–E4, E6: the settings with which card top-up is enabled, or enabled again. `agreed`: the terms are agreed to
/// and a card is registered, both now.
///
/// # Errors
/// The first rule that is broken, in the order of their numbers.
pub fn enable_card(
    account: &Account,
    wallet: &Wallet,
    actor: Actor,
    agreed: bool,
    threshold: Credits,
    quantity: Credits,
) -> Result<AutoTopupSettings, SettingsRefusal> {
    one_method(account.kind, wallet, Method::Card)?;
    match actor {
        Actor::Itself => {}
        Actor::ItsMain | Actor::Other => return Err(SettingsRefusal::CardEnabledByItself),
    }
    if !agreed {
        return Err(SettingsRefusal::NotAgreed);
    }
    settings(wallet, Method::Card, threshold, quantity)
}

/// E1, E2, E4, E6: the settings with which transfer top-up is enabled, or enabled again.
///
/// # Errors
/// The first rule that is broken, in the order of their numbers.
pub fn enable_transfer(
    account: &Account,
    wallet: &Wallet,
    actor: Actor,
    threshold: Credits,
    quantity: Credits,
) -> Result<AutoTopupSettings, SettingsRefusal> {
    one_method(account.kind, wallet, Method::Transfer)?;
    match actor {
        Actor::ItsMain => {}
        Actor::Itself | Actor::Other => return Err(SettingsRefusal::TransferEnabledByMain),
    }
    settings(wallet, Method::Transfer, threshold, quantity)
}

/// E4, E5: changed figures. What is enabled stays enabled, what is disabled stays disabled.
///
/// # Errors
/// The first rule that is broken.
pub fn change(
    wallet: &Wallet,
    actor: Actor,
    threshold: Credits,
    quantity: Credits,
) -> Result<AutoTopup, SettingsRefusal> {
    let method = method_of(wallet).ok_or(SettingsRefusal::NothingToChange)?;
    match (method, actor) {
        (Method::Card, Actor::Itself) | (Method::Transfer, Actor::ItsMain) => {}
        (Method::Card, Actor::ItsMain | Actor::Other) => return Err(SettingsRefusal::CardChangedByItself),
        (Method::Transfer, Actor::Itself | Actor::Other) => {
            return Err(SettingsRefusal::TransferChangedByMain);
        }
    }
    let changed = settings(wallet, method, threshold, quantity)?;
    Ok(match &wallet.auto_topup {
        AutoTopup::Disabled { reason, .. } => AutoTopup::Disabled {
            settings: changed,
            reason: reason.clone(),
        },
        AutoTopup::Off | AutoTopup::Enabled(_) => AutoTopup::Enabled(changed),
    })
}

/// E6: whether `actor` may disable the wallet's auto top-up, at any time. What is disabled already may be
/// disabled again.
///
/// # Errors
/// Who alone may.
pub fn may_disable(wallet: &Wallet, actor: Actor) -> Result<(), SettingsRefusal> {
    let method = method_of(wallet).ok_or(SettingsRefusal::NothingToDisable)?;
    match (method, actor) {
        (Method::Card, Actor::Itself | Actor::ItsMain) | (Method::Transfer, Actor::ItsMain) => Ok(()),
        (Method::Card, Actor::Other) => Err(SettingsRefusal::CardDisabledByItselfOrMain),
        (Method::Transfer, Actor::Itself | Actor::Other) => Err(SettingsRefusal::TransferDisabledByMain),
    }
}

/// What an import checks of settings that another system agreed: E1, and of E4 the figures among themselves.
///
/// # Errors
/// The first rule that is broken.
pub fn check_import(
    kind: AccountKind,
    method: Method,
    threshold: Credits,
    quantity: Credits,
) -> Result<(), SettingsRefusal> {
    allowed(kind, method)?;
    figures(threshold, quantity)
}

/// E1: a main has nobody to transfer from.
fn allowed(kind: AccountKind, method: Method) -> Result<(), SettingsRefusal> {
    match (kind, method) {
        (AccountKind::Main, Method::Transfer) => Err(SettingsRefusal::MainByTransfer),
        (AccountKind::Main, Method::Card) | (AccountKind::Sub { .. }, Method::Card | Method::Transfer) => {
            Ok(())
        }
    }
}

/// E1: never both at once. Who may end the other method does so first.
fn one_method(kind: AccountKind, wallet: &Wallet, method: Method) -> Result<(), SettingsRefusal> {
    allowed(kind, method)?;
    match &wallet.auto_topup {
        AutoTopup::Enabled(settings) if settings.method != method => {
            Err(SettingsRefusal::OtherMethodEnabled {
                enabled: settings.method,
            })
        }
        AutoTopup::Off | AutoTopup::Disabled { .. } | AutoTopup::Enabled(_) => Ok(()),
    }
}

/// E4: all of it.
fn settings(
    wallet: &Wallet,
    method: Method,
    threshold: Credits,
    quantity: Credits,
) -> Result<AutoTopupSettings, SettingsRefusal> {
    figures(threshold, quantity)?;
    if wallet.balance <= threshold {
        return Err(SettingsRefusal::CreditsNotAboveThreshold {
            credits: wallet.balance,
            threshold,
        });
    }
    Ok(AutoTopupSettings {
        method,
        threshold,
        quantity,
    })
}

/// E4: the figures among themselves.
fn figures(threshold: Credits, quantity: Credits) -> Result<(), SettingsRefusal> {
    if threshold < Credits::ZERO {
        Err(SettingsRefusal::NegativeThreshold)
    } else if !quantity.is_positive() {
        Err(SettingsRefusal::NoQuantity)
    } else if quantity < threshold {
        Err(SettingsRefusal::QuantityBelowThreshold)
    } else if quantity > Credits::WALLET_MAX {
        Err(SettingsRefusal::TooLarge)
    } else {
        Ok(())
    }
}

fn method_of(wallet: &Wallet) -> Option<Method> {
    match &wallet.auto_topup {
        AutoTopup::Off => None,
        AutoTopup::Disabled { settings, .. } | AutoTopup::Enabled(settings) => Some(settings.method),
    }
}
