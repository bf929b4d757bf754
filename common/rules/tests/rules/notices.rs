//! N1, N3, and the content of each notice.

use crate::given::{PURCHASE, TOPUP, account_id, at, credits, key, topup, transfer, whole, zar};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use topup_rules::caps::cap_periods;
use topup_rules::ids::Reference;
use topup_rules::message::{Channel, DeclineClass, Template};
use topup_rules::notices::{
    Alarmed, Bought, ExpiringCard, NoticeDraft, Registering, Routing, TakenBack, cap_reached, card_expiring,
    dispute_opened, failed_on_waking, low_credit, payment_parked, payment_reversed, purchase_failed,
    purchase_succeeded, registration_ended, route, sign_in_link, topup_failed, topup_succeeded,
    transfer_failed,
};
use topup_rules::registration::RegistrationOutcome;
use topup_rules::wake::{SkipReason, WakeFailure};

fn params(draft: &NoticeDraft) -> Value {
    Value::Object(draft.params.clone())
}

#[test]
fn c6_a_success_tells_credits_balance_and_amount() {
    let draft = topup_succeeded(&topup(), credits("540.5"), Some("4081"));
    assert_eq!(draft.account, account_id(1001));
    assert_eq!(draft.template, Template::TopupSucceeded);
    assert_eq!(draft.cause, format!("topup:{TOPUP}:succeeded"));
    let expected = json!({
        "service": "sms", "credits": "500", "balance": "540.5", "method": "card",
        "amount": "ZAR 352.47", "card_last4": "4081",
    });
    assert_eq!(params(&draft), expected);
}

#[test]
fn x4_a_transfers_success_names_no_money() {
    let draft = topup_succeeded(&transfer(), whole(600), None);
    let expected = json!({"service": "sms", "credits": "500", "balance": "600", "method": "transfer"});
    assert_eq!(params(&draft), expected);
}

#[test]
fn c7_a_failure_tells_why_and_whether_auto_topup_has_ended() {
    let draft = topup_failed(
        &topup(),
        credits("99.5"),
        "Stolen Card",
        Some(DeclineClass::NeverAgain),
        true,
        Some("4081"),
    );
    assert_eq!(draft.template, Template::TopupFailed);
    assert_eq!(draft.cause, format!("topup:{TOPUP}:failed"));
    let expected = json!({
        "service": "sms", "credits": "500", "balance": "99.5", "method": "card", "amount": "ZAR 352.47",
        "card_last4": "4081", "reason": "Stolen Card", "decline": "never-again", "disabled": true,
    });
    assert_eq!(params(&draft), expected);
}

#[test]
fn x2_a_short_main_is_told_and_so_is_its_sub() {
    let [to_sub, to_main] = transfer_failed(&transfer(), whole(90), account_id(2002), credits("12.5"), true);
    assert_eq!(to_sub.account, account_id(1001));
    assert_eq!(to_main.account, account_id(2002));
    let told = |who: &str| {
        json!({
            "service": "sms", "credits": "500", "balance": "90", "method": "transfer", "disabled": true,
            "reason": "the main account 2002 has only 12.5 credits available",
            "who": who, "account": "1001", "main_account": "2002", "has": "12.5",
        })
    };
    assert_eq!(params(&to_sub), told("sub"));
    assert_eq!(params(&to_main), told("main"));
    for draft in [&to_sub, &to_main] {
        assert_eq!(draft.template, Template::TopupFailed);
        assert_eq!(draft.cause, format!("topup:{TOPUP}:failed"));
    }
}

#[test]
fn c7_x2_a_failure_on_waking_is_told_to_whom_it_concerns() {
    let short = WakeFailure::MainShort {
        main: key(2002),
        has: whole(1),
    };
    let told: Vec<_> = failed_on_waking(&transfer(), whole(90), &short, true)
        .into_iter()
        .map(|draft| draft.account.get())
        .collect();
    assert_eq!(told, [1001, 2002]);
    let alone = failed_on_waking(&topup(), whole(90), &WakeFailure::NoCard, false);
    let expected = topup_failed(
        &topup(),
        whole(90),
        "no card is registered for auto top-up",
        None,
        false,
        None,
    );
    assert_eq!(alone, [expected]);
}

