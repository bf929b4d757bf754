//! S1–S4: every send is debited once, whatever happens to its message on the way.

use anyhow::Result;
use topup_tests::{App, AppOptions, event, main_account};

fn only_sends() -> AppOptions {
    AppOptions::only(&["sms-sent"])
}

#[tokio::test]
async fn a_send_is_debited() -> Result<()> {
    let app = App::start(only_sends()).await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    app.send(&[event(1001).credits("0.5")]).await?;
    app.sends_recorded(1).await?;
    assert_eq!(app.balance(1001).await?, "149.5");
    app.finish().await
}
