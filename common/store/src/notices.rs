//! Notices, recorded in the transaction of the change that caused them (N1), and with them the events of the same changes.

use crate::StoreError;
use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use topup_rules::message::{Channel, Notification};
use topup_rules::notices::{NoticeDraft, Routing, route};
use uuid::Uuid;

/// Records each draft once a channel, and queues what has somewhere to go. A draft whose cause was
/// recorded before changes nothing.
pub(crate) async fn request(
    tx: &Tx,
    drafts: &[NoticeDraft],
    traceparent: Option<&str>,
) -> Result<Vec<OutboxMessage>, StoreError> {
    let traced: Vec<_> = drafts.iter().map(|draft| (draft, traceparent)).collect();
    request_traced(tx, &traced).await
}

/// The same for drafts of different causes, each with the trace that it is part of.
pub(crate) async fn request_traced(
    tx: &Tx,
    drafts: &[(&NoticeDraft, Option<&str>)],
) -> Result<Vec<OutboxMessage>, StoreError> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let (contacts, now) = contacts(tx, drafts).await?;
    let mut rows = Rows::default();
    let mut notifications = Vec::new();
    for &(draft, traceparent) in drafts {
        let (has_mobile, has_email) = contacts.get(&draft.account.get()).copied().unwrap_or_default();
        for (channel, routing) in route(draft.template, has_mobile, has_email) {
            let id = draft.id(channel);
            rows.push(draft, id, channel, &routing);
            if routing == Routing::Send {
                let notification = Notification {
                    notification_id: id,
                    account_id: draft.account,
                    channel,
                    template: draft.template,
                    params: draft.params.clone(),
                };
                notifications.push((notification, traceparent));
            }
        }
    }
    let recorded = rows.insert(tx).await?;
    let mut messages = notifications
        .iter()
        .filter(|(n, _)| recorded.contains(&n.notification_id))
        .map(|(n, traceparent)| Ok(Draft::new(n.account_id, n)?.traced(*traceparent)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    // Whichever channels there are, platforms hear of it once, and of a repeat not at all.
    for (draft, traceparent) in drafts {
        let is_new = Channel::ALL
            .iter()
            .any(|channel| recorded.contains(&draft.id(*channel)));
        if let Some(event) = draft.event.as_ref().filter(|_| is_new) {
            messages.push(Draft::event(&event.at(now))?.traced(*traceparent));
        }
    }
    outbox::write(tx, messages).await
}

/// Whether each account has a mobile number and an e-mail address; and the clock, which is asked on the same way.
async fn contacts(
    tx: &Tx,
    drafts: &[(&NoticeDraft, Option<&str>)],
) -> Result<(HashMap<i64, (bool, bool)>, Timestamp), StoreError> {
    let accounts: Vec<i64> = drafts.iter().map(|(draft, _)| draft.account.get()).collect();
    let rows = tx
        .query(
            "SELECT account_id, mobile IS NOT NULL, email IS NOT NULL, clock_timestamp()
               FROM accounts WHERE account_id = ANY($1)",
            &[&accounts],
        )
        .await?;
    let now = match rows.first() {
        Some(row) => row.try_get(3)?,
        None => tx.clock().await?,
    };
    let contacts = rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2))));
    Ok((contacts.collect(), now))
}

/// Columns of the notices to insert.
#[derive(Default)]
struct Rows<'a> {
    accounts: Vec<i64>,
    ids: Vec<Uuid>,
    causes: Vec<&'a str>,
    templates: Vec<&'static str>,
    channels: Vec<&'static str>,
    params: Vec<serde_json::Value>,
    states: Vec<&'static str>,
    details: Vec<Option<&'static str>>,
}

impl<'a> Rows<'a> {
    fn push(&mut self, draft: &'a NoticeDraft, id: Uuid, channel: Channel, routing: &Routing) {
        self.accounts.push(draft.account.get());
        self.ids.push(id);
        self.causes.push(&draft.cause);
        self.templates.push(draft.template.as_str());
        self.channels.push(channel.as_str());
        self.params.push(serde_json::Value::Object(draft.params.clone()));
        let (state, detail) = match routing {
            Routing::Send => ("queued", None),
            Routing::Skip(why) => ("skipped", Some(*why)),
        };
        self.states.push(state);
        self.details.push(detail);
    }

    /// The ids of those that were not there before.
    async fn insert(&self, tx: &Tx) -> Result<HashSet<Uuid>, StoreError> {
        let rows = tx
            .query(
                "INSERT INTO notices (account_id, notification_id, cause, template, channel, params, state, detail, ended_at)
                 SELECT t.*, CASE WHEN t.state = 'skipped' THEN clock_timestamp() END
                   FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[], $8::text[])
                        AS t (account_id, notification_id, cause, template, channel, params, state, detail)
                     ON CONFLICT DO NOTHING
                 RETURNING notification_id",
                &[
                    &self.accounts,
                    &self.ids,
                    &self.causes,
                    &self.templates,
                    &self.channels,
                    &self.params,
                    &self.states,
                    &self.details,
                ],
            )
            .await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
