//! The catalogue: every fault that the schedule can choose, what it touches, and how long it may last.

use std::fmt;

use topup_failpoints::Point;

use crate::dice::Dice;

/// The programs that take from a queue; each queue bears its program's name.
pub(crate) const QUEUES: [&str; 4] = ["sms-sent", "topup-requested", "payment-results", "notifications"];
/// Every program of the fleet.
pub(crate) const PROGRAMS: [&str; 6] = topup_stack::WORKERS;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL at any moment; another is started.
    Killed {
        program: &'static str,
    },
    /// Killed where it gets to a point for the n-th time.
    KilledAt {
        program: &'static str,
        point: Point,
        time: u32,
    },
    /// SIGTERM, and a new one.
    Deployed {
        program: &'static str,
    },
    /// Every process ended by SIGTERM and started again, one kind after the other.
    DeployedAll,
    /// Told to stop, and started.
    BrokerRestarted,
    /// SIGKILL, and started.
    BrokerKilled,
    /// Halted, and let go on.
    BrokerPaused,
    /// Everything in it lost.
    BrokerWiped,
    MemoryAlarm,
    DiskAlarm,
    /// By an administrator, or a failing node.
    ConnectionsClosed,
    QueueDeleted {
        queue: &'static str,
    },
    /// Delayed messages that never come.
    DelaysPurged,
    /// A queue that takes no more.
    QueueFull {
        queue: &'static str,
    },
    DatabaseRestarted,
    DatabaseKilled,
    DatabasePaused,
    BackendsTerminated,
    ReadOnly,
    NoConnections,
    /// Somebody's transaction holds every wallet.
    WalletsLocked,
    Wire {
        wire: Wire,
        weather: Bad,
    },
    /// Wake-ups of scheduled top-ups that come early, and once more.
    WokenEarly,
    /// Bytes that are no messages, in every queue at once.
    BadMessages,
    Gateway {
        status: u16,
    },
    SlowGateway,
    Webhooks {
        how: &'static str,
    },
    SmsRefused,
    MailTrouble {
        how: &'static str,
    },
}

/// A way between the fleet and somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Broker,
    Database,
    Gateway,
}

/// What can be done to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    Cut,
    Down,
    Stalled,
    DeafServer,
    DeafClient,
    Slow,
    CutMidFrame,
}

/// What a fault needs for itself: two at once must not share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Processes,
    Broker,
    Database,
    BrokerWire,
    DatabaseWire,
    GatewayWire,
    Outside,
}

/// Every kind by its name, for the command line and the report, with how often it is chosen beside the others.
pub(crate) const KINDS: [(&str, u64); 29] = [
    ("kill", 4),
    ("kill-at-point", 8),
    ("deploy", 3),
    ("deploy-all", 1),
    ("broker-restart", 2),
    ("broker-kill", 3),
    ("broker-pause", 2),
    ("broker-wipe", 2),
    ("memory-alarm", 2),
    ("disk-alarm", 1),
    ("connections-closed", 2),
    ("queue-deleted", 2),
    ("delays-purged", 2),
    ("queue-full", 1),
    ("database-restart", 2),
    ("database-kill", 3),
    ("database-pause", 2),
    ("backends-terminated", 2),
    ("database-read-only", 1),
    ("no-connections", 1),
    ("wallets-locked", 1),
    ("broker-wire", 4),
    ("database-wire", 4),
    ("gateway-wire", 4),
    ("woken-early", 2),
    ("bad-messages", 1),
    ("gateway-trouble", 3),
    ("webhook-trouble", 3),
    ("notice-trouble", 2),
];

const POINTS_OF_CONSUMERS: [Point; 3] = [Point::Received, Point::RowWritten, Point::Acknowledged];
const POINTS_OF_PUBLISHERS: [Point; 4] = [
    Point::ResultCommitted,
    Point::Published,
    Point::Confirmed,
    Point::OutboxRemoved,
];
const WEATHERS: [Bad; 7] = [
    Bad::Cut,
    Bad::Down,
    Bad::Stalled,
    Bad::DeafServer,
    Bad::DeafClient,
    Bad::Slow,
    Bad::CutMidFrame,
];

