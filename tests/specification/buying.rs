//! P2–P4, C10: credits bought through the edge's interface, by every way there is, to whatever end it comes.

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, Interface, Price, Shop, eventually, main_account, raw};
use uuid::Uuid;

const ACCOUNT: i64 = Shop::ACCOUNT;
const PATH: &str = "/accounts/1001/purchases";

fn hosted() -> Value {
    json!({
        "service": "sms", "credits": "500", "method": "hosted", "channels": ["card"],
        "return_url": "https://example.com/back",
        "billing": {"name": "Protea Books", "address": "1 Long Street"}
    })
}

fn one_click() -> Value {
    json!({"service": "sms", "credits": "500", "method": "one-click"})
}

async fn buy(holder: &Interface, body: &Value) -> Result<Value> {
    holder.post(PATH, body).await?.with_status(201)
}

/// Dearer than what tests pay.
fn dearer() -> [Price; 1] {
    [Price::of("sms", "ZAR", "80")]
}

/// The purchase, once it stands like that.
async fn becomes(holder: &Interface, purchase: &Value, state: &str) -> Result<Value> {
    let id = purchase["purchase_id"].as_str().context("an id")?;
    eventually(&format!("a {state} purchase"), async || {
        let now = holder.get(&format!("{PATH}/{id}")).await?.ok()?;
        Ok((now["state"] == state).then_some(now))
    })
    .await
}

fn page(purchase: &Value) -> Result<&str> {
    purchase["checkout_url"]
        .as_str()
        .with_context(|| format!("no page: {purchase}"))
}

/// The gateway says after all that the money was taken.
async fn is_paid_after_all(app: &App, purchase: &Value) -> Result<()> {
    let body = json!({
        "reference": purchase["reference"], "gateway": "paystack", "status": "success",
        "amount_minor": purchase["price"]["amount_minor"], "currency": purchase["price"]["currency"],
        "source": "webhook", "mode": "test", "occurred_at": Timestamp::now().to_string(),
    });
    let message = raw(body.to_string()).kind(Some("payment-results.v1"));
    app.broker.publish_to("payment-results", [message]).await
}

#[tokio::test]
async fn a_customer_pays_by_m_pesa_or_airtel_money_where_the_currency_has_them() -> Result<()> {
    let options = AppOptions::whole()
        .prices(vec![Price::of("sms", "KES", "90")])
        .sandbox("--pending", "1s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s");
    let mut app = App::start(options).await?;
    app.import(&[main_account(ACCOUNT).currency("KES").credits(150)])
        .await?;
    let holder = app.holder(ACCOUNT).await?;
    let wanted = json!({"service": "sms", "credits": "500", "method": "hosted", "channels": ["mobile-money"],
        "return_url": "https://example.com/back"});
    let mut balance = 150;
    for wallet in ["mpesa", "airtel"] {
        let purchase = buy(&holder, &wanted).await?;
        assert_eq!(purchase["state"], "on-page");
        Shop::submit(
            page(&purchase)?,
            &format!("pay&channel=mobile_money&wallet={wallet}"),
        )
        .await?;
        let paid = becomes(&holder, &purchase, "succeeded").await?;
        assert_eq!(paid["price"], json!({"amount_minor": 45_000, "currency": "KES"}));
        // A phone's wallet is no card that could be kept.
        assert_eq!(paid["card_last4"], Value::Null);
        balance += 500;
        assert_eq!(app.balance(ACCOUNT).await?, balance.to_string(), "{wallet}");
    }
    assert_eq!(app.outside.mail(2).await?.len(), 2);
    app.finish().await
}

#[tokio::test]
async fn a_purchase_that_was_told_as_failed_or_as_not_paid_in_time_is_credited_when_its_money_comes()
-> Result<()> {
    let mut shop = Shop::open_with("AUTH_ok", &[("RULES__PAGE_MAX", "2s")]).await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    let declined = buy(&holder, &hosted()).await?;
    shop.on_page(page(&declined)?, "decline").await?;
    let expired = buy(&holder, &hosted()).await?;
    for purchase in [&declined, &expired] {
        let told = becomes(&holder, purchase, "failed").await?;
        ensure!(told["reason"].is_string(), "{told}");
    }
    shop.app.outside.mail(2).await?;
    assert_eq!(shop.app.balance(ACCOUNT).await?, "150");
    // The customer of the one that expired pays on the page that was left open.
    shop.on_page(page(&expired)?, "pay").await?;
    is_paid_after_all(&shop.app, &declined).await?;
    for purchase in [&declined, &expired] {
        let told = becomes(&holder, purchase, "succeeded").await?;
        assert_eq!(told["reason"], Value::Null);
    }
    assert_eq!(shop.app.balance(ACCOUNT).await?, "1150");
    // Two failures, two receipts.
    shop.app.outside.mail(4).await?;
    shop.app.wait_until_idle().await?;
    assert_eq!(shop.app.outside.mail(4).await?.len(), 4);
    shop.is_untouched().await?;
    shop.app.finish().await
}

