//! C5, C8, C9: what a call that charges a saved card came to, as it is written down before anything follows from it.
//!
//! Left out: the call, which is a gateway's, and what the verdict means for the wallet (`settle`).

use crate::message::PaymentResult;

/// What came of a charge call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A verdict, be it `unknown`: it goes to `payment-results`, which alone settles.
    Result {
        /// The verdict.
        result: Box<PaymentResult>,
        /// The gateway's page, where a challenged customer has to go.
        challenge_url: Option<String>,
    },
    /// Our own trouble (C9): the gateway certainly has no charge of it, so the same reference is tried again.
    Trouble {
        /// What it was.
        reason: String,
        /// The gateway asked for at least this pause, in seconds.
        at_least_s: Option<u32>,
    },
}
