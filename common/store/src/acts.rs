//! What people did by hand that changes no wallet: dead letters put back or thrown away, queues paused and resumed.
//!
//! A message is written down, committed, before it leaves the dead letters: what is not in its queue any more is here. An
//! act that was cut short and done again is written down again. Rows are never changed, and never removed.
//!
//! Left out: pausing itself, which writes its act in its own transaction.

use crate::{Store, StoreError, rows};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use topup_rules::ids::AccountId;
use uuid::Uuid;

/// What a NUL becomes: the database's texts hold none, and whoever may publish writes what stands in a message.
const NUL_INSTEAD: &str = "\u{FFFD}";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Dead letters put back to work.
    Redrive,
    /// Dead letters thrown away.
    Discard,
    /// A queue's workers told to wait.
    Pause,
    /// And to go on.
    Resume,
}

impl Act {
    /// Every one there is.
    pub const ALL: [Self; 4] = [Self::Redrive, Self::Discard, Self::Pause, Self::Resume];

    /// As it stands in the database: `redrive`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|act| act.as_str() == text);
        found.ok_or_else(|| "is no act".to_owned())
    }
}

/// An act that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAct {
    /// `user@host`.
    pub who: String,
    /// What.
    pub act: Act,
    /// With which queue: of dead letters, where it is about those.
    pub queue: String,
    /// Why, in that person's words.
    pub reason: String,
}

/// A message that is about to leave the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedMessage {
    /// In the order of the act, counted from 1.
    pub number: i32,
    /// AMQP's.
    pub message_id: Option<String>,
    /// AMQP's `type`.
    pub kind: Option<String>,
    /// Whose, where its body says so.
    pub account: Option<AccountId>,
    /// Why it was parked.
    pub parked_why: Option<String>,
    /// What becomes of it.
    pub end: MovedTo,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MovedTo {
    /// It goes to this queue.
    Queue(String),
    /// It goes nowhere, and its body is kept.
    Nowhere {
        /// As it was published.
        body: Vec<u8>,
    },
}

/// An act as people look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActRow {
    /// Which.
    pub act_id: Uuid,
    /// When it began.
    pub at: Timestamp,
    /// `user@host`.
    pub who: String,
    /// What.
    pub act: Act,
    /// With which queue.
    pub queue: String,
    /// Why.
    pub reason: String,
    /// Messages written down for it.
    pub messages: i64,
}

/// A message of an act as people look at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MovedRow {
    /// Of which act.
    pub act_id: Uuid,
    /// In the order of the act.
    pub number: i32,
    /// When it was written down.
    pub at: Timestamp,
    /// AMQP's.
    pub message_id: Option<String>,
    /// AMQP's `type`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Whose.
    pub account_id: Option<i64>,
    /// Why it was parked.
    pub parked_why: Option<String>,
    /// Where it went; none: it was thrown away.
    pub moved_to: Option<String>,
    /// Of one that was thrown away, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

fn storable(text: &str) -> String {
    text.replace('\0', NUL_INSTEAD)
}

