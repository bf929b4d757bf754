//! T1–T3: when a debit asks for a top-up.
//!
//! Only a send's debit comes here (T3). Transfers, adjustments, reversals, changed settings and expiring holds
//! trigger nothing, and there is deliberately no function for them.

use crate::account::{AutoTopup, AutoTopupSettings, Wallet};
use crate::credits::Credits;

/// What a send's debit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Nothing, and why.
    None(Quiet),
    /// A top-up by these settings, in the debit's own transaction.
    Request(AutoTopupSettings),
}

/// Why a debit asks for no top-up. None of these is a failure, and nobody is told (T3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quiet {
    /// Auto top-up was never set up.
    Off,
    /// It is disabled.
    Disabled,
    /// Enough credits are left.
    AboveThreshold,
    /// The wallet has an open top-up, which this trigger joins (T2).
    AlreadyOpen,
}

/// T1, T2: a send that leaves the balance at or below the threshold of an enabled auto top-up asks for one,
/// unless one is already open. `wallet` is as it is after the debit.
#[must_use]
pub fn after_send(wallet: &Wallet) -> Trigger {
    match &wallet.auto_topup {
        AutoTopup::Off => Trigger::None(Quiet::Off),
        AutoTopup::Disabled { .. } => Trigger::None(Quiet::Disabled),
        AutoTopup::Enabled(settings) if wallet.balance > settings.threshold => {
            Trigger::None(Quiet::AboveThreshold)
        }
        AutoTopup::Enabled(_) if wallet.open_topup.is_some() => Trigger::None(Quiet::AlreadyOpen),
        AutoTopup::Enabled(settings) => Trigger::Request(*settings),
    }
}

/// T1: which of a batch's debits, in order, is the one that reached the threshold: the first that left the
/// balance at or below it. The very first if it was reached before already; `None` if none did.
#[must_use]
pub fn triggering_send(before: Credits, debits: &[Credits], threshold: Credits) -> Option<usize> {
    debits
        .iter()
        .scan(before, |balance, debit| {
            *balance = crate::sends::debit(*balance, *debit);
            Some(*balance)
        })
        .position(|balance| balance <= threshold)
}
