//! Each fact of a story in words that can be read to a customer.

use super::Numbered;
use crate::words;
use jiff::Timestamp;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::message::{Channel, ResultSource};
use topup_rules::topup::TopupState;
use topup_store::{Fact, NoticeState};

/// How the database says that a call failed for reasons that are not the customer's (C9).
const OUR_TROUBLE: &str = "our-trouble";

/// A fact as a sentence or two.
pub(super) fn sentence(fact: &Fact, numbered: &Numbered) -> String {
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
        Fact::Charging {
            reference,
            amount,
            card_last4,
        } => {
            let amount = amount.map_or_else(|| "an amount".to_owned(), |amount| amount.to_string());
            let card = card_last4.as_ref().map_or_else(
                || "the card".to_owned(),
                |last4| format!("the card ending in {last4}"),
            );
            let reference = reference
                .as_ref()
                .map(|reference| format!(" Payment reference {reference}."));
            format!(
                "We set out to charge {card} {amount}.{}",
                reference.unwrap_or_default()
            )
        }
        Fact::Called {
            reference: _,
            call,
            outcome,
            detail,
            took_ms,
        } => called(call, outcome, detail.as_deref(), *took_ms),
        Fact::StillOpen { state, reason } => format!("{}{}", open(*state), because(reason.as_deref())),
        Fact::Ended {
            state,
            credits,
            reason,
            settled_by,
        } => {
            let by = settled_by.map(|source| format!(" We know from {}.", source_told(source)));
            format!(
                "{}{}{}",
                ended(*state, *credits),
                because(reason.as_deref()),
                by.unwrap_or_default()
            )
        }
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
                to_whom(to.as_deref())
            );
            notice(&what, *state, detail.as_deref(), *ended_at)
        }
        Fact::Bought { .. }
        | Fact::Paid { .. }
        | Fact::Disputed { .. }
        | Fact::DisputeWon { .. }
        | Fact::Reversed { .. } => fact.to_string(),
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

fn called(call: &str, outcome: &str, detail: Option<&str>, took_ms: i64) -> String {
    let asked = match call {
        "charge" => "was asked for the money",
        "verify" => "was asked what became of it",
        _ => "was called",
    };
    let answer = match outcome {
        "success" => "approved it",
        "failed" => "refused it",
        "pending" => "has not decided yet",
        "unknown" => "gave no answer that decides it",
        "action-required" => "wants the card holder to do something",
        OUR_TROUBLE => "could not be used (our trouble, not the customer's)",
        other => other,
    };
    let detail = detail.map(|detail| format!(": \"{detail}\"")).unwrap_or_default();
    format!("The payment gateway {asked} and {answer}{detail} ({took_ms} ms).")
}

fn open(state: TopupState) -> &'static str {
    match state {
        TopupState::Pending => "The payment gateway has not decided yet; the result is waited for",
        TopupState::Unknown => {
            "Nobody knows yet whether the money was taken; the payment gateway is asked again"
        }
        TopupState::Parked => "A person has to look at it",
        TopupState::Requested | TopupState::Scheduled | TopupState::Charging => "It is under way",
        TopupState::Succeeded | TopupState::Failed | TopupState::Skipped | TopupState::Reversed => {
            "It is over"
        }
    }
}

fn ended(state: TopupState, credits: Option<Credits>) -> String {
    match (state, credits) {
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

fn source_told(source: ResultSource) -> &'static str {
    match source {
        ResultSource::Charge => "the payment gateway's answer to the charge",
        ResultSource::Webhook => "a message of the payment gateway",
        ResultSource::Verify => "asking the payment gateway again",
        ResultSource::Reconcile => "the comparison with the payment gateway's books",
        ResultSource::Operator => "an operator's decision",
    }
}

fn channel_told(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "The SMS",
        Channel::Email => "The e-mail",
    }
}

fn to_whom(to: Option<&str>) -> String {
    to.map(|to| format!(" to {to}")).unwrap_or_default()
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
fn because(reason: Option<&str>) -> String {
    match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => format!(": {}.", reason.trim_end_matches('.')),
        None => ".".to_owned(),
    }
}
