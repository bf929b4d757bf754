//! E1–E6.

use crate::given::{account_id, by, credits, disabled, main_account, sub_account, wallet, whole};
use topup_rules::account::{AccountKind, AutoTopup, AutoTopupSettings, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::settings::{
    Actor, SettingsRefusal, change, check_import, enable_card, enable_transfer, may_disable,
};

type Answer<T = AutoTopupSettings> = Result<T, SettingsRefusal>;

fn with(auto_topup: AutoTopup) -> Wallet {
    Wallet {
        auto_topup,
        ..wallet(150)
    }
}

fn fresh() -> Wallet {
    with(AutoTopup::Off)
}

fn enabled(method: Method) -> Wallet {
    with(AutoTopup::Enabled(by(method)))
}

/// Card, enabled by `actor` with the usual figures.
fn card_by(wallet: &Wallet, actor: Actor, agreed: bool) -> Answer {
    enable_card(&main_account(), wallet, actor, agreed, whole(100), whole(500))
}

/// Transfer on a sub account, enabled by `actor` with the usual figures.
fn transfer_by(wallet: &Wallet, actor: Actor) -> Answer {
    enable_transfer(&sub_account(), wallet, actor, whole(100), whole(500))
}

#[test]
fn e2_who_asks_is_the_account_its_main_or_a_stranger() {
    assert_eq!(Actor::of(&main_account(), account_id(1001)), Actor::Itself);
    assert_eq!(Actor::of(&main_account(), account_id(2002)), Actor::Other);
    assert_eq!(Actor::of(&sub_account(), account_id(1001)), Actor::Itself);
    assert_eq!(Actor::of(&sub_account(), account_id(2002)), Actor::ItsMain);
    assert_eq!(Actor::of(&sub_account(), account_id(3003)), Actor::Other);
}

#[test]
fn e1_a_main_account_has_card_only_and_nobody_both() {
    assert_eq!(card_by(&fresh(), Actor::Itself, true), Ok(by(Method::Card)));
    assert_eq!(
        enable_transfer(&main_account(), &fresh(), Actor::Itself, whole(100), whole(500)),
        Err(SettingsRefusal::MainByTransfer)
    );
    let taken = |enabled| Err(SettingsRefusal::OtherMethodEnabled { enabled });
    assert_eq!(
        transfer_by(&enabled(Method::Card), Actor::ItsMain),
        taken(Method::Card)
    );
    assert_eq!(
        card_by(&enabled(Method::Transfer), Actor::Itself, true),
        taken(Method::Transfer)
    );
    // What is disabled is in nobody's way.
    assert!(transfer_by(&with(disabled(Method::Card)), Actor::ItsMain).is_ok());
    assert!(card_by(&with(disabled(Method::Transfer)), Actor::Itself, true).is_ok());
}

#[test]
fn e2_card_is_enabled_by_the_account_itself_and_transfer_by_its_main() {
    let refused = Err(SettingsRefusal::CardEnabledByItself);
    assert_eq!(card_by(&fresh(), Actor::ItsMain, true), refused);
    assert_eq!(card_by(&fresh(), Actor::Other, true), refused);
    assert_eq!(transfer_by(&fresh(), Actor::ItsMain), Ok(by(Method::Transfer)));
    let refused = Err(SettingsRefusal::TransferEnabledByMain);
    assert_eq!(transfer_by(&fresh(), Actor::Itself), refused);
    assert_eq!(transfer_by(&fresh(), Actor::Other), refused);
}

#[test]
fn e3_card_needs_agreement_and_a_registered_card_every_time() {
    let refused = Err(SettingsRefusal::NotAgreed);
    assert_eq!(card_by(&fresh(), Actor::Itself, false), refused);
    assert_eq!(
        card_by(&with(disabled(Method::Card)), Actor::Itself, false),
        refused
    );
    assert!(card_by(&with(disabled(Method::Card)), Actor::Itself, true).is_ok());
}

#[test]
fn e4_figures_and_balance_must_fit_together() {
    let check = |balance: &str, threshold: &str, quantity: &str, expected: Answer<()>| {
        let wallet = Wallet {
            balance: credits(balance),
            ..fresh()
        };
        let (threshold, quantity) = (credits(threshold), credits(quantity));
        let card = enable_card(&main_account(), &wallet, Actor::Itself, true, threshold, quantity);
        assert_eq!(card.map(|_| ()), expected);
        let transfer = enable_transfer(&sub_account(), &wallet, Actor::ItsMain, threshold, quantity);
        assert_eq!(transfer.map(|_| ()), expected);
        let changed = change(
            &Wallet {
                auto_topup: AutoTopup::Enabled(by(Method::Card)),
                ..wallet
            },
            Actor::Itself,
            threshold,
            quantity,
        );
        assert_eq!(changed.map(|_| ()), expected);
    };
    check("100.001", "100", "100", Ok(()));
    check("0.001", "0", "0.001", Ok(()));
    check("150", "-0.001", "5", Err(SettingsRefusal::NegativeThreshold));
    check("150", "0", "0", Err(SettingsRefusal::NoQuantity));
    check("150", "0", "-5", Err(SettingsRefusal::NoQuantity));
    check(
        "150",
        "100",
        "99.999",
        Err(SettingsRefusal::QuantityBelowThreshold),
    );
    check("150", "1", "1000000000000", Ok(()));
    check("150", "1", "1000000000000.001", Err(SettingsRefusal::TooLarge));
    let low = |balance: &str| {
        Err(SettingsRefusal::CreditsNotAboveThreshold {
            credits: credits(balance),
            threshold: whole(100),
        })
    };
    check("100", "100", "500", low("100"));
    check("-3", "100", "500", low("-3"));
}

#[test]
fn e5_figures_are_changed_by_who_enabled_them_and_nothing_else_changes() {
    let check = |wallet: &Wallet, actor, expected: Answer<AutoTopup>| {
        assert_eq!(change(wallet, actor, whole(120), whole(600)), expected);
    };
    let changed = |method| AutoTopupSettings {
        method,
        threshold: whole(120),
        quantity: whole(600),
    };
    let now = |method| Ok(AutoTopup::Enabled(changed(method)));
    check(&enabled(Method::Card), Actor::Itself, now(Method::Card));
    check(&enabled(Method::Transfer), Actor::ItsMain, now(Method::Transfer));
    let own = Err(SettingsRefusal::CardChangedByItself);
    check(&enabled(Method::Card), Actor::ItsMain, own.clone());
    check(&enabled(Method::Card), Actor::Other, own);
    let given = Err(SettingsRefusal::TransferChangedByMain);
    check(&enabled(Method::Transfer), Actor::Itself, given.clone());
    check(&enabled(Method::Transfer), Actor::Other, given);
    check(&fresh(), Actor::Itself, Err(SettingsRefusal::NothingToChange));
    let still_disabled = AutoTopup::Disabled {
        settings: changed(Method::Card),
        reason: "card declined".to_owned(),
    };
    check(&with(disabled(Method::Card)), Actor::Itself, Ok(still_disabled));
}

#[test]
fn e6_card_is_disabled_by_the_account_or_its_main_and_transfer_by_the_main() {
    let check = |wallet: &Wallet, actor, expected| assert_eq!(may_disable(wallet, actor), expected);
    check(&enabled(Method::Card), Actor::Itself, Ok(()));
    check(&enabled(Method::Card), Actor::ItsMain, Ok(()));
    check(
        &enabled(Method::Card),
        Actor::Other,
        Err(SettingsRefusal::CardDisabledByItselfOrMain),
    );
    check(&enabled(Method::Transfer), Actor::ItsMain, Ok(()));
    let given = Err(SettingsRefusal::TransferDisabledByMain);
    check(&enabled(Method::Transfer), Actor::Itself, given);
    check(&enabled(Method::Transfer), Actor::Other, given);
    check(&fresh(), Actor::Itself, Err(SettingsRefusal::NothingToDisable));
    // Once more changes nothing, and is no mistake.
    check(&with(disabled(Method::Card)), Actor::Itself, Ok(()));
}

#[test]
fn e1_e4_an_import_checks_the_method_and_the_figures_alone() {
    let check = |kind, method, threshold: &str, quantity: &str, expected: Answer<()>| {
        assert_eq!(
            check_import(kind, method, credits(threshold), credits(quantity)),
            expected
        );
    };
    let (main, sub) = (AccountKind::Main, sub_account().kind);
    check(main, Method::Card, "100", "500", Ok(()));
    check(sub, Method::Card, "100", "500", Ok(()));
    check(sub, Method::Transfer, "100", "100", Ok(()));
    check(
        main,
        Method::Transfer,
        "100",
        "500",
        Err(SettingsRefusal::MainByTransfer),
    );
    check(
        main,
        Method::Card,
        "100",
        "99",
        Err(SettingsRefusal::QuantityBelowThreshold),
    );
    check(
        main,
        Method::Card,
        "-1",
        "99",
        Err(SettingsRefusal::NegativeThreshold),
    );
    check(main, Method::Card, "0", "0", Err(SettingsRefusal::NoQuantity));
}

#[test]
fn every_refusal_begins_with_its_rule() {
    let told = |refusal: SettingsRefusal| refusal.to_string();
    assert_eq!(
        told(SettingsRefusal::QuantityBelowThreshold),
        "E4: quantity must be at least the threshold"
    );
    assert_eq!(
        told(SettingsRefusal::CreditsNotAboveThreshold {
            credits: credits("99.5"),
            threshold: Credits::ZERO
        }),
        "E4: current credits (99.5) must exceed the threshold (0)"
    );
    assert_eq!(
        told(SettingsRefusal::TooLarge),
        "E4: threshold and quantity must be at most 1000000000000"
    );
    assert_eq!(
        told(SettingsRefusal::OtherMethodEnabled {
            enabled: Method::Transfer
        }),
        "E1: auto top-up by transfer is enabled, and there is never more than one method at once"
    );
}
