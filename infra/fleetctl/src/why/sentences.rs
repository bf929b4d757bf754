//! Each fact of a story in words that can be read to a customer.

use super::payments::{self, known_from};
use super::{Before, Numbered};
use crate::words;
use jiff::Timestamp;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::message::{Channel, Template};
use topup_rules::topup::TopupState;
use topup_store::{Fact, NoticeState};

/// A fact as a sentence or two. `before` is what happened to the same top-up earlier.
pub(super) fn sentence(fact: &Fact, numbered: &Numbered, before: Before) -> String {
    match fact {
        Fact::Requested { .. } => requested(fact),
        Fact::Scheduled {
            due_at,
            waits_for,
            reason,
        } => {
            let until = due_at.map(|at| format!(" until {}", words::moment(at)));
            let other = waits_for.map(|id| format!(" until {} is settled", numbered.name(id)));
            let until = until.or(other).unwrap_or_default();
            format!(
                "It waits{until}{}",
                because(
                    reason
                        .as_deref()
                        .map(|reason| numbered.in_words(reason))
                        .as_deref()
                )
            )
        }
        Fact::Charging { .. } => charging(fact, before),
        Fact::Called {
            reference: _,
            call,
            outcome,
            detail,
            took_ms,
        } => payments::called(call, outcome, detail.as_deref(), *took_ms),
        Fact::StillOpen { state, reason } => format!("{}{}", open(*state), because(reason.as_deref())),
        Fact::Ended {
            state,
            credits,
            reason,
            settled_by,
        } => format!(
            "{}{}{}",
            ended(*state, *credits, before),
            because(reason.as_deref()),
            known_from(*settled_by)
        ),
        Fact::Disabled { reason } => format!("Automatic top-up was disabled{}", because(Some(reason))),
        Fact::Notice {
            template,
            channel,
            to,
            state,
            detail,
            ended_at,
            ..
        } => {
            let what = format!(
                "{} \"{template}\"{}",
                channel_told(*channel),
                to_whom(*template, *channel, to.as_deref())
            );
            notice(&what, *state, detail.as_deref(), *ended_at)
        }
        Fact::Bought { .. } => payments::bought(fact),
        Fact::Paid { .. } => payments::paid(fact),
        Fact::Registering { .. } | Fact::Registered { .. } => payments::registration(fact),
        Fact::Disputed { .. }
        | Fact::DisputeWon { .. }
        | Fact::NotGivenBack { .. }
        | Fact::Reversed { .. } => payments::reversal(fact),
        Fact::Stands { .. } => stands(fact, numbered),
    }
}

fn requested(fact: &Fact) -> String {
    let Fact::Requested {
        event_id,
        cost,
        balance,
        threshold,
        method,
        quantity,
        price,
    } = fact
    else {
        return String::new();
    };
    let cost = cost
        .map(|cost| format!(" of {}", words::credits(cost)))
        .unwrap_or_default();
    let reached = match threshold {
        Some(threshold) if balance == threshold => format!(", which reaches the threshold of {threshold}"),
        Some(threshold) => format!(", below the threshold of {threshold}"),
        None => ", at or below the threshold".to_owned(),
    };
    let how = match method {
        Method::Card => "by card",
        Method::Transfer => "from the main account",
    };
    let price = price.map(|price| format!(" for {price}")).unwrap_or_default();
    format!(
        "A send{cost} left {}{reached}: {} were asked for {how}{price}. The send is event {event_id}.",
        words::credits(*balance),
        words::credits(*quantity)
    )
}

fn charging(fact: &Fact, before: Before) -> String {
    let Fact::Charging {
        reference,
        amount,
        card_last4,
    } = fact
    else {
        return String::new();
    };
    let amount = amount.map_or_else(|| "an amount".to_owned(), |amount| amount.to_string());
    let card = card_last4.as_ref().map_or_else(
        || "the card".to_owned(),
        |last4| format!("the card ending in {last4}"),
    );
    if before.was_charging {
        return format!(
            "We set out again to charge {card} {amount}, under the same payment reference, which the payment gateway \
             takes once at most."
        );
    }
    let when = if before.has_waited {
        "Its moment had come"
    } else {
        "Nothing made it wait"
    };
    let reference = reference
        .as_ref()
        .map(|reference| format!(" Payment reference {reference}."));
    format!(
        "{when}: we set out to charge {card} {amount}.{}",
        reference.unwrap_or_default()
    )
}

