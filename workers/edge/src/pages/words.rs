//! What became of a top-up, of settings, of an entry: in plain words.

use super::catalogue::Key;
use super::voice::Voice;
use crate::auto_topup::{BY_ITSELF, BY_MAIN};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::TopupId;
use topup_rules::message::DeclineClass;
use topup_rules::money::{Currency, Money};
use topup_rules::phrases::Phrased;
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
    /// When the gateway is asked next what became of it.
    ask_at: Option<Timestamp>,
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
        ask_at: None,
    };
    under_way(voice, &waiting, spacing, now)
}

/// The same, beside the wallet's settings: one that waits is not charged once auto top-up was disabled (E7).
pub(crate) fn outcome_beside(
    voice: &Voice,
    topup: &TopupView,
    enabled: bool,
    spacing: SignedDuration,
    now: Timestamp,
) -> Said {
    let said = outcome(voice, topup, spacing, now);
    match topup.state {
        TopupState::Requested | TopupState::Scheduled if !enabled => Said {
            tone: Tone::Plain,
            text: voice.text(Key("open-is-over")),
            ..said
        },
        TopupState::Requested
        | TopupState::Scheduled
        | TopupState::Charging
        | TopupState::Pending
        | TopupState::Unknown
        | TopupState::Parked
        | TopupState::Succeeded
        | TopupState::Failed
        | TopupState::Skipped
        | TopupState::Reversed => said,
    }
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
        ask_at: topup.payment.as_ref().and_then(|payment| payment.ask_at),
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
            text: joined(Some(paid(voice, topup)), given_back(voice, topup)),
        },
        TopupState::Failed => Said {
            tone: Tone::Bad,
            tag: voice.text(Key("state-failed")),
            text: joined(
                Some(with_reason(
                    voice,
                    Key("topup-failed"),
                    Key("topup-failed-reason"),
                    reason,
                )),
                declined(voice, topup),
            ),
        },
        TopupState::Skipped => Said {
            tone: Tone::Plain,
            tag: voice.text(Key("state-skipped")),
            text: with_reason(voice, Key("topup-skipped"), Key("topup-skipped-reason"), reason),
        },
        TopupState::Reversed => Said {
            tone: Tone::Warn,
            tag: voice.text(Key("state-reversed")),
            text: given_back(voice, topup).unwrap_or_else(|| voice.text(Key("topup-reversed"))),
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
            match it.ask_at.filter(|at| *at > now) {
                Some(at) => voice.with(Key("topup-confirming-until"), &[("time", &voice.soon(at, now))]),
                None => voice.text(Key("topup-confirming")),
            },
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

fn joined(first: Option<String>, second: Option<String>) -> String {
    let both: Vec<String> = first.into_iter().chain(second).collect();
    both.join(" ")
}

/// What kind of refusal it was, if a card was refused.
fn declined(voice: &Voice, topup: &TopupView) -> Option<String> {
    let decline = topup.payment.as_ref()?.decline?;
    Some(voice.text(match decline {
        DeclineClass::NeverAgain => Key("declined-never-again"),
        DeclineClass::NeedsCustomer => Key("declined-needs-customer"),
        DeclineClass::AnotherDay => Key("declined-another-day"),
    }))
}

/// What of it was given back, with the credits that went along.
fn given_back(voice: &Voice, topup: &TopupView) -> Option<String> {
    let payment = topup.payment.as_ref().filter(|it| it.reversed_minor > 0)?;
    let money = |minor| voice.money(Money::new(minor, payment.currency));
    let (back, of) = (money(payment.reversed_minor), money(payment.amount_minor));
    let credits = voice.credits(payment.taken_back);
    Some(voice.with(
        Key("topup-given-back"),
        &[("back", &back), ("of", &of), ("credits", &credits)],
    ))
}

/// With why, if that is known, as it was written down.
pub(crate) fn with_reason(voice: &Voice, plain: Key, with: Key, words: &str) -> String {
    match reason(voice, words).as_str() {
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
        Some(brand) => capitalised(brand),
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
        return Said {
            // Who ended it by hand needs no alarm.
            tone: match by_hand(settings) {
                Some(_) => Tone::Plain,
                None => Tone::Bad,
            },
            tag: voice.text(Key("auto-disabled")),
            text: with_reason(
                voice,
                Key("auto-disabled-text"),
                Key("auto-disabled-reason"),
                &why(voice, settings),
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

/// Why it is disabled: in the reader's language where that is known, else as it was written down.
pub(crate) fn why(voice: &Voice, settings: &AutoTopupView) -> String {
    match by_hand(settings) {
        Some(key) => voice.text(key),
        None => reason(voice, settings.disabled_reason.as_deref().unwrap_or_default()),
    }
}

/// Whose hand disabled it, if one did.
fn by_hand(settings: &AutoTopupView) -> Option<Key> {
    match settings.disabled_reason.as_deref()? {
        BY_ITSELF => Some(Key("disabled-by-itself")),
        BY_MAIN => Some(Key("disabled-by-main")),
        _ => None,
    }
}

/// A refusal in the rules' words, its number behind them: `Quantity must be at least the threshold (E4).`
pub(crate) fn refusal(voice: &Voice, refusal: &impl Phrased) -> String {
    sentence(&refusal.to_string(), voice.phrase(&refusal.phrase()))
}

/// The same of one that was written down.
pub(crate) fn told(voice: &Voice, words: &str) -> String {
    sentence(words, voice.reason(words))
}

/// The rules' reason, or a bank's, as a part of a sentence.
fn reason(voice: &Voice, words: &str) -> String {
    let words = words.trim().trim_end_matches('.');
    voice.reason(words).unwrap_or_else(|| words.to_owned())
}

fn sentence(words: &str, translated: Option<String>) -> String {
    let (rule, rest) = match words.split_once(": ") {
        Some((rule, rest)) if is_rule(rule) => (Some(rule), rest),
        Some(_) | None => (None, words),
    };
    let rest = translated.as_deref().unwrap_or(rest);
    let sentence = capitalised(rest.trim_end_matches('.'));
    match rule {
        Some(rule) => format!("{sentence} ({rule})."),
        None => format!("{sentence}."),
    }
}

/// As a sentence begins.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
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
