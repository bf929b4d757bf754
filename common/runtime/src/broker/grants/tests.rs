use super::super::delay;
use super::*;

fn may(user: User) -> Permissions {
    user.permissions()
}

#[test]
fn each_worker_takes_from_its_own_queue_alone_and_declares_nothing() {
    for (user, read) in [
        (User::SmsSent, "^(sms-sent)$"),
        (User::TopupRequested, "^(topup-requested)$"),
        (User::PaymentResults, "^(payment-results)$"),
        (User::Notifications, "^(notifications)$"),
        (User::Sweeper, "^$"),
        (User::Edge, "^$"),
        (User::Sender, "^$"),
        (User::Watcher, "^$"),
    ] {
        assert_eq!(may(user).read, read, "{user:?}");
        assert_eq!(may(user).configure, "^$", "{user:?}");
    }
}

#[test]
fn nobody_writes_where_it_has_no_need_to() {
    assert_eq!(may(User::Sender).write, "^(topup)$");
    assert_eq!(may(User::Edge).write, r"^(amq\.default|topup\.events)$");
    assert_eq!(may(User::Watcher).write, "^$");
    let notifications = may(User::Notifications).write;
    assert!(
        notifications.starts_with(r"^(topup\.dead|delay\.v1\.00|"),
        "{notifications}"
    );
    assert!(!notifications.contains("amq"));
    for user in User::ALL {
        let outside = user == User::Sender || user == User::Operator;
        assert_eq!(user.writes().contains(&EXCHANGE.to_owned()), outside, "{user:?}");
    }
}

#[test]
fn only_the_fleet_s_own_processes_and_its_operator_publish_events() {
    for user in User::ALL {
        let outside = matches!(user, User::Sender | User::Watcher | User::Notifications);
        assert_eq!(
            user.writes().contains(&EVENTS_EXCHANGE.to_owned()),
            !outside,
            "{user:?}"
        );
    }
}

#[test]
fn routing_keys_are_those_of_the_delays_and_of_the_own_dead_letters() {
    let keys = User::PaymentResults.topic_permissions();
    assert_eq!(keys.len(), 2 + LEVELS as usize);
    assert_eq!(keys[0].exchange, DEAD_EXCHANGE);
    assert_eq!(keys[0].write, format!("^(payment-results|{NOWHERE})$"));
    let (events, keys) = (&keys[1], &keys[1..]);
    assert_eq!(events.exchange, EVENTS_EXCHANGE);
    assert!(
        events.write.starts_with(r"^(topup\.succeeded|topup\.failed|"),
        "{}",
        events.write
    );
    let delays = r"^(([01]\.){12}(topup-requested|payment-results)|";
    assert!(keys[1].write.starts_with(delays), "{}", keys[1].write);
    let route = delay::route("topup-requested", 1_800);
    assert_eq!(route.routing_key.matches('.').count(), LEVELS as usize);
    assert_eq!(
        User::Sender.topic_permissions(),
        [TopicPermission {
            exchange: EXCHANGE.to_owned(),
            write: "^(sms-sent)$".to_owned()
        }]
    );
    assert!(User::Operator.topic_permissions().is_empty());
}

#[test]
fn the_operator_may_declare_the_whole_topology_and_nothing_else() {
    let all = may(User::Operator);
    for queue in Topology::fleet().queues {
        assert!(all.configure.contains(&escaped(&queue.name)), "{}", queue.name);
    }
    assert!(!all.configure.contains("amq") && all.write.contains("amq"));
}

#[test]
fn a_user_is_known_by_its_name_whatever_its_prefix() {
    for user in User::ALL {
        assert_eq!(User::of_name(&user.name(USER_PREFIX)), Some(user));
        assert_eq!(User::of_name(&user.name("staging-")), Some(user));
    }
    assert_eq!(User::of_name("sms-sent"), None);
    assert_eq!(User::of_name("guest"), None);
}
