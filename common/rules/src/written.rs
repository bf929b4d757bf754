//! Reasons that are written down in the same words each time, so that they are known again and can be told in another
//! language ([`understood`](crate::phrases::understood)).
//!
//! Left out: reasons with figures, which whoever decides has as an enum, and the words of banks and of operators.

use crate::names::names;

names! {
    /// Why something failed, ended or was disabled.
    pub enum Written: "reason that is written down" {
        /// C7: the bank wants to be answered.
        WantsConfirmation = "the bank wants the card holder to confirm the payment",
        /// The same, in the words of the line to the gateway.
        AsksForConfirmation = "The bank asks for your confirmation",
        /// C7: a refusal without words.
        Declined = "the card was declined",
        /// Left by the customer.
        NotCompleted = "The payment was not completed",
        /// The card, or its token, is gone for good.
        NoLongerValid = "Card no longer valid",
        /// It can be paid with once.
        NotReusable = "Card not reusable",
        /// The gateway takes it for now no more.
        DeclinedTooOften = "Declined too often",
        /// C8: nobody can have paid.
        NeverCharged = "the payment never reached the gateway, and nothing was taken",
        /// P2: the page was left.
        NotPaidInTime = "it was not paid in time",
        /// P2: there is no page.
        NoPage = "the payment page could not be opened; nothing was charged",
        /// C9: the line to the gateway is closed.
        NotNow = "the payment gateway takes no payments at the moment; nothing was charged, please try again later",
        /// The same, of a saved card.
        CardNotNow =
            "the payment gateway takes no payments at the moment; your card was not charged, please try again later",
        /// C10: a registration's charge came too late.
        EndedBefore = "the payment came after the registration had ended; please register the card again",
        /// E3: another one took its place.
        Replaced = "another registration took its place; nothing was charged",
        /// V1: a registration's charge went back before it was seen to come.
        GivenBackBefore = "the payment was given back; please register the card again",
        /// V1: card top-up is disabled for it.
        GivenBack = "a payment was given back",
        /// An import brought it along like that.
        NotEnabledInImport = "not enabled in the import",
    }
}

crate::phrases! {
    Written;
    words {
        "wants-confirmation": WantsConfirmation,
        "asks-for-confirmation": AsksForConfirmation,
        "declined": Declined,
        "not-completed": NotCompleted,
        "no-longer-valid": NoLongerValid,
        "not-reusable": NotReusable,
        "declined-too-often": DeclinedTooOften,
        "never-charged": NeverCharged,
        "not-paid-in-time": NotPaidInTime,
        "no-page": NoPage,
        "not-now": NotNow,
        "card-not-now": CardNotNow,
        "ended-before": EndedBefore,
        "replaced": Replaced,
        "given-back-before": GivenBackBefore,
        "given-back": GivenBack,
        "not-enabled-in-import": NotEnabledInImport,
    }
    figures {}
    passes {}
}
