//! Who may do what on the broker: one user a process, an operator, a sender, and one that only watches.
//!
//! One table says who takes from which queue and publishes where to; the broker's patterns follow from it and from the
//! one list of exchanges and queues. RabbitMQ knows no finer leave than an exchange, but for topic exchanges, where it
//! looks at the routing key, too: so leave to publish to the default exchange is leave to publish to any queue. Who
//! has no need of it does not get it.

use super::delay::{LEVELS, level_name};
use super::topology::{DEAD_EXCHANGE, EVENTS_EXCHANGE, EXCHANGE, Topology, WORK_QUEUES};
use topup_rules::message::event::EventType;

/// What a user's name begins with unless told otherwise.
pub const USER_PREFIX: &str = "topup-";
/// The permission system's name of the default exchange.
pub(super) const DEFAULT_EXCHANGE: &str = "amq.default";
/// A routing key that nothing is bound for: what the doctor tries with whether it may publish.
pub(super) const NOWHERE: &str = "fleetctl-doctor-publishes-this-to-nobody";
/// Matches no name.
const NOTHING: &str = "^$";

const SMS_SENT: &str = WORK_QUEUES[0];
const TOPUP_REQUESTED: &str = WORK_QUEUES[1];
const PAYMENT_RESULTS: &str = WORK_QUEUES[2];
const NOTIFICATIONS: &str = WORK_QUEUES[3];

/// A user of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
    /// The worker of the queue `sms-sent`.
    SmsSent,
    /// The worker of the queue `topup-requested`.
    TopupRequested,
    /// The worker of the queue `payment-results`.
    PaymentResults,
    /// The worker of the queue `notifications`.
    Notifications,
    /// What time alone brings about.
    Sweeper,
    /// What the world outside calls.
    Edge,
    /// A person with `fleetctl`: declares, moves, publishes.
    Operator,
    /// An upstream sender.
    Sender,
    /// Looks at the management interface, for every process (`TOPUP__AMQP__MANAGEMENT_URL`) and for dashboards.
    Watcher,
}

/// What a process does with messages.
struct Needs {
    /// The queue that it takes from, and parks of.
    consumes: Option<&'static str>,
    /// Where it publishes to, at once.
    publishes: &'static [&'static str],
    /// Where it publishes to, for later.
    delays: &'static [&'static str],
    /// Whether it publishes events for platforms.
    tells: bool,
}

impl Needs {
    const NONE: Self = Self {
        consumes: None,
        publishes: &[],
        delays: &[],
        tells: false,
    };
}

/// Names that a user may configure, write and read, as the broker's regular expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Declare and delete.
    pub configure: String,
    /// Publish to; bind to.
    pub write: String,
    /// Take from; bind from.
    pub read: String,
}

/// Routing keys that a user may publish to a topic exchange with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPermission {
    /// The exchange.
    pub exchange: String,
    /// The keys.
    pub write: String,
}

