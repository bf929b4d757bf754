//! Everything about RabbitMQ: where it is, sessions that are connected again, the topology, publishing, delaying.
//!
//! The library's automatic recovery stays off. A session is connect → declare → consume or publish → drain, and
//! when any of it fails, the whole of it is done again after a pause.

mod address;
pub mod admin;
pub mod check;
mod connect;
pub mod connections;
pub mod definitions;
pub mod delay;
pub mod grants;
pub mod headers;
pub mod management;
mod outgoing;
mod pauses;
pub mod permissions;
mod publish;
mod refusal;
mod socket;
pub mod topology;
pub(crate) mod wire;

pub use address::Address;
pub use connect::{BrokerError, host_name};
pub use outgoing::Outgoing;
pub use publish::{PublishError, Publisher};
pub use refusal::TopologyError;

pub(crate) use connect::{Link, Purpose, Sign, VERSION, connect, is_parsing, tag_name, within};
pub(crate) use outgoing::Parked;
pub(crate) use pauses::Pauses;
