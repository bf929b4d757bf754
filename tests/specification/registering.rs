//! E3, E6: a card is registered through the edge's interface, again and again, too late, and given up.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use topup_tests::{Interface, Reply, Shop, eventually, main_account};

const ACCOUNT: i64 = Shop::ACCOUNT;
const WALLET: &str = "/accounts/1001/wallets/sms/auto-topup";

fn wish(quantity: u32) -> Value {
    json!({"method": "card", "threshold": "100", "quantity": quantity, "terms_version": "1",
        "return_url": "https://example.com/back"})
}

/// Which registration, and its page.
async fn register(holder: &Interface, quantity: u32) -> Result<(String, String)> {
    let begun = holder.put(WALLET, &wish(quantity)).await?.with_status(202)?;
    let text = |name: &str| begun[name].as_str().map(str::to_owned).context("a text");
    Ok((text("registration_id")?, text("checkout_url")?))
}

async fn registration(holder: &Interface, id: &str) -> Result<Value> {
    holder
        .get(&format!("/accounts/1001/registrations/{id}"))
        .await?
        .ok()
}

async fn becomes(holder: &Interface, id: &str, state: &str) -> Result<Value> {
    eventually(&format!("a registration that is {state}"), async || {
        let now = registration(holder, id).await?;
        Ok((now["state"] == state).then_some(now))
    })
    .await
}

