//! Answers of the payment gateway to every call, and of the SMS provider, of any HTTP status.
//!
//! The input's first two bytes are the status; the rest is the body.

#![no_main]

mod told;

use libfuzzer_sys::fuzz_target;
use topup_gateways::fuzzing::answers;

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first_chunk::<2>() else {
        return;
    };
    let status = 100 + u16::from_be_bytes(*status) % 500;
    for reason in answers(status, body) {
        told::is_one_line(&reason);
    }
});
