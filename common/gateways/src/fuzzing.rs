//! For the fuzzer alone: every reading of an answer, without a call.

use crate::http::Answer;
use crate::paystack;
use crate::sent::Sent;
use crate::sms;
use reqwest::StatusCode;

/// An answer of this HTTP status, read as the answer to each call of each party. The reasons that are told of it.
pub fn answers(status: u16, body: &[u8]) -> Vec<String> {
    let mut reasons = paystack::fuzzing::answers(status, body);
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap_or_default(),
        retry_after_s: None,
        body: body.to_vec(),
    };
    reasons.extend(match sms::read(&answer) {
        Sent::Accepted { .. } => None,
        Sent::Refused { reason } | Sent::Trouble { reason, .. } => Some(reason),
    });
    reasons
}
