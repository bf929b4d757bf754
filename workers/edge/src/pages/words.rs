//! What became of a top-up, of settings, of an entry: in plain words.

use super::catalogue::Key;
use super::voice::Voice;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::TopupId;
use topup_rules::money::{Currency, Money};
use topup_rules::topup::TopupState;
use topup_store::{AutoTopupView, OpenTopupView, SavedCard, TopupView};

/// Seconds of a minute.
const MINUTE_S: i64 = 60;

/// How good something is, which its colour says, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
    Plain,
}

/// A state in a word or two, and a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    pub(crate) tone: Tone,
    pub(crate) tag: String,
    pub(crate) text: String,
}

/// What decides on the words for a top-up under way.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    state: TopupState,
    method: Method,
    due_at: Option<Timestamp>,
    waits_for: Option<TopupId>,
    /// Its payment is waiting to be asked for again, for want of an answer to us.
    is_ours: bool,
}

/// An open top-up of a wallet.
pub(crate) fn open(
    voice: &Voice,
    topup: &OpenTopupView,
    method: Method,
    spacing: SignedDuration,
    now: Timestamp,
) -> Said {
    let waiting = Waiting {
        state: topup.state,
        method,
        due_at: topup.due_at,
        waits_for: None,
        is_ours: false,
    };
    under_way(voice, &waiting, spacing, now)
}

/// A top-up of the history.
pub(crate) fn outcome(voice: &Voice, topup: &TopupView, spacing: SignedDuration, now: Timestamp) -> Said {
    let waiting = Waiting {
        state: topup.state,
        method: topup.method,
        due_at: topup.due_at,
        waits_for: topup.waits_for,
        is_ours: topup
            .payment
            .as_ref()
            .is_some_and(|payment| payment.retry_at.is_some()),
    };
    let reason = topup.reason.as_deref().unwrap_or_default();
    match topup.state {
        TopupState::Requested
        | TopupState::Scheduled
        | TopupState::Charging
        | TopupState::Pending
        | TopupState::Unknown
        | TopupState::Parked => under_way(voice, &waiting, spacing, now),
        TopupState::Succeeded => Said {
            tone: Tone::Good,
            tag: voice.text(Key("state-succeeded")),
            text: paid(voice, topup),
        },
        TopupState::Failed => Said {
            tone: Tone::Bad,
            tag: voice.text(Key("state-failed")),
            text: with_reason(voice, Key("topup-failed"), Key("topup-failed-reason"), reason),
        },
        TopupState::Skipped => Said {
            tone: Tone::Plain,
            tag: voice.text(Key("state-skipped")),
            text: with_reason(voice, Key("topup-skipped"), Key("topup-skipped-reason"), reason),
        },
        TopupState::Reversed => Said {
            tone: Tone::Warn,
            tag: voice.text(Key("state-reversed")),
            text: voice.text(Key("topup-reversed")),
        },
    }
}

fn under_way(voice: &Voice, it: &Waiting, spacing: SignedDuration, now: Timestamp) -> Said {
    let minutes = (spacing.as_secs() / MINUTE_S).to_string();
    let (tone, tag, text) = match (it.state, it.due_at) {
        (TopupState::Scheduled, Some(due)) if due > now && it.is_ours => (
            Tone::Warn,
            Key("state-waiting"),
            voice.with(Key("topup-waits-for-us"), &[("time", &voice.soon(due, now))]),
        ),
        (TopupState::Scheduled, Some(due)) if due > now => (
            Tone::Warn,
            Key("state-waiting"),
            voice.with(
                Key("topup-waits-until"),
                &[("time", &voice.soon(due, now)), ("minutes", &minutes)],
            ),
        ),
        (TopupState::Scheduled, None) if it.waits_for.is_some() => (
            Tone::Warn,
            Key("state-waiting"),
            voice.text(Key("topup-waits-for-earlier")),
        ),
        (TopupState::Requested | TopupState::Scheduled, _) => (
            Tone::Plain,
            Key("state-on-its-way"),
            voice.text(match it.method {
                Method::Card => Key("topup-on-its-way"),
                Method::Transfer => Key("topup-on-its-way-transfer"),
            }),
        ),
        (TopupState::Charging | TopupState::Pending | TopupState::Unknown, _) => (
            Tone::Plain,
            Key("state-confirming"),
            voice.text(Key("topup-confirming")),
        ),
        (TopupState::Parked, _) => (Tone::Warn, Key("state-parked"), voice.text(Key("topup-parked"))),
        // None of these is under way.
        (TopupState::Succeeded | TopupState::Failed | TopupState::Skipped | TopupState::Reversed, _) => {
            (Tone::Plain, Key("state-over"), String::new())
        }
    };
    Said {
        tone,
        tag: voice.text(tag),
        text,
    }
}

