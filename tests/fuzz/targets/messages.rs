//! Bodies of the four queues' messages, with their `message_id` and `type`.
//!
//! The input is a letter for the kind, a line with the `message_id`, a line with the `type`, and the body.

#![no_main]

mod told;

use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;
use topup_rules::message::{Message, Notification, PaymentResult, SmsSent, TopupRequested, parse};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let (Some(head), Some(kind), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let Some((letter, id)) = head.split_first() else {
        return;
    };
    let (Ok(id), Ok(kind)) = (std::str::from_utf8(id), std::str::from_utf8(kind)) else {
        return;
    };
    match letter {
        b's' => reads::<SmsSent>(body, id, kind),
        b't' => reads::<TopupRequested>(body, id, kind),
        b'p' => reads::<PaymentResult>(body, id, kind),
        b'n' => reads::<Notification>(body, id, kind),
        _ => {}
    }
});

/// What is read means the same after it was written and read again.
fn reads<M: Message + Debug + PartialEq>(body: &[u8], id: &str, kind: &str) {
    match parse::<M>(body, Some(id), Some(kind), Some(id)) {
        Ok(message) => {
            let written = serde_json::to_vec(&message).expect("it can be written");
            let again = parse::<M>(&written, Some(&message.id()), Some(M::TYPE), None);
            assert_eq!(again.as_ref(), Ok(&message));
        }
        Err(refusal) => told::is_one_line(&refusal.to_string()),
    }
}
