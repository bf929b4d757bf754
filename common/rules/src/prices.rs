//! P1: what credits cost, and what money buys.
//!
//! Left out: keeping the list, and what was quoted before (C4 keeps the price with the top-up).

use crate::credits::Credits;
use crate::decimal::{self, DecimalError};
use crate::ids::Service;
use crate::money::{Currency, Money};
use std::fmt;
use std::str::FromStr;

/// Thousandths of a credit × millionths of a minor unit, in one minor unit.
const SCALE: i128 = 1_000 * 1_000_000;

/// A decimal newtype: text in JSON, an integer inside.
macro_rules! decimal_newtype {
    ($(#[$meta:meta])* $name:ident, $places:literal, $inner:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// From the integer inside.
            #[must_use]
            pub const fn $inner(value: i64) -> Self {
                Self(value)
            }

            /// The integer inside.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                decimal::write(f, self.0, $places)
            }
        }

        impl FromStr for $name {
            type Err = DecimalError;

            fn from_str(text: &str) -> Result<Self, DecimalError> {
                decimal::parse(text, $places).map(Self)
            }
        }

        impl serde::Serialize for $name {
            /// A string, so that no reader takes it for a float.
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            /// A string that holds a decimal number, or a JSON number.
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::json::number(deserializer)
            }
        }
    };
}

decimal_newtype! {
    /// The price of one credit, in millionths of the currency's minor unit; at most 6 decimals of it.
    UnitPrice, 6, from_micro
}

decimal_newtype! {
    /// A tax rate in ten-thousandths of a per cent; at most 4 decimals of it.
    TaxPercent, 4, from_ten_thousandths
}

impl UnitPrice {
    /// The most that one credit may cost: a million minor units. Keeps every price inside 63 bits.
    pub const MAX: Self = Self(1_000_000_000_000);
}

impl TaxPercent {
    /// 100 per cent.
    pub const MAX: Self = Self(1_000_000);
}

/// One line of the price list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// For what.
    pub service: Service,
    /// In what.
    pub currency: Currency,
    /// The smallest quantity that reaches this tier.
    pub from_credits: Credits,
    /// What one credit then costs, tax included.
    #[serde(rename = "unit_price_minor")]
    pub unit_price: UnitPrice,
    /// The tax inside the price.
    pub tax_percent: TaxPercent,
}

/// What is wrong with a price list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("price {position}: {problem}")]
pub struct PriceListError {
    /// Which price, counted from 1 in the order given.
    pub position: usize,
    /// What is wrong with it.
    pub problem: PriceProblem,
}

/// What is wrong with one price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceProblem {
    /// A quantity below zero or beyond any wallet.
    #[error("from_credits must be 0 to {max}, and is {0}", max = Credits::WALLET_MAX)]
    FromCredits(Credits),
    /// Free, or absurdly dear.
    #[error("unit_price_minor must be above 0 and at most {max}, and is {0}", max = UnitPrice::MAX)]
    UnitPrice(UnitPrice),
    /// Not a rate.
    #[error("tax_percent must be 0 to {max}, and is {0}", max = TaxPercent::MAX)]
    TaxPercent(TaxPercent),
    /// Two prices for the same quantity.
    #[error("from_credits {from_credits} of {service} in {currency} is listed already")]
    Duplicate {
        /// For what.
        service: Service,
        /// In what.
        currency: Currency,
        /// From where.
        from_credits: Credits,
    },
    /// Two rates for the same currency.
    #[error("tax_percent {here} differs from {before}, which {currency} has further up")]
    TaxDiffers {
        /// Whose.
        currency: Currency,
        /// This price's.
        here: TaxPercent,
        /// An earlier price's.
        before: TaxPercent,
    },
}

/// What is charged for how many credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// How many.
    pub credits: Credits,
    /// What is charged. The tax is inside.
    pub price: Money,
    /// The part of the price that is tax, rounded half up.
    pub tax: Money,
    /// The price of one credit.
    pub unit_price: UnitPrice,
}

/// What a quote is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The price of so many.
    Credits(Credits),
    /// What so much buys, in the currency's minor unit.
    Amount(i64),
}

/// Why there is no quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPrice {
    /// Nothing, less than nothing, more than a wallet holds, or nothing that has a price.
    #[error("P1: {quantity} {service} credits have no price in {currency}")]
    OfCredits {
        /// How many.
        quantity: Credits,
        /// Of what.
        service: Service,
        /// In what.
        currency: Currency,
    },
    /// Nothing, less than nothing, or less than the smallest quantity costs.
    #[error("P1: {money} buys no {service} credits")]
    OfAmount {
        /// How much.
        money: Money,
        /// Of what.
        service: Service,
    },
}

/// What would be charged is not what was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("P1: the price is {now} now, and not {shown} as it was shown")]
pub struct PriceChanged {
    /// What whoever buys has seen.
    pub shown: Money,
    /// What it costs.
    pub now: Money,
}

impl Quote {
    /// P1: what is charged is what was shown, or nothing. `shown`: what whoever buys has seen, where that is known.
    ///
    /// # Errors
    /// Another price was.
    pub fn as_shown(self, shown: Option<Money>) -> Result<Self, PriceChanged> {
        match shown {
            Some(shown) if shown != self.price => Err(PriceChanged {
                shown,
                now: self.price,
            }),
            Some(_) | None => Ok(self),
        }
    }
}

