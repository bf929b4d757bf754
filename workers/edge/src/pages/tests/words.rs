//! What became of top-ups and settings, told.

use super::leaks::leaks;
use crate::pages::catalogue::Catalogue;
use crate::pages::language::Language;
use crate::pages::voice::Voice;
use crate::pages::words::outcome;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Reference, Service};
use topup_rules::message::{DeclineClass, PaymentMode};
use topup_rules::money::Currency;
use topup_rules::topup::{PaymentState, TopupState};
use topup_rules::wake::SkipReason;
use topup_store::{PaymentView, TopupView};
use uuid::Uuid;

fn topup(state: TopupState, payment: PaymentState) -> TopupView {
    let account_id = AccountId::new(1001).expect("an account");
    let currency: Currency = "ZAR".parse().expect("a currency");
    let (topup_id, at) = (Uuid::from_u128(7), Timestamp::UNIX_EPOCH);
    TopupView {
        topup_id,
        account_id,
        service: Service::Sms,
        method: Method::Card,
        quantity: Credits::from_milli(500_000),
        amount_minor: Some(35_247),
        currency,
        state,
        reason: (state == TopupState::Failed).then(|| "Declined".to_owned()),
        trigger_event_id: topup_id,
        trigger_balance: Credits::ZERO,
        requested_at: at,
        due_at: None,
        waits_for: None,
        settled_at: None,
        trace_id: None,
        payment: Some(PaymentView {
            reference: Reference::of_topup(account_id, topup_id),
            gateway: "paystack".to_owned(),
            mode: PaymentMode::Test,
            amount_minor: 35_247,
            currency,
            card_last4: Some("4081".to_owned()),
            state: payment,
            reason: None,
            decline: (state == TopupState::Failed).then_some(DeclineClass::NeverAgain),
            gateway_transaction_id: None,
            intent_at: at,
            retry_at: None,
            answered_at: None,
            ask_at: None,
            asked: 0,
            settled_by: None,
            settled_at: None,
            reversed_minor: 0,
            taken_back: Credits::ZERO,
        }),
    }
}

fn told(topup: &TopupView) -> String {
    told_in(Language::English, topup)
}

fn told_in(language: Language, topup: &TopupView) -> String {
    let catalogue = Arc::new(Catalogue::new().expect("texts"));
    let voice = Voice::new(catalogue, language, TimeZone::UTC);
    let now = Timestamp::UNIX_EPOCH;
    let said = outcome(&voice, topup, SignedDuration::from_mins(30), now);
    said.text.replace('\u{a0}', " ")
}

#[test]
fn what_came_of_an_attempt_is_told_in_plain_words() {
    let mut paid = topup(TopupState::Succeeded, PaymentState::Succeeded);
    assert_eq!(
        told(&paid),
        "500 credits were added; R 352.47 was charged to the card ending in 4081."
    );
    // A part of it went back: both are told.
    if let Some(payment) = &mut paid.payment {
        payment.reversed_minor = 10_000;
        payment.taken_back = Credits::from_milli(141_856);
    }
    let back = "R 100.00 of R 352.47 was given back, and 141.856 credits were taken back with it.";
    assert!(told(&paid).ends_with(back), "{}", told(&paid));
    paid.state = TopupState::Reversed;
    assert_eq!(told(&paid), back);
    assert_eq!(
        told(&topup(TopupState::Failed, PaymentState::Failed)),
        "Nothing was added: Declined. The card is not taken any more."
    );
    let mut unknown = topup(TopupState::Unknown, PaymentState::Unknown);
    let confirming = "The payment is being confirmed. Its credits are added as soon as that is done.";
    assert_eq!(told(&unknown), confirming);
    if let Some(payment) = &mut unknown.payment {
        payment.ask_at = Some(Timestamp::UNIX_EPOCH + SignedDuration::from_mins(5));
    }
    assert!(
        told(&unknown).contains("asked again at 00:05"),
        "{}",
        told(&unknown)
    );
}

#[test]
fn what_came_of_an_attempt_is_told_in_the_readers_language_alone() {
    let failed = topup(TopupState::Failed, PaymentState::Failed);
    assert_eq!(
        told_in(Language::Afrikaans, &failed),
        "Niks is bygevoeg nie: die bank het die kaart geweier. Die kaart word nie meer aanvaar nie."
    );
    let mut skipped = topup(TopupState::Skipped, PaymentState::Failed);
    skipped.reason = Some(SkipReason::AboveThreshold.to_string());
    assert_eq!(
        told_in(Language::Afrikaans, &skipped),
        "Niks is gehef nie: die saldo is weer bo die drempel."
    );
    for state in TopupState::ALL {
        for (payment, reason) in [
            (PaymentState::Failed, Some(SkipReason::Disabled.to_string())),
            (PaymentState::Succeeded, None),
        ] {
            let mut it = topup(*state, payment);
            it.reason = reason;
            let text = told_in(Language::Afrikaans, &it);
            assert_eq!(leaks(Language::Afrikaans, &text), [""; 0], "{state}: {text}");
        }
    }
}
