//! The end of the story: why a wallet was not topped up, and what to do about it.

use super::look::{Judged, Look};
use crate::dead::{cut, or_dash};
use crate::output::count;
use crate::words::{self, credits, moment};
use serde::Serialize;
use std::fmt::Write as _;
use topup_rules::account::Method;
use topup_rules::ids::{AccountId, Service};
use topup_rules::standing::{Obstacle, Stage, Verdict};
use topup_store::TopupView;

/// A wallet's verdict, for the JSON document.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) service: Service,
    /// `disabled`, `waits-until`, `held-paused`, …
    pub(super) verdict: &'static str,
    #[serde(flatten)]
    pub(super) words: Words,
    /// What stands in the top-up's way after that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) then: Option<Words>,
}

/// Why, and what to do about it.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    pub(super) because: String,
    pub(super) do_this: String,
}

/// Every wallet's verdict.
pub(super) fn verdicts(look: &Look, account: AccountId) -> Vec<Told> {
    let told = look.judged().into_iter().map(|judged| {
        let judgement = judged.judgement;
        let then = judgement
            .then
            .map(|(stage, obstacle)| held(look, account, stage, obstacle));
        Told {
            service: judged.wallet.service,
            verdict: name(judgement.verdict),
            words: told(look, account, &judged),
            then,
        }
    });
    told.collect()
}

/// The account's parked messages, a line each; nothing where there are none.
pub(super) fn parked_told(look: &Look) -> anyhow::Result<String> {
    let mut text = String::new();
    if !look.parked.messages.is_empty() {
        text.push_str("\nparked messages of this account\n");
    }
    for message in &look.parked.messages {
        let at = message.failed_at.map_or_else(|| "-".to_owned(), words::exact);
        let reason = cut(message.reason.as_deref().unwrap_or("-"));
        let id = or_dash(message.message_id.as_deref());
        writeln!(text, "  {at}  {}: {reason} (message {id})", message.queue)?;
    }
    for problem in &look.problems {
        writeln!(text, "\nNot looked at: {problem}")?;
    }
    Ok(text)
}

/// The last lines.
pub(super) fn verdicts_told(verdicts: &[Told]) -> anyhow::Result<String> {
    let mut text = String::new();
    for told in verdicts {
        let Words { because, do_this } = &told.words;
        writeln!(
            text,
            "\nThe {} wallet is not topped up now because {because}.",
            told.service
        )?;
        writeln!(text, "Do this: {do_this}.")?;
        if let Some(Words { because, do_this }) = &told.then {
            writeln!(
                text,
                "Then it will be held up, because {because}.\nDo this: {do_this}."
            )?;
        }
    }
    Ok(text)
}

/// What to do with parked messages of an account that there is none of.
pub(super) fn of_nobody(look: &Look, account: AccountId) -> Words {
    let messages = count(look.parked.messages.len() as u64, "message", "messages");
    Words {
        because: format!("there is no account {account}, and {messages} about it in the dead letters"),
        do_this: format!(
            "if it should be there, `fleetctl import` it, then `fleetctl dead redrive --account {account} --because \
             '…'`; if not, `fleetctl dead discard --account {account} --because '…'`"
        ),
    }
}

const fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NeverSetUp => "never-set-up",
        Verdict::Disabled => "disabled",
        Verdict::AboveThreshold => "above-threshold",
        Verdict::NextSend => "next-send",
        Verdict::AtCap => "at-cap",
        Verdict::OnItsWay => "on-its-way",
        Verdict::WaitsUntil(_) => "waits-until",
        Verdict::WaitsFor(_) => "waits-for",
        Verdict::AtGateway => "at-gateway",
        Verdict::ForAPerson => "for-a-person",
        Verdict::Held(_, Obstacle::Parked) => "held-parked",
        Verdict::Held(_, Obstacle::Paused) => "held-paused",
        Verdict::Held(_, Obstacle::Nobody) => "held-nobody",
    }
}

fn told(look: &Look, account: AccountId, judged: &Judged<'_>) -> Words {
    let nothing = "nothing";
    let (because, do_this) = match judged.judgement.verdict {
        Verdict::Held(stage, obstacle) => return held(look, account, stage, obstacle),
        Verdict::NeverSetUp => (
            "automatic top-up was never set up for it".to_owned(),
            "have the account enable it, or buy credits by hand".to_owned(),
        ),
        Verdict::Disabled => disabled(judged),
        Verdict::AboveThreshold => (
            format!(
                "its {} are above the threshold of {}",
                credits(judged.wallet.credits),
                threshold(judged)
            ),
            "nothing; the send that takes it there asks for a top-up".to_owned(),
        ),
        Verdict::NextSend => next_send(judged),
        Verdict::AtCap => (
            reason(judged.last).to_owned(),
            "wait until the day or the month is over, or have the cap raised; its next send asks again"
                .to_owned(),
        ),
        Verdict::OnItsWay => (
            format!(
                "its top-up{} is asked for, and is taken up in a moment",
                quantity(judged.open)
            ),
            "look again in a minute; `fleetctl status` shows whether work is piling up".to_owned(),
        ),
        Verdict::WaitsUntil(due) => (
            format!(
                "its top-up{} waits until {}: {}",
                quantity(judged.open),
                moment(due),
                reason(judged.open)
            ),
            format!("{nothing}; it is tried then by itself"),
        ),
        Verdict::WaitsFor(earlier) => (
            format!(
                "its top-up{} waits until another of the account is settled",
                quantity(judged.open)
            ),
            format!("see what holds that one: `fleetctl topup show {earlier}`"),
        ),
        Verdict::AtGateway => at_gateway(judged.open),
        Verdict::ForAPerson => for_a_person(judged.open),
    };
    Words { because, do_this }
}

