//! The fleet's client against the sandbox: each behaviour of a card ends as what it is.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use topup_gateways::payment::{
    ChargeRequest, Charged, Deactivated, InitializeRequest, Initialized, PaymentGateway, RefundRequest,
    Refunded, Verified, Webhook,
};
use topup_rules::ids::Reference;
use topup_rules::lines::CallEnd;
use topup_rules::message::{DeclineClass, PaymentStatus};
use topup_rules::money::Money;

use crate::app::App;
use crate::webhooks::Receiver;

/// Time-out of a call that is never answered here.
const SHORT: Duration = Duration::from_millis(300);
/// Time-out of every other.
const LONG: Duration = Duration::from_secs(20);

fn gateway(app: &App, timeout: Duration) -> PaymentGateway {
    let url = format!("http://{}", app.sandbox.http);
    PaymentGateway::paystack(&url, SecretString::from("sk_test_sandbox"), timeout).unwrap()
}

fn reference() -> Reference {
    Reference::of_topup("1001".parse().unwrap(), uuid::Uuid::now_v7())
}

fn amount() -> Money {
    Money::new(35_247, "ZAR".parse().unwrap())
}

async fn charge(gateway: &PaymentGateway, reference: &Reference, code: &str) -> Charged {
    let code = SecretString::from(code);
    let request = ChargeRequest {
        reference,
        amount: amount(),
        authorization_code: &code,
        email: "ops@example.com",
        metadata: &[("account", "1001".to_owned())],
    };
    gateway.charge_authorization(&request).await
}

fn status(charged: &Charged) -> Option<(PaymentStatus, Option<DeclineClass>)> {
    match charged {
        Charged::Answered(answer) => Some((answer.status, answer.decline)),
        Charged::Unknown { .. } | Charged::OurTrouble(_) => None,
    }
}

fn verdict(verified: &Verified) -> Option<PaymentStatus> {
    match verified {
        Verified::Answered(answer) => Some(answer.status),
        Verified::NotKnown | Verified::Unknown { .. } | Verified::OurTrouble(_) => None,
    }
}

#[tokio::test]
async fn every_card_ends_as_what_it_is() {
    use DeclineClass::{AnotherDay, NeedsCustomer, NeverAgain};
    use PaymentStatus::{ActionRequired, Failed, Pending, Success};
    let app = App::start().await;
    let gateway = gateway(&app, LONG);
    for (code, charged, asked) in [
        ("AUTH_ok", (Success, None), Success),
        ("AUTH_declined", (Failed, Some(NeedsCustomer)), Failed),
        ("AUTH_insufficient", (Failed, Some(AnotherDay)), Failed),
        ("AUTH_expired", (Failed, Some(NeverAgain)), Failed),
        ("AUTH_paused", (ActionRequired, Some(NeedsCustomer)), Pending),
    ] {
        let reference = reference();
        let first = charge(&gateway, &reference, code).await;
        assert_eq!(status(&first), Some(charged), "{code}: {first:?}");
        let told = gateway.verify(&reference).await;
        assert_eq!(verdict(&told), Some(asked), "{code}: {told:?}");
        let again = charge(&gateway, &reference, code).await;
        assert!(
            matches!(
                again,
                Charged::Unknown {
                    end: CallEnd::Answered,
                    ..
                }
            ),
            "{again:?}"
        );
    }
    let reference = reference();
    assert_eq!(
        status(&charge(&gateway, &reference, "AUTH_pending").await),
        Some((Pending, None))
    );
    app.column("captures", 2, "reference").await;
    assert_eq!(verdict(&gateway.verify(&reference).await), Some(Success));
    let unknown_card = charge(&gateway, &self::reference(), "4084").await;
    assert_eq!(
        status(&unknown_card),
        Some((Failed, Some(NeverAgain))),
        "{unknown_card:?}"
    );
}

