//! `fleetctl topup`: top-ups as they stand.
//!
//! Left out: how they came there, which `fleetctl why` tells.

pub(crate) mod settle;

use crate::cli::{TopupCommand, TopupListArgs};
use crate::fleet::Fleet;
use crate::output::{Report, Side, Table, count};
use crate::words;
use serde::Serialize;
use std::fmt::Write as _;
use topup_rules::money::Money;
use topup_store::{PaymentView, Store, TopupFilter, TopupView};
use uuid::Uuid;

#[derive(Serialize)]
struct List<'a> {
    topups: &'a [TopupView],
}

/// Lists, shows or settles.
///
/// # Errors
/// Settings; no such top-up; the database's.
pub(crate) async fn run(fleet: &Fleet, command: &TopupCommand) -> anyhow::Result<Report> {
    match command {
        TopupCommand::List(args) => list(&fleet.store()?, args).await,
        TopupCommand::Show { topup } => show(&fleet.store()?, *topup).await,
        TopupCommand::Settle(args) => settle::run(fleet, args).await,
    }
}

async fn list(store: &Store, args: &TopupListArgs) -> anyhow::Result<Report> {
    let filter = TopupFilter {
        account: args.account,
        state: args.state,
    };
    let topups = store.topups(filter, args.limit).await?;
    let shown = topups.len() as u64;
    let mut text = table(&topups);
    if shown == 0 {
        text = "no top-ups".to_owned();
    } else if i64::try_from(shown) == Ok(args.limit) {
        let newest = count(shown, "top-up", "top-ups");
        write!(text, "\nthe newest {newest}; --limit shows more")?;
    }
    Report::fine(&List { topups: &topups }, text)
}

async fn show(store: &Store, topup: Uuid) -> anyhow::Result<Report> {
    let Some(view) = store.topup(topup).await? else {
        anyhow::bail!("there is no top-up {topup}");
    };
    Report::fine(&view, told(&view)?)
}

fn table(topups: &[TopupView]) -> String {
    let mut table = Table::new([
        ("TOP-UP", Side::Left),
        ("ACCOUNT", Side::Right),
        ("SERVICE", Side::Left),
        ("METHOD", Side::Left),
        ("CREDITS", Side::Right),
        ("PRICE", Side::Right),
        ("STATE", Side::Left),
        ("ASKED FOR", Side::Left),
        ("WHY", Side::Left),
    ]);
    for topup in topups {
        table.row([
            topup.topup_id.to_string(),
            topup.account_id.to_string(),
            topup.service.to_string(),
            topup.method.to_string(),
            topup.quantity.to_string(),
            price(topup).map_or_else(|| "-".to_owned(), |price| price.to_string()),
            topup.state.to_string(),
            words::moment(topup.requested_at),
            why(topup),
        ]);
    }
    table.render()
}

fn price(topup: &TopupView) -> Option<Money> {
    topup
        .amount_minor
        .map(|amount_minor| Money::new(amount_minor, topup.currency))
}

/// What is to be known beside the state.
fn why(topup: &TopupView) -> String {
    let until = topup.due_at.map(|at| format!("until {}", words::moment(at)));
    until
        .into_iter()
        .chain(topup.reason.clone())
        .collect::<Vec<_>>()
        .join(": ")
}

fn told(topup: &TopupView) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| writeln!(text, "{name:<14} {value}");
    line("top-up", &topup.topup_id.to_string())?;
    line(
        "wallet",
        &format!("{} of account {}", topup.service, topup.account_id),
    )?;
    let price = price(topup)
        .map(|price| format!(" for {price}"))
        .unwrap_or_default();
    line(
        "asks for",
        &format!("{} by {}{price}", words::credits(topup.quantity), topup.method),
    )?;
    line("state", topup.state.as_str())?;
    if let Some(reason) = &topup.reason {
        line("because", reason)?;
    }
    let left = words::credits(topup.trigger_balance);
    line(
        "triggered by",
        &format!("event {}, which left {left}", topup.trigger_event_id),
    )?;
    line("asked for at", &words::exact(topup.requested_at))?;
    for (name, at) in [("waits until", topup.due_at), ("ended at", topup.settled_at)] {
        if let Some(at) = at {
            line(name, &words::exact(at))?;
        }
    }
    if let Some(earlier) = topup.waits_for {
        line("waits for", &format!("top-up {earlier}"))?;
    }
    if let Some(trace) = &topup.trace_id {
        line("trace", trace)?;
    }
    match &topup.payment {
        Some(payment) => payment_told(&mut text, payment)?,
        None => text.push_str("\nno payment was asked for\n"),
    }
    Ok(text)
}

