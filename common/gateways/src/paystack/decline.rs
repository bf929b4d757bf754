//! What kind of refusal it was, by the gateway's words.
//!
//! The words are those of the banks behind it, passed on in `gateway_response`; the gateway publishes no closed list
//! of them. So a refusal whose words are not known here is a soft one: it may go through another day. Card schemes
//! punish merchants who try again what must never be tried again, hence the first class; in each case auto top-up is
//! decided on by the rules, and the class only says what its holder is told to do.

use topup_rules::message::DeclineClass;

/// Words, in lower case, and the class they stand for. The first that is part of what the gateway says decides.
const CLASSES: &[(&str, DeclineClass)] = &[
    // The card, or the token for it, is gone for good.
    ("expired", DeclineClass::NeverAgain),
    ("stolen", DeclineClass::NeverAgain),
    ("lost card", DeclineClass::NeverAgain),
    ("card lost", DeclineClass::NeverAgain),
    ("pickup", DeclineClass::NeverAgain),
    ("pick up", DeclineClass::NeverAgain),
    ("pick-up", DeclineClass::NeverAgain),
    ("capture card", DeclineClass::NeverAgain),
    ("retain card", DeclineClass::NeverAgain),
    ("hot card", DeclineClass::NeverAgain),
    ("account closed", DeclineClass::NeverAgain),
    ("closed account", DeclineClass::NeverAgain),
    ("card closed", DeclineClass::NeverAgain),
    ("do not honor", DeclineClass::NeverAgain),
    ("do not honour", DeclineClass::NeverAgain),
    ("invalid card", DeclineClass::NeverAgain),
    ("invalid account", DeclineClass::NeverAgain),
    ("no such card", DeclineClass::NeverAgain),
    ("no such issuer", DeclineClass::NeverAgain),
    ("no card record", DeclineClass::NeverAgain),
    ("restricted card", DeclineClass::NeverAgain),
    ("no longer valid", DeclineClass::NeverAgain),
    ("not reusable", DeclineClass::NeverAgain),
    ("revocation of authorization", DeclineClass::NeverAgain),
    ("stop payment", DeclineClass::NeverAgain),
    ("deactivated", DeclineClass::NeverAgain),
    // Only its holder can bring the bank to let it through.
    ("not permitted", DeclineClass::NeedsCustomer),
    ("not allowed", DeclineClass::NeedsCustomer),
    ("not enabled", DeclineClass::NeedsCustomer),
    ("not enrolled", DeclineClass::NeedsCustomer),
    ("refer to", DeclineClass::NeedsCustomer),
    ("contact", DeclineClass::NeedsCustomer),
    ("call your", DeclineClass::NeedsCustomer),
    ("authentication", DeclineClass::NeedsCustomer),
    ("authenticate", DeclineClass::NeedsCustomer),
    ("3d secure", DeclineClass::NeedsCustomer),
    ("3ds", DeclineClass::NeedsCustomer),
    ("otp", DeclineClass::NeedsCustomer),
    ("token not", DeclineClass::NeedsCustomer),
    ("incorrect pin", DeclineClass::NeedsCustomer),
    ("invalid pin", DeclineClass::NeedsCustomer),
    ("wrong pin", DeclineClass::NeedsCustomer),
    ("pin tries", DeclineClass::NeedsCustomer),
    ("blocked", DeclineClass::NeedsCustomer),
    ("inactive card", DeclineClass::NeedsCustomer),
    ("not activated", DeclineClass::NeedsCustomer),
    ("security violation", DeclineClass::NeedsCustomer),
    ("unable to process transaction", DeclineClass::NeedsCustomer),
    // It may go through once the account has money, the period is over, or the network is well again.
    ("insufficient", DeclineClass::AnotherDay),
    ("not sufficient", DeclineClass::AnotherDay),
    ("limit", DeclineClass::AnotherDay),
    ("exceed", DeclineClass::AnotherDay),
    ("fraud", DeclineClass::AnotherDay),
    ("inoperative", DeclineClass::AnotherDay),
    ("unavailable", DeclineClass::AnotherDay),
    ("timeout", DeclineClass::AnotherDay),
    ("timed out", DeclineClass::AnotherDay),
    ("malfunction", DeclineClass::AnotherDay),
    ("try again", DeclineClass::AnotherDay),
];

/// The bare word, with which a bank gives no reason. Its holder is the only one it will give one to.
const BARE: &[&str] = &["declined", "transaction declined", "card declined"];

/// The class of a refusal in the gateway's words.
pub(super) fn class(words: &str) -> DeclineClass {
    let lower = words.trim().trim_end_matches('.').to_lowercase();
    if BARE.contains(&lower.as_str()) {
        return DeclineClass::NeedsCustomer;
    }
    let known = CLASSES.iter().find(|(known, _)| lower.contains(known));
    known.map_or(DeclineClass::AnotherDay, |(_, class)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeclineClass::{AnotherDay, NeedsCustomer, NeverAgain};

    #[test]
    fn c7_a_refusal_is_classed_by_the_gateways_words() {
        for (words, wanted) in [
            ("Expired Card", NeverAgain),
            ("Expired card", NeverAgain),
            ("Pickup card (stolen card)", NeverAgain),
            ("Pickup card (lost card)", NeverAgain),
            ("Account closed", NeverAgain),
            ("Do Not Honour", NeverAgain),
            ("Restricted Card", NeverAgain),
            ("Declined", NeedsCustomer),
            ("Declined.", NeedsCustomer),
            ("Transaction Not Permitted to Cardholder", NeedsCustomer),
            ("Refer to card issuer", NeedsCustomer),
            ("Incorrect PIN", NeedsCustomer),
            ("Unable to process transaction", NeedsCustomer),
            ("Insufficient Funds", AnotherDay),
            ("Not sufficient funds", AnotherDay),
            ("Exceeds Withdrawal Limit", AnotherDay),
            ("Denied by fraud system", AnotherDay),
            ("Issuer or Switch Inoperative", AnotherDay),
        ] {
            assert_eq!(class(words), wanted, "{words}");
        }
    }

    #[test]
    fn c7_words_that_are_not_known_are_a_soft_refusal() {
        for words in ["", "Nope", "Error 96", "Declined by the moon", "拒否"] {
            assert_eq!(class(words), AnotherDay, "{words}");
        }
    }

    #[test]
    fn every_entry_can_be_reached() {
        for (index, (words, _)) in CLASSES.iter().enumerate() {
            assert_eq!(*words, words.to_lowercase());
            let hidden_by = CLASSES[..index]
                .iter()
                .find(|(earlier, _)| words.contains(earlier));
            assert!(hidden_by.is_none(), "{words:?} is never reached: {hidden_by:?}");
        }
    }
}