fn paid(voice: &Voice, topup: &TopupView) -> String {
    let credits = voice.credits(topup.quantity);
    match (topup.method, &topup.payment) {
        (Method::Transfer, _) => voice.with(Key("topup-transferred"), &[("credits", &credits)]),
        (Method::Card, Some(payment)) => {
            let money = voice.money(Money::new(payment.amount_minor, payment.currency));
            match &payment.card_last4 {
                Some(last4) => voice.with(
                    Key("topup-charged-card"),
                    &[("credits", &credits), ("money", &money), ("last4", last4)],
                ),
                None => voice.with(Key("topup-charged"), &[("credits", &credits), ("money", &money)]),
            }
        }
        (Method::Card, None) => voice.with(Key("topup-added"), &[("credits", &credits)]),
    }
}

fn with_reason(voice: &Voice, plain: Key, with: Key, reason: &str) -> String {
    match reason.trim().trim_end_matches('.') {
        "" => voice.text(plain),
        reason => voice.with(with, &[("reason", reason)]),
    }
}

/// What a top-up costs, as it was asked for.
pub(crate) fn price(voice: &Voice, amount_minor: Option<i64>, currency: Currency) -> Option<String> {
    amount_minor.map(|minor| voice.money(Money::new(minor, currency)))
}

/// `Visa •••• 4081`.
pub(crate) fn card(voice: &Voice, card: &SavedCard) -> String {
    card_named(voice, card.brand.as_deref(), card.last4.as_deref())
}

/// The same, of a card that is known by these alone.
pub(crate) fn card_named(voice: &Voice, brand: Option<&str>, last4: Option<&str>) -> String {
    let brand = match brand.map(str::trim) {
        None | Some("") => voice.text(Key("card")),
        Some(brand) => {
            let mut letters = brand.chars();
            let first = letters.next().map(|it| it.to_uppercase().to_string());
            format!("{}{}", first.unwrap_or_default(), letters.as_str())
        }
    };
    match last4 {
        Some(last4) => format!("{brand} ••••\u{a0}{last4}"),
        None => brand,
    }
}

/// How a wallet is topped up, in a sentence.
pub(crate) fn auto_topup(voice: &Voice, settings: Option<&AutoTopupView>) -> Said {
    let Some(settings) = settings else {
        return Said {
            tone: Tone::Plain,
            tag: voice.text(Key("auto-off")),
            text: voice.text(Key("auto-never")),
        };
    };
    if !settings.enabled {
        let reason = settings.disabled_reason.as_deref().unwrap_or_default();
        return Said {
            tone: Tone::Bad,
            tag: voice.text(Key("auto-disabled")),
            text: with_reason(
                voice,
                Key("auto-disabled-text"),
                Key("auto-disabled-reason"),
                reason,
            ),
        };
    }
    let (quantity, threshold) = (
        voice.credits(settings.quantity),
        voice.credits(settings.threshold),
    );
    let figures = [("quantity", quantity.as_str()), ("threshold", threshold.as_str())];
    let text = match (settings.method, &settings.card) {
        (Method::Card, Some(saved)) => {
            let named = card(voice, saved);
            let [first, second] = figures;
            voice.with(Key("auto-by-card"), &[first, second, ("card", &named)])
        }
        (Method::Card, None) => voice.with(Key("auto-by-some-card"), &figures),
        (Method::Transfer, _) => voice.with(Key("auto-by-transfer"), &figures),
    };
    Said {
        tone: Tone::Good,
        tag: voice.text(Key("auto-on")),
        text,
    }
}

/// A refusal in the rules' words, its number behind them: `Quantity must be at least the threshold (E4).`
pub(crate) fn refusal(words: &str) -> String {
    let (rule, rest) = match words.split_once(": ") {
        Some((rule, rest)) if is_rule(rule) => (Some(rule), rest),
        Some(_) | None => (None, words),
    };
    let mut letters = rest.chars();
    let first = letters
        .next()
        .map(|it| it.to_uppercase().to_string())
        .unwrap_or_default();
    let sentence = format!("{first}{}", letters.as_str().trim_end_matches('.'));
    match rule {
        Some(rule) => format!("{sentence} ({rule})."),
        None => format!("{sentence}."),
    }
}

/// `E4`, `C12`.
fn is_rule(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|it| it.is_ascii_uppercase())
        && !letters.as_str().is_empty()
        && letters.all(|it| it.is_ascii_digit())
}

/// Whether credits are so few that their holder wanted to know.
pub(crate) fn is_low(balance: Credits, threshold: Credits) -> bool {
    threshold.is_positive() && balance <= threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_sentence_with_its_rule_behind_it() {
        assert_eq!(
            refusal("E4: quantity must be at least the threshold"),
            "Quantity must be at least the threshold (E4)."
        );
        assert_eq!(refusal("there is no such card"), "There is no such card.");
        assert_eq!(refusal("Note: so be it"), "Note: so be it.");
    }
}
