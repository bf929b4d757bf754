//! Where a parked message goes when it is put back, and as what; or why it stays where it is.
//!
//! What a header says is not enough: what the broker itself gave up bears the headers of whoever sent it, and a sender must
//! not choose the queue. So the queue that a message lies in decides, and a header can only object.

use super::plain;
use topup_rules::message::{Message as _, SmsSent, Upgraded, upgraded};
use topup_runtime::broker::admin::Seen;
use topup_runtime::broker::delay::{self, LEVELS};
use topup_runtime::broker::headers;
use topup_runtime::broker::topology::{UNROUTABLE, WORK_QUEUES};

/// A message's way back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way<'a> {
    /// A work queue.
    pub(super) to: &'static str,
    /// What it is published as.
    pub(super) upgraded: Upgraded<'a>,
}

/// The work queue whose dead letters a queue holds.
pub(super) fn home(queue: &str) -> Option<&'static str> {
    queue.strip_suffix(".dead").and_then(work_queue)
}

fn work_queue(name: &str) -> Option<&'static str> {
    WORK_QUEUES.into_iter().find(|queue| *queue == name)
}

/// The way of a message that lies in `queue`, to where a person says (`to`) or where it came from.
///
/// # Errors
/// Why it can't be put back, for a person.
pub(super) fn of<'a>(queue: &str, seen: &'a Seen, to: Option<&str>) -> Result<Way<'a>, String> {
    let to = match to {
        Some(to) => work_queue(to).ok_or_else(|| format!("no worker takes from {to}"))?,
        None => origin(queue, seen)?,
    };
    let upgraded = upgraded(to, seen.kind.as_deref(), &seen.body).map_err(|why| why.to_string())?;
    Ok(Way { to, upgraded })
}

fn origin(queue: &str, seen: &Seen) -> Result<&'static str, String> {
    if let Some(home) = home(queue) {
        return match seen.headers.get(headers::QUEUE) {
            Some(other) if other != home => {
                let other = plain(other);
                Err(format!("it says that it came from `{other}`: say --to QUEUE"))
            }
            Some(_) | None => Ok(home),
        };
    }
    let key = seen.routing_key.as_str();
    let meant = match queue {
        // Whoever publishes there is a sender, and senders publish sends.
        UNROUTABLE => Some(SmsSent::QUEUE).filter(|queue| *queue == key),
        // The bits of the delay come first.
        delay::UNROUTABLE => key.splitn(LEVELS as usize + 1, '.').last().and_then(work_queue),
        _ => None,
    };
    meant.ok_or_else(|| {
        let key = plain(key);
        format!("its routing key `{key}` names no queue that it could go to: say --to QUEUE")
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;

    fn goes_to(queue: &str, message: &Seen) -> Result<&'static str, String> {
        of(queue, message, None).map(|way| way.to)
    }

    #[test]
    fn a_dead_letter_goes_back_to_the_queue_whose_dead_letter_it_is() {
        let mut message = seen(b"{}");
        assert_eq!(goes_to("sms-sent.dead", &message), Ok("sms-sent"));
        message.headers.insert(headers::QUEUE.into(), "sms-sent".into());
        assert_eq!(goes_to("sms-sent.dead", &message), Ok("sms-sent"));
        // A sender's word, or a person who moved it between dead letters.
        message
            .headers
            .insert(headers::QUEUE.into(), "payment-results".into());
        let refusal = goes_to("sms-sent.dead", &message).unwrap_err();
        assert!(
            refusal.contains("`payment-results`") && refusal.contains("--to"),
            "{refusal}"
        );
        let said = of("sms-sent.dead", &message, Some("sms-sent")).map(|way| way.to);
        assert_eq!(said, Ok("sms-sent"));
    }

    #[test]
    fn what_was_unroutable_goes_where_it_was_meant_to_go_if_that_is_known() {
        let mut message = seen(b"{}");
        assert_eq!(goes_to("topup.unroutable", &message), Ok("sms-sent"));
        for slip in ["sms-snt", "payment-results", ""] {
            message.routing_key = slip.to_owned();
            assert!(goes_to("topup.unroutable", &message).is_err(), "{slip}");
        }
        message.kind = None;
        message.routing_key = "0.1.1.1.0.0.0.0.1.0.0.0.topup-requested".into();
        assert_eq!(goes_to("delay.v1.unroutable", &message), Ok("topup-requested"));
        message.routing_key = "0.1.1.1.0.0.0.0.1.0.0.0.old.queue".into();
        assert!(goes_to("delay.v1.unroutable", &message).is_err());
    }

    #[test]
    fn a_type_that_nobody_would_take_stays() {
        let mut message = seen(b"{}");
        message.kind = Some("sms-sent.v2".into());
        let refusal = goes_to("sms-sent.dead", &message).unwrap_err();
        assert!(refusal.contains("newer than this release"), "{refusal}");
        assert!(of("sms-sent.dead", &message, Some("notifications")).is_err());
        message.kind = None;
        let way = of("sms-sent.dead", &message, None).unwrap();
        assert_eq!(way.upgraded.kind, "sms-sent.v1");
    }
}
