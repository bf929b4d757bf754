//! The gateway's books: which payments there are, what became of them, what was given back.
//!
//! Pure: no sending, no waiting, no clock; the moment comes in as an argument. What is announced by webhook,
//! recorded in a list or held back from the caller is decided from what these functions answer.

mod reversals;
mod transaction;

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::behaviour::{Behaviour, Draw};

pub use reversals::{Dispute, DisputeOutcome, Refund, RefundRefused};
pub use transaction::{Asked, Channel, Currency, Page, PaidWith, PhoneWallet, Status, Transaction};

/// Payments, refunds, disputes and saved cards kept; past it the gateway answers that it is full.
pub const BOOKED_MAX: usize = 500_000;

/// First transaction id: real ones have outgrown 32 bits.
const FIRST_ID: u64 = 5_099_490_251;

/// What charging a saved card came to.
#[derive(Debug, Clone)]
pub enum Charged {
    /// Settled at once, either way: answer with it.
    Settled(Transaction),
    /// Settles later: answer with it, then [`Books::succeed`].
    Pending(Transaction),
    /// The customer is to act on the page.
    Paused(Transaction),
    /// Captured; the caller never hears.
    Unanswered(Transaction),
    /// Captured; the caller hears half.
    CutShort(Transaction),
    /// Failed without a trace; of the charge there is but the reference.
    ServerError(String),
}

/// Why a payment is not even tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The reference was used before.
    Duplicate,
    /// The code is no authorization, was deactivated, or belongs to another address.
    NotThisCustomers,
    /// [`BOOKED_MAX`] is reached.
    Full,
}

/// A card that was saved on a hosted page.
#[derive(Debug)]
struct Saved {
    /// The address that it belongs to.
    owner: String,
    card: PaidWith,
}

/// All that the gateway remembers.
#[derive(Debug)]
pub struct Books {
    seed: u64,
    next_id: u64,
    by_reference: HashMap<String, Transaction>,
    /// References in order of creation, for the list.
    order: Vec<String>,
    /// References that were answered with a server error once.
    failed_once: HashSet<String>,
    /// Cards saved on hosted pages, by their codes.
    saved: HashMap<String, Saved>,
    deactivated: HashSet<String>,
    /// References by page key.
    pages: HashMap<String, String>,
    refunds: Vec<Refund>,
    /// The latest dispute of each reference.
    disputes: HashMap<String, Dispute>,
}

