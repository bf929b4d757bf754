use super::list::{List, QueueCount, told};
use super::show::told_whole;
use super::*;

pub(super) fn seen(body: &[u8]) -> Seen {
    let headers = [
        (headers::REASON, "S4: unknown account 9"),
        (headers::ATTEMPTS, "2"),
        (headers::FAILED_AT, "2026-11-22T08:15:00.25Z"),
        (headers::WORKER, "sms-sent"),
    ];
    Seen {
        message_id: Some("m-1".into()),
        kind: Some("sms-sent.v1".into()),
        routing_key: "sms-sent".into(),
        app_id: Some("shop".into()),
        content_type: Some("application/json".into()),
        traceparent: None,
        timestamp_s: Some(1_795_335_300),
        body: body.into(),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        redelivered: true,
    }
}

#[test]
fn a_list_says_why_and_counts_what_it_does_not_show() {
    let list = List {
        queues: vec![
            QueueCount {
                queue: "sms-sent.dead".into(),
                messages: Some(2_000),
                looked_at: 50,
            },
            QueueCount {
                queue: "notifications.dead".into(),
                messages: Some(0),
                looked_at: 0,
            },
            QueueCount {
                queue: "topup.unroutable".into(),
                messages: None,
                looked_at: 0,
            },
        ],
        messages: vec![Parked::of("sms-sent.dead", 1, &seen(b"{}"), false)],
    };
    assert_eq!(
        told(&list).unwrap(),
        "QUEUE          #  MESSAGE  PARKED AT             TRIES  REASON\n\
         sms-sent.dead  1  m-1      2026-11-22 08:15:00Z      2  S4: unknown account 9\n\
         \n\
         sms-sent.dead: 2,000 messages, 50 looked at, 1 shown\n\
         notifications.dead: empty\n\
         topup.unroutable: there is no such queue; run `fleetctl topology apply`\n"
    );
}

#[test]
fn what_is_unroutable_names_its_routing_key() {
    let mut slip = seen(b"{}");
    slip.routing_key = "sms-snt".into();
    assert_eq!(
        reason("topup.unroutable", &slip).as_deref(),
        Some("S4: unknown account 9")
    );
    slip.headers.clear();
    let said = reason("topup.unroutable", &slip);
    assert_eq!(said.as_deref(), Some("no queue takes the routing key `sms-snt`"));
    assert_eq!(reason("sms-sent.dead", &slip), None);
}

#[test]
fn a_message_is_shown_with_its_body_whatever_that_is() {
    let json = told_whole(&Parked::of("q", 1, &seen(br#"{"account_id":9}"#), true)).unwrap();
    assert!(
        json.ends_with("body, 16 bytes:\n{\n  \"account_id\": 9\n}"),
        "{json}"
    );
    assert!(json.contains("reason     S4: unknown account 9\n"), "{json}");
    let bytes = told_whole(&Parked::of("q", 1, &seen(b"\xFF\x1b[2Jno"), true)).unwrap();
    assert!(
        bytes.ends_with("body, 7 bytes:\n\u{FFFD}\u{FFFD}[2Jno"),
        "{bytes}"
    );
}
