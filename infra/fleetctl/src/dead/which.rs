//! Which parked messages are meant.

use super::{reason, way};
use crate::cli::DeadFilter;
use jiff::Timestamp;
use serde_json::Value;
use topup_rules::ids::{AccountId, Reference};
use topup_rules::message::BODY_MAX_BYTES;
use topup_runtime::broker::admin::Seen;

/// What a message has to be.
#[derive(Debug, Default)]
pub(super) struct Selection {
    /// One of these; empty: any.
    ids: Vec<String>,
    /// In small letters.
    reason: Option<String>,
    before: Option<Timestamp>,
    after: Option<Timestamp>,
    account: Option<AccountId>,
    kind: Option<String>,
}

impl Selection {
    /// Ages are counted from `now`, once, however long the looking takes.
    pub(super) fn new(ids: &[String], filter: &DeadFilter, now: Timestamp) -> Self {
        let ago = |age: Option<jiff::SignedDuration>| age.and_then(|age| now.checked_sub(age).ok());
        Self {
            ids: ids.to_vec(),
            reason: filter.reason.as_ref().map(|reason| reason.to_lowercase()),
            before: ago(filter.older_than),
            after: ago(filter.newer_than),
            account: filter.account,
            kind: filter.kind.clone(),
        }
    }

    /// Whether a message that lies in `queue` is meant. What is asked for and not known of a message does not fit it.
    pub(super) fn takes(&self, queue: &str, seen: &Seen) -> bool {
        let id = || self.ids.is_empty() || seen.message_id.as_ref().is_some_and(|id| self.ids.contains(id));
        let why = |wanted: &str| reason(queue, seen).is_some_and(|why| why.to_lowercase().contains(wanted));
        let parked = || parked_at(seen);
        id() && self
            .kind
            .as_deref()
            .is_none_or(|wanted| is_of(queue, seen, wanted))
            && self.reason.as_deref().is_none_or(why)
            && self
                .before
                .is_none_or(|before| parked().is_some_and(|at| at <= before))
            && self
                .after
                .is_none_or(|after| parked().is_some_and(|at| at >= after))
            && self.account.is_none_or(|wanted| account(seen) == Some(wanted))
    }
}

/// When it was parked, or at least published.
fn parked_at(seen: &Seen) -> Option<Timestamp> {
    let sent = || Timestamp::from_second(i64::try_from(seen.timestamp_s?).ok()?).ok();
    seen.failed_at().or_else(sent)
}

/// A missing type means version 1.
fn is_of(queue: &str, seen: &Seen, wanted: &str) -> bool {
    match seen.kind.as_deref().filter(|kind| !kind.is_empty()) {
        Some(kind) => kind == wanted,
        None => way::home(queue).is_some_and(|home| wanted.strip_prefix(home) == Some(".v1")),
    }
}

/// Whose it is, as far as its body says: it may be none that anybody can read.
pub(super) fn account(seen: &Seen) -> Option<AccountId> {
    if seen.body.len() > BODY_MAX_BYTES {
        return None;
    }
    let body: Value = serde_json::from_slice(&seen.body).ok()?;
    match (&body["account_id"], &body["reference"]) {
        (Value::Number(id), _) => id.to_string().parse().ok(),
        (Value::String(id), _) => id.parse().ok(),
        (_, Value::String(reference)) => {
            let reference: Reference = reference.parse().ok()?;
            reference.parts().map(|(_, account, _)| account)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::seen;
    use super::*;
    use jiff::SignedDuration;
    use topup_runtime::broker::headers;

    fn takes(filter: DeadFilter, message: &Seen) -> bool {
        let now: Timestamp = "2026-11-22T09:15:00.25Z".parse().unwrap();
        Selection::new(&[], &filter, now).takes("sms-sent.dead", message)
    }

    #[test]
    fn a_message_has_to_fit_all_that_is_asked_for() {
        let message = seen(br#"{"account_id":"9"}"#);
        assert!(takes(DeadFilter::default(), &message));
        let because = |text: &str| DeadFilter {
            reason: Some(text.to_owned()),
            ..DeadFilter::default()
        };
        assert!(takes(because("Unknown ACCOUNT"), &message));
        assert!(!takes(because("unknown account 10"), &message));
        let of = |id| DeadFilter {
            account: AccountId::new(id),
            ..because("s4")
        };
        assert!(takes(of(9), &message) && !takes(of(90), &message));
        let kind = |kind: &str| DeadFilter {
            kind: Some(kind.to_owned()),
            ..DeadFilter::default()
        };
        assert!(takes(kind("sms-sent.v1"), &message) && !takes(kind("sms-sent.v2"), &message));
        let untyped = Seen {
            kind: None,
            ..message
        };
        assert!(takes(kind("sms-sent.v1"), &untyped) && !takes(kind("notifications.v1"), &untyped));
    }

    #[test]
    fn an_age_is_counted_from_when_it_was_parked_or_else_sent() {
        let older = |minutes| DeadFilter {
            older_than: Some(SignedDuration::from_mins(minutes)),
            ..DeadFilter::default()
        };
        let newer = |minutes| DeadFilter {
            newer_than: Some(SignedDuration::from_mins(minutes)),
            ..DeadFilter::default()
        };
        let mut message = seen(b"{}");
        assert!(takes(older(60), &message) && !takes(older(61), &message));
        assert!(takes(newer(60), &message) && !takes(newer(59), &message));
        message.headers.remove(headers::FAILED_AT);
        message.timestamp_s = Some(1_795_335_300);
        assert!(takes(older(1), &message));
        message.timestamp_s = None;
        assert!(!takes(older(1), &message) && !takes(newer(1_000_000), &message));
    }

    #[test]
    fn an_account_is_read_from_any_of_the_four_bodies_and_from_nothing_else() {
        let whose = |body: &str| account(&seen(body.as_bytes())).map(AccountId::get);
        assert_eq!(whose(r#"{"account_id":9}"#), Some(9));
        assert_eq!(whose(r#"{"account_id":"9"}"#), Some(9));
        let reference = "topup-1001-0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b";
        assert_eq!(whose(&format!(r#"{{"reference":"{reference}"}}"#)), Some(1001));
        for none in [
            "",
            "[]",
            "{}",
            r#"{"account_id":-9}"#,
            r#"{"account_id":9.5}"#,
            r#"{"reference":"shop-1"}"#,
        ] {
            assert_eq!(whose(none), None, "{none}");
        }
    }
}
