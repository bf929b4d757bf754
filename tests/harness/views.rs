//! `fleetctl account show ID --json`, read back.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use topup_rules::credits::Credits;

/// An account.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountView {
    /// Which.
    pub account_id: i64,
    /// Its wallets.
    pub wallets: Vec<WalletView>,
}

/// A wallet.
#[derive(Debug, Clone, Deserialize)]
pub struct WalletView {
    /// `sms` or `whatsapp`.
    pub service: String,
    /// Its balance.
    pub credits: Credits,
    /// Its balance less open holds.
    pub available: Credits,
    /// Its settings.
    pub auto_topup: Option<AutoTopupView>,
    /// The one top-up that is under way.
    pub open_topup: Option<OpenTopup>,
}

/// A wallet's auto top-up.
#[derive(Debug, Clone, Deserialize)]
pub struct AutoTopupView {
    /// `card` or `transfer`.
    pub method: String,
    /// Whether it is acted on.
    pub enabled: bool,
    /// Why not.
    pub disabled_reason: Option<String>,
    /// Reaching it triggers.
    pub threshold: Credits,
    /// Credits of one top-up.
    pub quantity: Credits,
}

/// A top-up that is under way.
#[derive(Debug, Clone, Deserialize)]
pub struct OpenTopup {
    /// Which.
    pub topup_id: String,
    /// `requested`, `scheduled`, …
    pub state: String,
    /// The moment that it waits for.
    pub due_at: Option<jiff::Timestamp>,
    /// Its credits.
    pub quantity: Credits,
    /// Its price, in minor units.
    pub amount_minor: Option<i64>,
}

impl AccountView {
    pub(crate) fn read(value: Value) -> Result<Self> {
        let text = value.to_string();
        serde_json::from_value(value).with_context(|| format!("reading the account {text}"))
    }

    /// The wallet of a service.
    ///
    /// # Errors
    /// There is none.
    pub fn wallet(&self, service: &str) -> Result<&WalletView> {
        self.wallets
            .iter()
            .find(|wallet| wallet.service == service)
            .with_context(|| format!("account {} has no {service} wallet", self.account_id))
    }
}

impl WalletView {
    /// Whether auto top-up is acted on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.auto_topup.as_ref().is_some_and(|settings| settings.enabled)
    }

    /// Why it is not.
    #[must_use]
    pub fn disabled_reason(&self) -> Option<&str> {
        self.auto_topup.as_ref()?.disabled_reason.as_deref()
    }
}

/// A literal number of credits, for comparing.
///
/// # Errors
/// It is none.
pub fn credits(text: &str) -> Result<Credits> {
    text.parse().with_context(|| format!("{text} credits"))
}
