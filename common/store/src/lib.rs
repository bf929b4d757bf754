//! The only SQL of the fleet. (docs to follow)

mod error;
mod ledger;
mod locks;
mod migrate;
mod notices;
mod outbox;
mod pool;
mod prices;
mod rows;
mod sends;
mod settle;
mod topups;
mod transaction;

pub use error::StoreError;
pub use outbox::OutboxMessage;
pub use pool::{Store, StoreOptions};
pub use sends::{Send, SendOutcome, SendsRecorded};
pub use settle::Settled;
pub use topups::{Answer, ChargeIntent, GatewayCall, TopupPolicy, Woken};
