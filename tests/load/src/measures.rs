//! The measurements, one file each.

pub(crate) mod debits;
pub(crate) mod latency;
pub(crate) mod memory;
