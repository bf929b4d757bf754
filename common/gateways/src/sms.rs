//! SMS providers: the closed set, and the first of them.
//!
//! A provider's 200 is no delivery, and not even acceptance: each recipient is accepted or refused on its own.
//! The provider does not recognise a repeat, so a message whose answer was lost may arrive twice; it carries our
//! stable id all the same, for whoever looks at the provider's records.

use crate::SetupError;
use crate::gsm::fits_one_sms;
use crate::http::{self, Answer, Exchange};
use crate::sent::Sent;
use crate::words;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What this party is called in errors.
const PARTY: &str = "SMS provider";

/// Most parts that one notice may take. The provider's default is one, and it refuses what is longer.
const PARTS_MAX: u8 = 3;

/// The SMS providers there are.
#[derive(Debug)]
pub enum SmsProvider {
    /// A REST interface in WinSMS's style.
    Rest(RestSms),
}

impl SmsProvider {
    /// Hands one text to the provider. `to` is an international number, with or without `+`;
    /// `client_message_id` is the same on every try of one notice. Never fails: whatever happens is one of the
    /// three ends in [`Sent`].
    pub async fn send(&self, to: &str, text: &str, client_message_id: &str) -> Sent {
        match self {
            Self::Rest(rest) => rest.send(to, text, client_message_id).await,
        }
    }
}

/// A client of a WinSMS-style interface: `POST {base}/sms/outgoing/send`.
#[derive(Debug)]
pub struct RestSms {
    client: Client,
    send_url: Url,
    api_key: SecretString,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SendBody<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_segments: Option<u8>,
    recipients: [Recipient<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Recipient<'a> {
    mobile_number: &'a str,
    client_message_id: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SendAnswer {
    #[serde(default)]
    recipients: Vec<RecipientAnswer>,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientAnswer {
    #[serde(default)]
    accepted: Option<bool>,
    #[serde(default)]
    accept_error: Option<String>,
    /// A number in some answers, a string in others.
    #[serde(default)]
    api_message_id: Value,
}

impl RestSms {
    /// `url` is the interface's base; `timeout` bounds a whole call, from connecting to the answer's last byte.
    /// Needs no network, and touches none.
    ///
    /// # Errors
    /// An address that is no HTTP URL, a key that no header can carry, or a machine without root certificates.
    pub fn new(url: &str, api_key: SecretString, timeout: Duration) -> Result<Self, SetupError> {
        let base = http::base_url(PARTY, url)?;
        let key = api_key.expose_secret();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(SetupError::Key {
                party: PARTY,
                problem: "is empty or has characters that no key has (a line break at its end?)",
            });
        }
        Ok(Self {
            client: http::client(PARTY, &base, timeout)?,
            send_url: http::join(&base, "sms/outgoing/send"),
            api_key,
        })
    }

    async fn send(&self, to: &str, text: &str, client_message_id: &str) -> Sent {
        let Some(mobile_number) = digits(to) else {
            return Sent::Refused {
                reason: "the mobile number is not an international number".to_owned(),
            };
        };
        let body = SendBody {
            message: text,
            max_segments: (!fits_one_sms(text)).then_some(PARTS_MAX),
            recipients: [Recipient {
                mobile_number: &mobile_number,
                client_message_id,
            }],
        };
        let call = self
            .client
            .post(self.send_url.clone())
            .header("AUTHORIZATION", self.api_key.expose_secret())
            .json(&body);
        match http::exchange(call, "/sms/outgoing/send").await {
            Exchange::Answered(answer) => read(&answer),
            Exchange::NotSent(reason) => {
                trouble(format!("the SMS provider can't be reached: {reason}"), None)
            }
            Exchange::Lost(reason) => trouble(format!("the SMS provider: {reason}"), None),
        }
    }
}

/// The number as the provider wants it: digits alone, without `+`; `None` where that is not what it is.
fn digits(number: &str) -> Option<String> {
    /// The shortest and longest international numbers, in digits.
    const LENGTHS: std::ops::RangeInclusive<usize> = 7..=15;
    let bare: String = number
        .trim()
        .trim_start_matches('+')
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')'))
        .collect();
    (LENGTHS.contains(&bare.len()) && bare.bytes().all(|b| b.is_ascii_digit())).then_some(bare)
}

const fn trouble(reason: String, retry_after_s: Option<u32>) -> Sent {
    Sent::Trouble {
        reason,
        retry_after_s,
    }
}

