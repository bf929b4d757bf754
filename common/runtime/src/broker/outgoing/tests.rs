use super::*;
use lapin::types::AMQPValue;

fn outgoing() -> Outgoing {
    Outgoing::new(
        "sms-sent".into(),
        Some("id-1".into()),
        Some("sms-sent.v1".into()),
        b"{}".to_vec(),
    )
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    headers::text(properties.headers().as_ref().unwrap(), name)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_message_of_the_fleet_bears_the_contracts_properties() {
    let properties = outgoing()
        .traced(Some("00-a-b-01"))
        .properties("sweeper", at(1_000));
    assert_eq!(*properties.delivery_mode(), Some(PERSISTENT));
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "id-1");
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), "sms-sent.v1");
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        "application/json"
    );
    assert_eq!(properties.app_id().as_ref().unwrap().as_str(), "sweeper");
    assert_eq!(*properties.timestamp(), Some(1_000));
    assert_eq!(header(&properties, headers::TRACEPARENT), Some("00-a-b-01"));
    // What would make it vanish, multiply or close the channel.
    assert!(properties.expiration().is_none() && properties.user_id().is_none());
    assert!(properties.priority().is_none() && properties.reply_to().is_none());
    assert_eq!(properties.headers().as_ref().unwrap().inner().len(), 1);
}

#[test]
fn a_message_goes_straight_to_its_queue_or_by_the_delay_topology() {
    let now = at(1_000);
    assert_eq!(outgoing().route(now), delay::route("sms-sent", 0));
    assert_eq!(
        outgoing().not_before(Some(at(900))).route(now),
        delay::route("sms-sent", 0)
    );
    let later = outgoing().not_before(Some(at(1_030)));
    assert_eq!(later.route(now), delay::route("sms-sent", 30));
    assert_eq!(
        header(&later.properties("w", now), headers::NOT_BEFORE),
        Some("1970-01-01T00:17:10Z")
    );
}

#[test]
fn a_retry_bears_its_attempts_and_its_moment() {
    let retry = Outgoing {
        attempts: 3,
        not_before: Some(at(1_002)),
        ..outgoing()
    };
    let properties = retry.properties("sms-sent", at(1_000));
    let table = properties.headers().as_ref().unwrap();
    assert_eq!(headers::count(table, headers::ATTEMPTS), 3);
    assert_eq!(headers::moment(table, headers::NOT_BEFORE), Some(at(1_002)));
    assert_eq!(table.inner().len(), 2);
}

#[test]
fn a_parked_message_gains_its_reason_and_goes_to_the_dead_letters() {
    let parked = Parked {
        reason: format!("line\nbreak {}", "x".repeat(200_000)),
        at: at(2_000),
    };
    let outgoing = Outgoing {
        attempts: 1,
        parked: Some(parked),
        timestamp_s: Some(7),
        app_id: Some("sender".into()),
        ..outgoing()
    };
    let route = outgoing.route(at(1_000));
    assert_eq!(
        (route.exchange.as_str(), route.routing_key.as_str()),
        ("topup.dead", "sms-sent")
    );
    let properties = outgoing.properties("sms-sent", at(1_000));
    let reason = header(&properties, headers::REASON).unwrap();
    assert!(reason.starts_with("line break") && reason.len() <= headers::REASON_MAX_BYTES);
    assert_eq!(header(&properties, headers::QUEUE), Some("sms-sent"));
    assert_eq!(header(&properties, headers::WORKER), Some("sms-sent"));
    assert_eq!(
        header(&properties, headers::FAILED_AT),
        Some("1970-01-01T00:33:20Z")
    );
    assert_eq!(
        properties
            .headers()
            .as_ref()
            .unwrap()
            .inner()
            .get(headers::ATTEMPTS),
        Some(&AMQPValue::LongLongInt(1))
    );
    // What its sender said of it stays.
    assert_eq!(*properties.timestamp(), Some(7));
    assert_eq!(properties.app_id().as_ref().unwrap().as_str(), "sender");
}

#[test]
fn what_does_not_fit_the_protocol_is_left_out() {
    let huge = Outgoing {
        message_id: Some("x".repeat(256)),
        kind: Some("y".repeat(70_000)),
        ..outgoing()
    };
    let properties = huge.properties("w", at(0));
    assert!(properties.message_id().is_none() && properties.kind().is_none());
}

#[test]
fn what_is_put_back_goes_through_the_delays_even_where_its_moment_has_come() {
    let due = Outgoing::new("notifications".to_owned(), None, None, Vec::new())
        .not_before(Some(Timestamp::UNIX_EPOCH));
    let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(5);
    assert_eq!(due.route(now).exchange, "");
    let back = Outgoing {
        is_put_back: true,
        ..due
    };
    assert_eq!(back.route(now).exchange, "delay.v1.00");
    assert_eq!(
        back.route(Timestamp::UNIX_EPOCH - jiff::SignedDuration::from_secs(4))
            .exchange,
        "delay.v1.02"
    );
}
