//! What a summary showed, as the form bears it that pays: what is charged is that, or nothing (P1).
//!
//! Left out: whether it is still the price. That is decided where it is charged, by the list of then.

use std::fmt;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::money::Money;
use topup_rules::prices::{Quote, Wanted};

/// A quantity or an amount that somebody typed, and what it was shown to come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    service: Service,
    wanted: Wanted,
    pub(super) credits: Credits,
    pub(super) price: Money,
}

impl Shown {
    pub(super) const fn of(service: Service, wanted: Wanted, quote: &Quote) -> Self {
        Self {
            service,
            wanted,
            credits: quote.credits,
            price: quote.price,
        }
    }

    /// As a form bore it: what was shown for just this. None where something else was, or nothing.
    pub(super) fn read(text: &str, service: Service, wanted: Wanted) -> Option<Self> {
        let (asked, came_to) = text.split_once(" = ")?;
        let (credits, price) = came_to.split_once(' ')?;
        let (currency, amount) = price.split_once(' ')?;
        let shown = Self {
            service,
            wanted,
            credits: credits.parse().ok()?,
            price: Money::of_text(amount, currency.parse().ok()?).ok()?,
        };
        (asked == shown.asked()).then_some(shown)
    }

    /// `sms credits 500`, `sms amount 35250`.
    fn asked(&self) -> String {
        match self.wanted {
            Wanted::Credits(credits) => format!("{} credits {credits}", self.service),
            Wanted::Amount(amount_minor) => format!("{} amount {amount_minor}", self.service),
        }
    }
}

impl fmt::Display for Shown {
    /// `sms credits 500 = 500 ZAR 352.47`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {} {}", self.asked(), self.credits, self.price)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_bears_is_what_was_shown_for_what_was_typed_and_for_nothing_else() {
        let currency = "ZAR".parse().expect("a currency");
        let credits = |number: i64| Credits::from_milli(number * 1_000);
        let for_credits = Wanted::Credits(credits(500));
        let for_amount = Wanted::Amount(35_250);
        for wanted in [for_credits, for_amount] {
            let shown = Shown {
                service: Service::Sms,
                wanted,
                credits: credits(500),
                price: Money::new(35_247, currency),
            };
            let text = shown.to_string();
            assert_eq!(Shown::read(&text, Service::Sms, wanted), Some(shown));
            assert_eq!(Shown::read(&text, Service::Whatsapp, wanted), None);
            let others = [Wanted::Credits(credits(501)), Wanted::Amount(35_251)];
            for other in others {
                assert_eq!(Shown::read(&text, Service::Sms, other), None);
            }
        }
        let read = |text| Shown::read(text, Service::Sms, for_credits);
        assert!(read("sms credits 500 = 500 ZAR 352.47").is_some());
        for text in [
            "",
            "sms credits 500",
            "sms credits 500 = 500 352.47",
            "= 500 ZAR 352.47",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
