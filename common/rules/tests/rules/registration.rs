//! E3, E8.

use crate::given::{at, by, currency, disabled, main_account, sub_account, wallet, whole, zar};
use topup_rules::account::{AutoTopup, Method, Wallet};
use topup_rules::cards::{CardUnfit, SeenCard};
use topup_rules::money::Money;
use topup_rules::registration::{
    AfterRefund, Another, OpenRegistration, RefundTold, Registered, Wish, after_refund, another, charge,
    may_begin, registered,
};
use topup_rules::retry::RetryPolicy;
use topup_rules::settings::{Actor, SettingsRefusal};
use topup_rules::topup::PaymentState;

fn card() -> SeenCard {
    SeenCard {
        authorization_code: Some("AUTH_x".to_owned()),
        reusable: Some(true),
        ..SeenCard::default()
    }
}

fn with(auto_topup: AutoTopup) -> Wallet {
    Wallet {
        auto_topup,
        ..wallet(150)
    }
}

#[test]
fn e3_a_registration_charges_one_or_the_gateways_least() {
    assert_eq!(charge(currency("ZAR"), 100), zar(100));
    assert_eq!(charge(currency("GHS"), 10), Money::new(100, currency("GHS")));
    assert_eq!(charge(currency("KES"), 300), Money::new(300, currency("KES")));
    assert_eq!(charge(currency("NGN"), 5_000), Money::new(5_000, currency("NGN")));
}

#[test]
fn e2_e4_what_the_rules_refuse_is_refused_before_anything_is_charged() {
    let asked = |wallet: &Wallet, actor, threshold, quantity| {
        may_begin(&sub_account(), wallet, actor, whole(threshold), whole(quantity))
    };
    let fresh = with(AutoTopup::Off);
    assert_eq!(asked(&fresh, Actor::Itself, 100, 500), Ok(by(Method::Card)));
    assert_eq!(
        asked(&fresh, Actor::ItsMain, 100, 500),
        Err(SettingsRefusal::CardEnabledByItself)
    );
    assert_eq!(
        asked(&fresh, Actor::Itself, 100, 99),
        Err(SettingsRefusal::QuantityBelowThreshold)
    );
    assert!(matches!(
        asked(&fresh, Actor::Itself, 150, 500),
        Err(SettingsRefusal::CreditsNotAboveThreshold { .. })
    ));
    let by_transfer = with(AutoTopup::Enabled(by(Method::Transfer)));
    assert!(matches!(
        asked(&by_transfer, Actor::Itself, 100, 500),
        Err(SettingsRefusal::OtherMethodEnabled { .. })
    ));
}

#[test]
fn e3_e8_a_registered_card_enables_and_what_is_refused_meanwhile_says_why() {
    let check = |wallet: &Wallet, card, expected: Option<&str>| match (
        registered(&main_account(), wallet, whole(100), whole(500), card),
        expected,
    ) {
        (Registered::Enable { settings, .. }, None) => assert_eq!(settings, by(Method::Card)),
        (Registered::NotEnabled { reason }, Some(words)) => assert!(reason.contains(words), "{reason}"),
        (other, _) => panic!("{other:?}"),
    };
    check(&with(AutoTopup::Off), Ok(card()), None);
    // Enabled again, and with another card.
    check(&with(disabled(Method::Card)), Ok(card()), None);
    check(&with(AutoTopup::Enabled(by(Method::Card))), Ok(card()), None);
    // Sent while the card holder was at the gateway's page.
    let sent = Wallet {
        balance: whole(90),
        ..with(AutoTopup::Off)
    };
    check(
        &sent,
        Ok(card()),
        Some("E4: current credits (90) must exceed the threshold (100)"),
    );
    check(
        &with(AutoTopup::Off),
        Err(CardUnfit::NotReusable),
        Some("can't be saved"),
    );
    check(
        &with(AutoTopup::Off),
        Err(CardUnfit::NoCard),
        Some("not made with a card"),
    );
}

#[test]
fn e3_a_refund_that_may_have_been_taken_on_is_looked_up_and_never_asked_for_again() {
    let policy = RetryPolicy {
        attempts_max: 3,
        first_s: 10,
        max_s: 15,
    };
    let check =
        |told, tries, expected| assert_eq!(after_refund(told, tries, &policy), expected, "{told:?}, {tries}");
    let again = |delay_s| AfterRefund::AskAgain { delay_s };
    let look = |delay_s| AfterRefund::LookUp { delay_s };
    check(RefundTold::Taken, 1, AfterRefund::Done);
    check(RefundTold::FoundGivenBack, 9, AfterRefund::Done);
    // The gateway has certainly not taken it on.
    check(RefundTold::Refused, 1, again(10));
    check(RefundTold::Refused, 3, AfterRefund::GiveUp);
    // It may have.
    check(RefundTold::NoVerdict, 1, look(10));
    check(RefundTold::NotFound, 2, look(15));
    check(RefundTold::NotFound, 3, AfterRefund::GiveUp);
    // Our own trouble is over some time.
    let trouble = |at_least_s| RefundTold::OurTrouble { at_least_s };
    check(trouble(None), 1, again(10));
    check(trouble(Some(60)), 1, again(60));
    check(trouble(None), 99, again(15));
}

#[test]
fn e3_the_same_wish_again_is_answered_by_the_open_registration_and_another_takes_its_place() {
    let begun_at = at("2026-11-22T08:00:00Z");
    let wish = Wish {
        threshold: whole(100),
        quantity: whole(500),
        terms_version: "1",
        email: "ops@example.com",
    };
    let others = [
        Wish {
            threshold: whole(101),
            ..wish
        },
        Wish {
            quantity: whole(501),
            ..wish
        },
        Wish {
            terms_version: "2",
            ..wish
        },
        Wish {
            email: "other@example.com",
            ..wish
        },
    ];
    let (soon, late) = (at("2026-11-22T08:01:59Z"), at("2026-11-22T08:02:00Z"));
    for (state, has_page, now, same, other) in [
        (
            PaymentState::Charging,
            false,
            soon,
            Another::InHand,
            Another::Replaces,
        ),
        // Cut short.
        (
            PaymentState::Charging,
            false,
            late,
            Another::Replaces,
            Another::Replaces,
        ),
        (
            PaymentState::Pending,
            true,
            late,
            Another::Same,
            Another::Replaces,
        ),
        (
            PaymentState::Pending,
            false,
            late,
            Another::Replaces,
            Another::Replaces,
        ),
        (PaymentState::Unknown, true, late, Another::Same, Another::Beside),
        (
            PaymentState::Unknown,
            false,
            late,
            Another::Beside,
            Another::Beside,
        ),
        (PaymentState::Parked, true, late, Another::Beside, Another::Beside),
        (
            PaymentState::Succeeded,
            true,
            late,
            Another::Beside,
            Another::Beside,
        ),
    ] {
        let open = OpenRegistration {
            wish,
            state,
            has_page,
            begun_at,
        };
        assert_eq!(another(&open, &wish, now), same, "{state}");
        for wanted in &others {
            assert_eq!(another(&open, wanted, now), other, "{state}: {wanted:?}");
        }
    }
}