/// All prices, checked; ordered by service, currency and quantity.
///
/// A quantity below a currency's first tier has no price: that is how a smallest purchase is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceList(Vec<PriceTier>);

impl PriceList {
    /// Checks the prices one by one, in the order given.
    ///
    /// # Errors
    /// The first price that can't stand, and why.
    pub fn new(mut tiers: Vec<PriceTier>) -> Result<Self, PriceListError> {
        for (index, tier) in tiers.iter().enumerate() {
            let earlier = tiers.get(..index).unwrap_or_default();
            if let Some(problem) = problem(tier, earlier) {
                let position = index + 1;
                return Err(PriceListError { position, problem });
            }
        }
        tiers.sort_by_key(|tier| (tier.service, tier.currency, tier.from_credits));
        Ok(Self(tiers))
    }

    /// The prices, in order.
    #[must_use]
    pub fn tiers(&self) -> &[PriceTier] {
        &self.0
    }

    /// P1: either way.
    ///
    /// # Errors
    /// There is no such price.
    pub fn quote(&self, service: Service, currency: Currency, wanted: Wanted) -> Result<Quote, NoPrice> {
        match wanted {
            Wanted::Credits(quantity) => {
                self.price_of(service, currency, quantity)
                    .ok_or(NoPrice::OfCredits {
                        quantity,
                        service,
                        currency,
                    })
            }
            Wanted::Amount(amount_minor) => {
                let money = Money::new(amount_minor, currency);
                self.bought_for(service, money)
                    .ok_or(NoPrice::OfAmount { money, service })
            }
        }
    }

    /// P1: credits → price. The tier reached prices the whole quantity; the price is rounded up to a minor unit.
    /// `None` where none is listed, or `credits` are not above 0 or more than a wallet holds.
    #[must_use]
    pub fn price_of(&self, service: Service, currency: Currency, credits: Credits) -> Option<Quote> {
        if !credits.is_positive() || credits > Credits::WALLET_MAX {
            return None;
        }
        let tier = self
            .of(service, currency)
            .iter()
            .rev()
            .find(|tier| tier.from_credits <= credits)?;
        quote(tier, credits)
    }

    /// P1: amount → credits: the largest quantity whose price `money` covers. What is charged for it can be less
    /// than `money`. `None` where nothing is listed or `money` covers nothing.
    #[must_use]
    pub fn bought_for(&self, service: Service, money: Money) -> Option<Quote> {
        let mut end_milli = Credits::WALLET_MAX.milli();
        // Prices grow with the quantity inside a tier, so the highest tier that can be paid at all has the answer.
        for tier in self.of(service, money.currency).iter().rev() {
            let covered = i128::from(money.amount_minor) * SCALE / i128::from(tier.unit_price.0);
            let milli = i64::try_from(covered).unwrap_or(i64::MAX).min(end_milli);
            if milli > 0 && milli >= tier.from_credits.milli() {
                return quote(tier, Credits::from_milli(milli));
            }
            end_milli = tier.from_credits.milli() - 1;
        }
        None
    }

    /// One service's and currency's tiers, smallest quantity first.
    fn of(&self, service: Service, currency: Currency) -> &[PriceTier] {
        let wanted = (service, currency);
        let start = self
            .0
            .partition_point(|tier| (tier.service, tier.currency) < wanted);
        let end = self
            .0
            .partition_point(|tier| (tier.service, tier.currency) <= wanted);
        self.0.get(start..end).unwrap_or_default()
    }
}

fn quote(tier: &PriceTier, credits: Credits) -> Option<Quote> {
    let exact = i128::from(credits.milli()) * i128::from(tier.unit_price.0);
    let price = exact.div_euclid(SCALE) + i128::from(exact.rem_euclid(SCALE) > 0);
    let (rate, whole) = (i128::from(tier.tax_percent.0), i128::from(TaxPercent::MAX.0));
    // The tax inside a price is price × rate ÷ (100 % + rate); adding half the divisor rounds half up.
    let tax = (price * rate + (whole + rate) / 2) / (whole + rate);
    Some(Quote {
        credits,
        price: Money::new(i64::try_from(price).ok()?, tier.currency),
        tax: Money::new(i64::try_from(tax).ok()?, tier.currency),
        unit_price: tier.unit_price,
    })
}

fn problem(tier: &PriceTier, earlier: &[PriceTier]) -> Option<PriceProblem> {
    if tier.from_credits < Credits::ZERO || tier.from_credits > Credits::WALLET_MAX {
        return Some(PriceProblem::FromCredits(tier.from_credits));
    }
    if tier.unit_price.0 <= 0 || tier.unit_price > UnitPrice::MAX {
        return Some(PriceProblem::UnitPrice(tier.unit_price));
    }
    if tier.tax_percent.0 < 0 || tier.tax_percent > TaxPercent::MAX {
        return Some(PriceProblem::TaxPercent(tier.tax_percent));
    }
    let (service, currency, from_credits) = (tier.service, tier.currency, tier.from_credits);
    let same_place = |other: &&PriceTier| {
        (other.service, other.currency, other.from_credits) == (service, currency, from_credits)
    };
    if earlier.iter().any(|other| same_place(&other)) {
        return Some(PriceProblem::Duplicate {
            service,
            currency,
            from_credits,
        });
    }
    let here = tier.tax_percent;
    earlier
        .iter()
        .find(|other| other.currency == currency && other.tax_percent != here)
        .map(|other| PriceProblem::TaxDiffers {
            currency,
            here,
            before: other.tax_percent,
        })
}
