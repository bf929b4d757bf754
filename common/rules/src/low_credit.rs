//! L1: when a debit, whatever caused it, raises the low-credit notice.
//!
//! The balance counts, open holds do not: held credits are still the account's.

use crate::credits::Credits;

/// L1: a balance that goes from above the notice threshold to it or below it. Threshold 0 means never.
#[must_use]
pub fn crossed(before: Credits, after: Credits, threshold: Credits) -> bool {
    threshold.is_positive() && before > threshold && after <= threshold
}

/// L1: why a threshold is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "L1: the threshold of the notice must be 0 (never) to {most}, and is {0}",
    most = Credits::WALLET_MAX
)]
pub struct ThresholdRefusal(pub Credits);

/// L1: whether there can be such a threshold: 0, which is never crossed, or more.
///
/// # Errors
/// Below 0, or beyond any balance.
pub fn check_threshold(threshold: Credits) -> Result<(), ThresholdRefusal> {
    if threshold < Credits::ZERO || threshold > Credits::WALLET_MAX {
        Err(ThresholdRefusal(threshold))
    } else {
        Ok(())
    }
}
