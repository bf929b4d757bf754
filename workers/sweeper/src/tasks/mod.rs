//! The tasks of a sweep. Each says how many rows or messages it dealt with.

pub(crate) mod cards;
pub(crate) mod gauges;
pub(crate) mod housekeeping;
pub(crate) mod leftovers;