#[test]
fn l1_a_low_credit_notice_tells_balance_and_threshold() {
    let draft = low_credit(key(1001), credits("49.5"), whole(50), "abc");
    assert_eq!(draft.template, Template::LowCredit);
    assert_eq!(draft.cause, "low-credit:sms:abc");
    assert_eq!(
        params(&draft),
        json!({"service": "sms", "balance": "49.5", "threshold": "50"})
    );
}

#[test]
fn c12_a_cap_is_told_once_per_period() {
    let periods = cap_periods(at("2026-11-22T08:00:00Z"), &TimeZone::UTC);
    let day = cap_reached(&topup(), &SkipReason::DayCap { limit: 5 }, &periods).unwrap();
    assert_eq!(day.template, Template::CapReached);
    assert_eq!(day.cause, "cap:day:2026-11-22");
    assert_eq!(
        params(&day),
        json!({"service": "sms", "period": "day", "limit": "5"})
    );
    let month = SkipReason::MonthCap {
        limit: zar(5_000_000),
    };
    let month = cap_reached(&topup(), &month, &periods).unwrap();
    assert_eq!(month.cause, "cap:month:2026-11");
    assert_eq!(
        params(&month),
        json!({"service": "sms", "period": "month", "limit": "ZAR 50000.00"})
    );
    let later = cap_periods(at("2026-11-23T00:00:00Z"), &TimeZone::UTC);
    let next_day = cap_reached(&topup(), &SkipReason::DayCap { limit: 5 }, &later).unwrap();
    assert_ne!(next_day.cause, day.cause);
}

#[test]
fn c3_nobody_is_told_of_any_other_skip() {
    let periods = cap_periods(at("2026-11-22T08:00:00Z"), &TimeZone::UTC);
    for reason in [
        SkipReason::Disabled,
        SkipReason::OtherMethod,
        SkipReason::AboveThreshold,
    ] {
        assert_eq!(cap_reached(&topup(), &reason, &periods), None);
    }
}

#[test]
fn n1_a_notice_has_one_id_for_each_channel_account_and_cause() {
    let draft = topup_succeeded(&topup(), whole(1), None);
    let again = topup_succeeded(&topup(), whole(2), Some("4081"));
    assert_eq!(draft.id(Channel::Sms), again.id(Channel::Sms), "the same event");
    assert_ne!(draft.id(Channel::Sms), draft.id(Channel::Email));
    let failed = topup_failed(&topup(), whole(1), "x", None, false, None);
    assert_ne!(draft.id(Channel::Sms), failed.id(Channel::Sms));
    let [to_sub, to_main] = transfer_failed(&transfer(), whole(1), account_id(2002), whole(0), false);
    assert_ne!(to_sub.id(Channel::Sms), to_main.id(Channel::Sms));
}

#[test]
fn p4_a_receipt_tells_what_was_paid_and_to_whom_it_is_made_out() {
    let reference = Reference::of_purchase(account_id(1001), PURCHASE);
    let bought = Bought {
        id: PURCHASE,
        wallet: key(1001),
        quantity: whole(1_000),
        amount: zar(23_000),
        tax_minor: 3_000,
        reference: &reference,
        card_last4: Some("4081"),
        billing_name: Some("Example (Pty) Ltd"),
    };
    let receipt = purchase_succeeded(&bought, credits("1040.5"));
    assert_eq!(receipt.account, account_id(1001));
    assert_eq!(receipt.template, Template::PurchaseSucceeded);
    assert_eq!(receipt.cause, format!("purchase:{PURCHASE}:succeeded"));
    let told = json!({
        "service": "sms", "credits": "1000", "balance": "1040.5", "amount": "ZAR 230.00", "tax": "ZAR 30.00",
        "reference": reference.as_str(), "card_last4": "4081", "billing_name": "Example (Pty) Ltd",
    });
    assert_eq!(params(&receipt), told);

    let bare = Bought {
        tax_minor: 0,
        card_last4: None,
        billing_name: None,
        ..bought
    };
    let told = json!({
        "service": "sms", "credits": "1000", "balance": "1000", "amount": "ZAR 230.00", "reference": reference.as_str(),
    });
    assert_eq!(params(&purchase_succeeded(&bare, whole(1_000))), told);

    let failed = purchase_failed(&bought, "Declined", Some(DeclineClass::AnotherDay));
    assert_eq!(failed.template, Template::PurchaseFailed);
    assert_eq!(failed.cause, format!("purchase:{PURCHASE}:failed"));
    let told = json!({
        "service": "sms", "credits": "1000", "amount": "ZAR 230.00", "reference": reference.as_str(),
        "card_last4": "4081", "reason": "Declined", "decline": "another-day",
    });
    assert_eq!(params(&failed), told);
}