#[tokio::test]
async fn c8_what_was_captured_without_an_answer_is_found_by_asking() {
    let app = App::start().await;
    for code in ["AUTH_timeout", "AUTH_lost"] {
        let gateway = gateway(&app, SHORT);
        let reference = reference();
        let charged = charge(&gateway, &reference, code).await;
        assert_eq!(charged.call_end(), CallEnd::Trouble, "{code}: {charged:?}");
        assert!(matches!(charged, Charged::Unknown { .. }), "{code}: {charged:?}");
        assert_eq!(
            verdict(&gateway.verify(&reference).await),
            Some(PaymentStatus::Success),
            "{code}"
        );
    }
}

#[tokio::test]
async fn c8_what_failed_without_a_trace_is_not_known_and_can_be_charged_again() {
    let app = App::start().await;
    let gateway = gateway(&app, LONG);
    let reference = reference();
    assert!(matches!(
        charge(&gateway, &reference, "AUTH_5xx").await,
        Charged::Unknown { .. }
    ));
    assert_eq!(gateway.verify(&reference).await, Verified::NotKnown);
    let again = charge(&gateway, &reference, "AUTH_5xx").await;
    assert_eq!(status(&again), Some((PaymentStatus::Success, None)));
    assert_eq!(app.seen("captures", 1).await.len(), 1);
}

#[tokio::test]
async fn c9_trouble_made_to_order_is_our_own() {
    let app = App::start().await;
    let gateway = gateway(&app, LONG);
    for (http, wanted) in [(401, CallEnd::Trouble), (429, CallEnd::LeftAlone { for_s: 1 })] {
        app.order("trouble", json!({"status": http})).await;
        let charged = charge(&gateway, &reference(), "AUTH_ok").await;
        assert!(matches!(charged, Charged::OurTrouble(_)), "{charged:?}");
        assert_eq!(charged.call_end(), wanted, "{http}");
    }
    app.order("trouble", json!({"status": 503})).await;
    let charged = charge(&gateway, &reference(), "AUTH_ok").await;
    assert!(
        matches!(
            charged,
            Charged::Unknown {
                end: CallEnd::Trouble,
                ..
            }
        ),
        "{charged:?}"
    );
}

#[tokio::test]
async fn c11_a_fee_that_the_customer_bears_is_left_out_of_the_comparison_everywhere() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    let gateway = gateway(&app, LONG);
    for _ in 0..8 {
        let reference = reference();
        app.order("trouble", json!({"customer_fee": 1_172})).await;
        let Charged::Answered(charged) = charge(&gateway, &reference, "AUTH_ok").await else {
            panic!("no answer")
        };
        let Verified::Answered(verified) = gateway.verify(&reference).await else {
            panic!("no verdict")
        };
        let webhook = receiver.next().await;
        let Webhook::Result(told) = gateway.read_webhook(&webhook.raw, webhook.signature.as_deref()) else {
            panic!("no result")
        };
        let amounts = [charged.amount_minor, verified.amount_minor, told.amount_minor];
        assert_eq!(amounts, [Some(35_247); 3]);
    }
    app.order("trouble", json!({"amount": 7})).await;
    let Charged::Answered(charged) = charge(&gateway, &reference(), "AUTH_ok").await else {
        panic!("no answer")
    };
    assert_eq!(charged.amount_minor, Some(7), "what does not match is to be seen");
}

#[tokio::test]
async fn a_page_is_opened_and_waits_for_its_customer() {
    let app = App::start().await;
    let gateway = gateway(&app, LONG);
    let reference = reference();
    let request = InitializeRequest {
        reference: &reference,
        amount: amount(),
        email: "ops@example.com",
        channels: &[],
        callback_url: Some("http://127.0.0.1:9/back"),
        metadata: &[],
    };
    let Initialized::Page { url, .. } = gateway.initialize(&request).await else {
        panic!("no page")
    };
    assert_eq!(
        verdict(&gateway.verify(&reference).await),
        Some(PaymentStatus::ActionRequired)
    );
    let again = gateway.initialize(&request).await;
    assert!(
        matches!(
            again,
            Initialized::Unknown {
                end: CallEnd::Answered,
                ..
            }
        ),
        "{again:?}"
    );
    let form = ("content-type", "application/x-www-form-urlencoded");
    app.client
        .post(&url)
        .header(form.0, form.1)
        .body("action=pay")
        .send()
        .await
        .unwrap();
    assert_eq!(
        verdict(&gateway.verify(&reference).await),
        Some(PaymentStatus::Success)
    );
}

