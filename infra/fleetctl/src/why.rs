//! `fleetctl why`: an account's story in the order of time, in words that can be read to a customer.

use crate::cli::WhyArgs;
use crate::fleet::Fleet;
use crate::output::Report;
use crate::words;
use jiff::Timestamp;
use serde::Serialize;
use std::fmt::Write as _;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, TopupId};
use topup_rules::message::{Channel, ResultSource};
use topup_rules::topup::TopupState;
use topup_store::{Fact, NoticeState, StoryLine};

/// How the database says that a call failed for reasons that are not the customer's (C9).
const OUR_TROUBLE: &str = "our-trouble";

#[derive(Serialize)]
struct Story<'a> {
    account_id: AccountId,
    story: &'a [StoryLine],
}

/// Tells the story.
///
/// # Errors
/// Settings; no such account; the database's.
pub(crate) async fn run(fleet: &Fleet, args: &WhyArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let story = store.story(args.account, args.limit).await?;
    if story.is_empty() && store.account_view(args.account).await?.is_none() {
        anyhow::bail!("there is no account {}", args.account);
    }
    let text = told(args.account, &story)?;
    Report::fine(
        &Story {
            account_id: args.account,
            story: &story,
        },
        text,
    )
}

/// The top-ups of a story by number: ids are nothing to read out.
struct Numbered(Vec<TopupId>);

impl Numbered {
    fn of(story: &[StoryLine]) -> Self {
        let mut ids = Vec::new();
        for id in story.iter().filter_map(|line| line.topup_id) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Self(ids)
    }

    fn name(&self, id: TopupId) -> String {
        match self.0.iter().position(|known| *known == id) {
            Some(index) => format!("top-up {}", index + 1),
            None => format!("top-up {id}"),
        }
    }

    /// A reason that names top-ups by their ids.
    fn in_words(&self, reason: &str) -> String {
        self.0
            .iter()
            .enumerate()
            .fold(reason.to_owned(), |text, (index, id)| {
                text.replace(&id.to_string(), &(index + 1).to_string())
            })
    }
}

fn told(account: AccountId, story: &[StoryLine]) -> anyhow::Result<String> {
    let numbered = Numbered::of(story);
    let mut text = format!("account {account}\n");
    let (standing, past): (Vec<_>, Vec<_>) = story
        .iter()
        .partition(|line| matches!(line.fact, Fact::Stands { .. }));
    if past.is_empty() {
        text.push_str("\nNo top-up was ever asked for.\n");
    }
    let mut about = None;
    for line in past {
        // A heading wherever another top-up or wallet is spoken of. What concerns the whole wallet (a notice, a
        // disablement) stands with the top-up that it happened with.
        let goes_on = about.is_some_and(|(service, topup)| {
            line.service == service && (line.topup_id.is_none() || line.topup_id == topup)
        });
        if !goes_on {
            about = Some((line.service, line.topup_id));
            writeln!(text, "\n{}", heading(line, &numbered))?;
        }
        writeln!(
            text,
            "  {}  {}",
            words::exact(line.at),
            sentence(&line.fact, &numbered)
        )?;
    }
    for line in standing {
        let wallet = line
            .service
            .map_or_else(String::new, |service| format!("{service} "));
        write!(text, "\nthe {wallet}wallet now\n  {}  ", words::exact(line.at))?;
        writeln!(text, "{}", sentence(&line.fact, &numbered))?;
    }
    Ok(text)
}

fn heading(line: &StoryLine, numbered: &Numbered) -> String {
    match (line.service, line.topup_id) {
        (Some(service), Some(id)) => format!("{} of the {service} wallet ({id})", numbered.name(id)),
        (None, Some(id)) => format!("{} ({id})", numbered.name(id)),
        (Some(service), None) => format!("the {service} wallet"),
        (None, None) => "the account".to_owned(),
    }
}