#[tokio::test]
async fn a_challenged_one_click_purchase_says_where_the_customer_has_to_go_and_ends_there() -> Result<()> {
    for (form, state, balance) in [("pay", "succeeded", "650"), ("decline", "failed", "150")] {
        let mut shop = Shop::open("AUTH_paused").await?;
        let holder = shop.app.holder(ACCOUNT).await?;
        shop.app.rows.agree_to_one_click(ACCOUNT).await?;
        let purchase = buy(&holder, &one_click()).await?;
        let page = page(&purchase)?.to_owned();
        let open = becomes(&holder, &purchase, "on-page").await?;
        assert_eq!(open["checkout_url"].as_str(), Some(page.as_str()));
        shop.on_page(&page, form).await?;
        let over = becomes(&holder, &purchase, state).await?;
        assert_eq!(over["checkout_url"], Value::Null);
        assert_eq!(shop.app.balance(ACCOUNT).await?, balance);
        shop.one_mail().await?;
        shop.is_untouched().await?;
        shop.app.finish().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_card_that_was_not_charged_because_the_gateway_is_left_alone_says_so() -> Result<()> {
    let mut shop = Shop::open("AUTH_ok").await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    shop.app.rows.agree_to_one_click(ACCOUNT).await?;
    let closed = "INSERT INTO gateway_lines (gateway, class, window_start, troubles, closed_until)
                  VALUES ('paystack', 'charge', now(), 9, now() + interval '1 hour')
                      ON CONFLICT ON CONSTRAINT gateway_lines_pk DO UPDATE
                     SET troubles = 9, closed_until = excluded.closed_until";
    shop.app.rows.client().batch_execute(closed).await?;
    let purchase = buy(&holder, &one_click()).await?;
    let failed = becomes(&holder, &purchase, "failed").await?;
    let reason = failed["reason"].as_str().unwrap_or_default();
    ensure!(reason.contains("your card was not charged"), "{reason}");
    assert!(shop.app.outside.charges(0).await?.is_empty());
    let why = shop.app.fleetctl_output(&["why", "1001"]).await?;
    let why = String::from_utf8_lossy(&why.stdout).into_owned();
    ensure!(
        why.contains("The payment gateway was not asked for the money"),
        "{why}"
    );
    ensure!(!why.contains("for a page to pay on"), "{why}");
    shop.app.finish().await
}

#[tokio::test]
async fn a_price_that_was_quoted_and_is_another_one_now_is_told_and_not_charged() -> Result<()> {
    let mut shop = Shop::open("AUTH_ok").await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    shop.app.rows.agree_to_one_click(ACCOUNT).await?;
    let quoted = holder
        .get("/accounts/1001/quotes?service=sms&credits=500")
        .await?
        .ok()?;
    let mut wanted = one_click();
    wanted["expected_amount_minor"] = quoted["price"]["amount_minor"].clone();
    shop.app.list_prices(&dearer()).await?;
    let told = holder.post(PATH, &wanted).await?.problem(422)?;
    assert_eq!(told["rule"], "P1");
    assert_eq!(
        told["detail"],
        "P1: the price is ZAR 400.00 now, and not ZAR 352.47 as it was shown"
    );
    assert_eq!(told["errors"][0]["pointer"], "/expected_amount_minor");
    assert!(shop.app.outside.charges(0).await?.is_empty());
    assert_eq!(shop.app.rows.count("SELECT count(*) FROM purchases").await?, 0);
    // By the price that it is now.
    wanted["expected_amount_minor"] = json!(40_000);
    let purchase = buy(&holder, &wanted).await?;
    assert_eq!(purchase["price"]["amount_minor"], 40_000);
    becomes(&holder, &purchase, "succeeded").await?;
    shop.app.finish().await
}

#[tokio::test]
async fn an_amount_buys_what_it_covers_when_it_is_charged_and_the_same_again_when_it_is_asked_for_again()
-> Result<()> {
    let mut shop = Shop::open("AUTH_ok").await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    let wanted = json!({"service": "sms", "amount_minor": 35_250, "method": "hosted", "return_url": "https://example.com/back"});
    let key = Uuid::now_v7().to_string();
    let first = holder.post_as(&key, PATH, &wanted).await?.with_status(201)?;
    assert_eq!(
        (&first["credits"], &first["price"]["amount_minor"]),
        (&json!("500.042"), &json!(35_250))
    );
    // The answer was not kept: whoever asks again finds the purchase itself.
    let client = shop.app.rows.client();
    client.execute("DELETE FROM idempotent_requests", &[]).await?;
    shop.app.list_prices(&dearer()).await?;
    let again = holder.post_as(&key, PATH, &wanted).await?.with_status(201)?;
    assert_eq!(
        (&again["purchase_id"], &again["credits"]),
        (&first["purchase_id"], &first["credits"])
    );
    let another = buy(&holder, &wanted).await?;
    assert_eq!(
        (&another["credits"], &another["price"]["amount_minor"]),
        (&json!("440.625"), &json!(35_250))
    );
    shop.app.finish().await
}
