//! What the gateway charges at least, and how a customer can pay on its page, by currency: as it publishes them.

use crate::payment::PayChannel;
use topup_rules::money::Currency;

/// A currency that the gateway takes.
struct Taken {
    currency: &'static str,
    /// The least charge, in minor units.
    least_minor: i64,
    /// What people pay with from their phones there; none: by card alone.
    phone_wallets: &'static [&'static str],
}

const fn by_card(currency: &'static str, least_minor: i64) -> Taken {
    by_phone(currency, least_minor, &[])
}

const fn by_phone(currency: &'static str, least_minor: i64, phone_wallets: &'static [&'static str]) -> Taken {
    Taken {
        currency,
        least_minor,
        phone_wallets,
    }
}

const TAKEN: [Taken; 8] = [
    by_card("ZAR", 100),
    by_phone("KES", 300, &["M-Pesa", "Airtel Money"]),
    by_card("NGN", 5_000),
    by_phone("GHS", 10, &["MTN", "Telecel", "AirtelTigo"]),
    by_card("USD", 200),
    by_phone("UGX", 0, &["MTN", "Airtel Money"]),
    by_phone("TZS", 0, &["M-Pesa", "Airtel Money"]),
    by_phone("RWF", 0, &["MTN", "Airtel Money"]),
];

fn taken(currency: Currency) -> Option<&'static Taken> {
    TAKEN.iter().find(|it| it.currency == currency.as_str())
}

/// The least charge, in minor units; 0 where it has no such word.
pub(crate) fn least_charge_minor(currency: Currency) -> i64 {
    taken(currency).map_or(0, |it| it.least_minor)
}

/// What people pay with from their phones.
pub(crate) fn phone_wallets(currency: Currency) -> &'static [&'static str] {
    taken(currency).map_or(&[], |it| it.phone_wallets)
}

/// How a customer can pay.
pub(crate) fn channels(currency: Currency) -> &'static [PayChannel] {
    if phone_wallets(currency).is_empty() {
        &[PayChannel::Card]
    } else {
        &[PayChannel::Card, PayChannel::MobileMoney]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phone_pays_where_the_currency_knows_it_and_a_card_everywhere() {
        let check = |code: &str, least_minor, channels_: &[PayChannel]| {
            let currency = code.parse().expect("a currency");
            assert_eq!(least_charge_minor(currency), least_minor, "{code}");
            assert_eq!(channels(currency), channels_, "{code}");
        };
        check("ZAR", 100, &[PayChannel::Card]);
        check("KES", 300, &[PayChannel::Card, PayChannel::MobileMoney]);
        check("USD", 200, &[PayChannel::Card]);
        check("UGX", 0, &[PayChannel::Card, PayChannel::MobileMoney]);
        check("EUR", 0, &[PayChannel::Card]);
        let kes = "KES".parse().expect("a currency");
        assert_eq!(phone_wallets(kes), ["M-Pesa", "Airtel Money"]);
    }
}
