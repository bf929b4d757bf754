use super::*;
use std::collections::BTreeMap;

fn arguments(topology: &Topology, queue: &str) -> BTreeMap<&'static str, String> {
    let found = topology.queues.iter().find(|q| q.name == queue).unwrap();
    found
        .arguments
        .iter()
        .map(|a| (a.name, a.value.to_string()))
        .collect()
}

/// AMQP's topic match: `*` is one word, `#` any number.
fn matches(key: &[&str], words: &[&str]) -> bool {
    match (key, words) {
        ([], []) => true,
        (["#", rest @ ..], _) => (0..=words.len()).any(|n| matches(rest, &words[n..])),
        (["*", rest @ ..], [_, words @ ..]) => matches(rest, words),
        ([word, rest @ ..], [first, words @ ..]) => word == first && matches(rest, words),
        _ => false,
    }
}

/// The queues that a message published to `exchange` reaches, through exchanges and alternates.
fn reached(topology: &Topology, exchange: &str, key: &str) -> Vec<String> {
    let words: Vec<&str> = key.split('.').collect();
    let taken = topology.bindings.iter().filter(|binding| {
        binding.exchange == exchange && matches(&binding.key.split('.').collect::<Vec<_>>(), &words)
    });
    let mut queues = Vec::new();
    let mut routed = false;
    for binding in taken {
        routed = true;
        match &binding.destination {
            Destination::Queue(queue) => queues.push(queue.clone()),
            Destination::Exchange(next) => queues.extend(reached(topology, next, key)),
        }
    }
    let alternate = topology
        .exchanges
        .iter()
        .find(|e| e.name == exchange)
        .and_then(|e| e.alternate);
    match alternate {
        Some(alternate) if !routed => reached(topology, alternate, key),
        Some(_) | None => queues,
    }
}

#[test]
fn every_queue_is_there_and_no_more() {
    let topology = Topology::fleet();
    let mut names: Vec<&str> = topology.queues.iter().map(|q| q.name.as_str()).collect();
    names.sort_unstable();
    let mut expected: Vec<String> = (0..LEVELS).map(level_name).collect();
    expected.extend([delay::UNROUTABLE.to_owned(), UNROUTABLE.to_owned()]);
    expected.extend(WORK_QUEUES.iter().flat_map(|q| [(*q).to_owned(), dead_queue(q)]));
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn every_queue_is_a_quorum_queue_that_drops_nothing() {
    let topology = Topology::fleet();
    for queue in &topology.queues {
        let arguments = arguments(&topology, &queue.name);
        assert_eq!(arguments["x-queue-type"], "quorum", "{}", queue.name);
        assert_eq!(arguments["x-overflow"], "reject-publish", "{}", queue.name);
        assert!(
            arguments["x-delivery-limit"].parse::<i64>().unwrap() >= 1_000,
            "{}",
            queue.name
        );
        assert!(queue.arguments.iter().all(|argument| !argument.reason.is_empty()));
        // At-least-once needs reject-publish, and otherwise silently is at-most-once.
        if arguments.contains_key("x-dead-letter-exchange") {
            assert_eq!(
                arguments["x-dead-letter-strategy"], "at-least-once",
                "{}",
                queue.name
            );
        }
    }
}

#[test]
fn a_level_waits_a_power_of_two_and_hands_on_to_the_next_lower_one() {
    let topology = Topology::fleet();
    for (queue, ttl_ms, next) in [
        ("delay.v1.00", "1000", "delay.v1.deliver"),
        ("delay.v1.01", "2000", "delay.v1.00"),
        ("delay.v1.10", "1024000", "delay.v1.09"),
        ("delay.v1.11", "2048000", "delay.v1.10"),
    ] {
        let arguments = arguments(&topology, queue);
        assert_eq!(arguments["x-message-ttl"], ttl_ms);
        assert_eq!(arguments["x-dead-letter-exchange"], next);
        assert!(
            !arguments.contains_key("x-dead-letter-routing-key"),
            "the key must survive"
        );
    }
}

#[test]
fn every_delay_waits_as_long_as_it_says_and_ends_in_its_queue() {
    let topology = Topology::fleet();
    let queues: BTreeMap<&str, BTreeMap<&str, String>> = topology
        .queues
        .iter()
        .map(|q| (q.name.as_str(), arguments(&topology, &q.name)))
        .collect();
    for delay_s in (1..=300).chain([1_800, 2_047, 2_048, 4_095]) {
        let route = delay::route("topup-requested", delay_s);
        let mut exchange = route.exchange;
        let mut waited_ms = 0;
        let end = loop {
            let reached = reached(&topology, &exchange, &route.routing_key);
            assert_eq!(reached.len(), 1, "one way only, {delay_s} s");
            let Some(ttl) = queues[reached[0].as_str()].get("x-message-ttl") else {
                break reached[0].clone();
            };
            waited_ms += ttl.parse::<u32>().unwrap();
            exchange = queues[reached[0].as_str()]["x-dead-letter-exchange"].clone();
        };
        assert_eq!((waited_ms, end.as_str()), (delay_s * 1000, "topup-requested"));
    }
}

#[test]
fn what_nobody_takes_is_kept() {
    let topology = Topology::fleet();
    for (exchange, key, queue) in [
        ("topup", "sms-sent", "sms-sent"),
        ("topup", "notifications", "notifications"),
        ("topup", "sms_sent", "topup.unroutable"),
        (
            "delay.v1.deliver",
            "0.0.0.0.0.0.0.0.0.0.0.1.gone",
            "delay.v1.unroutable",
        ),
        ("delay.v1.deliver", "0.0.0.0.0.0.0.0.0.0.0.1.sms-sent", "sms-sent"),
        ("topup.dead", "sms-sent", "sms-sent.dead"),
    ] {
        assert_eq!(reached(&topology, exchange, key), [queue]);
    }
}

#[test]
fn what_a_queue_needs_is_the_way_to_it_and_to_its_dead_letters() {
    let needed = Topology::fleet().around("sms-sent");
    let queues: Vec<&str> = needed.queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(queues, ["sms-sent", "sms-sent.dead"]);
    assert_eq!(needed.exchanges, Topology::fleet().exchanges);
    for (exchange, key, queue) in [
        ("topup", "sms-sent", "sms-sent"),
        ("delay.v1.deliver", "0.0.0.0.0.0.0.0.0.0.0.1.sms-sent", "sms-sent"),
        ("topup.dead", "sms-sent", "sms-sent.dead"),
    ] {
        assert_eq!(reached(&needed, exchange, key), [queue]);
    }
}
