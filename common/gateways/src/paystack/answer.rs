//! What Paystack's answer to a charge means.
//!
//! The HTTP status is not the outcome: a declined card answers 200, and 400 may mean a refused card, a slip of
//! ours or a reference that was already charged. So the answer is read in a fixed order, and what fits nowhere
//! is *unknown*, never a failure:
//!
//! 1. 401, 403, 429 (or the code `rate_limited`): turned away before the payment was looked at. Our trouble.
//! 2. 5xx: unknown, whatever the body says.
//! 3. No JSON object: unknown.
//! 4. The code `duplicate_reference`: this payment was begun before. Unknown, to be verified.
//! 5. `data` with a status, or paused: the verdict, if it is on our reference.
//! 6. An error in words that can only be about the card: a definite failure. The list is short on purpose.
//! 7. Anything else: unknown, with the gateway's words.
//!
//! Fields are read tolerantly, one by one: in real answers the same field is a number, a string, null or
//! missing, and none of that may turn money taken into an unreadable answer.

use crate::http::Answer as HttpAnswer;
use crate::payment::{Answer, CardSeen, ChargeRequest, Charged, OurTrouble};
use crate::words;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;
use topup_rules::message::{PaymentMode, PaymentStatus};

/// Errors that are definitely about the card or its token, in lower case, and what they come to for its holder.
/// Each means that this token, with this e-mail address, is not charged: not now and not by asking again.
const CARD_REFUSALS: &[(&str, &str)] = &[
    ("authorization code does not exist", NOT_VALID),
    ("authorization code is invalid", NOT_VALID),
    ("invalid authorization code", NOT_VALID),
    ("authorization may be inactive", NOT_VALID),
    ("authorization has been deactivated", NOT_VALID),
    ("email does not match authorization", NOT_VALID),
    ("authorization is not reusable", NOT_REUSABLE),
    ("authorization code is not reusable", NOT_REUSABLE),
    // A card that was declined many times in a row, anywhere: card schemes punish further tries.
    ("charge attempt cannot be fulfilled until", "Declined too often"),
];

const NOT_VALID: &str = "Card no longer valid";
const NOT_REUSABLE: &str = "Card not reusable";

/// What a challenge comes to for the card's holder; the gateway's own words are for programmers.
const CHALLENGED: &str = "The bank asks for your confirmation";

/// Longest name or id of the gateway's that is kept, in characters.
const NAME_MAX_CHARS: usize = 100;

/// Longest address of a challenge page that is kept, in characters.
const URL_MAX_CHARS: usize = 500;

/// Reads the answer to `request`. `mode` is that of our key, for answers that don't name theirs.
pub(super) fn read(
    answer: &HttpAnswer,
    request: &ChargeRequest<'_>,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Charged {
    let http = answer.status.as_u16();
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let body = body.filter(Value::is_object);
    let said = body
        .as_ref()
        .and_then(|b| text(b, "message"))
        .map(|m| safe_words(&m, request));
    let told = |what: &str| match &said {
        Some(words) => format!("{what}: {words}"),
        None => what.to_owned(),
    };
    let code = body.as_ref().and_then(|b| text(b, "code")).unwrap_or_default();

    let turned_away = match http {
        401 => Some("the payment gateway refuses our key (HTTP 401)"),
        403 => Some("the payment gateway forbids the call (HTTP 403)"),
        429 => Some("too many calls to the payment gateway (HTTP 429)"),
        _ if code == "rate_limited" => Some("too many calls to the payment gateway"),
        _ => None,
    };
    if let Some(what) = turned_away {
        return Charged::OurTrouble(OurTrouble {
            reason: told(what),
            retry_after_s: answer.retry_after_s,
        });
    }
    if http >= 500 {
        return unknown(told(&format!("the payment gateway failed (HTTP {http})")));
    }
    let Some(body) = &body else {
        return unknown(format!("the answer (HTTP {http}) is no JSON object"));
    };
    let said_lower = said.as_deref().unwrap_or_default().to_lowercase();
    if code == "duplicate_reference" || said_lower.contains("duplicate transaction reference") {
        return unknown("the payment gateway knows this reference already".to_owned());
    }
    if let Some(charged) = body
        .get("data")
        .and_then(|data| transaction(data, said.as_deref(), request, mode, received_at))
    {
        return charged;
    }
    let refusal = CARD_REFUSALS.iter().find(|(words, _)| said_lower.contains(words));
    if let Some((_, plainly)) = refusal {
        return Charged::Answered(Box::new(Answer {
            status: PaymentStatus::Failed,
            amount_minor: None,
            currency: None,
            transaction_id: None,
            reason: Some(told_with(plainly, said.as_deref())),
            card: None,
            mode,
            occurred_at: received_at,
            challenge_url: None,
        }));
    }
    unknown(told(&format!(
        "the payment gateway's answer (HTTP {http}) holds no verdict"
    )))
}

const fn unknown(reason: String) -> Charged {
    Charged::Unknown { reason }
}

