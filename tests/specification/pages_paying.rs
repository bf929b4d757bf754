//! What a form of the Client Zone charges: what it showed, and once.

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use topup_tests::{Price, Rows, Shop, eventually};
use uuid::Uuid;

use crate::pages_rights::Holder;

const ACCOUNT: i64 = Shop::ACCOUNT;
/// How often a form is sent by each of two browsers, all at once.
const PRESSES: usize = 8;
/// What keeps purchases of the wallet waiting.
const HELD: &str = "BEGIN; SELECT FROM wallets WHERE account_id = 1001 AND service = 'sms' FOR UPDATE";
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
const BOUGHT: &str = "SELECT count(*) FROM purchases";

/// The form of 1-Click's one button, as its page bears it.
fn button(request: &str) -> [(&'static str, &str); 5] {
    [
        ("request", request),
        ("service", "sms"),
        ("credits", "500"),
        ("shown", "sms+credits+500+=+500+ZAR+352.47"),
        ("way", "one-click"),
    ]
}

async fn shop() -> Result<Shop> {
    let shop = Shop::open("AUTH_ok").await?;
    shop.app.rows.agree_to_one_click(ACCOUNT).await?;
    Ok(shop)
}

#[tokio::test]
async fn a_price_list_that_is_replaced_while_a_form_is_on_its_way_charges_nothing_and_is_shown() -> Result<()>
{
    let mut shop = shop().await?;
    let holder = Holder::of(&mut shop.app, Some(ACCOUNT)).await?;
    let request = Uuid::now_v7().to_string();
    let mut form = holder.form(&button(&request)).await?;
    let lock = Rows::connect(shop.app.space().database_url()).await?;
    for way in ["one-click", "card"] {
        form.insert("way", way.to_owned());
        lock.client().batch_execute(HELD).await?;
        let replaced = async {
            eventually("a purchase that waits", async || {
                Ok((shop.app.rows.count(WAITING).await? > 0).then_some(()))
            })
            .await?;
            shop.app.list_prices(&[Price::of("sms", "ZAR", "80")]).await?;
            Ok(lock.client().batch_execute("ROLLBACK").await?)
        };
        let (answer, replaced) = tokio::join!(holder.post("/buy", &form), replaced);
        replaced.map_err(|error: anyhow::Error| error)?;
        let answer = answer?;
        let (status, page) = (answer.status(), answer.text().await?);
        ensure!(status == 422, "{way}: {status}");
        for words in [
            "is ZAR 400.00 now",
            "Nothing was charged",
            "R\u{a0}400.00 with card",
        ] {
            ensure!(page.contains(words), "{way}: no {words:?} in {page}");
        }
        ensure!(shop.app.rows.count(BOUGHT).await? == 0, "{way}: it was bought");
        shop.app.list_prices(&topup_tests::sample_prices()).await?;
    }
    ensure!(shop.app.outside.charges(0).await?.is_empty(), "it was charged");
    shop.app.finish().await
}

#[tokio::test]
async fn the_one_button_pressed_in_two_browsers_at_once_and_again_and_again_charges_once() -> Result<()> {
    let mut shop = shop().await?;
    let request = Uuid::now_v7().to_string();
    let browsers = [
        Holder::of(&mut shop.app, Some(ACCOUNT)).await?,
        Holder::of(&mut shop.app, Some(ACCOUNT)).await?,
    ];
    let mut presses = Vec::new();
    for browser in &browsers {
        let form = browser.form(&button(&request)).await?;
        for _ in 0..PRESSES {
            let form = form.clone();
            presses.push(async move { browser.post("/buy", &form).await });
        }
    }
    let mut led_to: Vec<String> = Vec::new();
    for answer in try_join_all(presses).await? {
        let status = answer.status();
        ensure!(status == 303, "{status}: {}", answer.text().await?);
        let to = answer.headers().get("location").context("where to")?;
        led_to.push(to.to_str()?.to_owned());
    }
    led_to.dedup();
    ensure!(led_to.len() == 1, "{led_to:?}");
    shop.app.balance_becomes(ACCOUNT, "sms", "650").await?;
    shop.one_mail().await?;
    ensure!(
        shop.app.rows.count(BOUGHT).await? == 1,
        "it was bought more than once"
    );
    ensure!(
        shop.app.outside.charges(1).await?.len() == 1,
        "it was charged more than once"
    );
    ensure!(
        shop.app.outside.captures(1).await?.len() == 1,
        "it was taken more than once"
    );
    shop.app.finish().await
}