impl User {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SmsSent,
        Self::TopupRequested,
        Self::PaymentResults,
        Self::Notifications,
        Self::Sweeper,
        Self::Edge,
        Self::Operator,
        Self::Sender,
        Self::Watcher,
    ];

    /// The process that it is for, or what it is: `sms-sent`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SmsSent => SMS_SENT,
            Self::TopupRequested => TOPUP_REQUESTED,
            Self::PaymentResults => PAYMENT_RESULTS,
            Self::Notifications => NOTIFICATIONS,
            Self::Sweeper => "sweeper",
            Self::Edge => "edge",
            Self::Operator => "operator",
            Self::Sender => "sender",
            Self::Watcher => "watcher",
        }
    }

    /// Its name on the broker: `topup-sms-sent`.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        format!("{prefix}{}", self.as_str())
    }

    /// Which one is meant by a name with any prefix that ends in `-`; `None`: none of the fleet's.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let ends = |user: &Self| {
            let prefix = name.strip_suffix(user.as_str());
            prefix.is_some_and(|prefix| prefix.ends_with('-'))
        };
        // `x-topup-requested` ends in no other's name, and so does none.
        Self::ALL.into_iter().find(ends)
    }

    /// RabbitMQ's tags: what the management interface shows it.
    #[must_use]
    pub const fn tags(self) -> &'static [&'static str] {
        match self {
            Self::Operator | Self::Watcher => &["monitoring"],
            Self::SmsSent
            | Self::TopupRequested
            | Self::PaymentResults
            | Self::Notifications
            | Self::Sweeper
            | Self::Edge
            | Self::Sender => &[],
        }
    }

    /// Who takes from which queue, and publishes where to. A queue's worker puts back for later what it tries again.
    const fn needs(self) -> Needs {
        match self {
            Self::SmsSent => Needs {
                consumes: Some(SMS_SENT),
                publishes: &[TOPUP_REQUESTED, NOTIFICATIONS],
                delays: &[SMS_SENT],
                tells: true,
            },
            Self::TopupRequested => Needs {
                consumes: Some(TOPUP_REQUESTED),
                publishes: &[TOPUP_REQUESTED, PAYMENT_RESULTS, NOTIFICATIONS],
                delays: &[TOPUP_REQUESTED],
                tells: true,
            },
            Self::PaymentResults => Needs {
                consumes: Some(PAYMENT_RESULTS),
                publishes: &[TOPUP_REQUESTED, NOTIFICATIONS],
                delays: &[TOPUP_REQUESTED, PAYMENT_RESULTS],
                tells: true,
            },
            Self::Notifications => Needs {
                consumes: Some(NOTIFICATIONS),
                publishes: &[],
                delays: &[NOTIFICATIONS],
                tells: false,
            },
            Self::Sweeper => Needs {
                consumes: None,
                publishes: &[TOPUP_REQUESTED, PAYMENT_RESULTS, NOTIFICATIONS],
                delays: &[TOPUP_REQUESTED, PAYMENT_RESULTS],
                tells: true,
            },
            Self::Edge => Needs {
                consumes: None,
                publishes: &[PAYMENT_RESULTS, NOTIFICATIONS],
                delays: &[],
                tells: true,
            },
            Self::Operator | Self::Sender | Self::Watcher => Needs::NONE,
        }
    }

    /// The queues that it takes from.
    #[must_use]
    pub fn reads(self) -> Vec<String> {
        match self {
            Self::Operator => Topology::fleet()
                .queues
                .into_iter()
                .map(|queue| queue.name)
                .collect(),
            Self::SmsSent
            | Self::TopupRequested
            | Self::PaymentResults
            | Self::Notifications
            | Self::Sweeper
            | Self::Edge
            | Self::Sender
            | Self::Watcher => self.needs().consumes.into_iter().map(str::to_owned).collect(),
        }
    }

    /// The exchanges that it publishes to; the default one is `amq.default`.
    #[must_use]
    pub fn writes(self) -> Vec<String> {
        match self {
            Self::Sender => vec![EXCHANGE.to_owned()],
            Self::Operator => {
                let exchanges = Topology::fleet().exchanges.into_iter();
                let named = exchanges.map(|exchange| exchange.name);
                [DEFAULT_EXCHANGE.to_owned()].into_iter().chain(named).collect()
            }
            Self::SmsSent
            | Self::TopupRequested
            | Self::PaymentResults
            | Self::Notifications
            | Self::Sweeper
            | Self::Edge
            | Self::Watcher => {
                let needs = self.needs();
                let direct = (!needs.publishes.is_empty()).then(|| DEFAULT_EXCHANGE.to_owned());
                let parked = needs.consumes.map(|_| DEAD_EXCHANGE.to_owned());
                let levels = if needs.delays.is_empty() { 0 } else { LEVELS };
                let delayed = (0..levels).map(level_name);
                let told = needs.tells.then(|| EVENTS_EXCHANGE.to_owned());
                direct
                    .into_iter()
                    .chain(parked)
                    .chain(delayed)
                    .chain(told)
                    .collect()
            }
        }
    }

    /// What it may do. The operator may declare everything, and for that bind to and from everything.
    #[must_use]
    pub fn permissions(self) -> Permissions {
        match self {
            Self::Operator => {
                let Topology {
                    exchanges, queues, ..
                } = Topology::fleet();
                let exchanges = exchanges.into_iter().map(|exchange| exchange.name);
                let mut names: Vec<String> = exchanges
                    .chain(queues.into_iter().map(|queue| queue.name))
                    .collect();
                names.sort_unstable();
                names.dedup();
                let all = pattern(&names);
                names.push(DEFAULT_EXCHANGE.to_owned());
                Permissions {
                    configure: all.clone(),
                    write: pattern(&names),
                    read: all,
                }
            }
            Self::SmsSent
            | Self::TopupRequested
            | Self::PaymentResults
            | Self::Notifications
            | Self::Sweeper
            | Self::Edge
            | Self::Sender
            | Self::Watcher => Permissions {
                configure: NOTHING.to_owned(),
                write: pattern(&self.writes()),
                read: pattern(&self.reads()),
            },
        }
    }

    /// Where it may publish to, routing key by routing key. Without one for an exchange, any key goes: of those that
    /// it may not write to, nothing is said.
    #[must_use]
    pub fn topic_permissions(self) -> Vec<TopicPermission> {
        let needs = self.needs();
        let of = |exchange: String, write: String| TopicPermission { exchange, write };
        let mut all = Vec::new();
        if self == Self::Sender {
            all.push(of(EXCHANGE.to_owned(), pattern(&[SMS_SENT])));
        }
        if let Some(queue) = needs.consumes {
            all.push(of(DEAD_EXCHANGE.to_owned(), pattern(&[queue, NOWHERE])));
        }
        if needs.tells {
            let types: Vec<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
            all.push(of(EVENTS_EXCHANGE.to_owned(), pattern(&types)));
        }
        if !needs.delays.is_empty() {
            let to = needs
                .delays
                .iter()
                .map(|queue| escaped(queue))
                .collect::<Vec<_>>()
                .join("|");
            let keys = format!(r"^(([01]\.){{{LEVELS}}}({to})|{NOWHERE})$");
            all.extend((0..LEVELS).map(|level| of(level_name(level), keys.clone())));
        }
        all
    }
}

/// Matches these names, whole, and nothing else.
fn pattern(names: &[impl AsRef<str>]) -> String {
    match names {
        [] => NOTHING.to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| escaped(name.as_ref())).collect();
            format!("^({})$", names.join("|"))
        }
    }
}

/// Names of the fleet are letters, digits, dashes and dots.
fn escaped(name: &str) -> String {
    name.replace('.', r"\.")
}

#[cfg(test)]
mod tests;
