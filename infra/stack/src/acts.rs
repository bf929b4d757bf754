//! What may be done to the servers of a running stack: the faults of machines and of people.

use serde::{Deserialize, Serialize};

/// One server of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Server {
    /// A RabbitMQ node, counted from 0.
    Broker(u8),
    /// PostgreSQL.
    Database,
}

/// What is done to it. Each is over when the call returns, and one that finds nothing to do is no error, unless
/// it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// All its processes are killed, in the same moment; it stays down. What was committed or confirmed before is there
    /// when it starts again, but for queues that RabbitMQ was told of less than a second ago: it notes their names
    /// down late.
    Kill,
    /// It is told to stop, as by a person who restarts it, and stays down.
    Stop,
    /// It is started on the same ports and the same data; over when it serves.
    Start,
    /// All its processes are halted: connections stay open, and nobody answers. An error where it is down.
    Pause,
    /// They go on.
    Resume,
    /// It is killed and all its data removed; it stays down, and the next start gives an empty one. An error for a
    /// node of a cluster, whose others would remember it.
    Wipe,
}
