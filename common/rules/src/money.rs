//! Money: an integer of a currency's minor unit, with its currency.

use crate::decimal::{self, DecimalError};
use std::fmt;

/// Decimals of every currency that the gateways take.
const PLACES: u32 = 2;

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 4217 currency code of three capital letters")]
pub struct NotACurrency;

impl Currency {
    /// South Africa's rand, for examples.
    pub const ZAR: Self = Self(*b"ZAR");

    /// The code: `ZAR`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII capitals are ever let in.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl std::str::FromStr for Currency {
    type Err = NotACurrency;

    fn from_str(text: &str) -> Result<Self, NotACurrency> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(NotACurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse()
            .map_err(|e| serde::de::Error::custom(format!("{text:?} {e}")))
    }
}

/// An amount of money: `amount_minor` hundredths (or whatever the currency's minor unit is).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// In the currency's minor unit.
    pub amount_minor: i64,
    /// Of this currency.
    pub currency: Currency,
}

impl Money {
    /// `amount_minor` of `currency`.
    #[must_use]
    pub const fn new(amount_minor: i64, currency: Currency) -> Self {
        Self {
            amount_minor,
            currency,
        }
    }

    /// As people write it, without its currency: `352.47`, `350`.
    ///
    /// # Errors
    /// It is no such number, or there is less of it than a minor unit.
    pub fn of_text(text: &str, currency: Currency) -> Result<Self, DecimalError> {
        decimal::parse(text, PLACES).map(|amount_minor| Self::new(amount_minor, currency))
    }
}

impl fmt::Display for Money {
    /// `ZAR 352.47`. Every currency that the gateways take has two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let minor = self.amount_minor.unsigned_abs();
        write!(f, "{} {sign}{}.{:02}", self.currency, minor / 100, minor % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_people_write_it() {
        let currency: Currency = "ZAR".parse().expect("a currency");
        let read = |text| Money::of_text(text, currency).map(|money| money.amount_minor);
        assert_eq!(read("352.47"), Ok(35_247));
        assert_eq!(read("350"), Ok(35_000));
        assert_eq!(read("0.5"), Ok(50));
        assert_eq!(read("0.005"), Err(DecimalError::TooPrecise { places: 2 }));
        assert_eq!(read(""), Err(DecimalError::Malformed));
        assert_eq!(read("R 5"), Err(DecimalError::Malformed));
    }
}