/// The verdict in `data`; `None` where it holds none.
fn transaction(
    data: &Value,
    said: Option<&str>,
    request: &ChargeRequest<'_>,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Option<Charged> {
    let word = text(data, "status").map(|s| s.to_lowercase());
    let paused = flag(data, "paused").unwrap_or(false);
    let status = match (word.as_deref(), paused) {
        (None, false) => return None,
        (None, true) => PaymentStatus::ActionRequired,
        (Some(word), paused) => match verdict(word) {
            Some(PaymentStatus::Pending) if paused => PaymentStatus::ActionRequired,
            Some(status) => status,
            None => {
                let word = words::one_line(word, NAME_MAX_CHARS);
                return Some(unknown(format!(
                    "the payment gateway's status `{word}` is not known here"
                )));
            }
        },
    };
    let named = text(data, "reference");
    if named.as_deref() != Some(request.reference.as_str()) {
        let named = named.map_or_else(
            || "no reference".to_owned(),
            |r| format!("`{}`", words::one_line(&r, NAME_MAX_CHARS)),
        );
        return Some(unknown(format!("the answer is about another payment: {named}")));
    }
    let own_words = text(data, "gateway_response")
        .or_else(|| text(data, "message"))
        .map(|words| safe_words(&words, request));
    let reason = match status {
        PaymentStatus::ActionRequired => Some(told_with(CHALLENGED, own_words.as_deref())),
        PaymentStatus::Success
        | PaymentStatus::Failed
        | PaymentStatus::Pending
        | PaymentStatus::Unknown
        | PaymentStatus::Reversed
        | PaymentStatus::DisputeOpened
        | PaymentStatus::DisputeWon => own_words.or_else(|| said.map(str::to_owned)).or(word),
    };
    Some(Charged::Answered(Box::new(Answer {
        status,
        amount_minor: compared_amount(data),
        currency: text(data, "currency").and_then(|c| c.to_uppercase().parse().ok()),
        transaction_id: text(data, "id").map(|id| words::one_line(&id, NAME_MAX_CHARS)),
        reason,
        card: data.get("authorization").and_then(card),
        mode: match text(data, "domain").as_deref() {
            Some("live") => PaymentMode::Live,
            Some("test") => PaymentMode::Test,
            Some(_) | None => mode,
        },
        occurred_at: ["paid_at", "transaction_date", "created_at"]
            .iter()
            .find_map(|field| text(data, field)?.parse().ok())
            .unwrap_or(received_at),
        challenge_url: text(data, "authorization_url").filter(|url| url.chars().count() <= URL_MAX_CHARS),
    })))
}

/// What the gateway's word for a transaction's state means; `None` for a word that is not known here.
fn verdict(word: &str) -> Option<PaymentStatus> {
    match word {
        "success" => Some(PaymentStatus::Success),
        // Nobody completed it in the time that the gateway gives: nothing was taken, and asking again does not
        // bring it back. A success that comes all the same is still credited (C10).
        "failed" | "abandoned" => Some(PaymentStatus::Failed),
        "pending" | "processing" | "ongoing" | "queued" => Some(PaymentStatus::Pending),
        "reversed" => Some(PaymentStatus::Reversed),
        _ => None,
    }
}

/// The amount that the intent is compared with (C11). Where the customer bears the gateway's fees, `amount` is
/// what was asked for plus fees; then, and only then, what was asked for counts.
fn compared_amount(data: &Value) -> Option<i64> {
    let amount = integer(data, "amount")?;
    let fees = integer(data, "fees").unwrap_or(0);
    match integer(data, "requested_amount") {
        Some(requested) if requested < amount && amount - requested <= fees => Some(requested),
        Some(_) | None => Some(amount),
    }
}

/// What may be kept of `authorization`; `None` where nothing is said of a card.
fn card(authorization: &Value) -> Option<CardSeen> {
    let name = |field: &str| text(authorization, field).map(|t| words::one_line(&t, NAME_MAX_CHARS));
    let last4 = name("last4").filter(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()));
    let exp_month = integer(authorization, "exp_month").filter(|m| (1..=12).contains(m));
    let exp_year = integer(authorization, "exp_year")
        .map(|y| if (0..100).contains(&y) { 2000 + y } else { y })
        .filter(|y| (2000..=2199).contains(y));
    let card = CardSeen {
        brand: name("brand").or_else(|| name("card_type")),
        last4,
        exp_month: exp_month.and_then(|m| u8::try_from(m).ok()),
        exp_year: exp_year.and_then(|y| u16::try_from(y).ok()),
        signature: name("signature"),
        reusable: flag(authorization, "reusable"),
    };
    let says_something = card.brand.is_some() || card.last4.is_some() || card.signature.is_some();
    says_something.then_some(card)
}

/// A reason in plain words, with the gateway's own behind it.
fn told_with(plainly: &str, own_words: Option<&str>) -> String {
    match own_words {
        Some(words) => words::one_line(&format!("{plainly} ({words})"), words::REASON_MAX_CHARS),
        None => plainly.to_owned(),
    }
}

/// The gateway's words, in which neither the token nor the address may appear.
fn safe_words(said: &str, request: &ChargeRequest<'_>) -> String {
    let mut safe = said.to_owned();
    for private in [request.authorization_code.expose_secret(), request.email] {
        if !private.is_empty() {
            safe = safe.replace(private, "(hidden)");
        }
    }
    words::one_line(&safe, words::REASON_MAX_CHARS)
}

/// A text that is not empty, or a number as text, trimmed.
fn text(object: &Value, field: &str) -> Option<String> {
    let found = match object.get(field)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    (!found.is_empty()).then_some(found)
}

/// A whole number, or the same as a string.
fn integer(object: &Value, field: &str) -> Option<i64> {
    text(object, field)?.parse().ok()
}

/// A truth value, or the same as a string or 0 and 1.
fn flag(object: &Value, field: &str) -> Option<bool> {
    if let Some(Value::Bool(flag)) = object.get(field) {
        return Some(*flag);
    }
    match text(object, field)?.as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