impl Books {
    /// Empty books. The seed decides what is left to chance.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            next_id: FIRST_ID,
            by_reference: HashMap::new(),
            order: Vec::new(),
            failed_once: HashSet::new(),
            saved: HashMap::new(),
            deactivated: HashSet::new(),
            pages: HashMap::new(),
            refunds: Vec::new(),
            disputes: HashMap::new(),
        }
    }

    /// Forgets everything but the numbers given out, so that nothing under way can be mistaken for something new.
    pub fn clear(&mut self) {
        *self = Self {
            next_id: self.next_id,
            ..Self::new(self.seed)
        };
    }

    /// Charges a saved card. `amounts` gives what a success reports: charged and requested, in minor units.
    ///
    /// # Errors
    /// Why not.
    pub fn charge(
        &mut self,
        asked: Asked,
        authorization_code: String,
        now: Timestamp,
        amounts: impl FnOnce(u64) -> (u64, u64),
    ) -> Result<Charged, Refused> {
        self.admit(&asked)?;
        let behaviour = Behaviour::of(&authorization_code, Draw::new(self.seed, &asked.reference));
        let saved = self.saved.get(&authorization_code);
        let another = saved.is_some_and(|saved| saved.owner != asked.email);
        let card = saved.map_or(PaidWith::USUAL_CARD, |saved| saved.card);
        let Some(behaviour) =
            behaviour.filter(|_| !another && !self.deactivated.contains(&authorization_code))
        else {
            return Err(Refused::NotThisCustomers);
        };
        if behaviour == Behaviour::FailOnce && self.failed_once.insert(asked.reference.clone()) {
            return Ok(Charged::ServerError(asked.reference));
        }
        let mut transaction = self.open(asked, now);
        transaction.authorization_code = Some(authorization_code);
        transaction.paid_with = card;
        if let Behaviour::Pause = behaviour {
            let access_code = Draw::new(self.seed, &transaction.asked.reference).code("page");
            transaction.page = Some(Page {
                access_code,
                callback_url: None,
                channels: vec![Channel::Card],
            });
        }
        apply(&mut transaction, behaviour, now, amounts);
        self.book(transaction.clone());
        Ok(match behaviour {
            Behaviour::Approve | Behaviour::FailOnce | Behaviour::Decline(_) => Charged::Settled(transaction),
            Behaviour::Pend => Charged::Pending(transaction),
            Behaviour::Pause => Charged::Paused(transaction),
            Behaviour::TimeOut => Charged::Unanswered(transaction),
            Behaviour::Lose => Charged::CutShort(transaction),
        })
    }

    /// Opens a payment on a hosted page.
    ///
    /// # Errors
    /// Why not.
    pub fn initialize(
        &mut self,
        asked: Asked,
        callback_url: Option<String>,
        channels: Vec<Channel>,
        now: Timestamp,
    ) -> Result<Transaction, Refused> {
        self.admit(&asked)?;
        let mut transaction = self.open(asked, now);
        let access_code = Draw::new(self.seed, &transaction.asked.reference).code("page");
        transaction.page = Some(Page {
            access_code,
            callback_url,
            channels,
        });
        self.book(transaction.clone());
        Ok(transaction)
    }

    /// The customer pays on the page, and the card is kept under the code given. A payment by phone is
    /// pending until [`Books::succeed`]. `None` where the page is unknown or done with.
    pub fn pay(
        &mut self,
        access_code: &str,
        paid_with: PaidWith,
        code: String,
        now: Timestamp,
        amounts: impl FnOnce(u64) -> (u64, u64),
    ) -> Option<Transaction> {
        let transaction = self.unpaid(access_code)?;
        let behaviour = match paid_with.channel() {
            Channel::Card => Behaviour::Approve,
            Channel::MobileMoney => Behaviour::Pend,
        };
        // A charge that was challenged keeps its card; nothing new is saved by it.
        let saves = transaction.authorization_code.is_none() && paid_with.channel() == Channel::Card;
        if transaction.authorization_code.is_none() {
            transaction.paid_with = paid_with;
        }
        let code = transaction.authorization_code.get_or_insert(code).clone();
        apply(transaction, behaviour, now, amounts);
        let paid = transaction.clone();
        if saves {
            let owner = paid.asked.email.clone();
            let card = paid_with;
            self.saved.insert(code, Saved { owner, card });
        }
        Some(paid)
    }

    /// The card's bank asks the customer for more. `None` where the page is unknown or done with.
    pub fn challenge(&mut self, access_code: &str, now: Timestamp) -> Option<Transaction> {
        let transaction = self.unpaid(access_code)?;
        apply(transaction, Behaviour::Pause, now, |asked| (asked, asked));
        Some(transaction.clone())
    }

    /// The customer, or the bank, declines on the page. `None` where the page is unknown or done with.
    pub fn decline(&mut self, access_code: &str, words: &'static str, now: Timestamp) -> Option<Transaction> {
        let transaction = self.unpaid(access_code)?;
        apply(transaction, Behaviour::Decline(words), now, |asked| {
            (asked, asked)
        });
        Some(transaction.clone())
    }

    /// A pending payment succeeds. `None` where it is not pending (any more).
    pub fn succeed(
        &mut self,
        reference: &str,
        id: u64,
        now: Timestamp,
        amounts: impl FnOnce(u64) -> (u64, u64),
    ) -> Option<Transaction> {
        let transaction = self.by_reference.get_mut(reference)?;
        if transaction.id != id || transaction.status != Status::Pending {
            return None;
        }
        apply(transaction, Behaviour::Approve, now, amounts);
        Some(transaction.clone())
    }

    /// Nobody came to authorize a challenged payment. It can still be paid on its page.
    pub fn abandon(&mut self, reference: &str, id: u64) {
        if let Some(transaction) = self.by_reference.get_mut(reference)
            && transaction.id == id
            && transaction.status == Status::Ongoing
        {
            transaction.status = Status::Abandoned;
        }
    }

    /// The bank has taken the money after all, whatever was said of it before. `None` where it was known to have.
    pub fn succeed_after_all(
        &mut self,
        reference: &str,
        now: Timestamp,
        amounts: impl FnOnce(u64) -> (u64, u64),
    ) -> Option<Transaction> {
        let transaction = self.by_reference.get_mut(reference)?;
        match transaction.status {
            Status::Success | Status::Reversed => return None,
            Status::Abandoned | Status::Ongoing | Status::Pending | Status::Failed => {}
        }
        apply(transaction, Behaviour::Approve, now, amounts);
        Some(transaction.clone())
    }

    /// Withdraws a saved card; `false` where [`BOOKED_MAX`] is reached.
    #[must_use]
    pub fn deactivate(&mut self, authorization_code: String) -> bool {
        let room = self.deactivated.len() < BOOKED_MAX;
        if room {
            self.deactivated.insert(authorization_code);
        }
        room
    }

    /// The payment of a reference.
    pub fn find(&self, reference: &str) -> Option<&Transaction> {
        self.by_reference.get(reference)
    }

    /// The payment that a hosted page is for.
    pub fn on_page(&self, access_code: &str) -> Option<&Transaction> {
        self.by_reference.get(self.pages.get(access_code)?)
    }

    /// Payments asked for between two moments (both included), newest first.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Transaction> {
        let in_order = self
            .order
            .iter()
            .rev()
            .filter_map(|reference| self.by_reference.get(reference));
        in_order
            .skip_while(move |transaction| transaction.created_at > to)
            .take_while(move |transaction| transaction.created_at >= from)
    }

    fn admit(&self, asked: &Asked) -> Result<(), Refused> {
        if self.by_reference.contains_key(&asked.reference) {
            return Err(Refused::Duplicate);
        }
        if self.by_reference.len().max(self.failed_once.len()) >= BOOKED_MAX {
            return Err(Refused::Full);
        }
        Ok(())
    }

    fn open(&mut self, asked: Asked, now: Timestamp) -> Transaction {
        Transaction {
            id: self.take_id(),
            authorization_code: None,
            paid_with: PaidWith::USUAL_CARD,
            status: Status::Abandoned,
            gateway_response: "The transaction was not completed",
            amount_minor: asked.amount_minor,
            requested_minor: asked.amount_minor,
            created_at: now,
            paid_at: None,
            reversed_minor: 0,
            page: None,
            asked,
        }
    }

    fn book(&mut self, transaction: Transaction) {
        let reference = transaction.asked.reference.clone();
        if let Some(page) = &transaction.page {
            self.pages.insert(page.access_code.clone(), reference.clone());
        }
        self.order.push(reference.clone());
        self.by_reference.insert(reference, transaction);
    }

    fn unpaid(&mut self, access_code: &str) -> Option<&mut Transaction> {
        let transaction = self.by_reference.get_mut(self.pages.get(access_code)?)?;
        match transaction.status {
            Status::Abandoned | Status::Ongoing => Some(transaction),
            Status::Pending | Status::Success | Status::Failed | Status::Reversed => None,
        }
    }

    fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id = self.next_id.saturating_add(1);
        id
    }
}

/// What a behaviour makes of a payment, as far as the gateway itself knows.
fn apply(
    transaction: &mut Transaction,
    behaviour: Behaviour,
    now: Timestamp,
    amounts: impl FnOnce(u64) -> (u64, u64),
) {
    (transaction.status, transaction.gateway_response) = match behaviour {
        Behaviour::Approve | Behaviour::FailOnce | Behaviour::TimeOut | Behaviour::Lose => {
            (transaction.amount_minor, transaction.requested_minor) = amounts(transaction.asked.amount_minor);
            transaction.paid_at = Some(now);
            (Status::Success, "Approved")
        }
        Behaviour::Decline(words) => (Status::Failed, words),
        Behaviour::Pause => (Status::Ongoing, "The customer has to authorize the payment"),
        Behaviour::Pend => (Status::Pending, "The payment is being processed"),
    };
}

#[cfg(test)]
mod tests;
