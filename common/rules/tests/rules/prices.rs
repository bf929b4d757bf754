//! P1.

use crate::given::{credits, currency, whole, zar};
use proptest::prelude::*;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::money::Money;
use topup_rules::prices::{PriceChanged, PriceList, PriceTier, Quote, TaxPercent, UnitPrice};

fn tier(from_credits: &str, unit_price: &str) -> PriceTier {
    PriceTier {
        service: Service::Sms,
        currency: currency("ZAR"),
        from_credits: credits(from_credits),
        unit_price: unit_price.parse().unwrap(),
        tax_percent: "15".parse().unwrap(),
    }
}

/// 25.5 cents each, from 1,000 on 20, from 10,000 on 15.25.
fn list() -> PriceList {
    PriceList::new(vec![
        tier("1000", "20"),
        tier("0", "25.5"),
        tier("10000", "15.25"),
    ])
    .unwrap()
}

fn price_of(text: &str) -> Option<Quote> {
    list().price_of(Service::Sms, currency("ZAR"), credits(text))
}

fn bought_for(amount_minor: i64) -> Option<Quote> {
    list().bought_for(Service::Sms, zar(amount_minor))
}

#[test]
fn p1_the_tier_reached_prices_the_whole_quantity() {
    let check = |quantity: &str, expected_minor: i64| {
        assert_eq!(
            price_of(quantity).unwrap().price,
            zar(expected_minor),
            "{quantity}"
        );
    };
    check("500", 12_750);
    check("999.999", 25_500);
    check("1000", 20_000);
    check("9999", 199_980);
    check("10000", 152_500);
}

#[test]
fn p1_a_price_is_rounded_up_to_a_minor_unit() {
    let check = |quantity: &str, expected_minor: i64| {
        assert_eq!(
            price_of(quantity).unwrap().price,
            zar(expected_minor),
            "{quantity}"
        );
    };
    check("1", 26);
    check("2", 51);
    check("0.001", 1);
    check("3", 77);
}

#[test]
fn p1_the_tax_is_inside_the_price_and_shown() {
    let quote = price_of("500").unwrap();
    assert_eq!(quote.price, zar(12_750));
    // 127.50 with 15 % inside: 110.87 and 16.63.
    assert_eq!(quote.tax, zar(1_663));
    assert_eq!(quote.unit_price.to_string(), "25.5");
    let untaxed = PriceList::new(vec![PriceTier {
        tax_percent: TaxPercent::from_ten_thousandths(0),
        ..tier("0", "25.5")
    }])
    .unwrap();
    let quote = untaxed
        .price_of(Service::Sms, currency("ZAR"), whole(500))
        .unwrap();
    assert_eq!(quote.tax, zar(0));
}

#[test]
fn p1_an_amount_buys_the_largest_quantity_that_it_covers() {
    let check = |amount_minor: i64, expected: &str, expected_minor: i64| {
        let quote = bought_for(amount_minor).unwrap();
        assert_eq!(quote.credits, credits(expected), "{amount_minor}");
        assert_eq!(quote.price, zar(expected_minor), "{amount_minor}");
    };
    check(12_750, "500", 12_750);
    check(26, "1.019", 26);
    check(1, "0.039", 1);
    // From 200.00 on the next tier gives more for the same money.
    check(19_999, "784.274", 19_999);
    check(20_000, "1000", 20_000);
    // Here 10,000 at 15.25 cost less than 7,700 at 20 would.
    check(152_499, "7624.95", 152_499);
    check(152_500, "10000", 152_500);
}

#[test]
fn p1_without_a_price_there_is_no_quote() {
    assert_eq!(price_of("0"), None);
    assert_eq!(price_of("-5"), None);
    assert_eq!(price_of("1000000000000.001"), None);
    assert_eq!(bought_for(0), None);
    assert_eq!(bought_for(-100), None);
    assert_eq!(
        list().price_of(Service::Whatsapp, currency("ZAR"), whole(5)),
        None
    );
    assert_eq!(list().price_of(Service::Sms, currency("KES"), whole(5)), None);
    assert_eq!(
        list().bought_for(Service::Sms, Money::new(500, currency("KES"))),
        None
    );
    assert_eq!(
        PriceList::default().price_of(Service::Sms, currency("ZAR"), whole(5)),
        None
    );
}

