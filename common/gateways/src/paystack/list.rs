//! The gateway's list of the payments of a period, page by page.

use super::envelope::{self, Said, Unsaid};
use super::fields::{integer, said as words_of, text};
use super::transaction;
use crate::http::Exchange;
use crate::payment::{Answer, ListTrouble, Listed, TransactionPage};
use jiff::Timestamp;
use serde_json::Value;
use topup_rules::message::{PaymentMode, PaymentStatus};

/// Payments asked for in one call: the most that the gateway gives.
pub(super) const PER_PAGE: usize = 100;

/// Largest page that is read, in bytes. A payment takes two to four thousand.
pub(super) const PAGE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What of the list is wanted, as names and values.
pub(super) fn query(from: Timestamp, to: Timestamp, page: u32) -> [(&'static str, String); 4] {
    [
        ("from", format!("{from:.3}")),
        ("to", format!("{to:.3}")),
        ("page", page.max(1).to_string()),
        ("perPage", PER_PAGE.to_string()),
    ]
}

/// Reads one page.
pub(super) fn read(
    exchange: Exchange,
    page: u32,
    mode: PaymentMode,
    received_at: Timestamp,
) -> Result<TransactionPage, ListTrouble> {
    let said = envelope::read(exchange)?;
    let listed = said.body.get("data").and_then(Value::as_array);
    let Some(listed) = listed.filter(|_| said.taken()) else {
        return Err(said.unknown().into());
    };
    let items: Vec<Listed> = listed
        .iter()
        .filter_map(|data| item(data, mode, received_at))
        .collect();
    Ok(TransactionPage {
        unreadable: listed.len() - items.len(),
        is_last: is_last(&said, page, listed.len()),
        items,
    })
}

/// `None` where nothing says which payment it is: then it can't be one of ours either. One whose state can't be read
/// is told as unknown.
fn item(data: &Value, mode: PaymentMode, received_at: Timestamp) -> Option<Listed> {
    let reference = text(data, "reference")?;
    let read = transaction::read(data, None, mode, received_at);
    let answer = match read {
        Some(Ok(answer)) => answer,
        Some(Err(_)) | None => Answer {
            status: PaymentStatus::Unknown,
            amount_minor: integer(data, "amount"),
            currency: text(data, "currency").and_then(|c| c.to_uppercase().parse().ok()),
            transaction_id: text(data, "id"),
            reason: words_of(data, "gateway_response"),
            decline: None,
            card: None,
            mode: transaction::mode_of(data).unwrap_or(mode),
            occurred_at: transaction::occurred_at(data).unwrap_or(received_at),
            challenge_url: None,
        },
    };
    Some(Listed { reference, answer })
}

/// By the gateway's count of pages; where it gives none, only an empty page is known to be behind the last.
fn is_last(said: &Said, page: u32, listed: usize) -> bool {
    let pages = said.body.get("meta").and_then(|meta| integer(meta, "pageCount"));
    listed == 0 || pages.is_some_and(|pages| i64::from(page) >= pages)
}

impl From<Unsaid> for ListTrouble {
    fn from(unsaid: Unsaid) -> Self {
        match unsaid {
            Unsaid::Unknown { reason, end } => Self {
                reason,
                retry_after_s: None,
                end,
            },
            Unsaid::OurTrouble(trouble) => Self {
                reason: trouble.reason,
                retry_after_s: trouble.retry_after_s,
                end: trouble.end,
            },
        }
    }
}

#[cfg(test)]
mod tests;