fn sentence(fact: &Fact, numbered: &Numbered) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use topup_rules::ids::{Reference, Service};
    use topup_rules::message::Template;
    use topup_rules::money::Money;
    use uuid::Uuid;

    fn line(second: i64, topup: Option<u128>, fact: Fact) -> StoryLine {
        let at = Timestamp::from_second(1_795_335_300 + second).unwrap();
        StoryLine {
            at,
            service: Some(Service::Sms),
            topup_id: topup.map(Uuid::from_u128),
            fact,
        }
    }

    fn zar(amount_minor: i64) -> Money {
        Money::new(amount_minor, "ZAR".parse().unwrap())
    }

    fn requested(topup: u128, balance_milli: i64) -> StoryLine {
        let credits = |milli| Some(Credits::from_milli(milli));
        let fact = Fact::Requested {
            event_id: Uuid::from_u128(9),
            cost: credits(1_000),
            balance: Credits::from_milli(balance_milli),
            threshold: credits(100_000),
            method: Method::Card,
            quantity: Credits::from_milli(500_000),
            price: Some(zar(12_750)),
        };
        line(0, Some(topup), fact)
    }

    fn stands(auto_topup: &'static str, balance_milli: i64, open: Option<u128>) -> StoryLine {
        let fact = Fact::Stands {
            balance: Credits::from_milli(balance_milli),
            available: Credits::from_milli(balance_milli),
            auto_topup,
            threshold: Some(Credits::from_milli(100_000)),
            open_topup: open.map(Uuid::from_u128),
        };
        line(9, None, fact)
    }

    fn told_of(story: &[StoryLine]) -> String {
        told(AccountId::new(1001).unwrap(), story).unwrap()
    }

    #[test]
    fn a_story_is_told_by_time_with_what_stands_now_at_its_end() {
        let reference: Reference = "topup-1001-1".parse().unwrap();
        let card_last4 = Some("4081".to_owned());
        let charging = Fact::Charging {
            reference: Some(reference.clone()),
            amount: Some(zar(12_750)),
            card_last4,
        };
        let answer = Fact::Called {
            reference,
            call: "charge".to_owned(),
            outcome: "success".to_owned(),
            detail: Some("Approved".to_owned()),
            took_ms: 41,
        };
        let ended = Fact::Ended {
            state: TopupState::Succeeded,
            credits: Some(Credits::from_milli(500_000)),
            reason: None,
            settled_by: Some(ResultSource::Charge),
        };
        let sms = Fact::Notice {
            notification_id: Uuid::nil(),
            template: Template::TopupSucceeded,
            channel: Channel::Sms,
            to: Some("+27820000001".to_owned()),
            state: NoticeState::Sent,
            detail: None,
            ended_at: Timestamp::from_second(1_795_335_304).ok(),
        };
        let story = [
            requested(1, 100_000),
            line(1, Some(1), charging),
            line(2, Some(1), answer),
            line(2, Some(1), ended),
            line(3, Some(1), sms),
            stands("enabled", 600_000, None),
        ];
        assert_eq!(
            told_of(&story),
            "account 1001\n\
             \n\
             top-up 1 of the sms wallet (00000000-0000-0000-0000-000000000001)\n\
            \x20 2026-11-22 08:15:00.000Z  A send of 1 credit left 100 credits, which reaches the threshold of 100: \
             500 credits were asked for by card for ZAR 127.50. The send is event \
             00000000-0000-0000-0000-000000000009.\n\
            \x20 2026-11-22 08:15:01.000Z  We set out to charge the card ending in 4081 ZAR 127.50. \
             Payment reference topup-1001-1.\n\
            \x20 2026-11-22 08:15:02.000Z  The payment gateway was asked for the money and approved it: \
             \"Approved\" (41 ms).\n\
            \x20 2026-11-22 08:15:02.000Z  Succeeded: 500 credits came. We know from the payment gateway's answer to \
             the charge.\n\
            \x20 2026-11-22 08:15:03.000Z  The SMS \"topup-succeeded\" to +27820000001 was sent at \
             2026-11-22 08:15:04Z.\n\
             \n\
             the sms wallet now\n\
            \x20 2026-11-22 08:15:09.000Z  600 credits. A send that leaves 100 credits or fewer asks for a top-up.\n"
        );
    }

    #[test]
    fn a_waiting_top_up_says_until_when_and_for_which() {
        let waits = |due_at, waits_for: Option<u128>, reason: &str| {
            let waits_for = waits_for.map(Uuid::from_u128);
            line(
                1,
                Some(2),
                Fact::Scheduled {
                    due_at,
                    waits_for,
                    reason: Some(reason.to_owned()),
                },
            )
        };
        let due_at = Timestamp::from_second(1_795_337_100).ok();
        let text = told_of(&[
            requested(1, 99_000),
            waits(due_at, None, "the account's last card top-up is too recent"),
            waits(
                None,
                Some(1),
                &format!(
                    "the account's earlier card top-up {} is not settled yet",
                    Uuid::from_u128(1)
                ),
            ),
        ]);
        for sentence in [
            "left 99 credits, below the threshold of 100: 500 credits",
            "It waits until 2026-11-22 08:45:00Z: the account's last card top-up is too recent.\n",
            "It waits until top-up 1 is settled: the account's earlier card top-up 1 is not settled yet.\n",
        ] {
            assert!(text.contains(sentence), "{sentence}\n{text}");
        }
    }

    #[test]
    fn what_concerns_the_wallet_stands_with_the_top_up_that_it_happened_with() {
        let disabled = |second| {
            line(
                second,
                None,
                Fact::Disabled {
                    reason: "Declined".to_owned(),
                },
            )
        };
        let failed = Fact::Ended {
            state: TopupState::Failed,
            credits: None,
            reason: None,
            settled_by: None,
        };
        let text = told_of(&[
            disabled(0),
            requested(1, 5),
            disabled(1),
            line(1, Some(1), failed),
        ]);
        let headings: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with(' ') && !line.is_empty())
            .collect();
        let top_up = "top-up 1 of the sms wallet (00000000-0000-0000-0000-000000000001)";
        assert_eq!(headings, ["account 1001", "the sms wallet", top_up]);
    }

    #[test]
    fn a_story_without_top_ups_says_what_would_make_one() {
        let ends_with = |story: StoryLine, sentence: &str| {
            let text = told_of(&[story]);
            assert!(text.contains("\nNo top-up was ever asked for.\n"), "{text}");
            assert!(text.ends_with(&format!("{sentence}\n")), "{text}");
        };
        ends_with(
            stands("enabled", 99_000, None),
            "99 credits. The next send asks for a top-up.",
        );
        ends_with(
            stands("disabled", 5_000, None),
            "Automatic top-up is disabled: nothing is charged.",
        );
        ends_with(
            stands("off", 1_000, None),
            "1 credit. Automatic top-up was never set up: nothing is charged.",
        );
    }
}