#[test]
fn p1_what_is_charged_is_what_was_shown_or_nothing() {
    let quote = price_of("500").unwrap();
    let now = zar(12_750);
    assert_eq!(quote.as_shown(None), Ok(quote));
    assert_eq!(quote.as_shown(Some(now)), Ok(quote));
    let in_kes = Money::new(12_750, currency("KES"));
    // Dearer, cheaper, or in another currency: the price that was seen is not the one that there is.
    for shown in [zar(12_749), zar(12_751), in_kes] {
        assert_eq!(quote.as_shown(Some(shown)), Err(PriceChanged { shown, now }));
    }
    let told = quote.as_shown(Some(zar(12_000))).unwrap_err().to_string();
    assert_eq!(
        told,
        "P1: the price is ZAR 127.50 now, and not ZAR 120.00 as it was shown"
    );
}

#[test]
fn p1_below_the_first_tier_nothing_is_sold() {
    let list = PriceList::new(vec![tier("100", "25.5")]).unwrap();
    let zar_currency = currency("ZAR");
    assert_eq!(list.price_of(Service::Sms, zar_currency, credits("99.999")), None);
    assert!(list.price_of(Service::Sms, zar_currency, whole(100)).is_some());
    assert_eq!(list.bought_for(Service::Sms, zar(2_549)), None);
    let smallest = list.bought_for(Service::Sms, zar(2_550)).unwrap();
    assert_eq!(smallest.credits, whole(100));
}

#[test]
fn p1_services_and_currencies_have_prices_of_their_own() {
    let whatsapp = PriceTier {
        service: Service::Whatsapp,
        ..tier("0", "40")
    };
    let shillings = PriceTier {
        currency: currency("KES"),
        tax_percent: "16".parse().unwrap(),
        ..tier("0", "100")
    };
    let list = PriceList::new(vec![whatsapp, shillings, tier("0", "25.5")]).unwrap();
    let price = |service, code: &str| {
        let quote = list.price_of(service, currency(code), whole(10)).unwrap();
        quote.price.to_string()
    };
    assert_eq!(price(Service::Sms, "ZAR"), "ZAR 2.55");
    assert_eq!(price(Service::Whatsapp, "ZAR"), "ZAR 4.00");
    assert_eq!(price(Service::Sms, "KES"), "KES 10.00");
}

#[test]
fn p1_a_list_with_a_mistake_is_refused_with_its_place() {
    let refused = |wrong: PriceTier, reason: &str| {
        let error = PriceList::new(vec![tier("0", "25.5"), wrong]).unwrap_err();
        assert_eq!(error.to_string(), format!("price 2: {reason}"));
    };
    refused(tier("0", "20"), "from_credits 0 of sms in ZAR is listed already");
    refused(
        tier("-1", "20"),
        "from_credits must be 0 to 1000000000000, and is -1",
    );
    refused(
        tier("10", "0"),
        "unit_price_minor must be above 0 and at most 1000000, and is 0",
    );
    refused(
        tier("10", "-2.5"),
        "unit_price_minor must be above 0 and at most 1000000, and is -2.5",
    );
    refused(
        tier("10", "1000000.000001"),
        "unit_price_minor must be above 0 and at most 1000000, and is 1000000.000001",
    );
    refused(
        PriceTier {
            tax_percent: "100.0001".parse().unwrap(),
            ..tier("10", "20")
        },
        "tax_percent must be 0 to 100, and is 100.0001",
    );
    refused(
        PriceTier {
            service: Service::Whatsapp,
            tax_percent: "14".parse().unwrap(),
            ..tier("10", "20")
        },
        "tax_percent 14 differs from 15, which ZAR has further up",
    );
}

