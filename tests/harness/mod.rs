//! The parts of the harness, one thing each.

pub(crate) mod accounts;
pub(crate) mod app;
pub(crate) mod broker;
pub(crate) mod charges;
pub(crate) mod checker;
pub(crate) mod events;
pub(crate) mod faults;
pub(crate) mod library;
pub(crate) mod noon;
pub(crate) mod older;
pub(crate) mod options;
pub(crate) mod outside;
pub(crate) mod patience;
pub(crate) mod payments;
pub(crate) mod prices;
pub(crate) mod programs;
pub(crate) mod proxy;
pub mod rough;
pub(crate) mod rows;
pub(crate) mod sender;
pub(crate) mod shared;
pub(crate) mod shop;
pub(crate) mod terminal;
pub(crate) mod views;
pub(crate) mod wire;
pub(crate) mod wires;