async fn given_back(holder: &Interface, id: &str) -> Result<()> {
    eventually("the charge to be given back", async || {
        Ok((registration(holder, id).await?["refunded"] == true).then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_same_wish_again_is_the_registration_that_is_open_and_another_takes_its_place() -> Result<()> {
    let mut shop = Shop::open("AUTH_old").await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    let first = register(&holder, 500).await?;
    assert_eq!(register(&holder, 500).await?, first);
    let second = register(&holder, 600).await?;
    assert_ne!(second.0, first.0);
    let over = becomes(&holder, &first.0, "failed").await?;
    ensure!(
        over["reason"]
            .as_str()
            .is_some_and(|it| it.contains("took its place")),
        "{over}"
    );
    // Whoever replaced it need not be told.
    shop.app.wait_until_idle().await?;
    assert!(shop.app.outside.mail(0).await?.is_empty());

    // It is paid all the same: nothing comes of it, and the money goes back.
    shop.on_page(&first.1, "pay&saves=AUTH_ok_first").await?;
    becomes(&holder, &first.0, "not-enabled").await?;
    given_back(&holder, &first.0).await?;
    shop.app.outside.mail(1).await?;
    assert_eq!(register(&holder, 600).await?, second);
    shop.on_page(&second.1, "pay&saves=AUTH_ok_second").await?;
    becomes(&holder, &second.0, "enabled").await?;
    let wallet = holder.get("/accounts/1001/wallets/sms").await?.ok()?;
    assert_eq!(wallet["auto_topup"]["quantity"], "600");
    let kept = "SELECT count(*) FROM cards WHERE authorization_code = 'AUTH_ok_second'";
    assert_eq!(shop.app.rows.count(kept).await?, 1);
    // What is over is not the answer any more.
    ensure!(
        register(&holder, 600).await?.0 != second.0,
        "the one that had ended"
    );
    Ok(())
}

#[tokio::test]
async fn many_who_wish_the_same_at_once_open_one_registration() -> Result<()> {
    let mut shop = Shop::open("AUTH_old").await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    let asked = (0..8).map(|_| Reply::to(holder.request(Method::PUT, WALLET).json(&wish(500))));
    for answer in futures_util::future::try_join_all(asked).await? {
        // The page, or that it is being opened.
        ensure!([202, 503].contains(&answer.status), "{}", answer.text);
    }
    assert_eq!(
        shop.app
            .rows
            .count("SELECT count(*) FROM card_registrations")
            .await?,
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_customer_who_comes_back_after_the_page_expired_gets_the_money_back_and_nothing_is_enabled()
-> Result<()> {
    let mut shop = Shop::open_with("AUTH_old", &[("RULES__PAGE_MAX", "2s")]).await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    let (id, url) = register(&holder, 600).await?;
    let expired = becomes(&holder, &id, "failed").await?;
    ensure!(expired["reason"].is_string(), "{expired}");
    shop.app.outside.mail(1).await?;
    shop.on_page(&url, "pay&saves=AUTH_ok_late").await?;
    let late = becomes(&holder, &id, "not-enabled").await?;
    ensure!(
        late["reason"].as_str().is_some_and(|it| it.contains("had ended")),
        "{late}"
    );
    given_back(&holder, &id).await?;
    let mail = shop.app.outside.mail(2).await?;
    let text = mail.last().and_then(|it| it.text.clone()).unwrap_or_default();
    ensure!(text.contains("which is given back"), "{text}");
    // The card before it serves on; the late one's token is forgotten at the gateway.
    shop.is_untouched().await?;
    nothing_to_forget(&shop).await?;
    let kept = "SELECT count(*) FROM cards WHERE authorization_code = 'AUTH_old'";
    assert_eq!(shop.app.rows.count(kept).await?, 1);
    shop.app.finish().await
}

async fn nothing_to_forget(shop: &Shop) -> Result<()> {
    eventually("tokens that are forgotten at the gateway", async || {
        let waiting = "SELECT count(*) FROM tokens_to_deactivate";
        Ok((shop.app.rows.count(waiting).await? == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_card_is_forgotten_here_and_at_the_gateway_with_the_last_that_its_account_disables() -> Result<()> {
    let mut shop = Shop::open("AUTH_ok").await?;
    // The same card tops up another wallet.
    let both = main_account(ACCOUNT)
        .credits(150)
        .card("AUTH_ok")
        .whatsapp()
        .credits(150)
        .card("AUTH_ok");
    shop.app.import(std::slice::from_ref(&both)).await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    let tokens = "SELECT count(*) FROM cards WHERE authorization_code <> ''";
    holder.delete(WALLET).await?.ok()?;
    assert_eq!(shop.app.rows.count(tokens).await?, 1);
    holder
        .delete("/accounts/1001/wallets/whatsapp/auto-topup")
        .await?
        .ok()?;
    assert_eq!(shop.app.rows.count(tokens).await?, 0);
    nothing_to_forget(&shop).await?;
    let deactivated = shop.app.outside.deactivated(1).await?;
    assert_eq!(deactivated.len(), 1);

    // What another system had agreed to before brings it back no more than it enables it.
    shop.app.import(&[both]).await?;
    assert_eq!(shop.app.rows.count(tokens).await?, 0);
    // Other figures may be set; nothing is charged without another registration.
    let changed = json!({"method": "card", "threshold": "100", "quantity": "700"});
    let wallet = holder.put(WALLET, &changed).await?.ok()?;
    assert_eq!(wallet["auto_topup"]["enabled"], false);
    let (id, url) = register(&holder, 700).await?;
    shop.on_page(&url, "pay&saves=AUTH_ok_again").await?;
    becomes(&holder, &id, "enabled").await?;
    assert_eq!(shop.app.rows.count(tokens).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_disabled_wallets_card_stays_as_long_as_one_click_needs_it() -> Result<()> {
    let mut shop = Shop::open("AUTH_ok").await?;
    let holder = shop.app.holder(ACCOUNT).await?;
    shop.app.rows.agree_to_one_click(ACCOUNT).await?;
    holder.delete(WALLET).await?.ok()?;
    let tokens = "SELECT count(*) FROM cards WHERE authorization_code <> ''";
    assert_eq!(shop.app.rows.count(tokens).await?, 1);
    holder.delete("/accounts/1001/one-click").await?;
    assert_eq!(shop.app.rows.count(tokens).await?, 0);
    nothing_to_forget(&shop).await
}