#[test]
fn v1_each_reversal_is_told_by_itself() {
    let reference = Reference::of_topup(account_id(1001), TOPUP);
    let taken = TakenBack {
        wallet: key(1001),
        reference: &reference,
        reversal_id: "refund-7",
        amount: zar(10_000),
        credits: credits("141.856"),
    };
    let draft = payment_reversed(&taken, credits("-1.5"));
    assert_eq!(draft.template, Template::PaymentReversed);
    assert_eq!(draft.cause, format!("reversal:{reference}:refund-7"));
    let told = json!({
        "service": "sms", "amount": "ZAR 100.00", "credits": "141.856", "balance": "-1.5",
        "reference": reference.as_str(),
    });
    assert_eq!(params(&draft), told);
}

#[test]
fn a_card_that_runs_out_is_told_once_a_month_of_expiry() {
    let card = ExpiringCard {
        account: account_id(1001),
        id: PURCHASE,
        last4: Some("4081"),
        expires_on: "2026-12-31".parse().unwrap(),
    };
    let draft = card_expiring(&card);
    assert_eq!(draft.template, Template::CardExpiring);
    assert_eq!(draft.cause, format!("card:{PURCHASE}:expiring:2026-12"));
    assert_eq!(
        params(&draft),
        json!({"card_last4": "4081", "expires": "12/2026"})
    );
    let unnamed = ExpiringCard { last4: None, ..card };
    assert_eq!(params(&card_expiring(&unnamed)), json!({"expires": "12/2026"}));
}

#[test]
fn c8_v1_operators_are_told_which_payment_needs_them() {
    let reference = Reference::of_topup(account_id(1001), TOPUP);
    let alarmed = Alarmed {
        account: account_id(1001),
        reference: &reference,
        topup: Some(TOPUP),
    };
    let parked = payment_parked(&alarmed, "no answer in time");
    assert_eq!(parked.template, Template::OperatorAlert);
    assert_eq!(parked.cause, format!("alert:parked:{reference}"));
    let told = json!({
        "subject": "A payment needs a person", "account_id": "1001", "reference": reference.as_str(),
        "topup_id": TOPUP.to_string(),
        "detail": format!(
            "Nobody can say how this payment ended. The last that was heard of it: no answer in time. Nothing was disabled, \
             and the account's next card top-up waits for this one. Look it up with the payment gateway, and then say so: \
             fleetctl topup settle {TOPUP} --succeeded (or --failed) --reason \"...\"."
        ),
    });
    assert_eq!(params(&parked), told);

    let bought = Alarmed {
        topup: None,
        ..alarmed
    };
    let told = payment_parked(&bought, "pending").params["detail"].to_string();
    assert!(told.contains(&format!("topup settle {reference} ")), "{told}");
    assert!(!told.contains("top-up waits"), "{told}");
    let disputed = dispute_opened(&bought, "dispute-7", zar(10_000), credits("141.856"));
    assert_eq!(disputed.cause, format!("alert:dispute:{reference}:dispute-7"));
    let told = json!({
        "subject": "A payment is disputed", "account_id": "1001", "reference": reference.as_str(),
        "detail": "The card holder disputes ZAR 100.00 (dispute-7); 141.856 credits are held until it ends.",
    });
    assert_eq!(params(&disputed), told);
}

