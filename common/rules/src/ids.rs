//! Names of things: accounts, services, wallets, top-ups, references.

use crate::names::names;
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A text that does not name what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub(crate) String);

/// A customer of the messaging platform: a positive 63-bit integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(i64);

impl AccountId {
    /// `None` unless positive.
    #[must_use]
    pub const fn new(id: i64) -> Option<Self> {
        if id > 0 { Some(Self(id)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for AccountId {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| InvalidName("is not a positive 63-bit integer".to_owned()))
    }
}

impl serde::Serialize for AccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for AccountId {
    /// A JSON integer, or the same as a string.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::number(deserializer)
    }
}

names! {
    /// What credits are for.
    #[derive(Default)]
    pub enum Service: "service" {
        /// Text messages.
        #[default]
        Sms = "sms",
        /// WhatsApp messages.
        Whatsapp = "whatsapp",
    }
}

/// A wallet: one account's credits for one service. Its order is the order in which wallets are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletKey {
    /// Whose.
    pub account: AccountId,
    /// For what.
    pub service: Service,
}

impl WalletKey {
    /// One for examples.
    pub const EXAMPLE: Self = Self {
        account: AccountId(1001),
        service: Service::Sms,
    };
}

impl fmt::Display for WalletKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.service)
    }
}

/// One attempt to refill a wallet.
pub type TopupId = Uuid;

/// A payment's idempotency key at the gateway: `topup-1001-<uuid>`. Letters, digits, `-`, `.`, `=` alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

names! {
    /// What a payment is for, as it stands at the head of its reference.
    pub enum ReferenceKind: "kind of reference" {
        /// An automatic card top-up.
        Topup = "topup",
        /// Credits bought by hand.
        Purchase = "purchase",
        /// The charge with which a card is registered (E3).
        Registration = "registration",
    }
}

/// Longest reference that is let in, in bytes.
const REFERENCE_MAX_BYTES: usize = 100;

impl Reference {
    /// The one reference of a top-up.
    #[must_use]
    pub fn of_topup(account: AccountId, topup: TopupId) -> Self {
        Self(format!("{}-{account}-{topup}", ReferenceKind::Topup))
    }

    /// The one reference of a purchase.
    #[must_use]
    pub fn of_purchase(account: AccountId, purchase: Uuid) -> Self {
        Self(format!("{}-{account}-{purchase}", ReferenceKind::Purchase))
    }

    /// The one reference of a card's registration.
    #[must_use]
    pub fn of_registration(account: AccountId, registration: Uuid) -> Self {
        Self(format!(
            "{}-{account}-{registration}",
            ReferenceKind::Registration
        ))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it pays for, for whom, and the payment's own id.
    #[must_use]
    pub fn parts(&self) -> Option<(ReferenceKind, AccountId, Uuid)> {
        let (kind, rest) = self.0.split_once('-')?;
        let (account, id) = rest.split_once('-')?;
        Some((
            kind.parse().ok()?,
            account.parse().ok()?,
            Uuid::try_parse(id).ok()?,
        ))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Reference {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fits = !text.is_empty()
            && text.len() <= REFERENCE_MAX_BYTES
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'='));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(
                "is not 1 to 100 letters, digits, `-`, `.` or `=`".to_owned(),
            ))
        }
    }
}

impl serde::Serialize for Reference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Reference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
