//! The shape of one imported account: a line of JSON.

use crate::cards::SavedCard;
use serde::{Deserialize, Serialize};
use topup_rules::account::{Caps, Method};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::money::Currency;

/// One account with its wallets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountImport {
    /// Which.
    pub account_id: AccountId,
    /// Main or sub.
    pub kind: KindImport,
    /// A sub's main.
    #[serde(default)]
    pub parent_id: Option<AccountId>,
    /// What it pays in.
    pub currency: Currency,
    /// What its notices are written in: `en`.
    pub language: String,
    /// The account holder's number. None, or empty: no SMS.
    #[serde(default)]
    pub mobile: Option<String>,
    /// The account holder's address. None, or empty: no e-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Its wallets, one a service.
    pub wallets: Vec<WalletImport>,
}

/// Main or sub, as a line says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KindImport {
    /// Pays for itself.
    Main,
    /// Belongs to a main.
    Sub,
}

impl KindImport {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

impl std::fmt::Display for KindImport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One wallet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletImport {
    /// For what.
    pub service: Service,
    /// The opening balance. Ignored where the wallet exists.
    pub credits: Credits,
    /// The low-credit notice threshold; 0: never.
    #[serde(default)]
    pub low_credit_threshold: Credits,
    /// Its settings. None: what is there stays.
    #[serde(default)]
    pub auto_topup: Option<AutoTopupImport>,
}

impl WalletImport {
    /// Which wallet of `account` it is.
    #[must_use]
    pub const fn key(&self, account: AccountId) -> WalletKey {
        WalletKey {
            account,
            service: self.service,
        }
    }
}

/// Auto top-up settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoTopupImport {
    /// Card or transfer.
    pub method: Method,
    /// Reaching it triggers.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
    /// To be acted on.
    pub enabled: bool,
    /// The account's limits, the same in all its wallets that name some.
    #[serde(default)]
    pub caps: Option<Caps>,
    /// The saved card.
    #[serde(default)]
    pub card: Option<SavedCard>,
}

impl AccountImport {
    /// The account's limits; none where no wallet names some.
    #[must_use]
    pub fn caps(&self) -> Caps {
        self.wallets
            .iter()
            .find_map(|w| w.auto_topup.as_ref()?.caps)
            .unwrap_or_default()
    }

    /// The number, if there is one.
    #[must_use]
    pub fn mobile(&self) -> Option<&str> {
        self.mobile.as_deref().filter(|mobile| !mobile.is_empty())
    }

    /// The address, if there is one.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref().filter(|email| !email.is_empty())
    }
}
