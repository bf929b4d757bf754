//! What can be done about auto top-up that is disabled, seen from why it was (C7, X2, E6, V1).
//!
//! Left out: the words, and whether the rules then let it be enabled ([`settings`](crate::settings)).

use crate::account::Method;
use crate::message::DeclineClass;
use crate::settings::Actor;
use jiff::Timestamp;

/// A top-up that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// What kind of refusal it was, if a card was refused.
    pub decline: Option<DeclineClass>,
}

/// What is to be done, by whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    /// Nothing failed: it is set up again when it is wanted again.
    SetUpAgain,
    /// The card is never taken again: another one.
    AnotherCard,
    /// The bank wants to hear from the card holder; then the card is registered again.
    AskBank,
    /// There was too little behind the card, or its limits were reached: seen to, it is registered again, or another.
    SeeToFunds,
    /// The card failed, nobody said how.
    CheckCard,
    /// Whose card it is sets it up again.
    ItsHolderDoes,
    /// The main account does it.
    AskMain,
    /// The main had too few credits: it buys some, then enables it again.
    BuyAndEnable,
    /// The main enables it again when it wants to.
    EnableAgain,
}

/// What whoever looks can do about auto top-up by this method. `disabled_at`: when it was; `last`: the wallet's newest
/// top-up, if it failed. One that failed at another moment is not why.
#[must_use]
pub fn mend(method: Method, who: Actor, disabled_at: Option<Timestamp>, last: Option<Failed>) -> Mend {
    let cause = last.filter(|failed| Some(failed.at) == disabled_at);
    match (method, who, cause) {
        (Method::Card, Actor::ItsMain | Actor::Other, _) => Mend::ItsHolderDoes,
        (Method::Card, Actor::Itself, None) => Mend::SetUpAgain,
        (Method::Card, Actor::Itself, Some(failed)) => match failed.decline {
            Some(DeclineClass::NeverAgain) => Mend::AnotherCard,
            Some(DeclineClass::NeedsCustomer) => Mend::AskBank,
            Some(DeclineClass::AnotherDay) => Mend::SeeToFunds,
            None => Mend::CheckCard,
        },
        (Method::Transfer, Actor::Itself | Actor::Other, _) => Mend::AskMain,
        (Method::Transfer, Actor::ItsMain, Some(_)) => Mend::BuyAndEnable,
        (Method::Transfer, Actor::ItsMain, None) => Mend::EnableAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mends_follows_from_why_it_was_disabled_and_from_who_looks() {
        let (then, later) = (Timestamp::UNIX_EPOCH, Timestamp::MAX);
        let failed = |at, decline| Some(Failed { at, decline });
        let by = |class| failed(then, Some(class));
        for (method, who, last, what) in [
            (Method::Card, Actor::Itself, None, Mend::SetUpAgain),
            (
                Method::Card,
                Actor::Itself,
                by(DeclineClass::NeverAgain),
                Mend::AnotherCard,
            ),
            (
                Method::Card,
                Actor::Itself,
                by(DeclineClass::NeedsCustomer),
                Mend::AskBank,
            ),
            (
                Method::Card,
                Actor::Itself,
                by(DeclineClass::AnotherDay),
                Mend::SeeToFunds,
            ),
            (Method::Card, Actor::Itself, failed(then, None), Mend::CheckCard),
            // It had failed before, and was disabled by hand.
            (
                Method::Card,
                Actor::Itself,
                failed(later, Some(DeclineClass::NeverAgain)),
                Mend::SetUpAgain,
            ),
            (
                Method::Card,
                Actor::ItsMain,
                by(DeclineClass::NeverAgain),
                Mend::ItsHolderDoes,
            ),
            (Method::Transfer, Actor::Itself, failed(then, None), Mend::AskMain),
            (Method::Transfer, Actor::Itself, None, Mend::AskMain),
            (
                Method::Transfer,
                Actor::ItsMain,
                failed(then, None),
                Mend::BuyAndEnable,
            ),
            (Method::Transfer, Actor::ItsMain, None, Mend::EnableAgain),
        ] {
            assert_eq!(
                mend(method, who, Some(then), last),
                what,
                "{method} {who:?} {last:?}"
            );
        }
        // It is not known when.
        assert_eq!(
            mend(Method::Card, Actor::Itself, None, failed(then, None)),
            Mend::SetUpAgain
        );
    }
}
