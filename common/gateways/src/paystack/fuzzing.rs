//! For the fuzzer alone: one answer, read as the answer to each call.

use super::samples::{self, received_at};
use super::{charge, initialize, list, refund, verify};
use crate::payment::{
    Answer, ChargeRequest, Charged, Deactivated, InitializeRequest, Initialized, Refunded, Verified,
};
use secrecy::SecretString;
use topup_rules::message::{PaymentMode, PaymentStatus};
use topup_rules::money::Money;

const MODE: PaymentMode = PaymentMode::Test;
const TOKEN: &str = "AUTH_secretcode";
const ADDRESS: &str = "holder@example.com";

/// The reasons that are told of it, in which nobody can be found.
pub(crate) fn answers(status: u16, body: &[u8]) -> Vec<String> {
    let Ok(currency) = "ZAR".parse() else {
        return Vec::new();
    };
    let reference = samples::reference();
    let authorization_code = SecretString::from(TOKEN);
    let (amount, metadata) = (Money::new(35_247, currency), &[]);
    let charge = ChargeRequest {
        reference: &reference,
        amount,
        authorization_code: &authorization_code,
        email: ADDRESS,
        metadata,
    };
    let page = InitializeRequest {
        reference: &reference,
        amount,
        email: ADDRESS,
        channels: &[],
        callback_url: None,
        metadata,
    };
    let answer = || samples::bytes(status, body);
    let charged = match charge::read(answer(), &charge, MODE, received_at()) {
        Charged::Answered(answer) => of(*answer),
        Charged::Unknown { reason, .. } => Some(reason),
        Charged::OurTrouble(trouble) => Some(trouble.reason),
    };
    let told = charged.as_deref().unwrap_or_default();
    assert!(!told.contains(TOKEN) && !told.contains(ADDRESS), "{told}");
    let verified = match verify::read(answer(), &reference, MODE, received_at()) {
        Verified::Answered(answer) => of(*answer),
        Verified::NotKnown => None,
        Verified::Unknown { reason, .. } => Some(reason),
        Verified::OurTrouble(trouble) => Some(trouble.reason),
    };
    let opened = match initialize::read(answer(), &page) {
        Initialized::Page { .. } => None,
        Initialized::Refused { reason } | Initialized::Unknown { reason, .. } => Some(reason),
        Initialized::OurTrouble(trouble) => Some(trouble.reason),
    };
    let given_back = match refund::read(answer()) {
        Refunded::Taken { .. } => None,
        Refunded::Refused { reason } | Refunded::Unknown { reason, .. } => Some(reason),
        Refunded::OurTrouble(trouble) => Some(trouble.reason),
    };
    let forgotten = match refund::read_withdrawal(answer()) {
        Deactivated::Done => None,
        Deactivated::Refused { reason } | Deactivated::Unknown { reason, .. } => Some(reason),
        Deactivated::OurTrouble(trouble) => Some(trouble.reason),
    };
    let listed = match list::read(answer(), 1, MODE, received_at()) {
        Ok(page) => page
            .items
            .into_iter()
            .filter_map(|item| of(item.answer))
            .collect(),
        Err(trouble) => vec![trouble.reason],
    };
    let each = [charged, verified, opened, given_back, forgotten];
    each.into_iter().flatten().chain(listed).collect()
}

/// The reason of an answer that means the same when it has travelled as a message.
fn of(answer: Answer) -> Option<String> {
    assert!(
        !matches!(
            answer.status,
            PaymentStatus::DisputeOpened | PaymentStatus::DisputeWon | PaymentStatus::RefundFailed
        ),
        "{answer:?}"
    );
    answer.reason
}
