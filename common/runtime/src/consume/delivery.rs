//! A delivery, read once: its body, what the broker says of it, and nothing else that its sender put there.

use super::Meta;
use crate::broker::{Outgoing, Parked, delay, headers};
use jiff::{SignedDuration, Timestamp};
use lapin::Acker;
use lapin::message::Delivery;
use lapin::types::ShortString;
use topup_failpoints::{Point, reach};
use topup_rules::message::{Message, Unreadable, parse};

/// Longest `app_id` that is carried on, in bytes.
const APP_ID_MAX_BYTES: usize = 64;

/// A message in hand.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) meta: Meta,
    /// Came through the delay topology, and is to wait until this moment.
    pub(super) not_before: Option<Timestamp>,
    /// As it came: only few messages are ever asked for more than `meta` has. Boxed, since it is large and moves on.
    delivery: Box<Delivery>,
}

impl Received {
    pub(super) fn new(delivery: Delivery) -> Self {
        let delivery = Box::new(delivery);
        reach(Point::Received);
        let properties = &delivery.properties;
        let none = lapin::types::FieldTable::default();
        let table = properties.headers().as_ref().unwrap_or(&none);
        // Our own headers count only where the fleet published: a sender, who may use one exchange alone, could write
        // them, too.
        let exchange = delivery.exchange.as_str();
        let ours = exchange.is_empty() || delay::has_waited(exchange);
        // Somebody has moved it back from the dead letters as it was: its tries begin anew, as `fleetctl` has them begin.
        let was_parked = table.contains_key(headers::REASON);
        Self {
            meta: Meta {
                message_id: text(properties.message_id()).map(str::to_owned),
                traceparent: headers::traceparent(table),
                attempts: if ours && !was_parked {
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
            delivery,
        }
    }

    pub(super) fn acker(&self) -> &Acker {
        &self.delivery.acker
    }

    pub(super) fn tag(&self) -> u64 {
        self.delivery.delivery_tag
    }

    /// For logs; empty where the sender gave none.
    pub(super) fn message_id(&self) -> &str {
        self.meta.message_id.as_deref().unwrap_or_default()
    }

    /// How long ago it was published, as far as its publisher said, if it comes for the first time and was not delayed.
    pub(super) fn age(&self, now: Timestamp) -> Option<SignedDuration> {
        if self.meta.redelivered || self.meta.attempts > 0 || self.not_before.is_some() {
            return None;
        }
        let published_s = i64::try_from((*self.delivery.properties.timestamp())?).ok()?;
        Some(now.duration_since(Timestamp::from_second(published_s).ok()?))
    }

    /// How long after its moment a delayed message came, if it came after it and for the first time.
    pub(super) fn lateness(&self, now: Timestamp) -> Option<SignedDuration> {
        let late = now.duration_since(self.not_before?);
        (!self.meta.redelivered && !late.is_negative()).then_some(late)
    }

    /// The message that the body holds.
    pub(super) fn parse<M: Message>(&self) -> Result<M, Unreadable> {
        parse::<M>(
            &self.delivery.data,
            self.meta.message_id.as_deref(),
            text(self.delivery.properties.kind()),
            text(self.delivery.properties.content_type()),
        )
    }

    /// The same message for the same queue, later.
    pub(super) fn again(&self, queue: &str, attempts: u32, not_before: Timestamp) -> Outgoing {
        Outgoing {
            attempts,
            is_put_back: true,
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
        let properties = &self.delivery.properties;
        let owned = |value| text(value).map(str::to_owned);
        Outgoing {
            content_type: owned(properties.content_type()),
            timestamp_s: *properties.timestamp(),
            app_id: owned(properties.app_id()).filter(|id| id.len() <= APP_ID_MAX_BYTES),
            ..Outgoing::new(
                queue.to_owned(),
                self.meta.message_id.clone(),
                owned(properties.kind()),
                self.delivery.data.clone(),
            )
        }
        .traced(self.meta.traceparent.as_deref())
    }
}

fn text(value: &Option<ShortString>) -> Option<&str> {
    value.as_ref().map(ShortString::as_str)
}
