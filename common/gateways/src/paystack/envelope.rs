//! What all answers of Paystack have in common, whatever the call was.
//!
//! The HTTP status is not the outcome: a declined card answers 200, and 400 may mean a refused card, a slip of
//! ours or a reference that was already charged. So an answer is read in a fixed order, and what fits nowhere is
//! *unknown*, never a failure:
//!
//! 1. Not sent at all; 401, 403, 429 (or the code or words for it); an integration that is switched off: turned
//!    away before the payment was looked at. Our trouble (C9).
//! 2. No answer, 5xx, no JSON object: unknown, whatever the body says (C8).
//! 3. Anything else is for the call to read.

use super::fields;
use crate::http::{Answer, Exchange};
use crate::payment::OurTrouble;
use serde_json::Value;
use topup_rules::lines::CallEnd;

/// How long the gateway is left alone after it asked for that without saying for how long, in seconds. Its limits are
/// counted by the minute.
const RATE_PAUSE_S: u32 = 30;

/// Words of being told to slow down, in lower case, that come with any status.
const RATE_WORDS: &str = "please wait a few minutes and try again";

/// Words, in lower case, that are about us as a merchant: no payment at all is looked at.
const MERCHANT_WORDS: &[&str] = &["integration has been deactivated", "invalid merchant selected"];

/// An answer that can be read.
#[derive(Debug)]
pub(super) struct Said {
    /// The HTTP status.
    pub(super) http: u16,
    /// A JSON object.
    pub(super) body: Value,
    /// The message beside the data, fit to be shown.
    pub(super) words: Option<String>,
    /// The error's code; empty where there is none.
    pub(super) code: String,
}

/// No answer that can be read.
#[derive(Debug)]
pub(super) enum Unsaid {
    /// Nobody knows what came of the call.
    Unknown {
        /// What happened, one line.
        reason: String,
        /// What the line to the gateway learns from it.
        end: CallEnd,
    },
    /// Nothing came of it, and that is our own trouble.
    OurTrouble(OurTrouble),
}

impl Said {
    /// `what`, with the gateway's words behind it.
    pub(super) fn told(&self, what: &str) -> String {
        told(what, self.words.as_deref())
    }

    /// The gateway's words in lower case, to be searched.
    pub(super) fn lower(&self) -> String {
        self.words.as_deref().unwrap_or_default().to_lowercase()
    }

    /// Whether the call itself was taken, as the envelope says. Nothing is said with it of a payment.
    pub(super) fn taken(&self) -> bool {
        fields::flag(&self.body, "status") == Some(true) && (200..300).contains(&self.http)
    }

    /// Whether the call is refused for what it asks for, so that nothing came of it.
    pub(super) fn refused(&self) -> bool {
        fields::flag(&self.body, "status") == Some(false) && (400..500).contains(&self.http)
    }

    /// Whether the reference was used before: the call was made already.
    pub(super) fn duplicate(&self) -> bool {
        let lower = self.lower();
        self.code == "duplicate_reference"
            || lower.contains("duplicate transaction reference")
            || lower.contains("duplicate charge request for reference")
    }

    /// An answer that does not say what came of the call.
    pub(super) fn unknown(&self) -> Unsaid {
        let what = format!(
            "the payment gateway's answer (HTTP {}) holds no verdict",
            self.http
        );
        answered_unknown(self.told(&what))
    }
}

/// Unknown, although the gateway answered well: nothing is wrong with the line to it.
pub(super) const fn answered_unknown(reason: String) -> Unsaid {
    Unsaid::Unknown {
        reason,
        end: CallEnd::Answered,
    }
}

/// Steps 1 and 2.
pub(super) fn read(exchange: Exchange) -> Result<Said, Unsaid> {
    let answer = match exchange {
        Exchange::Answered(answer) => answer,
        Exchange::NotSent(reason) => {
            return Err(Unsaid::OurTrouble(OurTrouble {
                reason: format!("the payment gateway can't be reached: {reason}"),
                retry_after_s: None,
                end: CallEnd::Trouble,
            }));
        }
        Exchange::Lost(reason) => return Err(broken(reason)),
    };
    let http = answer.status.as_u16();
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let body = body.filter(Value::is_object);
    let words = body.as_ref().and_then(|b| fields::said(b, "message"));
    let code = body
        .as_ref()
        .and_then(|b| fields::text(b, "code"))
        .unwrap_or_default();
    if let Some(trouble) = turned_away(&answer, &code, words.as_deref()) {
        return Err(Unsaid::OurTrouble(trouble));
    }
    if http >= 500 {
        let what = format!("the payment gateway failed (HTTP {http})");
        return Err(broken(told(&what, words.as_deref())));
    }
    match body {
        Some(body) => Ok(Said {
            http,
            body,
            words,
            code,
        }),
        None => Err(broken(format!("the answer (HTTP {http}) is no JSON object"))),
    }
}

const fn broken(reason: String) -> Unsaid {
    Unsaid::Unknown {
        reason,
        end: CallEnd::Trouble,
    }
}

/// C9: what turned the call away before it was looked at.
fn turned_away(answer: &Answer, code: &str, words: Option<&str>) -> Option<OurTrouble> {
    let lower = words.unwrap_or_default().to_lowercase();
    let about_us = MERCHANT_WORDS.iter().any(|known| lower.contains(known));
    let (what, end) = match answer.status.as_u16() {
        401 => ("the payment gateway refuses our key (HTTP 401)", CallEnd::Trouble),
        403 => (
            "the payment gateway forbids the call (HTTP 403)",
            CallEnd::Trouble,
        ),
        429 => (
            "too many calls to the payment gateway (HTTP 429)",
            left_alone(answer),
        ),
        _ if code == "rate_limited" || lower.contains(RATE_WORDS) => {
            ("too many calls to the payment gateway", left_alone(answer))
        }
        _ if about_us => ("the payment gateway does not serve us", CallEnd::Trouble),
        _ => return None,
    };
    Some(OurTrouble {
        reason: told(what, words),
        retry_after_s: answer.retry_after_s,
        end,
    })
}

fn left_alone(answer: &Answer) -> CallEnd {
    CallEnd::LeftAlone {
        for_s: answer.retry_after_s.unwrap_or(RATE_PAUSE_S).max(1),
    }
}

fn told(what: &str, words: Option<&str>) -> String {
    match words {
        Some(words) => format!("{what}: {words}"),
        None => what.to_owned(),
    }
}
