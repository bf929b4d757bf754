use super::*;
use serde_json::json;

/// What a broker shows where everything is as declared.
fn as_declared() -> (
    Vec<serde_json::Value>,
    Vec<serde_json::Value>,
    Vec<serde_json::Value>,
) {
    let topology = Topology::fleet();
    let queues = topology.queues.iter().map(|queue| {
        let arguments: serde_json::Map<String, serde_json::Value> = queue
            .arguments
            .iter()
            .map(|argument| {
                let value = match &argument.value {
                    Value::Text(text) => json!(text),
                    Value::Number(number) => json!(number),
                };
                (argument.name.to_owned(), value)
            })
            .collect();
        json!({"name": queue.name, "type": "quorum", "durable": true, "arguments": arguments,
               "effective_policy_definition": {}, "policy": null, "operator_policy": null, "node": "x"})
    });
    let exchanges = topology.exchanges.iter().map(|exchange| {
        let arguments = match exchange.alternate {
            Some(alternate) => json!({"alternate-exchange": alternate}),
            None => json!({}),
        };
        json!({"name": exchange.name, "type": "topic", "durable": true, "arguments": arguments})
    });
    let bindings = topology.bindings.iter().map(|binding| {
        let (kind, to) = match &binding.destination {
            Destination::Queue(queue) => ("queue", queue),
            Destination::Exchange(exchange) => ("exchange", exchange),
        };
        json!({"source": binding.exchange, "destination": to, "destination_type": kind, "routing_key": binding.key})
    });
    (queues.collect(), exchanges.collect(), bindings.collect())
}

type Shown = (
    Vec<serde_json::Value>,
    Vec<serde_json::Value>,
    Vec<serde_json::Value>,
);

fn findings(change: impl Fn(&mut Shown)) -> Vec<String> {
    let mut shown = as_declared();
    change(&mut shown);
    let (queues, exchanges, bindings) = shown;
    let queues: Vec<FoundQueue> = queues
        .into_iter()
        .map(|v| serde_json::from_value(v).unwrap())
        .collect();
    let exchanges: Vec<FoundExchange> = exchanges
        .into_iter()
        .map(|v| serde_json::from_value(v).unwrap())
        .collect();
    let bindings: Vec<FoundBinding> = bindings
        .into_iter()
        .map(|v| serde_json::from_value(v).unwrap())
        .collect();
    let found = compare(&Topology::fleet(), &queues, &exchanges, &bindings);
    found.iter().map(ToString::to_string).collect()
}

fn queue<'a>(shown: &'a mut Shown, name: &str) -> &'a mut serde_json::Value {
    shown.0.iter_mut().find(|queue| queue["name"] == name).unwrap()
}

#[test]
fn what_is_as_declared_gives_no_finding() {
    assert_eq!(findings(|_| ()), Vec::<String>::new());
    // Some versions write an empty object as an array, or as null.
    assert_eq!(
        findings(|shown| queue(shown, "sms-sent")["effective_policy_definition"] = json!([])),
        Vec::<String>::new()
    );
    assert_eq!(
        findings(|shown| queue(shown, "sms-sent")["effective_policy_definition"] = json!(null)),
        Vec::<String>::new()
    );
}

#[test]
fn whatever_is_otherwise_is_named_with_what_to_do() {
    let one = |change: &dyn Fn(&mut Shown), line: &str| assert_eq!(findings(change), [line]);
    one(
        &|shown| shown.0.retain(|queue| queue["name"] != "delay.v1.03"),
        "queue delay.v1.03 is missing (messages for it have nowhere to go); `fleetctl topology apply` makes it",
    );
    one(
        &|shown| queue(shown, "sms-sent")["type"] = json!("classic"),
        "queue sms-sent is not a durable quorum queue (it is on one node alone, and its messages are lost with that); move its messages away, delete it, and run `fleetctl topology apply`",
    );
    one(
        &|shown| queue(shown, "delay.v1.00")["arguments"]["x-message-ttl"] = json!(1),
        "queue delay.v1.00 has x-message-ttl = 1, and 1000 is needed (milliseconds: the wait that this level adds); move its messages away, delete it, and run `fleetctl topology apply`",
    );
    one(
        &|shown| shown.1.retain(|exchange| exchange["name"] != "topup"),
        "exchange topup is missing (whoever publishes to it is refused); `fleetctl topology apply` makes it",
    );
    one(
        &|shown| {
            shown
                .2
                .retain(|binding| binding["routing_key"] != "#.notifications")
        },
        "the binding of notifications to exchange delay.v1.deliver by #.notifications is missing (messages that way do not arrive); `fleetctl topology apply` makes it",
    );
}

#[test]
fn a_policy_that_would_lose_messages_is_named() {
    let policed = |name: &'static str, option: &'static str, value: i64| {
        findings(move |shown| {
            queue(shown, name)["operator_policy"] = json!("limits");
            queue(shown, name)["effective_policy_definition"] = json!({ option: value });
        })
    };
    assert_eq!(
        policed("sms-sent", "message-ttl", 60_000),
        [
            "queue sms-sent: policy limits sets message-ttl = 60000 (its messages would expire); take the queue out of it"
        ]
    );
    assert_eq!(
        policed("delay.v1.10", "message-ttl", 60_000),
        [
            "queue delay.v1.10: policy limits sets message-ttl = 60000 (its messages would expire); take the queue out of it"
        ]
    );
    // The smaller one counts, and that is the level's own.
    assert_eq!(
        policed("delay.v1.00", "message-ttl", 60_000),
        Vec::<String>::new()
    );
    assert_eq!(
        policed("sms-sent.dead", "expires", 1),
        [
            "queue sms-sent.dead: policy limits sets expires = 1 (the queue would be deleted when nobody uses it); take the queue out of it"
        ]
    );
    assert_eq!(
        policed("sms-sent", "delivery-limit", 20),
        [
            "queue sms-sent: policy limits sets delivery-limit = 20, and 1000 is needed (outages would park messages); take the queue out of it"
        ]
    );
    // Refusing is survived: whoever publishes keeps the message.
    assert_eq!(policed("sms-sent", "max-length", 10), Vec::<String>::new());
}
