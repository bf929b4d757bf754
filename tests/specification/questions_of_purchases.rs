//! C8, P4: what is asked about a purchase, and how one ends that nobody pays or that the gateway never had.

use anyhow::{Context as _, Result, bail};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::inquiries::{AfterInquiry, InquiryPolicy, Told};
use topup_rules::lifecycle::PaymentKind;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus};
use topup_rules::prices::Wanted;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use topup_store::{Begun, GatewayCall, NewPurchase, OutboxMessage, Settled};
use topup_tests::{Library, account_id, main_account, said, settlement_policy};
use uuid::Uuid;

async fn shop() -> Result<Library> {
    let library = Library::with(&[main_account(1001).credits(150).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    Ok(library)
}

/// Begins to buy 500 credits.
async fn buy(library: &Library, method: PurchaseMethod) -> Result<Begun> {
    library.rows().await?.agree_to_one_click(1001).await?;
    let new = NewPurchase {
        id: Uuid::now_v7(),
        account: account_id(1001),
        service: Service::Sms,
        wanted: Wanted::Credits(Credits::from_milli(500_000)),
        shown: None,
        method,
        agreement: None,
        email: None,
        billing: None,
        gateway: "paystack",
        mode: PaymentMode::Test,
        traceparent: None,
    };
    Ok(library.store.begin_purchase(&new).await?)
}

/// Settles what a question has published, as the worker of that queue would.
async fn settle(library: &Library, messages: &[OutboxMessage]) -> Result<Settled> {
    let [message] = messages else {
        bail!("{} messages", messages.len());
    };
    assert_eq!(message.queue, "payment-results");
    let result: PaymentResult = serde_json::from_slice(&message.body)?;
    assert_eq!(result.status, PaymentStatus::Failed);
    Ok(library
        .store
        .settle_payment(&result, &settlement_policy())
        .await?)
}

/// Of the one payment that there is, and why it stands there.
async fn payment(library: &Library) -> Result<(String, String)> {
    let rows = library.rows().await?;
    let row = rows
        .client()
        .query_one("SELECT state, reason FROM payments", &[])
        .await?;
    let reason: Option<String> = row.get(1);
    Ok((row.get(0), reason.unwrap_or_default()))
}

async fn reason_told(library: &Library) -> Result<String> {
    let rows = library.rows().await?;
    let sql = "SELECT params FROM notices WHERE template = 'purchase-failed' AND channel = 'email'";
    let params: Value = rows.client().query_one(sql, &[]).await?.get(0);
    Ok(params["reason"].as_str().context("a reason")?.to_owned())
}

#[tokio::test]
async fn a_page_that_nobody_pays_on_in_time_is_over_and_the_holder_is_told() -> Result<()> {
    let library = shop().await?;
    let Begun::Page(intent) = buy(&library, PurchaseMethod::Hosted).await? else {
        bail!("no page");
    };
    let call = GatewayCall {
        started_at: Timestamp::now(),
    };
    let policy = settlement_policy().inquiries;
    library
        .store
        .record_page(&intent, call, "https://checkout.example/1", &policy)
        .await?;
    // The customer is at it.
    let inquired = library.asked().await?;
    assert_eq!(inquired.inquiry.kind, PaymentKind::Hosted);
    assert_eq!(inquired.inquiry.state, PaymentState::Pending);
    assert!(inquired.inquiry.on_page);
    let waiting = said(Told::Verdict(PaymentStatus::ActionRequired));
    let (after, messages) = library.told(&inquired, &waiting, &policy).await?;
    assert!(matches!(after, Some(AfterInquiry::AskAgain { .. })), "{after:?}");
    assert!(messages.is_empty());

    let inquired = library.asked().await?;
    let over = InquiryPolicy {
        page_max: SignedDuration::ZERO,
        ..policy
    };
    let (after, messages) = library.told(&inquired, &waiting, &over).await?;
    assert_eq!(after, Some(AfterInquiry::NotPaidInTime));
    let settled = settle(&library, &messages).await?;
    assert!(
        matches!(settled, Settled::Failed { disabled: false, .. }),
        "{settled:?}"
    );
    assert_eq!(payment(&library).await?.0, "failed");
    assert!(reason_told(&library).await?.contains("not paid in time"));
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_one_click_purchase_that_the_gateway_never_had_fails_and_is_not_charged_later() -> Result<()> {
    let library = shop().await?;
    // The process dies before it calls.
    let Begun::Charge(intent) = buy(&library, PurchaseMethod::OneClick).await? else {
        bail!("nothing to charge");
    };
    let policy = settlement_policy().inquiries;
    for _ in 0..2 {
        let inquired = library.asked().await?;
        assert_eq!(inquired.reference, intent.reference);
        let (after, _) = library.told(&inquired, &said(Told::NotKnown), &policy).await?;
        assert!(matches!(after, Some(AfterInquiry::AskAgain { .. })), "{after:?}");
    }
    let inquired = library.asked().await?;
    let (after, messages) = library.told(&inquired, &said(Told::NotKnown), &policy).await?;
    assert_eq!(after, Some(AfterInquiry::NeverCharged));
    let settled = settle(&library, &messages).await?;
    assert!(
        matches!(settled, Settled::Failed { disabled: false, .. }),
        "{settled:?}"
    );
    assert!(reason_told(&library).await?.contains("nothing was taken"));
    assert!(
        library
            .store
            .due_inquiries(SignedDuration::from_hours(1), SignedDuration::ZERO, 10)
            .await?
            .is_empty()
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_purchase_that_stays_unknown_for_too_long_is_parked_and_the_operators_are_told() -> Result<()> {
    let library = shop().await?;
    let Begun::Charge(_) = buy(&library, PurchaseMethod::OneClick).await? else {
        bail!("nothing to charge");
    };
    let inquired = library.asked().await?;
    let policy = InquiryPolicy {
        unknown_max: SignedDuration::ZERO,
        ..settlement_policy().inquiries
    };
    let (after, _) = library.told(&inquired, &said(Told::NoVerdict), &policy).await?;
    assert_eq!(after, Some(AfterInquiry::Park));
    assert_eq!(
        payment(&library).await?,
        ("parked".to_owned(), "as the test says".to_owned())
    );
    let notices = library.rows().await?.notices().await?;
    assert!(
        notices.iter().all(|notice| notice.template == "operator-alert"),
        "{notices:?}"
    );
    let open = library.store.open_payments_by_state().await?;
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].state, open[0].count), (PaymentState::Parked, 1));
    library.audit_is_clean().await
}
