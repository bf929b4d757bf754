//! Messages of older versions, as today's version writes them: what was parked may be put back weeks, and releases,
//! later.

use super::{Message, Notification, PaymentResult, SmsSent, TopupRequested};
use std::borrow::Cow;

/// The body of one version, as the next one writes it.
type Step = fn(&[u8]) -> Vec<u8>;

/// What leads from version 1 to today's, a step a version. None yet: version 1 is the only one there is.
const STEPS: [(&str, &[Step]); 4] = [
    (SmsSent::QUEUE, &[]),
    (TopupRequested::QUEUE, &[]),
    (PaymentResult::QUEUE, &[]),
    (Notification::QUEUE, &[]),
];

/// A message of today's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgraded<'a> {
    /// Its AMQP `type`.
    pub kind: String,
    /// Untouched where it was of today's version already.
    pub body: Cow<'a, [u8]>,
}

/// Why a message is no use to today's workers, whatever its body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUpgraded {
    /// Nobody consumes there.
    #[error("no worker takes from {0}")]
    NoQueue(String),
    /// A later release wrote it.
    #[error("the type `{kind}` is newer than this release, which knows version {newest}")]
    Newer {
        /// As it came.
        kind: String,
        /// The highest version that is known.
        newest: usize,
    },
    /// It is none of this queue's.
    #[error("the type {kind} is none of {queue}'s")]
    Foreign {
        /// As it came, fit to be shown.
        kind: String,
        /// Where it was to go.
        queue: String,
    },
}

/// Brings a message for `queue` to today's version. A missing (or empty) type means version 1. The body is not read: what
/// is wrong with it is for the worker to say.
///
/// # Errors
/// [`NotUpgraded`].
pub fn upgraded<'a>(queue: &str, kind: Option<&str>, body: &'a [u8]) -> Result<Upgraded<'a>, NotUpgraded> {
    let found = STEPS.iter().find(|(name, _)| *name == queue);
    let (queue, steps) = found.ok_or_else(|| NotUpgraded::NoQueue(queue.to_owned()))?;
    let version = match kind {
        None | Some("") => 1,
        Some(kind) => version(queue, kind).ok_or_else(|| NotUpgraded::Foreign {
            kind: crate::names::quoted(kind),
            queue: (*queue).to_owned(),
        })?,
    };
    through(steps, version, body)
        .map(|body| Upgraded {
            kind: format!("{queue}.v{}", steps.len() + 1),
            body,
        })
        .ok_or_else(|| NotUpgraded::Newer {
            kind: format!("{queue}.v{version}"),
            newest: steps.len() + 1,
        })
}

/// 2 of `sms-sent.v2`.
fn version(queue: &str, kind: &str) -> Option<usize> {
    let number = kind.strip_prefix(queue)?.strip_prefix(".v")?;
    // One spelling a version: no sign, no zero ahead.
    let plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    plain.then(|| number.parse().ok()).flatten()
}

/// The steps from `version` on; `None` where it is beyond them.
fn through<'a>(steps: &[Step], version: usize, body: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let rest = steps.get(version.checked_sub(1)?..)?;
    let body = Cow::Borrowed(body);
    Some(rest.iter().fold(body, |body, step| Cow::Owned(step(&body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_s_version_of_today_is_the_one_that_its_worker_reads() {
        let types = [
            SmsSent::TYPE,
            TopupRequested::TYPE,
            PaymentResult::TYPE,
            Notification::TYPE,
        ];
        for ((queue, _), kind) in STEPS.iter().zip(types) {
            for given in [None, Some(""), Some(kind)] {
                let today = upgraded(queue, given, b"{}").unwrap();
                assert_eq!((today.kind.as_str(), &*today.body), (kind, &b"{}"[..]));
            }
        }
    }

    #[test]
    fn a_newer_message_and_a_foreign_one_are_told_apart() {
        let refused = |queue, kind| upgraded(queue, Some(kind), b"").unwrap_err();
        assert_eq!(
            refused("sms-sent", "sms-sent.v2").to_string(),
            "the type `sms-sent.v2` is newer than this release, which knows version 1"
        );
        for foreign in [
            "sms-sent.v0",
            "sms-sent.v01",
            "sms-sent.v+1",
            "sms-sent.v",
            "notifications.v1",
            "x",
        ] {
            let refusal = refused("sms-sent", foreign);
            assert!(
                matches!(refusal, NotUpgraded::Foreign { .. }),
                "{foreign}: {refusal}"
            );
        }
        assert!(matches!(
            refused("elsewhere", "elsewhere.v1"),
            NotUpgraded::NoQueue(_)
        ));
    }

    #[test]
    fn an_older_body_takes_every_step_up_and_todays_takes_none() {
        let steps: [Step; 2] = [|body| [body, b"2"].concat(), |body| [body, b"3"].concat()];
        let body = |version| through(&steps, version, b"1").map(Cow::into_owned);
        assert_eq!(body(1).as_deref(), Some(&b"123"[..]));
        assert_eq!(body(2).as_deref(), Some(&b"13"[..]));
        assert_eq!(body(3).as_deref(), Some(&b"1"[..]));
        assert_eq!((body(0), body(4)), (None, None));
    }
}
