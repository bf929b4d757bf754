//! Whatever the bytes, of all four kinds: nothing panics, what is read means the same when it is written again, and a
//! refusal is one short line in which nobody can be found.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::fmt::Debug;
use topup_rules::message::{Message, Notification, PaymentResult, SmsSent, TopupRequested, parse};

const SENT: &str = r#"{"event_id":"0193a5f0-0000-7000-8000-0000000000ab","account_id":1001,"service":"sms","credits":"1.50","messages":1,"batch_id":"0193a5f0-0000-7000-8000-0000000000ac","sent_at":"2026-11-22T08:15:00.123456789+02:00"}"#;
const REQUESTED: &str = r#"{"topup_id":"0193a5f0-0000-7000-8000-0000000000ab","account_id":"1001","service":"whatsapp","requested_at":"2026-11-22T08:15:00Z"}"#;
const RESULT: &str = r#"{"reference":"topup-1001-0193a5f0-0000-7000-8000-0000000000ab","gateway":"paystack","status":"success","amount_minor":35247,"currency":"ZAR","gateway_transaction_id":"4099490251","reason":"Approved","decline":null,"card":{"brand":"visa","exp_year":2030},"source":"charge","mode":"test","reversal_id":null,"occurred_at":"2026-11-22T08:15:00Z"}"#;
const NOTICE: &str = r#"{"notification_id":"0193a5f0-0000-7000-8000-0000000000ab","account_id":1001,"channel":"sms","template":"topup-succeeded","params":{"credits":"500","balance":"540.5"}}"#;

/// Somebody's number and address, which stand where a sender put them.
const NUMBER: &str = "+27820000001";
const ADDRESS: &str = "holder@example.com";

/// Longest refusal, in characters.
const REFUSAL_MAX_CHARS: usize = 400;

/// Reads it as each kind.
fn read_as_all(body: &[u8]) -> Result<(), TestCaseError> {
    read_as::<SmsSent>(body)?;
    read_as::<TopupRequested>(body)?;
    read_as::<PaymentResult>(body)?;
    read_as::<Notification>(body)
}

fn read_as<M: Message + Debug + PartialEq>(body: &[u8]) -> Result<(), TestCaseError> {
    match parse::<M>(body, None, Some(M::TYPE), None) {
        Ok(message) => {
            let written = serde_json::to_vec(&message).expect("it can be written");
            let again = parse::<M>(&written, Some(&message.id()), None, None);
            prop_assert_eq!(again, Ok(message));
        }
        Err(refusal) => {
            let told = refusal.to_string();
            let is_one_line = !told.is_empty() && !told.chars().any(char::is_control);
            prop_assert!(
                is_one_line && told.chars().count() <= REFUSAL_MAX_CHARS,
                "{told:?}"
            );
            let names = told.contains(&NUMBER[1..]) || told.contains(ADDRESS);
            prop_assert!(!names, "{told:?}");
        }
    }
    Ok(())
}

/// A small difference.
#[derive(Debug, Clone)]
enum Slip {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn slip() -> impl Strategy<Value = Slip> {
    let json = select(
        &[
            "null", "true", "[", "]", "{", "}", "\"", ",", ":", "1e999", "-", "\\u0000", "\\", "9",
        ][..],
    );
    prop_oneof![
        (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Slip::Flip(at, bit)),
        any::<Index>().prop_map(Slip::Cut),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..4))
            .prop_map(|(at, bytes)| Slip::Insert(at, bytes)),
        (any::<Index>(), json).prop_map(|(at, text)| Slip::Insert(at, text.into())),
        (any::<Index>(), 1_usize..30).prop_map(|(at, bytes)| Slip::Remove(at, bytes)),
        (any::<Index>(), 1_usize..80).prop_map(|(at, bytes)| Slip::Repeat(at, bytes)),
    ]
}

fn slipped(body: &mut Vec<u8>, slip: &Slip) {
    if body.is_empty() {
        return;
    }
    match slip {
        Slip::Flip(at, bit) => {
            let at = at.index(body.len());
            body[at] ^= 1 << bit;
        }
        Slip::Cut(at) => body.truncate(at.index(body.len())),
        Slip::Insert(at, bytes) => {
            let at = at.index(body.len());
            body.splice(at..at, bytes.iter().copied());
        }
        Slip::Remove(at, bytes) => {
            let at = at.index(body.len());
            body.drain(at..(at + bytes).min(body.len()));
        }
        Slip::Repeat(at, bytes) => {
            let at = at.index(body.len());
            let part = body[at..(at + bytes).min(body.len())].to_vec();
            body.splice(at..at, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nearly_right(body in select(&[SENT, REQUESTED, RESULT, NOTICE][..]), slips in prop::collection::vec(slip(), 0..4)) {
        let mut body = body.as_bytes().to_vec();
        for slip in &slips {
            slipped(&mut body, slip);
        }
        read_as_all(&body)?;
    }

    /// One field, wherever it is, says something that is somebody's.
    #[test]
    fn a_number_or_an_address_in_the_wrong_place(
        body in select(&[SENT, REQUESTED, RESULT, NOTICE][..]), field in any::<Index>(), whose in select(&[NUMBER, ADDRESS][..]),
    ) {
        let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(body).expect("an object");
        let name = fields.keys().nth(field.index(fields.len())).expect("a field").clone();
        fields.insert(name, whose.into());
        read_as_all(serde_json::to_string(&fields).expect("JSON").as_bytes())?;
    }

    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..200)) {
        read_as_all(&body)?;
    }
}