#[test]
fn n3_an_account_without_number_or_address_gets_the_other_channel() {
    let no_mobile = Routing::Skip("the account has no mobile number");
    let no_email = Routing::Skip("the account has no e-mail address");
    for template in [
        Template::TopupSucceeded,
        Template::TopupFailed,
        Template::LowCredit,
        Template::PaymentReversed,
        Template::CapReached,
        Template::CardExpiring,
    ] {
        let check = |has_mobile, has_email, sms, email| {
            let expected = [(Channel::Sms, sms), (Channel::Email, email)];
            assert_eq!(route(template, has_mobile, has_email), expected, "{template}");
        };
        check(true, true, Routing::Send, Routing::Send);
        check(false, true, no_mobile, Routing::Send);
        check(true, false, Routing::Send, no_email);
        check(false, false, no_mobile, no_email);
    }
}

#[test]
fn n3_a_purchase_is_mailed_and_texted_only_where_there_is_no_address() {
    let mailed = Routing::Skip("purchases are told by e-mail");
    let no_mobile = Routing::Skip("the account has no mobile number");
    let no_email = Routing::Skip("the account has no e-mail address");
    for template in [Template::PurchaseSucceeded, Template::PurchaseFailed] {
        let check = |has_mobile, has_email, sms, email| {
            let expected = [(Channel::Sms, sms), (Channel::Email, email)];
            assert_eq!(route(template, has_mobile, has_email), expected, "{template}");
        };
        check(true, true, mailed, Routing::Send);
        check(false, true, mailed, Routing::Send);
        check(true, false, Routing::Send, no_email);
        check(false, false, no_mobile, no_email);
    }
}

#[test]
fn e3_a_registrations_end_is_told_once_for_each_way_it_ends_and_by_e_mail() {
    let registering = Registering {
        id: PURCHASE,
        wallet: key(1001),
        threshold: whole(100),
        quantity: whole(500),
        charge: zar(100),
        is_given_back: true,
        card_last4: Some("4081"),
    };
    let told = |outcome, reason| registration_ended(&registering, outcome, reason, None);
    let enabled = told(RegistrationOutcome::Enabled, None);
    assert_eq!(enabled.template, Template::RegistrationEnabled);
    assert_eq!(enabled.cause, format!("registration:{PURCHASE}:enabled"));
    assert_eq!(
        params(&enabled),
        json!({"service": "sms", "threshold": "100", "quantity": "500", "amount": "ZAR 1.00", "card_last4": "4081",
               "given_back": "yes"})
    );
    let refused = told(RegistrationOutcome::NotEnabled, Some("E4: no"));
    assert_eq!(refused.template, Template::RegistrationNotEnabled);
    assert_eq!(
        (&refused.params["reason"], &refused.params["given_back"]),
        (&json!("E4: no"), &json!("yes"))
    );
    let failed = told(RegistrationOutcome::Failed, Some("Declined"));
    assert_eq!(failed.template, Template::RegistrationFailed);
    assert_eq!(failed.params.get("given_back"), None);
    for draft in [&enabled, &refused, &failed] {
        let [(_, sms), (_, email)] = route(draft.template, true, true);
        assert_eq!(
            (sms, email),
            (Routing::Skip("registrations are told by e-mail"), Routing::Send)
        );
        assert_eq!(route(draft.template, true, false)[0].1, Routing::Send);
    }
}

#[test]
fn n3_operators_are_told_whatever_the_account_has() {
    let expected = [
        (Channel::Sms, Routing::Skip("operators are told by e-mail")),
        (Channel::Email, Routing::Send),
    ];
    for (has_mobile, has_email) in [(true, true), (false, false)] {
        assert_eq!(route(Template::OperatorAlert, has_mobile, has_email), expected);
    }
}

#[test]
fn a_link_to_sign_in_goes_by_mail_whatever_the_account_has_and_each_request_is_told() {
    let draft = |request| sign_in_link(account_id(1001), PURCHASE, request, "https://credits.example.com");
    let (one, other) = (draft(PURCHASE), draft(TOPUP));
    assert_ne!(one.id(Channel::Email), other.id(Channel::Email));
    // Nothing that opens anything.
    let told = json!({"login_id": PURCHASE.to_string(), "pages": "https://credits.example.com"});
    assert_eq!(params(&one), told);
    for (has_mobile, has_email) in [(true, true), (false, false)] {
        let [(_, sms), (_, email)] = route(Template::SignInLink, has_mobile, has_email);
        assert_eq!(sms, Routing::Skip("links to sign in go by e-mail"));
        assert_eq!(email, Routing::Send);
    }
}
