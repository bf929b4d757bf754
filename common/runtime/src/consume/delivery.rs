//! A delivery, read once: its body, what the broker says of it, and nothing else that its sender put there.

use super::Meta;
use crate::broker::{Outgoing, Parked, delay, headers};
use jiff::Timestamp;
use lapin::Acker;
use lapin::message::Delivery;
use topup_failpoints::{Point, reach};
use topup_rules::message::{Message, Unreadable, parse};

/// Longest `app_id` that is carried on, in bytes.
const APP_ID_MAX_BYTES: usize = 64;

/// A message in hand.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) acker: Acker,
    pub(super) meta: Meta,
    /// Came through the delay topology, and is to wait until this moment.
    pub(super) not_before: Option<Timestamp>,
    body: Vec<u8>,
    kind: Option<String>,
    content_type: Option<String>,
    timestamp_s: Option<u64>,
    app_id: Option<String>,
}

impl Received {
    pub(super) fn new(delivery: Delivery) -> Self {
        reach(Point::Received);
        let properties = &delivery.properties;
        let none = lapin::types::FieldTable::default();
        let table = properties.headers().as_ref().unwrap_or(&none);
        // Our own headers count only where the fleet published: a sender, who may use one exchange alone, could write
        // them, too.
        let exchange = delivery.exchange.as_str();
        let ours = exchange.is_empty() || delay::has_waited(exchange);
        let owned = |text: &Option<lapin::types::ShortString>| text.as_ref().map(|t| t.as_str().to_owned());
        Self {
            meta: Meta {
                message_id: owned(properties.message_id()),
                traceparent: headers::traceparent(table),
                attempts: if ours {
                    headers::count(table, headers::ATTEMPTS)
                } else {
                    0
                },
                redelivered: delivery.redelivered,
            },
            not_before: if ours {
                headers::moment(table, headers::NOT_BEFORE)
            } else {
                None
            },
            kind: owned(properties.kind()),
            content_type: owned(properties.content_type()),
            timestamp_s: *properties.timestamp(),
            app_id: owned(properties.app_id()).filter(|id| id.len() <= APP_ID_MAX_BYTES),
            body: delivery.data,
            acker: delivery.acker,
        }
    }

    /// For logs; empty where the sender gave none.
    pub(super) fn message_id(&self) -> &str {
        self.meta.message_id.as_deref().unwrap_or_default()
    }

    /// The message that the body holds.
    pub(super) fn parse<M: Message>(&self) -> Result<M, Unreadable> {
        parse::<M>(
            &self.body,
            self.meta.message_id.as_deref(),
            self.kind.as_deref(),
            self.content_type.as_deref(),
        )
    }

    /// The same message for the same queue, later.
    pub(super) fn again(&self, queue: &str, attempts: u32, not_before: Timestamp) -> Outgoing {
        Outgoing {
            attempts,
            not_before: Some(not_before),
            ..self.copy(queue)
        }
    }

    /// The same message for the dead letters.
    pub(super) fn parked(&self, queue: &str, attempts: u32, reason: &str, at: Timestamp) -> Outgoing {
        Outgoing {
            attempts,
            parked: Some(Parked {
                reason: reason.to_owned(),
                at,
            }),
            ..self.copy(queue)
        }
    }

    fn copy(&self, queue: &str) -> Outgoing {
        Outgoing {
            content_type: self.content_type.clone(),
            timestamp_s: self.timestamp_s,
            app_id: self.app_id.clone(),
            ..Outgoing::new(
                queue.to_owned(),
                self.meta.message_id.clone(),
                self.kind.clone(),
                self.body.clone(),
            )
        }
        .traced(self.meta.traceparent.as_deref())
    }
}
