//! What was paid and is taken back: refunds and disputes.

use jiff::Timestamp;

use super::{BOOKED_MAX, Books, Status, Transaction};

/// A refund, taken by the gateway.
#[derive(Debug, Clone)]
pub struct Refund {
    /// The gateway's number for it.
    pub id: u64,
    /// The payment, as it stands with the refund counted.
    pub transaction: Transaction,
    /// In minor units.
    pub amount_minor: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// Why a refund is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundRefused {
    /// There is no such payment.
    Unknown,
    /// It was never paid, or is already given back.
    NotPaid,
    /// More than what is left of it, or nothing.
    Amount,
    /// [`BOOKED_MAX`] is reached.
    Full,
}

/// A customer's complaint to the bank.
#[derive(Debug, Clone)]
pub struct Dispute {
    /// The gateway's number for it.
    pub id: u64,
    /// The payment, as it stands with a lost dispute counted.
    pub transaction: Transaction,
    /// In minor units.
    pub amount_minor: u64,
    /// When it was opened.
    pub created_at: Timestamp,
    /// How and when it ended, if it did.
    pub resolved: Option<(DisputeOutcome, Timestamp)>,
}

/// How a dispute ends, for the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisputeOutcome {
    /// The customer gets the money.
    #[serde(alias = "merchant-accepted")]
    Lost,
    /// The customer gets the money, because the merchant did not answer in time.
    #[serde(alias = "auto-accepted")]
    Unanswered,
    /// The merchant keeps it.
    #[serde(alias = "declined")]
    Won,
}

impl Books {
    /// Gives back a payment, or part of it; all that is left of it where no amount is named.
    ///
    /// # Errors
    /// Why not.
    pub fn refund(
        &mut self,
        reference: &str,
        amount_minor: Option<u64>,
        now: Timestamp,
    ) -> Result<Refund, RefundRefused> {
        if self.refunds.len() >= BOOKED_MAX {
            return Err(RefundRefused::Full);
        }
        let id = self.take_id();
        let transaction = self
            .by_reference
            .get_mut(reference)
            .ok_or(RefundRefused::Unknown)?;
        let amount_minor = take_back(transaction, amount_minor)?;
        let refund = Refund {
            id,
            transaction: transaction.clone(),
            amount_minor,
            created_at: now,
        };
        self.refunds.push(refund.clone());
        Ok(refund)
    }

    /// A refund as [`Books::refund`] would take it, that the bank then turns down: nothing is given back.
    ///
    /// # Errors
    /// Why not.
    pub fn failed_refund(
        &mut self,
        reference: &str,
        amount_minor: Option<u64>,
        now: Timestamp,
    ) -> Result<Refund, RefundRefused> {
        let id = self.take_id();
        let transaction = self
            .by_reference
            .get(reference)
            .ok_or(RefundRefused::Unknown)?
            .clone();
        let amount_minor = take_back(&mut transaction.clone(), amount_minor)?;
        Ok(Refund {
            id,
            transaction,
            amount_minor,
            created_at: now,
        })
    }

    /// Opens a dispute over a payment, or over part of it. The one still open is given back instead, if there is one.
    ///
    /// # Errors
    /// Why not.
    pub fn dispute(
        &mut self,
        reference: &str,
        amount_minor: Option<u64>,
        now: Timestamp,
    ) -> Result<(Dispute, bool), RefundRefused> {
        if let Some(open) = self
            .disputes
            .get(reference)
            .filter(|dispute| dispute.resolved.is_none())
        {
            return Ok((open.clone(), false));
        }
        let id = self.take_id();
        let transaction = self.by_reference.get(reference).ok_or(RefundRefused::Unknown)?;
        // Counted on a copy: an open dispute takes nothing yet.
        let amount_minor = take_back(&mut transaction.clone(), amount_minor)?;
        let dispute = Dispute {
            id,
            transaction: transaction.clone(),
            amount_minor,
            created_at: now,
            resolved: None,
        };
        self.disputes.insert(reference.to_owned(), dispute.clone());
        Ok((dispute, true))
    }

    /// Ends the open dispute of a payment.
    ///
    /// # Errors
    /// Why not.
    pub fn resolve(
        &mut self,
        reference: &str,
        outcome: DisputeOutcome,
        now: Timestamp,
    ) -> Result<Dispute, RefundRefused> {
        let open = self
            .disputes
            .get_mut(reference)
            .filter(|dispute| dispute.resolved.is_none());
        let dispute = open.ok_or(RefundRefused::Unknown)?;
        let transaction = self
            .by_reference
            .get_mut(reference)
            .ok_or(RefundRefused::Unknown)?;
        match outcome {
            DisputeOutcome::Lost | DisputeOutcome::Unanswered => {
                // Refunds in the meantime may have left less than what is disputed.
                let left = transaction
                    .amount_minor
                    .saturating_sub(transaction.reversed_minor);
                dispute.amount_minor = take_back(transaction, Some(dispute.amount_minor.min(left)))?;
            }
            DisputeOutcome::Won => {}
        }
        dispute.transaction = transaction.clone();
        dispute.resolved = Some((outcome, now));
        Ok(dispute.clone())
    }

    /// The reference of a payment that is named by its reference or by its number.
    pub fn reference_of(&self, reference_or_id: &str) -> Option<String> {
        if self.by_reference.contains_key(reference_or_id) {
            return Some(reference_or_id.to_owned());
        }
        let id: u64 = reference_or_id.parse().ok()?;
        self.by_reference
            .values()
            .find(|it| it.id == id)
            .map(|it| it.asked.reference.clone())
    }
}

/// Counts an amount as given back; all that is left where none is named. Answers with the amount.
fn take_back(transaction: &mut Transaction, amount_minor: Option<u64>) -> Result<u64, RefundRefused> {
    if transaction.status != Status::Success {
        return Err(RefundRefused::NotPaid);
    }
    let left = transaction
        .amount_minor
        .saturating_sub(transaction.reversed_minor);
    let amount_minor = amount_minor.unwrap_or(left);
    if amount_minor == 0 || amount_minor > left {
        return Err(RefundRefused::Amount);
    }
    transaction.reversed_minor = transaction.reversed_minor.saturating_add(amount_minor);
    if amount_minor == left {
        transaction.status = Status::Reversed;
    }
    Ok(amount_minor)
}
