//! The catalogue: every fault that the schedule can choose, what it touches, and how long it may last.

mod draw;

use std::fmt;

use topup_failpoints::Point;

pub(crate) use draw::KINDS;

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

impl Fault {
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