#[tokio::test]
async fn the_list_is_read_page_by_page_to_its_end() {
    const PAYMENTS: usize = 205;
    let app = App::start().await;
    let gateway = gateway(&app, LONG);
    let from = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(60);
    for _ in 0..PAYMENTS {
        charge(&gateway, &reference(), "AUTH_ok").await;
    }
    let to = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60);
    let mut references = std::collections::HashSet::new();
    for (page, wanted, last) in [(1, 100, false), (2, 100, false), (3, 5, true), (4, 0, true)] {
        let read = gateway.transactions(from, to, page).await.unwrap();
        assert_eq!(
            (read.items.len(), read.is_last, read.unreadable),
            (wanted, last, 0),
            "page {page}"
        );
        references.extend(read.items.into_iter().map(|item| item.reference));
    }
    assert_eq!(references.len(), PAYMENTS);
}

#[tokio::test]
async fn v1_reversals_are_asked_for_announced_and_read() {
    let app = App::start().await;
    let receiver = Receiver::start(&app).await;
    let gateway = gateway(&app, LONG);
    let reference = reference();
    charge(&gateway, &reference, "AUTH_ok").await;
    let mut told = Vec::new();
    let mut next = async |gateway: &PaymentGateway| {
        let webhook = receiver.next().await;
        match gateway.read_webhook(&webhook.raw, webhook.signature.as_deref()) {
            Webhook::Result(result) => told.push((result.status, result.amount_minor, result.reversal_id)),
            Webhook::Ignored { event } => assert_eq!(event, "refund.pending"),
            other @ (Webhook::Foreign | Webhook::Forged | Webhook::Malformed { .. }) => panic!("{other:?}"),
        }
    };
    next(&gateway).await;
    let request = RefundRequest {
        reference: &reference,
        amount_minor: Some(247),
        merchant_note: None,
    };
    let Refunded::Taken { id, amount_minor, .. } = gateway.refund(&request).await else {
        panic!("not taken")
    };
    assert_eq!(amount_minor, Some(247));
    next(&gateway).await;
    next(&gateway).await;
    for order in [
        json!({"reference": reference, "amount": 100}),
        json!({"reference": reference, "outcome": "won"}),
    ] {
        app.order("dispute", order).await;
        next(&gateway).await;
    }
    let dispute = told[2].2.clone();
    assert!(dispute.as_ref().unwrap().starts_with("dispute-"));
    assert_eq!(
        told,
        [
            (PaymentStatus::Success, Some(35_247), None),
            (PaymentStatus::Reversed, Some(247), Some(format!("refund-{id}"))),
            (PaymentStatus::DisputeOpened, Some(100), dispute.clone()),
            (PaymentStatus::DisputeWon, Some(100), dispute),
        ]
    );
    let too_much = RefundRequest {
        amount_minor: Some(99_999),
        ..request
    };
    assert!(matches!(
        gateway.refund(&too_much).await,
        Refunded::Refused { .. }
    ));
    let card = SecretString::from("AUTH_ok");
    assert_eq!(gateway.deactivate(&card).await, Deactivated::Done);
    let charged = charge(&gateway, &self::reference(), "AUTH_ok").await;
    assert_eq!(
        status(&charged),
        Some((PaymentStatus::Failed, Some(DeclineClass::NeverAgain)))
    );
}
