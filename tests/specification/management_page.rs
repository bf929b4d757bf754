//! RabbitMQ's management page, read and used as operators do: in a browser, by its own links and forms.

use anyhow::{Result, ensure};
use topup_pictures::{Browser, MAIN, Page};
use topup_tests::{App, AppOptions, Parked, event, eventually, main_account};

/// When it was parked.
const FAILED_AT: &str = "x-topup-failed-at";
/// All headers that a parked message has, and no more.
const PARKED_WITH: [&str; 5] = [
    "x-topup-attempts",
    FAILED_AT,
    "x-topup-queue",
    "x-topup-reason",
    "x-topup-worker",
];

/// One after the other, since a browser takes its time to begin.
#[tokio::test]
async fn operators_see_who_is_at_work_and_why_a_message_was_parked_and_move_it_back_by_the_page() -> Result<()>
{
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    let (mended, hopeless) = (event(1001), event(4711));
    app.send(&[mended.clone(), hopeless.clone()]).await?;
    let parked = app.broker.dead("sms-sent", 2).await?;
    let browser = Browser::open().await?;
    let address = app.space().stack().addresses().management_url.clone();
    let page = Page::log_in(&browser, &address, app.space().vhost()).await?;
    who_is_connected(&page, app.space().vhost()).await?;
    what_a_queue_is(&page).await?;
    why_a_message_was_parked(&page, &mended.event_id(), &hopeless.event_id()).await?;

    app.import(&[main_account(1001).credits(150)]).await?;
    page.move_messages("sms-sent").await?;
    app.balance_becomes(1001, "sms", "149").await?;
    app.sends_recorded(1).await?;
    // What can't be mended comes back, as if it had never been there.
    let again = eventually("the message that nobody can use", async || {
        let again = app.broker.look("sms-sent.dead").await?;
        let is_new = |it: &Parked| it.headers.get(FAILED_AT) != parked[1].headers.get(FAILED_AT);
        Ok((again.len() == 1 && is_new(&again[0])).then_some(again))
    })
    .await?;
    // The broker's own is of the looks above.
    let headers = again[0].headers.keys().filter(|name| *name != "x-delivery-count");
    let headers: Vec<&String> = headers.collect();
    assert_eq!(headers, PARKED_WITH);
    assert_eq!(again[0].body, parked[1].body);
    assert_eq!(again[0].reason(), "S4: unknown account 4711");
    browser.close().await?;
    app.finish().await
}

/// A connection bears its process, host, number, version and role, and says on its own page what it is there for.
async fn who_is_connected(page: &Page<'_>, vhost: &str) -> Result<()> {
    page.open("connections").await?;
    page.follow_in_row(&[
        vhost,
        "sms-sent@",
        concat!("v", env!("CARGO_PKG_VERSION"), " consuming"),
    ])
    .await?;
    page.unfold("Client properties").await?;
    for text in [
        "topup fleet",
        env!("CARGO_PKG_VERSION"),
        "takes the messages of sms-sent",
    ] {
        page.has(MAIN, text).await?;
    }
    page.open("connections").await?;
    page.follow_in_row(&[vhost, "sms-sent@", " publishing"]).await?;
    page.unfold("Client properties").await?;
    page.has(MAIN, "publishes what sms-sent causes").await
}

/// Its arguments, and who takes from it, of which version.
async fn what_a_queue_is(page: &Page<'_>) -> Result<()> {
    page.open_queue("sms-sent").await?;
    page.unfold("Consumers").await?;
    for text in [
        "quorum",
        "reject-publish",
        "topup.dead",
        "sms-sent.",
        "x-topup-version",
    ] {
        page.has(MAIN, text).await?;
    }
    page.open("queues").await?;
    for queue in ["delay.v1.00", "delay.v1.11", "sms-sent.dead", "topup.unroutable"] {
        page.has(MAIN, queue).await?;
    }
    Ok(())
}

/// In 'Get messages', which leaves them where they are.
async fn why_a_message_was_parked(page: &Page<'_>, one: &str, other: &str) -> Result<()> {
    page.open_queue("sms-sent.dead").await?;
    page.get_messages(2).await?;
    let shown = page.texts("#msg-wrapper").await?.join("\n");
    for text in [
        one,
        other,
        "x-topup-reason",
        "S4: unknown account 1001",
        "S4: unknown account 4711",
    ] {
        ensure!(shown.contains(text), "{text:?} is not shown: {shown}");
    }
    Ok(())
}
