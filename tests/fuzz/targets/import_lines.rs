//! Lines of accounts, as `fleetctl import` takes them.

#![no_main]

mod told;

#[path = "../../../infra/fleetctl/src/fields.rs"]
#[allow(dead_code, reason = "the operator's command uses the rest")]
mod fields;

use libfuzzer_sys::fuzz_target;
use topup_store::AccountImport;

fuzz_target!(|line: &[u8]| {
    match fields::read::<AccountImport>(line) {
        Ok(account) => {
            if let Err(refusal) = account.check() {
                told::is_one_line(&refusal.to_string());
            }
        }
        Err(wrong) => told::is_one_line(&wrong.problem),
    }
});