fn payment_told(text: &mut String, payment: &PaymentView) -> anyhow::Result<()> {
    let PaymentView {
        reference,
        gateway,
        mode,
        amount_minor,
        currency,
        card_last4,
        state,
        reason,
        ..
    } = payment;
    let mut line = |name: &str, value: &str| writeln!(text, "{name:<14} {value}");
    line("\npayment", &format!(" {reference}"))?;
    let card = card_last4
        .as_ref()
        .map(|last4| format!(" on the card ending in {last4}"))
        .unwrap_or_default();
    line(
        "  amount",
        &format!("{}{card}", Money::new(*amount_minor, *currency)),
    )?;
    line("  gateway", &format!("{gateway}, {mode} mode"))?;
    line("  state", state.as_str())?;
    let source = payment.settled_by.map(|source| source.to_string());
    let given_back = (payment.reversed_minor > 0).then(|| {
        let money = Money::new(payment.reversed_minor, *currency);
        format!("{money}, and {} credits with it", payment.taken_back)
    });
    let optional = [
        ("  because", reason.clone()),
        ("  refusal", payment.decline.map(|class| class.to_string())),
        ("  gateway's id", payment.gateway_transaction_id.clone()),
        ("  intent at", Some(words::exact(payment.intent_at))),
        ("  answered at", payment.answered_at.map(words::exact)),
        ("  next try at", payment.retry_at.map(words::exact)),
        ("  asked next at", payment.ask_at.map(words::exact)),
        ("  settled at", payment.settled_at.map(words::exact)),
        ("  settled by", source),
        ("  given back", given_back),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            line(name, &value)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use topup_rules::account::Method;
    use topup_rules::credits::Credits;
    use topup_rules::ids::{AccountId, Reference, Service};
    use topup_rules::message::{PaymentMode, ResultSource};
    use topup_rules::topup::{PaymentState, TopupState};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_335_300 + second).unwrap()
    }

    pub(super) fn topup() -> TopupView {
        let account = AccountId::new(1001).unwrap();
        TopupView {
            topup_id: Uuid::nil(),
            account_id: account,
            service: Service::Sms,
            method: Method::Card,
            quantity: Credits::from_milli(500_000),
            amount_minor: Some(12_750),
            currency: "ZAR".parse().unwrap(),
            state: TopupState::Failed,
            reason: Some("Declined".into()),
            trigger_event_id: Uuid::nil(),
            trigger_balance: Credits::from_milli(99_500),
            requested_at: at(0),
            due_at: None,
            waits_for: None,
            settled_at: Some(at(1)),
            trace_id: Some("0af7651916cd43dd8448eb211c80319c".into()),
            payment: Some(PaymentView {
                reference: Reference::of_topup(account, Uuid::nil()),
                gateway: "paystack".into(),
                mode: PaymentMode::Test,
                amount_minor: 12_750,
                currency: "ZAR".parse().unwrap(),
                card_last4: Some("4081".into()),
                state: PaymentState::Failed,
                reason: Some("Declined".into()),
                decline: None,
                gateway_transaction_id: Some("4099490251".into()),
                intent_at: at(0),
                retry_at: None,
                answered_at: Some(at(1)),
                ask_at: None,
                asked: 0,
                settled_by: Some(ResultSource::Charge),
                settled_at: Some(at(1)),
                reversed_minor: 0,
                taken_back: Credits::ZERO,
            }),
        }
    }

    #[test]
    fn a_list_has_a_line_a_top_up() {
        let mut waiting = topup();
        waiting.due_at = Some(at(1_800));
        waiting.reason = Some("too recent".into());
        waiting.state = TopupState::Scheduled;
        waiting.amount_minor = None;
        assert_eq!(
            table(&[topup(), waiting]),
            "TOP-UP                                ACCOUNT  SERVICE  METHOD  CREDITS       PRICE  STATE      ASKED FOR             WHY\n\
             00000000-0000-0000-0000-000000000000     1001  sms      card        500  ZAR 127.50  failed     2026-11-22 08:15:00Z  Declined\n\
             00000000-0000-0000-0000-000000000000     1001  sms      card        500           -  scheduled  2026-11-22 08:15:00Z  until 2026-11-22 08:45:00Z: too recent\n"
        );
    }

    #[test]
    fn a_top_up_is_shown_with_its_payment() {
        assert_eq!(
            told(&topup()).unwrap(),
            "top-up         00000000-0000-0000-0000-000000000000\n\
             wallet         sms of account 1001\n\
             asks for       500 credits by card for ZAR 127.50\n\
             state          failed\n\
             because        Declined\n\
             triggered by   event 00000000-0000-0000-0000-000000000000, which left 99.5 credits\n\
             asked for at   2026-11-22 08:15:00.000Z\n\
             ended at       2026-11-22 08:15:01.000Z\n\
             trace          0af7651916cd43dd8448eb211c80319c\n\
             \n\
             payment        topup-1001-00000000-0000-0000-0000-000000000000\n\
            \x20 amount       ZAR 127.50 on the card ending in 4081\n\
            \x20 gateway      paystack, test mode\n\
            \x20 state        failed\n\
            \x20 because      Declined\n\
            \x20 gateway's id 4099490251\n\
            \x20 intent at    2026-11-22 08:15:00.000Z\n\
            \x20 answered at  2026-11-22 08:15:01.000Z\n\
            \x20 settled at   2026-11-22 08:15:01.000Z\n\
            \x20 settled by   charge\n"
        );
    }
}
