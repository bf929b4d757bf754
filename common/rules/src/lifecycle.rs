//! C5–C10, V1: one table of what can happen to a payment and to a top-up, and what follows.
//!
//! [`payment`] and [`topup`] are that table; everything that moves a payment or a top-up goes through it. A payment's
//! effects are about money and questions, a top-up's about the account's spacing, the count of failures and who is told; a
//! charged top-up has both at once, and no effect stands in both.
//!
//! Left out: what was told in which words (`settle`, `inquiries` and `wake` make events of it), and how many credits
//! a reversal takes (`settle`).
//!
#![doc = include_str!("../lifecycle.md")]

mod payment;
mod topup;

pub use payment::payment;
pub use topup::topup;

use crate::names::names;

names! {
    /// What can happen to a payment or a top-up.
    pub enum Event: "event of a payment" {
        /// Waking found that it has to wait (C2).
        Wait = "wait",
        /// Waking found that the card is to be charged (C5).
        Charge = "charge",
        /// Waking found that credits are to be moved (X1).
        Move = "move",
        /// Waking found that it can't be done: no card, or the main has too little (C7, X2).
        CannotCharge = "cannot-charge",
        /// Waking found that it is not wanted any more (C3, C12).
        NotWanted = "not-wanted",
        /// C9: the gateway turned the call away before it looked at it, or was never reached.
        OurTrouble = "our-trouble",
        /// The gateway has captured what was asked for.
        Captured = "captured",
        /// C7: the gateway refuses, definitely.
        Refused = "refused",
        /// The customer has to do something: confirm, or pay on the gateway's page.
        Challenged = "challenged",
        /// The gateway says: not yet.
        Processing = "processing",
        /// C8: no answer, or none that can be read.
        NoVerdict = "no-verdict",
        /// C8: the gateway has said repeatedly that it does not know it.
        NotKnown = "not-known",
        /// C8: it has been asked about for too long.
        OutOfTime = "out-of-time",
        /// V1: a part of the money was given back.
        ReversedInPart = "reversed-in-part",
        /// V1: all of it was, or the rest.
        ReversedWhole = "reversed-whole",
        /// V1: a later look finds the money taken and all of it given back.
        CameAndWent = "came-and-went",
        /// V1: the card holder disputes it.
        DisputeOpened = "dispute-opened",
        /// V1: the dispute was won.
        DisputeWon = "dispute-won",
    }
}

names! {
    /// What a step brings about besides the new state.
    pub enum Effect: "effect" {
        /// C5: the intent is committed before the gateway is asked.
        CommitIntent = "commit-intent",
        /// C1: the account's spacing is claimed.
        ClaimSpacing = "claim-spacing",
        /// C1: settled; the account's next card top-up counts from here.
        FreeSpacing = "free-spacing",
        /// C1: never charged; the claim is given back and counts nothing.
        GiveUpClaim = "give-up-claim",
        /// X1: the credits move.
        MoveCredits = "move-credits",
        /// C6: exactly the quantity is credited.
        Credit = "credit",
        /// C10: it is credited all the same.
        CreditLate = "credit-late",
        /// C7: the row of failures is over.
        ResetFailures = "reset-failures",
        /// C7: one more failure in the row; so many disable.
        CountFailure = "count-failure",
        /// C6, X4, P4: the account holder is told of the success.
        TellSuccess = "tell-success",
        /// C7, X2, P4: the account holder is told of the failure.
        TellFailure = "tell-failure",
        /// V1: the account holder is told of the reversal.
        TellReversal = "tell-reversal",
        /// C8: the gateway is asked about it, later and again.
        AskGateway = "ask-gateway",
        /// C8, C9: it wakes, to be submitted again under the same reference or to be skipped.
        SubmitAgain = "submit-again",
        /// The customer is led to the gateway's page.
        LeadToPage = "lead-to-page",
        /// The operators are alerted.
        AlertOperators = "alert-operators",
        /// V1: the disputed credits are held.
        Hold = "hold",
        /// V1: they are released.
        ReleaseHold = "release-hold",
        /// V1: what the reversed money had paid for is taken back.
        TakeBack = "take-back",
        /// V1: card auto top-up of all the account's wallets is disabled.
        DisableCards = "disable-cards",
        /// E3, E8: the card that was paid with is registered, and auto top-up enabled by it, by the rules.
        RegisterCard = "register-card",
        /// E3: the charge is given back, where the platform gives it back.
        GiveBack = "give-back",
    }
}

names! {
    /// What a payment is for, and who waits for it.
    pub enum PaymentKind: "kind of payment" {
        /// An automatic top-up: nobody is there to answer a question.
        Topup = "topup",
        /// A purchase with a saved card.
        OneClick = "one-click",
        /// A purchase on the gateway's page.
        Hosted = "hosted",
        /// A card that is registered on the gateway's page. Its charge buys nothing.
        Registration = "registration",
    }
}

/// What an event does to a payment or a top-up that stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<S> {
    /// It goes there, or stays, and this follows.
    Go {
        /// Where it stands from now on.
        to: S,
        /// What is done about it, in the same transaction.
        effects: &'static [Effect],
    },
    /// A repeat, or nothing new: nothing changes.
    Nothing(Already),
    /// It can't be decided yet: it is tried again, and in the end a person looks.
    Later(Reason),
    /// It can't happen. Nothing changes where it is said to have.
    Never,
}

/// Why nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Already {
    /// Credited before; a success is never overwritten (C10).
    #[error("the payment has succeeded already")]
    Succeeded,
    /// Failed before.
    #[error("the payment has failed already")]
    Failed,
    /// The top-up ended without a charge before.
    #[error("the top-up was skipped already")]
    Skipped,
    /// Given back before.
    #[error("the payment was reversed already")]
    Reversed,
    /// It is as open as it was.
    #[error("nothing new is known of the payment")]
    SameState,
    /// V1: this refund or dispute was dealt with before.
    #[error("this refund or dispute is recorded already")]
    Recorded,
}

/// Why something can't be decided yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// V1: what is said to be given back or disputed has not been seen to succeed; that news may be on its way.
    #[error("the payment has not succeeded here yet, so nothing can be taken back of it")]
    NotSucceededYet,
}

/// It goes to `to`, with these effects.
const fn go<S: Copy>(to: S, effects: &'static [Effect]) -> Step<S> {
    Step::Go { to, effects }
}
