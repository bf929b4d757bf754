//! Lines of accounts and of prices that are nearly right: nothing panics, and what is said of a mistake is one line.

use super::read;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use topup_rules::prices::{PriceList, PriceTier};
use topup_store::AccountImport;

const ACCOUNT: &str = r#"{"account_id":1001,"kind":"sub","parent_id":"7","currency":"ZAR","language":"en","mobile":"+27820000001","email":"ops@example.com","wallets":[{"service":"sms","credits":"150.5","low_credit_threshold":50,"auto_topup":{"method":"card","threshold":100,"quantity":500,"enabled":true,"caps":{"topups_per_day":5,"amount_minor_per_month":5000000},"card":{"authorization_code":"AUTH_ok","email":"ops@example.com","brand":"visa","last4":"4081","exp_month":12,"exp_year":2030,"signature":"SIG_1001"}}}]}"#;
const PRICE: &str =
    r#"{"service":"sms","currency":"ZAR","from_credits":500,"unit_price_minor":"25.5","tax_percent":"15"}"#;

/// What is put in the place of a part of a line.
const ODD: &[&str] = &[
    "",
    "null",
    "-1",
    "1e400",
    "\"\"",
    "[]",
    "{}",
    "9223372036854775808",
    "\u{0}",
    "\"\u{301}",
    "\\ud800",
    "0.0001",
];

fn is_one_line(told: &str) -> bool {
    !told.is_empty() && told.chars().count() <= 600 && !told.chars().any(char::is_control)
}

/// A line with pieces of it replaced.
fn bent(line: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let slip = (any::<Index>(), 0_usize..12, select(ODD));
    prop::collection::vec(slip, 0..3).prop_map(move |slips| {
        let mut bytes = line.as_bytes().to_vec();
        for (at, length, odd) in slips {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, odd.bytes());
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_line_of_an_account(line in bent(ACCOUNT)) {
        match read::<AccountImport>(&line) {
            Ok(account) => {
                let checked = account.check().map_err(|refusal| refusal.to_string());
                prop_assert!(checked.as_ref().err().is_none_or(|told| is_one_line(told)), "{checked:?}");
            }
            Err(wrong) => prop_assert!(is_one_line(&wrong.problem), "{wrong:?}"),
        }
    }

    #[test]
    fn a_line_of_a_price(line in bent(PRICE)) {
        match read::<PriceTier>(&line) {
            Ok(tier) => {
                let written = serde_json::to_vec(&tier).expect("it can be written");
                prop_assert_eq!(read::<PriceTier>(&written), Ok(tier));
                let listed = PriceList::new(vec![tier]).map_err(|wrong| wrong.to_string());
                prop_assert!(listed.as_ref().err().is_none_or(|told| is_one_line(told)), "{listed:?}");
            }
            Err(wrong) => prop_assert!(is_one_line(&wrong.problem), "{wrong:?}"),
        }
    }

    #[test]
    fn any_line(line in prop::collection::vec(any::<u8>(), 0..120)) {
        for wrong in [read::<AccountImport>(&line).err(), read::<PriceTier>(&line).err()].into_iter().flatten() {
            prop_assert!(is_one_line(&wrong.problem), "{wrong:?}");
        }
    }
}
