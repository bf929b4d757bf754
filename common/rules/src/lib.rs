//! What the business decides, as functions of data. (documentation follows below the modules' own)

pub mod account;
pub mod caps;
pub mod credits;
mod decimal;
pub mod holds;
pub mod ids;
mod json;
pub mod low_credit;
pub mod message;
pub mod money;
mod names;
pub mod notices;
pub mod prices;
mod reading;
pub mod retry;
pub mod sends;
pub mod settings;
pub mod settle;
pub mod topup;
pub mod trigger;
pub mod wake;

pub use decimal::DecimalError;