impl Fault {
    /// One of a kind; `None` where there is no such kind.
    pub(crate) fn of(kind: &str, dice: &mut Dice) -> Option<Self> {
        let fault = match kind {
            "kill" => Self::Killed {
                program: dice.pick(&PROGRAMS),
            },
            "kill-at-point" => Self::killed_at(dice),
            "deploy" => Self::Deployed {
                program: dice.pick(&PROGRAMS),
            },
            "deploy-all" => Self::DeployedAll,
            "broker-restart" => Self::BrokerRestarted,
            "broker-kill" => Self::BrokerKilled,
            "broker-pause" => Self::BrokerPaused,
            "broker-wipe" => Self::BrokerWiped,
            "memory-alarm" => Self::MemoryAlarm,
            "disk-alarm" => Self::DiskAlarm,
            "connections-closed" => Self::ConnectionsClosed,
            "queue-deleted" => Self::QueueDeleted {
                queue: dice.pick(&QUEUES),
            },
            "delays-purged" => Self::DelaysPurged,
            "queue-full" => Self::QueueFull {
                queue: dice.pick(&QUEUES),
            },
            "database-restart" => Self::DatabaseRestarted,
            "database-kill" => Self::DatabaseKilled,
            "database-pause" => Self::DatabasePaused,
            "backends-terminated" => Self::BackendsTerminated,
            "database-read-only" => Self::ReadOnly,
            "no-connections" => Self::NoConnections,
            "wallets-locked" => Self::WalletsLocked,
            "broker-wire" => Self::wire(Wire::Broker, dice),
            "database-wire" => Self::wire(Wire::Database, dice),
            "gateway-wire" => Self::wire(Wire::Gateway, dice),
            "woken-early" => Self::WokenEarly,
            "bad-messages" => Self::BadMessages,
            "gateway-trouble" if dice.one_in(4) => Self::SlowGateway,
            "gateway-trouble" => Self::Gateway {
                status: dice.pick(&[429, 401, 503, 500]),
            },
            "webhook-trouble" => Self::Webhooks {
                how: dice.pick(&["never", "twice", "early", "forged", "wrong-amount"]),
            },
            "notice-trouble" if dice.one_in(2) => Self::SmsRefused,
            "notice-trouble" => Self::MailTrouble {
                how: dice.pick(&["reject", "drop"]),
            },
            _ => return None,
        };
        Some(fault)
    }

    fn wire(wire: Wire, dice: &mut Dice) -> Self {
        let weather = dice.pick(&WEATHERS);
        Self::Wire { wire, weather }
    }

    fn killed_at(dice: &mut Dice) -> Self {
        let program = dice.pick(&PROGRAMS);
        let further: &[Point] = match program {
            "sms-sent" | "payment-results" => &POINTS_OF_PUBLISHERS,
            "topup-requested" => &[
                Point::IntentCommitted,
                Point::ChargeSent,
                Point::ChargeAnswered,
                Point::ResultCommitted,
                Point::Published,
                Point::OutboxRemoved,
            ],
            "notifications" => &[Point::NoticeTaken, Point::ResultCommitted],
            "sweeper" => &[Point::ResultCommitted, Point::Published, Point::OutboxRemoved],
            _ => &[Point::Received, Point::Published, Point::Confirmed],
        };
        let consumes = QUEUES.contains(&program);
        let all: Vec<Point> = further
            .iter()
            .chain(if consumes { &POINTS_OF_CONSUMERS[..] } else { &[] })
            .copied()
            .collect();
        Self::KilledAt {
            program,
            point: dice.pick(&all),
            time: u32::try_from(dice.between(1, 6)).unwrap_or(1),
        }
    }

