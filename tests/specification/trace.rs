//! One trace leads from the send to the notices that follow from it.

use anyhow::Result;
use topup_tests::{App, AppOptions, event, eventually, main_account, sub_account};

/// Version 00, a trace, the sender's span, sampled.
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn what_follows_from_a_send_bears_its_trace() -> Result<()> {
    // Nobody takes the notices, so that they can be looked at.
    let app = App::start(AppOptions::whole().count("notifications", 0)).await?;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_ok"),
        main_account(1002).credits(600),
        sub_account(2002, 1002).credits(150).transfer(),
        main_account(1003).credits(150).low_credit(120),
    ])
    .await?;
    let sends = [1001, 2002, 1003].map(|account| {
        event(account)
            .credits(50)
            .message()
            .header("traceparent", TRACEPARENT)
    });
    app.broker.publish(sends).await?;
    eventually("six notices", async || {
        Ok(app
            .broker
            .ready("notifications")
            .await?
            .filter(|ready| *ready == 6))
    })
    .await?;
    app.wait_until_idle().await?;
    for notice in app.broker.look("notifications").await? {
        let carried = notice.headers.get("traceparent").map_or("", String::as_str);
        assert_eq!(carried.get(..35), TRACEPARENT.get(..35), "{:?}", notice.headers);
    }
    app.finish().await
}
