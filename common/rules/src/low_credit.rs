//! L1: when a debit, whatever caused it, raises the low-credit notice.
//!
//! The balance counts, open holds do not: held credits are still the account's.

use crate::credits::Credits;

/// L1: a balance that goes from above the notice threshold to it or below it. Threshold 0 means never.
#[must_use]
pub fn crossed(before: Credits, after: Credits, threshold: Credits) -> bool {
    threshold.is_positive() && before > threshold && after <= threshold
}
