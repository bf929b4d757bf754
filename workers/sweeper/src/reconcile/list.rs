//! The gateway's list of a period, page by page.

use super::{LEAVE_MAX, ReconcileError};
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::sleep;
use topup_gateways::payment::{Listed, PaymentGateway, TransactionPage};
use topup_rules::lines::CallEnd;
use topup_runtime::Line;

/// Pages that are read, at most: a list that never ends is none.
const PAGES_MAX: u32 = 20_000;
/// How often one page is asked for.
const TRIES_MAX: u32 = 5;
/// The pause before it is asked for again, where the gateway names no longer one.
const PAUSE: Duration = Duration::from_secs(2);

/// A list that is being read.
pub(super) struct Pages<'a> {
    gateway: &'a PaymentGateway,
    line: Line,
    from: Timestamp,
    to: Timestamp,
    /// The next page's number; `None` after the last.
    next: Option<u32>,
    seen: HashSet<String>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(gateway: &'a PaymentGateway, line: Line, from: Timestamp, to: Timestamp) -> Self {
        Self {
            gateway,
            line,
            from,
            to,
            next: Some(1),
            seen: HashSet::new(),
        }
    }

    /// The payments of the next page that were on none before it; `None` at the list's end.
    ///
    /// # Errors
    /// A page that can't be had; the database's.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Listed>>, ReconcileError> {
        let Some(number) = self.next else {
            return Ok(None);
        };
        if number > PAGES_MAX {
            return Err(ReconcileError::NoList(format!(
                "it has no end within {PAGES_MAX} pages"
            )));
        }
        let TransactionPage {
            mut items,
            unreadable: _,
            is_last,
        } = self.page(number).await?;
        self.next = (!is_last).then_some(number + 1);
        // The newest stand first: what comes meanwhile shifts others on to the next page, where they come again.
        items.retain(|item| self.seen.insert(item.reference.clone()));
        Ok(Some(items))
    }

    /// Whether a page had it.
    pub(super) fn had(&self, reference: &str) -> bool {
        self.seen.contains(reference)
    }

    async fn page(&self, number: u32) -> Result<TransactionPage, ReconcileError> {
        let mut tries = 1;
        loop {
            if !self.line.leave(LEAVE_MAX).await? {
                return Err(ReconcileError::NoLine(LEAVE_MAX));
            }
            let page = self.gateway.transactions(self.from, self.to, number).await;
            let end = page
                .as_ref()
                .map_or_else(|trouble| trouble.end, |_| CallEnd::Answered);
            self.line.ended(end).await?;
            match page {
                Ok(page) => return Ok(page),
                Err(trouble) if tries < TRIES_MAX => {
                    let asked_for = Duration::from_secs(trouble.retry_after_s.unwrap_or(0).into());
                    sleep(asked_for.clamp(PAUSE, LEAVE_MAX)).await;
                    tries += 1;
                }
                Err(trouble) => return Err(ReconcileError::NoList(trouble.reason)),
            }
        }
    }
}
