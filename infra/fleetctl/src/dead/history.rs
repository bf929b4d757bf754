//! `fleetctl dead history`: what people did with parked messages.

use super::{cut, or_dash};
use crate::cli::HistoryArgs;
use crate::fleet::Fleet;
use crate::output::{Report, Side, Table, grouped};
use crate::words;
use anyhow::Context as _;
use serde::Serialize;
use topup_store::{Act, ActRow, MovedOf, MovedRow};

#[derive(Debug, Serialize)]
struct Acts {
    acts: Vec<ActRow>,
}

#[derive(Debug, Serialize)]
struct Messages {
    messages: Vec<MovedRow>,
}

/// The acts, or the messages of one of them or of one account.
pub(super) async fn run(fleet: &Fleet, args: &HistoryArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let whose = match (args.act, args.account) {
        (Some(act), _) => Some(MovedOf::Act(act)),
        (None, Some(account)) => Some(MovedOf::Account(account)),
        (None, None) => None,
    };
    let cant = "the acts can't be read";
    match whose {
        None => {
            let acts = store.acts(&[Act::Redrive, Act::Discard], args.limit).await;
            let acts = acts.context(cant)?;
            let text = told(&acts);
            Report::fine(&Acts { acts }, text)
        }
        Some(whose) => {
            let messages = store.moved_messages(&whose, args.limit).await.context(cant)?;
            let text = told_messages(&messages);
            Report::fine(&Messages { messages }, text)
        }
    }
}

fn told(acts: &[ActRow]) -> String {
    let mut table = Table::new([
        ("AT", Side::Left),
        ("WHO", Side::Left),
        ("ACT", Side::Left),
        ("QUEUE", Side::Left),
        ("MESSAGES", Side::Right),
        ("ACT ID", Side::Left),
        ("BECAUSE", Side::Left),
    ]);
    for act in acts {
        table.row([
            words::moment(act.at),
            or_dash(Some(&act.who)),
            act.act.to_string(),
            act.queue.clone(),
            grouped(act.messages.unsigned_abs()),
            act.act_id.to_string(),
            cut(&act.reason),
        ]);
    }
    if table.is_empty() {
        "nothing was put back or thrown away".to_owned()
    } else {
        table.render()
    }
}

fn told_messages(messages: &[MovedRow]) -> String {
    let mut table = Table::new([
        ("#", Side::Right),
        ("AT", Side::Left),
        ("MESSAGE", Side::Left),
        ("TYPE", Side::Left),
        ("ACCOUNT", Side::Right),
        ("TO", Side::Left),
        ("WAS PARKED BECAUSE", Side::Left),
    ]);
    for message in messages {
        table.row([
            message.number.to_string(),
            words::moment(message.at),
            or_dash(message.message_id.as_deref()),
            or_dash(message.kind.as_deref()),
            message
                .account_id
                .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            message
                .moved_to
                .clone()
                .unwrap_or_else(|| "thrown away".to_owned()),
            cut(message.parked_why.as_deref().unwrap_or("-")),
        ]);
    }
    if table.is_empty() {
        "no message was put back or thrown away".to_owned()
    } else {
        table.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use uuid::Uuid;

    #[test]
    fn an_act_is_told_with_who_and_why_and_a_message_with_where_it_went() {
        let at: Timestamp = "2026-11-22T08:15:00Z".parse().unwrap();
        let act = ActRow {
            act_id: Uuid::nil(),
            at,
            who: "ann@ops1".into(),
            act: Act::Redrive,
            queue: "sms-sent.dead".into(),
            reason: "imported".into(),
            messages: 1_200,
        };
        let text = told(&[act]);
        assert!(
            text.contains("2026-11-22 08:15:00Z  ann@ops1  redrive  sms-sent.dead     1,200  0000"),
            "{text}"
        );
        assert!(text.ends_with("  imported\n"), "{text}");
        let message = MovedRow {
            act_id: Uuid::nil(),
            number: 2,
            at,
            message_id: Some("m\u{1b}".into()),
            kind: None,
            account_id: Some(9),
            parked_why: Some("S4".into()),
            moved_to: None,
            body: Some("{}".into()),
        };
        let text = told_messages(&[message]);
        assert!(
            text.contains("2  2026-11-22 08:15:00Z  m\u{FFFD}       -           9  thrown away  S4\n"),
            "{text}"
        );
    }
}
