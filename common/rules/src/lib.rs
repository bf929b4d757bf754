//! What the business decides. (to be written by its owner)

pub mod account;
pub mod credits;
mod decimal;
pub mod ids;
mod json;
pub mod message;
pub mod money;
pub mod topup;

pub use decimal::DecimalError;
