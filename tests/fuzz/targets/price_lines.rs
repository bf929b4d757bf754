//! Files of prices, as `fleetctl prices` takes them.

#![no_main]

mod told;

#[path = "../../../infra/fleetctl/src/fields.rs"]
#[allow(dead_code, reason = "the operator's command uses the rest")]
mod fields;

use libfuzzer_sys::fuzz_target;
use topup_rules::credits::Credits;
use topup_rules::prices::{PriceList, PriceTier};

/// As many as are looked at: a list is compared with itself.
const LINES_MAX: usize = 50;

fuzz_target!(|file: &[u8]| {
    let mut tiers = Vec::new();
    for line in file.split(|byte| *byte == b'\n').take(LINES_MAX) {
        match fields::read::<PriceTier>(line) {
            Ok(tier) => tiers.push(tier),
            Err(wrong) => told::is_one_line(&wrong.problem),
        }
    }
    match PriceList::new(tiers) {
        Ok(list) => prices(&list),
        Err(wrong) => told::is_one_line(&wrong.to_string()),
    }
});

/// Whatever is listed prices any quantity, or says that it does not.
fn prices(list: &PriceList) {
    for tier in list.tiers() {
        for quantity in [tier.from_credits, Credits::WALLET_MAX] {
            let _priced = list.price_of(tier.service, tier.currency, quantity);
        }
    }
}