fn open(state: TopupState) -> &'static str {
    match state {
        TopupState::Pending => "The payment gateway has not decided yet; the result is waited for",
        TopupState::Unknown => payments::UNKNOWN,
        TopupState::Parked => payments::PARKED,
        TopupState::Requested | TopupState::Scheduled | TopupState::Charging => "It is under way",
        TopupState::Succeeded | TopupState::Failed | TopupState::Skipped | TopupState::Reversed => {
            "It is over"
        }
    }
}

fn ended(state: TopupState, credits: Option<Credits>, before: Before) -> String {
    match (state, credits) {
        (TopupState::Succeeded, Some(credits)) if before.had_ended => {
            format!("Succeeded after all, late: {} came", words::credits(credits))
        }
        (TopupState::Succeeded, Some(credits)) => format!("Succeeded: {} came", words::credits(credits)),
        (TopupState::Succeeded, None) => "Succeeded".to_owned(),
        (TopupState::Failed, _) => "Failed: no credits came".to_owned(),
        (TopupState::Skipped, _) => "Not carried out, and nothing was charged".to_owned(),
        (TopupState::Reversed, _) => "The payment was taken back, and credits with it".to_owned(),
        (
            TopupState::Requested
            | TopupState::Scheduled
            | TopupState::Charging
            | TopupState::Pending
            | TopupState::Unknown
            | TopupState::Parked,
            _,
        ) => open(state).to_owned(),
    }
}

fn channel_told(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "The SMS",
        Channel::Email => "The e-mail",
    }
}

/// Masked: enough to know one's own by, and nothing to be read out to others.
fn to_whom(template: Template, channel: Channel, to: Option<&str>) -> String {
    match (template, channel, to) {
        (Template::OperatorAlert, _, _) => " to the operators".to_owned(),
        (Template::SignInLink, _, _) => " to somebody who signs in".to_owned(),
        (_, channel, Some(to)) => format!(" to {}", words::masked_contact(channel, to)),
        (_, _, None) => String::new(),
    }
}

fn notice(what: &str, state: NoticeState, detail: Option<&str>, ended_at: Option<Timestamp>) -> String {
    let at = ended_at
        .map(|at| format!(" at {}", words::moment(at)))
        .unwrap_or_default();
    match state {
        NoticeState::Queued => format!("{what} is on its way."),
        NoticeState::Sent => format!("{what} was sent{at}."),
        NoticeState::Skipped => format!("{what} was not sent{}", because(detail)),
        NoticeState::Parked => format!("{what} could not be sent{}", because(detail)),
    }
}

/// How the wallet stands, and so what happens next.
fn stands(fact: &Fact, numbered: &Numbered) -> String {
    let Fact::Stands {
        balance,
        available,
        auto_topup,
        threshold,
        open_topup,
    } = fact
    else {
        return String::new();
    };
    let mut text = words::credits(*balance);
    if available != balance {
        text += &format!(", of which {available} are not held for batches");
    }
    text += ". ";
    text += &match (*auto_topup, threshold, open_topup) {
        (_, _, Some(id)) => format!(
            "A wallet has one top-up at a time, and {} is under way.",
            numbered.name(*id)
        ),
        ("enabled", Some(threshold), None) if balance > threshold => {
            format!("A send that leaves {threshold} credits or fewer asks for a top-up.")
        }
        ("enabled", _, None) => "The next send asks for a top-up.".to_owned(),
        ("disabled", _, None) => "Automatic top-up is disabled: nothing is charged.".to_owned(),
        (_, _, None) => "Automatic top-up was never set up: nothing is charged.".to_owned(),
    };
    text
}

/// `: reason.`, or the sentence's end.
pub(super) fn because(reason: Option<&str>) -> String {
    match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => format!(": {}.", reason.trim_end_matches('.')),
        None => ".".to_owned(),
    }
}
