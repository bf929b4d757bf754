//! Credits: what a wallet holds.

use crate::decimal::{self, DecimalError};
use std::fmt;

/// Decimals that credits have.
const PLACES: u32 = 3;

/// Prepaid credits in thousandths: `Credits::from_milli(1_500)` is 1.5 credits. May be negative (S3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Credits(i64);

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The most that one message may move, either way: 1,000,000 credits (S4).
    pub const EVENT_MAX: Self = Self(1_000_000_000);
    /// The most that a wallet, threshold or quantity may be: 10^12 credits. Keeps every sum far from overflow.
    pub const WALLET_MAX: Self = Self(1_000_000_000_000_000);

    /// The least that a balance may be: 10^15 credits owed, which no number of sends ever reaches.
    pub const BALANCE_MIN: Self = Self(-1_000_000_000_000_000_000);

    /// From thousandths of a credit.
    #[must_use]
    pub const fn from_milli(milli: i64) -> Self {
        Self(milli)
    }

    /// From whole credits; `None` where that overflows.
    #[must_use]
    pub const fn from_whole(whole: i64) -> Option<Self> {
        match whole.checked_mul(1_000) {
            Some(milli) => Some(Self(milli)),
            None => None,
        }
    }

    /// In thousandths of a credit.
    #[must_use]
    pub const fn milli(self) -> i64 {
        self.0
    }

    /// Sum; `None` where it overflows.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(milli) => Some(Self(milli)),
            None => None,
        }
    }

    /// Difference; `None` where it overflows.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(milli) => Some(Self(milli)),
            None => None,
        }
    }

    /// The same amount the other way; `None` for the one value that has none.
    #[must_use]
    pub const fn checked_neg(self) -> Option<Self> {
        match self.0.checked_neg() {
            Some(milli) => Some(Self(milli)),
            None => None,
        }
    }

    /// More than none.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        decimal::write(f, self.0, PLACES)
    }
}

impl std::str::FromStr for Credits {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        decimal::parse(text, PLACES).map(Self)
    }
}

impl serde::Serialize for Credits {
    /// A JSON number with at most 3 decimals.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number: serde_json::Number = self.to_string().parse().map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Credits {
    /// A JSON number or a string that holds one, at most 3 decimals.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::json::number(deserializer)
    }
}
