//! Which fault it is this time: a kind by its weight, and what of it by the dice.

use topup_failpoints::Point;

use super::{Bad, Fault, PROGRAMS, QUEUES, Wire};
use crate::dice::Dice;

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