    /// Its kind's name.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Killed { .. } => "kill",
            Self::KilledAt { .. } => "kill-at-point",
            Self::Deployed { .. } => "deploy",
            Self::DeployedAll => "deploy-all",
            Self::BrokerRestarted => "broker-restart",
            Self::BrokerKilled => "broker-kill",
            Self::BrokerPaused => "broker-pause",
            Self::BrokerWiped => "broker-wipe",
            Self::MemoryAlarm => "memory-alarm",
            Self::DiskAlarm => "disk-alarm",
            Self::ConnectionsClosed => "connections-closed",
            Self::QueueDeleted { .. } => "queue-deleted",
            Self::DelaysPurged => "delays-purged",
            Self::QueueFull { .. } => "queue-full",
            Self::DatabaseRestarted => "database-restart",
            Self::DatabaseKilled => "database-kill",
            Self::DatabasePaused => "database-pause",
            Self::BackendsTerminated => "backends-terminated",
            Self::ReadOnly => "database-read-only",
            Self::NoConnections => "no-connections",
            Self::WalletsLocked => "wallets-locked",
            Self::Wire { wire, .. } => match wire {
                Wire::Broker => "broker-wire",
                Wire::Database => "database-wire",
                Wire::Gateway => "gateway-wire",
            },
            Self::WokenEarly => "woken-early",
            Self::BadMessages => "bad-messages",
            Self::Gateway { .. } | Self::SlowGateway => "gateway-trouble",
            Self::Webhooks { .. } => "webhook-trouble",
            Self::SmsRefused | Self::MailTrouble { .. } => "notice-trouble",
        }
    }

    /// What it needs for itself.
    pub(crate) fn part(self) -> Part {
        match self {
            Self::Killed { .. } | Self::KilledAt { .. } | Self::Deployed { .. } | Self::DeployedAll => {
                Part::Processes
            }
            Self::BrokerRestarted
            | Self::BrokerKilled
            | Self::BrokerPaused
            | Self::BrokerWiped
            | Self::MemoryAlarm
            | Self::DiskAlarm
            | Self::ConnectionsClosed
            | Self::QueueDeleted { .. }
            | Self::DelaysPurged
            | Self::QueueFull { .. }
            | Self::WokenEarly
            | Self::BadMessages => Part::Broker,
            Self::DatabaseRestarted
            | Self::DatabaseKilled
            | Self::DatabasePaused
            | Self::BackendsTerminated
            | Self::ReadOnly
            | Self::NoConnections
            | Self::WalletsLocked => Part::Database,
            Self::Wire { wire, .. } => match wire {
                Wire::Broker => Part::BrokerWire,
                Wire::Database => Part::DatabaseWire,
                Wire::Gateway => Part::GatewayWire,
            },
            Self::Gateway { .. }
            | Self::SlowGateway
            | Self::Webhooks { .. }
            | Self::SmsRefused
            | Self::MailTrouble { .. } => Part::Outside,
        }
    }

    /// Least and longest time that it lasts, in milliseconds.
    pub(crate) fn lasts_ms(self) -> (u64, u64) {
        match self {
            Self::Killed { .. } => (0, 1_500),
            // Time to get to the point.
            Self::KilledAt { .. } => (3_000, 6_000),
            Self::Deployed { .. } | Self::DeployedAll => (0, 500),
            Self::BrokerRestarted | Self::BrokerKilled | Self::BrokerWiped => (200, 5_000),
            Self::BrokerPaused | Self::DatabasePaused => (1_000, 12_000),
            Self::MemoryAlarm | Self::DiskAlarm => (1_000, 8_000),
            Self::ConnectionsClosed
            | Self::QueueDeleted { .. }
            | Self::DelaysPurged
            | Self::WokenEarly
            | Self::BadMessages
            | Self::BackendsTerminated => (0, 500),
            Self::QueueFull { .. } => (1_000, 6_000),
            Self::DatabaseRestarted | Self::DatabaseKilled => (100, 5_000),
            Self::ReadOnly | Self::NoConnections | Self::WalletsLocked => (1_000, 6_000),
            Self::Wire { weather, .. } => match weather {
                Bad::Cut => (0, 500),
                Bad::Down | Bad::Slow | Bad::CutMidFrame => (1_000, 8_000),
                Bad::Stalled | Bad::DeafServer | Bad::DeafClient => (1_000, 12_000),
            },
            Self::Gateway { .. }
            | Self::SlowGateway
            | Self::Webhooks { .. }
            | Self::SmsRefused
            | Self::MailTrouble { .. } => (1_000, 6_000),
        }
    }

    /// Whether sends that nobody had read are gone with it, and senders have to publish them again.
    pub(crate) fn loses_sends(self) -> bool {
        matches!(self, Self::BrokerWiped | Self::QueueDeleted { queue: "sms-sent" })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Killed { program } | Self::Deployed { program } => write!(f, "{kind} {program}"),
            Self::KilledAt { program, point, time } => write!(f, "{kind} {program} at {point}={time}"),
            Self::QueueDeleted { queue } | Self::QueueFull { queue } => write!(f, "{kind} {queue}"),
            Self::Wire { weather, .. } => write!(f, "{kind} {}", weather.name()),
            Self::Gateway { status } => write!(f, "{kind} {status}"),
            Self::SlowGateway => write!(f, "{kind} slow"),
            Self::Webhooks { how } => write!(f, "{kind} {how}"),
            Self::SmsRefused => write!(f, "{kind} sms 503"),
            Self::MailTrouble { how } => write!(f, "{kind} mail {how}"),
            Self::DeployedAll
            | Self::BrokerRestarted
            | Self::BrokerKilled
            | Self::BrokerPaused
            | Self::BrokerWiped
            | Self::MemoryAlarm
            | Self::DiskAlarm
            | Self::ConnectionsClosed
            | Self::DelaysPurged
            | Self::DatabaseRestarted
            | Self::DatabaseKilled
            | Self::DatabasePaused
            | Self::BackendsTerminated
            | Self::ReadOnly
            | Self::NoConnections
            | Self::WalletsLocked
            | Self::WokenEarly
            | Self::BadMessages => f.write_str(kind),
        }
    }
}

impl Bad {
    fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Down => "down",
            Self::Stalled => "stalled",
            Self::DeafServer => "stalled towards the server",
            Self::DeafClient => "stalled towards the client",
            Self::Slow => "slow",
            Self::CutMidFrame => "cut in mid-frame",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, KINDS};
    use crate::dice::Dice;

    #[test]
    fn every_kind_can_be_had_by_its_name() {
        let mut dice = Dice::new(1, "kinds");
        for (kind, _) in KINDS {
            for _ in 0..30 {
                assert_eq!(Fault::of(kind, &mut dice).map(Fault::kind), Some(kind));
            }
        }
        assert_eq!(Fault::of("nonsense", &mut dice), None);
    }
}