#[test]
fn p1_a_price_is_read_from_json_and_written_back() {
    let line =
        r#"{"service":"sms","currency":"ZAR","from_credits":0,"unit_price_minor":"25.5","tax_percent":"15"}"#;
    let read: PriceTier = serde_json::from_str(line).unwrap();
    assert_eq!(read, tier("0", "25.5"));
    assert_eq!(serde_json::to_string(&read).unwrap(), line);
    let numbers =
        r#"{"service":"sms","currency":"ZAR","from_credits":"0","unit_price_minor":25.5,"tax_percent":15}"#;
    assert_eq!(serde_json::from_str::<PriceTier>(numbers).unwrap(), read);
    let refused = |line: &str, reason: &str| {
        let error = serde_json::from_str::<PriceTier>(line).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    };
    refused(&line.replace("25.5", "25.5000001"), "has more than 6 decimals");
    refused(&line.replace("\"15\"", "\"15%\""), "is not a decimal number");
    refused(&line.replace("currency", "curency"), "unknown field `curency`");
    refused(
        &line.replace("ZAR", "zar"),
        "\"zar\" is not an ISO 4217 currency code",
    );
}

/// Up to four tiers at any prices, falling or not.
fn any_list() -> impl Strategy<Value = PriceList> {
    let tiers = prop::collection::btree_map(0_i64..5_000_000, 1_i64..200_000_000, 1..5);
    tiers.prop_map(|tiers| {
        let tiers = tiers.into_iter().map(|(from_milli, unit_micro)| PriceTier {
            from_credits: Credits::from_milli(from_milli),
            unit_price: UnitPrice::from_micro(unit_micro),
            ..tier("0", "1")
        });
        PriceList::new(tiers.collect()).unwrap()
    })
}

proptest! {
    /// What money buys is covered by it, and nothing larger is: not a thousandth more, nor any other quantity.
    #[test]
    fn p1_nothing_larger_is_covered(list in any_list(), amount_minor in 0_i64..1_000_000, other_milli in 1_i64..10_000_000) {
        let price = |credits: Credits| list.price_of(Service::Sms, currency("ZAR"), credits).map(|quote| quote.price.amount_minor);
        let bought = list.bought_for(Service::Sms, zar(amount_minor));
        let bought_milli = bought.map_or(0, |quote| quote.credits.milli());
        if let Some(quote) = bought {
            prop_assert_eq!(price(quote.credits), Some(quote.price.amount_minor));
            prop_assert!(quote.price.amount_minor <= amount_minor);
            let more = Credits::from_milli(bought_milli + 1);
            prop_assert!(price(more).unwrap() > amount_minor);
        }
        if other_milli > bought_milli && let Some(price) = price(Credits::from_milli(other_milli)) {
            prop_assert!(price > amount_minor, "{} credits for {} were overlooked", other_milli, price);
        }
    }

    /// The price of a quantity buys at least that quantity.
    #[test]
    fn p1_a_price_buys_what_it_was_asked_for(list in any_list(), milli in 1_i64..10_000_000) {
        if let Some(quote) = list.price_of(Service::Sms, currency("ZAR"), Credits::from_milli(milli)) {
            let bought = list.bought_for(Service::Sms, quote.price).unwrap();
            prop_assert!(bought.credits.milli() >= milli);
        }
    }

    /// A price is never below the exact one, and less than one minor unit above it; its tax is a part of it.
    #[test]
    fn p1_rounding_is_less_than_a_minor_unit(milli in 1_i64..=1_000_000_000_000_000, unit_micro in 1_i64..=1_000_000_000_000, tax in 0_i64..=1_000_000) {
        let tier = PriceTier {
            unit_price: UnitPrice::from_micro(unit_micro),
            tax_percent: TaxPercent::from_ten_thousandths(tax),
            ..tier("0", "1")
        };
        let list = PriceList::new(vec![tier]).unwrap();
        let quote = list.price_of(Service::Sms, currency("ZAR"), Credits::from_milli(milli)).unwrap();
        let exact = i128::from(milli) * i128::from(unit_micro);
        let above = i128::from(quote.price.amount_minor) * 1_000_000_000 - exact;
        prop_assert!((0..1_000_000_000).contains(&above));
        prop_assert!((0..=quote.price.amount_minor).contains(&quote.tax.amount_minor));
    }
}
