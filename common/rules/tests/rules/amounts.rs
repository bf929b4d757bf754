//! Credits and money: integers that are written as decimals, and nothing in between.

use crate::given::{currency, zar};
use proptest::prelude::*;
use topup_rules::DecimalError;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, ReferenceKind};
use topup_rules::money::Currency;
use uuid::Uuid;

#[test]
fn credits_are_read_to_the_last_digit() {
    let check = |text: &str, milli: i64| {
        assert_eq!(text.parse(), Ok(Credits::from_milli(milli)), "{text}");
    };
    check("0", 0);
    check("1", 1_000);
    check("1.5", 1_500);
    check("188.6", 188_600);
    check("0.001", 1);
    check("-0.001", -1);
    check("+2", 2_000);
    check("007", 7_000);
    check("1.500000000", 1_500);
    check("1e3", 1_000_000);
    check("1.5E+2", 150_000);
    check("1500e-3", 1_500);
    check("-0", 0);
    check("9223372036854775.807", i64::MAX);
    check("-9223372036854775.808", i64::MIN);
    check("100000000000000e-14", 1_000);
}

#[test]
fn what_is_no_amount_of_credits_is_refused_with_its_reason() {
    let refused = |text: &str, reason: DecimalError| {
        assert_eq!(text.parse::<Credits>(), Err(reason), "{text:?}");
    };
    for text in [
        "", "-", "+", ".", "1.", ".5", "1,5", "0x10", "1 ", " 1", "--1", "1e", "e5", "1e1.5", "NaN", "∞",
        "١", "1_000", "1e+", "1e--1",
    ] {
        refused(text, DecimalError::Malformed);
    }
    refused("0.0001", DecimalError::TooPrecise { places: 3 });
    refused("1e-4", DecimalError::TooPrecise { places: 3 });
    refused("1e-31", DecimalError::TooPrecise { places: 3 });
    refused("9223372036854775.808", DecimalError::TooLarge);
    refused("1e30", DecimalError::TooLarge);
    refused("1e400", DecimalError::TooLarge);
    refused("1e99999999999", DecimalError::TooLarge);
    refused("1e-99999999999", DecimalError::TooPrecise { places: 3 });
    refused(&"9".repeat(40), DecimalError::TooLarge);
    refused(&"9".repeat(41), DecimalError::TooLong);
    refused(&"9".repeat(4_000), DecimalError::TooLong);
}

#[test]
fn nothing_is_nothing_however_it_is_written() {
    for text in ["0e0", "0e400", "0e-400", "0.000000", "-0.0"] {
        assert_eq!(text.parse(), Ok(Credits::ZERO), "{text}");
    }
}

#[test]
fn credits_add_up_or_say_that_they_do_not() {
    let (max, one) = (Credits::from_milli(i64::MAX), Credits::from_milli(1));
    assert_eq!(max.checked_add(one), None);
    assert_eq!(Credits::from_milli(i64::MIN).checked_sub(one), None);
    assert_eq!(Credits::from_milli(i64::MIN).checked_neg(), None);
    assert_eq!(Credits::from_whole(i64::MAX), None);
    assert_eq!(one.checked_add(one), Some(Credits::from_milli(2)));
}

#[test]
fn money_is_shown_with_its_currency() {
    assert_eq!(zar(35_247).to_string(), "ZAR 352.47");
    assert_eq!(zar(5).to_string(), "ZAR 0.05");
    assert_eq!(zar(-5).to_string(), "ZAR -0.05");
    assert_eq!(zar(i64::MIN).to_string(), "ZAR -92233720368547758.08");
}

#[test]
fn a_currency_is_three_capital_letters() {
    assert_eq!(currency("KES").as_str(), "KES");
    for text in ["", "ZA", "ZARS", "zar", "Z1R", "ZÄR", "€"] {
        assert!(text.parse::<Currency>().is_err(), "{text}");
    }
}

#[test]
fn a_reference_bears_its_kind_account_and_id() {
    let id = Uuid::from_u128(7);
    let reference = Reference::of_topup(AccountId::new(1001).unwrap(), id);
    assert_eq!(
        reference.as_str(),
        "topup-1001-00000000-0000-0000-0000-000000000007"
    );
    let read: Reference = reference.as_str().parse().unwrap();
    assert_eq!(
        read.parts(),
        Some((ReferenceKind::Topup, AccountId::new(1001).unwrap(), id))
    );
    let bought = Reference::of_purchase(AccountId::new(1001).unwrap(), id);
    assert_eq!(
        bought.as_str(),
        "purchase-1001-00000000-0000-0000-0000-000000000007"
    );
    assert_eq!(
        bought.parts(),
        Some((ReferenceKind::Purchase, AccountId::new(1001).unwrap(), id))
    );
    let registration = Reference::of_registration(AccountId::new(1001).unwrap(), id);
    assert_eq!(
        registration.parts(),
        Some((ReferenceKind::Registration, AccountId::new(1001).unwrap(), id))
    );
    for foreign in [
        "buy-1001-x",
        "topup-0-00000000-0000-0000-0000-000000000007",
        "topup",
        "a.b=c",
    ] {
        assert_eq!(foreign.parse::<Reference>().unwrap().parts(), None, "{foreign}");
    }
    for wrong in ["", "a b", "a_b", "é", &"x".repeat(101)] {
        assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
    }
}

#[test]
fn an_account_id_is_a_positive_63_bit_integer() {
    let parse = |text: &str| text.parse::<AccountId>().map(AccountId::get);
    assert_eq!(parse("1"), Ok(1));
    assert_eq!(parse("9223372036854775807"), Ok(i64::MAX));
    for text in ["0", "-1", "9223372036854775808", "1.0", "1e3", "", "x"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

proptest! {
    /// Written and read again, every value is itself.
    #[test]
    fn every_amount_of_credits_survives_its_text(milli: i64) {
        let credits = Credits::from_milli(milli);
        prop_assert_eq!(credits.to_string().parse(), Ok(credits));
    }

    /// The same through JSON, for all that a wallet can hold.
    #[test]
    fn every_wallets_credits_survive_json(milli in -1_000_000_000_000_000_i64..=1_000_000_000_000_000) {
        let credits = Credits::from_milli(milli);
        let json = serde_json::to_string(&credits).unwrap();
        prop_assert_eq!(json.parse(), Ok(credits), "{}", &json);
        prop_assert_eq!(serde_json::from_str::<Credits>(&json).unwrap(), credits);
        prop_assert_eq!(serde_json::from_str::<Credits>(&format!("\"{credits}\"")).unwrap(), credits);
        let value = serde_json::to_value(credits).unwrap();
        prop_assert_eq!(serde_json::from_value::<Credits>(value).unwrap(), credits);
    }

    /// Any text at all gets an answer.
    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        let _ = text.parse::<Credits>();
        let _ = text.parse::<Currency>();
        let _ = text.parse::<Reference>();
    }

    /// Written with an exponent, an amount is the same.
    #[test]
    fn an_exponent_shifts_the_point(digits in 1_i64..1_000_000, shift in -3_i32..6) {
        let text = format!("{digits}e{shift}");
        let exact = i128::from(digits) * 10_i128.pow((shift + 3).unsigned_abs());
        prop_assert_eq!(i128::from(text.parse::<Credits>().unwrap().milli()), exact);
    }

    /// Money reads as its minor units divided by a hundred.
    #[test]
    fn money_shows_every_minor_unit(amount_minor: i64) {
        let shown = zar(amount_minor).to_string();
        let digits: String = shown.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
        prop_assert_eq!(digits.parse::<i64>().unwrap(), amount_minor);
    }
}
