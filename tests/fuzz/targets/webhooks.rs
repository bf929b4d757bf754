//! Webhooks, signed with our key and not: the input's first line is the signature that a forger tries.

#![no_main]

mod told;

use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use sha2::Sha512;
use std::sync::LazyLock;
use std::time::Duration;
use topup_gateways::payment::{PaymentGateway, Webhook};

const KEY: &str = "sk_test_key";

static GATEWAY: LazyLock<PaymentGateway> = LazyLock::new(|| {
    PaymentGateway::paystack("http://127.0.0.1:9", KEY.into(), Duration::from_secs(1)).expect("good settings")
});

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(2, |byte| *byte == b'\n');
    let (Some(tried), Some(body)) = (lines.next(), lines.next()) else {
        return;
    };
    let mac = Hmac::<Sha512>::new_from_slice(KEY.as_bytes()).expect("any key");
    let signature = hex::encode(mac.chain_update(body).finalize().into_bytes());
    if let Ok(tried) = std::str::from_utf8(tried)
        && !tried.trim().eq_ignore_ascii_case(&signature)
    {
        assert_eq!(GATEWAY.read_webhook(body, Some(tried)), Webhook::Forged);
    }
    match GATEWAY.read_webhook(body, Some(&signature)) {
        Webhook::Result(result) => {
            assert!(result.reference.parts().is_some(), "{result:?}");
            if let Some(reason) = &result.reason {
                told::is_one_line(reason);
            }
            let written = serde_json::to_vec(&result).expect("it can be written");
            assert_eq!(serde_json::from_slice(&written).ok(), Some(result));
        }
        Webhook::Malformed { reason } => told::is_one_line(&reason),
        Webhook::Ignored { event } => assert!(event.chars().count() <= 60, "{event:?}"),
        Webhook::Foreign => {}
        Webhook::Forged => panic!("our own signature is good"),
    }
});