fn disabled(judged: &Judged<'_>) -> (String, String) {
    let auto = judged.wallet.auto_topup.as_ref();
    let reason = auto.and_then(|auto| auto.disabled_reason.as_deref());
    let do_this = match auto.map(|auto| auto.method) {
        Some(Method::Transfer) => {
            "have the main account see to its credits and enable it again, which is one step"
        }
        Some(Method::Card) | None => "have the account register a card that works, which enables it again",
    };
    let because = format!(
        "automatic top-up is disabled: {}",
        reason.unwrap_or("no reason is known")
    );
    (because, do_this.to_owned())
}

fn next_send(judged: &Judged<'_>) -> (String, String) {
    let before = match judged.last {
        Some(last) => format!(" (the last top-up {}: {})", last.state, reason(judged.last)),
        None => String::new(),
    };
    let because = format!(
        "nothing has been sent since its balance came to {}, at or below the threshold of {}, and only a send asks{before}",
        judged.wallet.credits,
        threshold(judged)
    );
    (because, "nothing; its next send asks for a top-up".to_owned())
}

fn at_gateway(open: Option<&TopupView>) -> (String, String) {
    let payment = open.and_then(|topup| topup.payment.as_ref());
    let reference = payment.map_or_else(String::new, |payment| format!(" {}", payment.reference));
    let asked = match payment.and_then(|payment| payment.ask_at) {
        Some(at) => format!(", and is asked about it at {}", moment(at)),
        None => String::new(),
    };
    let because = format!("the payment gateway has not said yet how the payment{reference} ended{asked}");
    (
        because,
        "nothing; what it says is settled by itself, whenever it comes".to_owned(),
    )
}

fn for_a_person(open: Option<&TopupView>) -> (String, String) {
    let reference = open.and_then(|topup| topup.payment.as_ref());
    let reference = reference.map_or_else(|| "it".to_owned(), |payment| payment.reference.to_string());
    let id = open.map_or_else(String::new, |topup| topup.topup_id.to_string());
    let because = format!(
        "nobody but a person can find out how its payment ended: {}",
        reason(open)
    );
    let do_this = format!(
        "look {reference} up at the payment gateway, then `fleetctl topup settle {id} --succeeded --reason '…'`, or \
         `--failed`"
    );
    (because, do_this)
}

fn held(look: &Look, account: AccountId, stage: Stage, obstacle: Obstacle) -> Words {
    let name = stage.name();
    let (because, do_this) = match obstacle {
        Obstacle::Parked => {
            let mut parked = look.parked_at(stage);
            let first = parked.next().and_then(|message| message.reason.as_deref());
            let messages = count(1 + parked.count() as u64, "message", "messages");
            (
                format!(
                    "{name}.dead holds {messages} of its account: {}",
                    cut(first.unwrap_or("-"))
                ),
                format!(
                    "mend what the reason names, then `fleetctl dead redrive --queue {name} --account {account} \
                     --because '…'`"
                ),
            )
        }
        Obstacle::Paused => {
            let pause = look.pauses.iter().find(|pause| pause.queue == name);
            let by = pause.map_or_else(String::new, |pause| {
                format!(
                    " by {} since {}: {}",
                    pause.who,
                    moment(pause.paused_at),
                    pause.reason
                )
            });
            (
                format!("{name} is paused{by}"),
                format!("when the reason is no more, `fleetctl resume {name}`"),
            )
        }
        Obstacle::Nobody => (
            format!("no process {name} is at work"),
            format!("start one, or see why it does not: `fleetctl status`, and {name}'s log"),
        ),
    };
    Words { because, do_this }
}

fn threshold(judged: &Judged<'_>) -> String {
    let auto = judged.wallet.auto_topup.as_ref();
    auto.map_or_else(|| "-".to_owned(), |auto| auto.threshold.to_string())
}

fn quantity(topup: Option<&TopupView>) -> String {
    topup.map_or_else(String::new, |topup| format!(" of {}", credits(topup.quantity)))
}

fn reason(topup: Option<&TopupView>) -> &str {
    let reason = topup.and_then(|topup| topup.reason.as_deref());
    reason.unwrap_or("no reason is known")
}
