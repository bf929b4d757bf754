//! When what is personal may be removed from an account.
//!
//! What is removed, and what stays without the person (the ledger, payments, their references), is the store's: it knows
//! where things stand. Left out: who may ask for it, which [`access`](crate::access) says.

/// What is under way of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnderWay {
    /// Top-ups that have not ended.
    pub topups: u32,
    /// Payments that have not ended, hosted pages that somebody may still pay on included.
    pub payments: u32,
    /// Cards that are being registered, and charges of that which are to be given back.
    pub registrations: u32,
    /// Disputes that have not ended.
    pub disputes: u32,
    /// Holds that are open.
    pub holds: u32,
    /// Notices and other messages on their way.
    pub messages: u32,
}

/// Why it is not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RemovalRefusal {
    /// Its end has to be told, and paid for.
    #[error("a top-up is under way: wait until it has ended")]
    Topup,
    /// Money may be on its way.
    #[error("a payment is under way: wait until it has ended")]
    Payment,
    /// Its charge is to be given back.
    #[error("a card is being registered, or its charge has not been given back yet: wait until it has")]
    Registration,
    /// Somebody still has to be reached about it.
    #[error("a payment is disputed: wait until the dispute has ended")]
    Dispute,
    /// Somebody is sending.
    #[error("credits are held for a batch: close it, or wait until its time is over")]
    Hold,
    /// Somebody is to be told.
    #[error("a notice is on its way: wait until it is sent, or parked")]
    Message,
}

/// Whether the person may be removed now: not while anything is open.
///
/// # Errors
/// The first thing that is.
pub const fn may_remove(under_way: &UnderWay) -> Result<(), RemovalRefusal> {
    match under_way {
        UnderWay { topups: 1.., .. } => Err(RemovalRefusal::Topup),
        UnderWay { payments: 1.., .. } => Err(RemovalRefusal::Payment),
        UnderWay {
            registrations: 1.., ..
        } => Err(RemovalRefusal::Registration),
        UnderWay { disputes: 1.., .. } => Err(RemovalRefusal::Dispute),
        UnderWay { holds: 1.., .. } => Err(RemovalRefusal::Hold),
        UnderWay { messages: 1.., .. } => Err(RemovalRefusal::Message),
        UnderWay {
            topups: 0,
            payments: 0,
            registrations: 0,
            disputes: 0,
            holds: 0,
            messages: 0,
        } => Ok(()),
    }
}
