//! A payment as Paystack tells of it, in the answer to a charge or a question, in its list and in its webhooks.
//!
//! The verdict stands in `data.status`, or, where a charge was challenged, in `paused`. What it says of money, of the
//! card and of the moment is read tolerantly.

use super::decline;
use super::envelope::{Said, Unsaid, answered_unknown};
use super::fields::{NAME_MAX_CHARS, flag, integer, name, page_url, said, text};
use crate::payment::Answer;
use crate::words;
use jiff::Timestamp;
use serde_json::Value;
use topup_rules::cards::SeenCard;
use topup_rules::ids::Reference;
use topup_rules::message::{DeclineClass, PaymentMode, PaymentStatus};
use topup_rules::written::Written;

/// What a challenge comes to for the card's holder; the gateway's own words are for programmers.
const CHALLENGED: &str = Written::AsksForConfirmation.as_str();

/// Longest address that is kept, in bytes.
const EMAIL_MAX_BYTES: usize = 254;

/// The same of a page that was left before anything was paid on it.
const NOT_COMPLETED: &str = Written::NotCompleted.as_str();

/// The verdict that an answer holds; `None` where it holds none. One on any other payment than `reference` is unknown.
/// `asked_minor` is what was asked for, where the gateway does not repeat it.
pub(super) fn verdict_on(
    reference: &Reference,
    asked_minor: Option<i64>,
    said: &Said,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Option<Result<Answer, Unsaid>> {
    let data = said.body.get("data")?;
    let told = read(data, said.words.as_deref(), mode, received_at)?;
    let told = told.map(|answer| Answer {
        amount_minor: compared_amount(data, asked_minor),
        ..answer
    });
    let told = told.and_then(|answer| about(data, reference).map(|()| answer));
    Some(told.map_err(answered_unknown))
}

/// Reads `data`; `None` where it holds no verdict, and an error where the verdict is a word that is not known here.
/// `words` is the message beside the data; `mode` is that of our key, for what does not name its own.
pub(super) fn read(
    data: &Value,
    words: Option<&str>,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Option<Result<Answer, String>> {
    let word = text(data, "status").map(|s| s.to_lowercase());
    let paused = flag(data, "paused").unwrap_or(false);
    let status = match (word.as_deref(), paused) {
        (None, false) => return None,
        (None, true) => PaymentStatus::ActionRequired,
        (Some(word), paused) => match verdict(word) {
            Some(PaymentStatus::Pending) if paused => PaymentStatus::ActionRequired,
            Some(status) => status,
            None => {
                let word = words::foreign(word, NAME_MAX_CHARS);
                return Some(Err(format!(
                    "the payment gateway's status `{word}` is not known here"
                )));
            }
        },
    };
    let own_words = said(data, "gateway_response").or_else(|| said(data, "message"));
    let plainly = if paused { CHALLENGED } else { NOT_COMPLETED };
    let (reason, decline) = match status {
        PaymentStatus::ActionRequired => (
            Some(told_with(plainly, own_words.as_deref())),
            Some(DeclineClass::NeedsCustomer),
        ),
        PaymentStatus::Failed => {
            let decline = decline::class(own_words.as_deref().unwrap_or_default());
            (
                own_words.or_else(|| words.map(str::to_owned)).or(word),
                Some(decline),
            )
        }
        PaymentStatus::Success
        | PaymentStatus::Pending
        | PaymentStatus::Unknown
        | PaymentStatus::Reversed
        | PaymentStatus::DisputeOpened
        | PaymentStatus::DisputeWon
        | PaymentStatus::RefundFailed => (own_words.or_else(|| words.map(str::to_owned)).or(word), None),
    };
    Some(Ok(Answer {
        status,
        amount_minor: compared_amount(data, None),
        currency: text(data, "currency").and_then(|c| c.to_uppercase().parse().ok()),
        transaction_id: name(data, "id"),
        reason,
        decline,
        card: card(data),
        mode: mode_of(data).unwrap_or(mode),
        occurred_at: occurred_at(data).unwrap_or(received_at),
        challenge_url: page_url(data, "authorization_url"),
    }))
}

/// Whether `data` is about this payment; a sentence where it is not.
fn about(data: &Value, reference: &Reference) -> Result<(), String> {
    let named = text(data, "reference");
    if named.as_deref() == Some(reference.as_str()) {
        return Ok(());
    }
    let named = named.map_or_else(
        || "no reference".to_owned(),
        |other| format!("`{}`", words::foreign(&other, NAME_MAX_CHARS)),
    );
    Err(format!("the answer is about another payment: {named}"))
}

/// With real money or not; `None` where it isn't said.
pub(super) fn mode_of(data: &Value) -> Option<PaymentMode> {
    text(data, "domain")?.to_lowercase().parse().ok()
}

/// When it happened; `None` where it isn't said.
pub(super) fn occurred_at(data: &Value) -> Option<Timestamp> {
    ["paid_at", "transaction_date", "created_at"]
        .iter()
        .find_map(|field| text(data, field)?.parse().ok())
}

/// A reason in plain words, with the gateway's own behind it.
pub(super) fn told_with(plainly: &str, own_words: Option<&str>) -> String {
    match own_words {
        Some(words) => words::one_line(&format!("{plainly} ({words})"), words::REASON_MAX_CHARS),
        None => plainly.to_owned(),
    }
}

/// What the gateway's word for a transaction's state means; `None` for a word that is not known here.
fn verdict(word: &str) -> Option<PaymentStatus> {
    match word {
        "success" => Some(PaymentStatus::Success),
        "failed" => Some(PaymentStatus::Failed),
        // Left by the customer, who may still come back to it: a page that waits is told in the same word. What it
        // means for a charge that nobody can complete is for the rules.
        "abandoned" => Some(PaymentStatus::ActionRequired),
        "pending" | "processing" | "ongoing" | "queued" => Some(PaymentStatus::Pending),
        "reversed" => Some(PaymentStatus::Reversed),
        _ => None,
    }
}

/// The amount that the intent is compared with (C11). Where the customer bears the gateway's fees, `amount` is
/// what was asked for plus fees; then, and only then, what was asked for counts. The answer to a charge does not repeat
/// what was asked for: there, the fees have to explain the difference to the minor unit.
fn compared_amount(data: &Value, asked_minor: Option<i64>) -> Option<i64> {
    let amount = integer(data, "amount")?;
    let fees = integer(data, "fees").unwrap_or(0);
    let Some(requested) = integer(data, "requested_amount") else {
        let without_fees = amount.checked_sub(fees).filter(|_| fees > 0);
        return Some(
            asked_minor
                .filter(|_| asked_minor == without_fees)
                .unwrap_or(amount),
        );
    };
    if requested < amount && amount.checked_sub(requested)? <= fees {
        return Some(requested);
    }
    Some(amount)
}

/// What may be kept of `authorization`, and of whose it is; `None` where nothing is said of a card.
fn card(data: &Value) -> Option<SeenCard> {
    let authorization = data.get("authorization")?;
    let last4 =
        name(authorization, "last4").filter(|d| d.len() == 4 && d.bytes().all(|b| b.is_ascii_digit()));
    let exp_month = integer(authorization, "exp_month").filter(|m| (1..=12).contains(m));
    let exp_year = integer(authorization, "exp_year")
        .map(|y| if (0..100).contains(&y) { 2000 + y } else { y })
        .filter(|y| (2000..=2199).contains(y));
    let card = SeenCard {
        authorization_code: text(authorization, "authorization_code")
            .filter(|code| code.len() <= NAME_MAX_CHARS && code.bytes().all(|b| b.is_ascii_graphic())),
        email: data
            .get("customer")
            .and_then(|customer| text(customer, "email"))
            .filter(|email| email.len() <= EMAIL_MAX_BYTES),
        brand: name(authorization, "brand").or_else(|| name(authorization, "card_type")),
        last4,
        exp_month: exp_month.and_then(|m| u8::try_from(m).ok()),
        exp_year: exp_year.and_then(|y| u16::try_from(y).ok()),
        signature: name(authorization, "signature"),
        reusable: flag(authorization, "reusable"),
    };
    let says_something = card.brand.is_some() || card.last4.is_some() || card.signature.is_some();
    says_something.then_some(card)
}

#[cfg(test)]
mod tests;