/// Reads the answer to a call with one recipient.
pub(crate) fn read(answer: &Answer) -> Sent {
    let http = answer.status.as_u16();
    let body: Option<SendAnswer> = serde_json::from_slice(&answer.body).ok();
    if !answer.status.is_success() {
        let said = body.and_then(|b| b.error_message).unwrap_or_default();
        let said = words::foreign(&said, words::REASON_MAX_CHARS);
        let reason = match said.as_str() {
            "" => format!("the SMS provider answered HTTP {http}"),
            said => format!("the SMS provider answered HTTP {http}: {said}"),
        };
        return trouble(reason, answer.retry_after_s);
    }
    let Some(recipient) = body.and_then(|b| b.recipients.into_iter().next()) else {
        return trouble("the SMS provider's answer names no recipient".to_owned(), None);
    };
    let said = words::foreign(
        &recipient.accept_error.unwrap_or_default(),
        words::REASON_MAX_CHARS,
    );
    match recipient.accepted {
        Some(true) => Sent::Accepted {
            provider_id: match recipient.api_message_id {
                Value::String(id) if !id.is_empty() => Some(id),
                Value::Number(id) => Some(id.to_string()),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
            },
        },
        // Our own prepaid credits with the provider have run out: no fault of the recipient's, and curable.
        Some(false) if said.to_lowercase().contains("credit") => {
            trouble(format!("the SMS provider: {said}"), None)
        }
        Some(false) => Sent::Refused {
            reason: match said.as_str() {
                "" => "the SMS provider refused the recipient".to_owned(),
                said => format!("the SMS provider refused the recipient: {said}"),
            },
        },
        None => trouble(
            "the SMS provider's answer does not say whether it accepted".to_owned(),
            None,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;

    fn reading(status: u16, body: &str) -> Sent {
        read(&Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            retry_after_s: (status == 429).then_some(30),
            body: body.as_bytes().to_vec(),
        })
    }

    #[test]
    fn an_accepted_recipient_is_accepted_whatever_its_id_looks_like() {
        for (body, id) in [
            (
                r#"{"recipients":[{"acceptError":"","accepted":true,"apiMessageId":2316}]}"#,
                Some("2316"),
            ),
            (
                r#"{"recipients":[{"accepted":true,"apiMessageId":"a-1"}]}"#,
                Some("a-1"),
            ),
            (r#"{"recipients":[{"accepted":true,"acceptError":null}]}"#, None),
        ] {
            let provider_id = id.map(str::to_owned);
            assert_eq!(reading(200, body), Sent::Accepted { provider_id }, "{body}");
        }
    }

    #[test]
    fn a_200_can_hold_a_refused_recipient() {
        assert_eq!(
            reading(
                200,
                r#"{"recipients":[{"accepted":false,"acceptError":"invalidNumber"}]}"#
            ),
            Sent::Refused {
                reason: "the SMS provider refused the recipient: invalidNumber".to_owned()
            }
        );
    }

    #[test]
    fn everything_else_is_trouble_and_tried_again() {
        for (status, body, told) in [
            (
                200,
                r#"{"recipients":[{"accepted":false,"acceptError":"Insufficient credits"}]}"#,
                "the SMS provider: Insufficient credits",
            ),
            (
                200,
                r#"{"recipients":[]}"#,
                "the SMS provider's answer names no recipient",
            ),
            (200, "<html>", "the SMS provider's answer names no recipient"),
            (
                200,
                r#"{"recipients":[{}]}"#,
                "the SMS provider's answer does not say whether it accepted",
            ),
            (
                401,
                r#"{"errorMessage":"no such key"}"#,
                "the SMS provider answered HTTP 401: no such key",
            ),
            (503, "", "the SMS provider answered HTTP 503"),
        ] {
            assert_eq!(
                reading(status, body),
                trouble(told.to_owned(), None),
                "{status} {body}"
            );
        }
        assert_eq!(
            reading(429, ""),
            trouble("the SMS provider answered HTTP 429".to_owned(), Some(30))
        );
    }

    #[test]
    fn a_number_travels_as_digits_alone() {
        for (given, wanted) in [
            ("+27820000001", Some("27820000001")),
            ("27820000001", Some("27820000001")),
            (" +27 82 000-0001 ", Some("27820000001")),
            ("", None),
            ("+", None),
            ("call me", None),
            ("+2782000000x", None),
            ("1234567890123456", None),
        ] {
            assert_eq!(digits(given).as_deref(), wanted, "{given:?}");
        }
    }
}