impl Store {
    /// Writes down that an act begins.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_act(&self, act: &NewAct) -> Result<Uuid, StoreError> {
        let NewAct {
            who,
            act,
            queue,
            reason,
        } = act;
        let act_id = Uuid::now_v7();
        let (who, queue, reason) = (&storable(who), &storable(queue), &storable(reason));
        self.transact(|tx| async move {
            tx.execute(
                "INSERT INTO operator_acts (act_id, who, act, queue, reason) VALUES ($1, $2, $3, $4, $5)",
                &[&act_id, who, &act.as_str(), queue, reason],
            )
            .await
        })
        .await?;
        Ok(act_id)
    }

    /// Writes down messages of an act, all or none, before they leave the dead letters.
    ///
    /// # Errors
    /// The database's. It may have written them all the same; that says too much and never too little.
    pub async fn record_moved(&self, act_id: Uuid, messages: &[MovedMessage]) -> Result<(), StoreError> {
        let texts = |pick: fn(&MovedMessage) -> Option<&String>| -> Vec<Option<String>> {
            messages
                .iter()
                .map(|m| pick(m).map(|text| storable(text)))
                .collect()
        };
        let numbers: &Vec<i32> = &messages.iter().map(|m| m.number).collect();
        let message_ids = &texts(|m| m.message_id.as_ref());
        let kinds = &texts(|m| m.kind.as_ref());
        let accounts: &Vec<Option<i64>> = &messages.iter().map(|m| m.account.map(AccountId::get)).collect();
        let reasons = &texts(|m| m.parked_why.as_ref());
        let ends = messages.iter().map(|m| match &m.end {
            MovedTo::Queue(queue) => (Some(queue.as_str()), None),
            MovedTo::Nowhere { body } => (None, Some(body.as_slice())),
        });
        let (queues, bodies): (Vec<Option<&str>>, Vec<Option<&[u8]>>) = ends.unzip();
        let (queues, bodies) = (&queues, &bodies);
        self.transact(|tx| async move {
            tx.execute(
                "INSERT INTO operator_acts_messages
                        (act_id, number, message_id, type, account_id, parked_why, moved_to, body)
                 SELECT $1, t.* FROM unnest($2::integer[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
                                            $8::bytea[]) AS t",
                &[&act_id, numbers, message_ids, kinds, accounts, reasons, queues, bodies],
            )
            .await
        })
        .await?;
        Ok(())
    }

    /// At most `limit` acts of these kinds, the newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn acts(&self, kinds: &[Act], limit: i64) -> Result<Vec<ActRow>, StoreError> {
        let client = self.client().await?;
        let kinds: Vec<&str> = kinds.iter().map(|act| act.as_str()).collect();
        let statement = client
            .prepare_cached(
                "SELECT act_id, at, who, act, queue, reason,
                        (SELECT count(*) FROM operator_acts_messages m WHERE m.act_id = a.act_id) AS messages
                   FROM operator_acts a
                  WHERE act = ANY ($1)
                  ORDER BY at DESC, act_id DESC
                  LIMIT $2",
            )
            .await?;
        let found = client.query(&statement, &[&kinds, &limit]).await?;
        let read = found.iter().map(|row| {
            Ok(ActRow {
                act_id: row.try_get("act_id")?,
                at: row.try_get("at")?,
                who: row.try_get("who")?,
                act: rows::name(row, "act", "operator_acts")?,
                queue: row.try_get("queue")?,
                reason: row.try_get("reason")?,
                messages: row.try_get("messages")?,
            })
        });
        read.collect()
    }

    /// The first `limit` messages of an act, or the newest ones of an account over all acts.
    ///
    /// # Errors
    /// The database's.
    pub async fn moved_messages(&self, whose: &MovedOf, limit: i64) -> Result<Vec<MovedRow>, StoreError> {
        let client = self.client().await?;
        let (act, account) = match whose {
            MovedOf::Act(act_id) => (Some(*act_id), None),
            MovedOf::Account(account) => (None, Some(account.get())),
        };
        let statement = client
            .prepare_cached(match whose {
                MovedOf::Act(_) => {
                    "SELECT * FROM operator_acts_messages
                      WHERE act_id = $1 AND $2::bigint IS NULL ORDER BY number LIMIT $3"
                }
                MovedOf::Account(_) => {
                    "SELECT * FROM operator_acts_messages
                      WHERE account_id = $2 AND $1::uuid IS NULL ORDER BY at DESC, act_id, number LIMIT $3"
                }
            })
            .await?;
        let found = client.query(&statement, &[&act, &account, &limit]).await?;
        let read = found.iter().map(|row| {
            let body: Option<&[u8]> = row.try_get("body")?;
            Ok(MovedRow {
                act_id: row.try_get("act_id")?,
                number: row.try_get("number")?,
                at: row.try_get("at")?,
                message_id: row.try_get("message_id")?,
                kind: row.try_get("type")?,
                account_id: row.try_get("account_id")?,
                parked_why: row.try_get("parked_why")?,
                moved_to: row.try_get("moved_to")?,
                body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
            })
        });
        read.collect()
    }
}

/// Which messages that were moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovedOf {
    /// Of this act.
    Act(Uuid),
    /// Of this account.
    Account(AccountId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_read_as_it_is_written() {
        for act in Act::ALL {
            assert_eq!(act.as_str().parse(), Ok(act));
            assert_eq!(serde_json::to_value(act).unwrap(), act.as_str());
        }
        assert!("ban".parse::<Act>().is_err());
    }
}
