//! Texts of settings: durations, addresses, lists.

#![no_main]

use libfuzzer_sys::fuzz_target;
use topup_runtime::fuzzing::setting;

fuzz_target!(|text: &str| {
    for wrong in setting(text) {
        assert!(!wrong.is_empty());
    }
});
