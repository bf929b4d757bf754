//! N1, N3, and the content of each notice.

use crate::given::{TOPUP, account_id, at, credits, key, topup, transfer, whole, zar};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use topup_rules::caps::cap_periods;
use topup_rules::message::{Channel, Template};
use topup_rules::notices::{
    NoticeDraft, Routing, cap_reached, failed_on_waking, low_credit, route, topup_failed, topup_succeeded,
    transfer_failed,
};
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
    let draft = topup_failed(&topup(), credits("99.5"), "Declined", true, Some("4081"));
    assert_eq!(draft.template, Template::TopupFailed);
    assert_eq!(draft.cause, format!("topup:{TOPUP}:failed"));
    let expected = json!({
        "service": "sms", "credits": "500", "balance": "99.5", "method": "card", "amount": "ZAR 352.47",
        "card_last4": "4081", "reason": "Declined", "disabled": true,
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
    let failed = topup_failed(&topup(), whole(1), "x", false, None);
    assert_ne!(draft.id(Channel::Sms), failed.id(Channel::Sms));
    let [to_sub, to_main] = transfer_failed(&transfer(), whole(1), account_id(2002), whole(0), false);
    assert_ne!(to_sub.id(Channel::Sms), to_main.id(Channel::Sms));
}

#[test]
fn n3_an_account_without_number_or_address_gets_the_other_channel() {
    let no_mobile = Routing::Skip("the account has no mobile number");
    let no_email = Routing::Skip("the account has no e-mail address");
    let check = |has_mobile, has_email, sms, email| {
        let expected = [(Channel::Sms, sms), (Channel::Email, email)];
        assert_eq!(route(has_mobile, has_email), expected);
    };
    check(true, true, Routing::Send, Routing::Send);
    check(false, true, no_mobile, Routing::Send);
    check(true, false, Routing::Send, no_email);
    check(false, false, no_mobile, no_email);
}
