//! P3, P5.

use topup_rules::one_click::{Consent, OneClickRefusal, may_charge};
use uuid::Uuid;

const CARD: Uuid = Uuid::from_u128(7);

fn standing() -> Consent {
    Consent {
        card_id: Some(CARD),
        is_withdrawn: false,
        has_token: true,
        gateway: "paystack".to_owned(),
    }
}

#[test]
fn p3_p5_only_the_card_of_a_consent_that_stands_is_charged_by_one_click() {
    let check = |consent: Option<Consent>, expected| {
        assert_eq!(may_charge(consent.as_ref(), "paystack"), expected, "{consent:?}");
    };
    let such = |change: fn(&mut Consent)| {
        let mut consent = standing();
        change(&mut consent);
        Some(consent)
    };
    check(Some(standing()), Ok(CARD));
    check(None, Err(OneClickRefusal::NotAgreed));
    check(such(|it| it.card_id = None), Err(OneClickRefusal::NotAgreed));
    check(such(|it| it.is_withdrawn = true), Err(OneClickRefusal::NotAgreed));
    check(such(|it| it.has_token = false), Err(OneClickRefusal::NoCard));
    check(
        such(|it| it.gateway = "other".to_owned()),
        Err(OneClickRefusal::NoCard),
    );
}
