//! V1, from the gateway's page to the wallet: disputes that a card holder opens and the gateway tells of.

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_tests::{App, AppOptions, event, eventually, main_account};

/// How a dispute ends, and what the wallet of 600 credits, of which the payment brought 500, is left with.
const ENDS: [(i64, &str, &str); 3] = [
    (1001, "won", "600"),
    (1002, "lost", "100"),
    // Nobody answered it in time.
    (1003, "unanswered", "100"),
];

/// Balance, available credits and whether auto top-up is enabled become these.
async fn wallet_becomes(app: &App, account: i64, wanted: (&str, &str, bool)) -> Result<()> {
    let mut last = None;
    eventually(&format!("{wanted:?} of {account}"), async || {
        let view = app.account(account).await?;
        let wallet = view.wallet("sms")?;
        let (credits, available) = (wallet.credits.to_string(), wallet.available.to_string());
        let is = (credits.as_str(), available.as_str(), wallet.is_enabled()) == wanted;
        last = Some(format!("{credits}, {available}, {}", wallet.is_enabled()));
        Ok(is.then_some(()))
    })
    .await
    .with_context(|| format!("it is {last:?}"))
}

#[tokio::test]
async fn a_dispute_at_the_gateway_holds_the_credits_until_it_is_over_and_takes_them_where_it_is_lost()
-> Result<()> {
    let app =
        App::start(AppOptions::whole().setting("OPERATORS__EMAIL", "operators@platform.example")).await?;
    app.import(&ENDS.map(|(id, _, _)| main_account(id).credits(150).card("AUTH_ok")))
        .await?;
    app.send(&ENDS.map(|(id, _, _)| event(id).credits(50))).await?;
    for (account, _, _) in ENDS {
        app.balance_becomes(account, "sms", "600").await?;
    }
    let captures = app.outside.captures(ENDS.len()).await?;
    let reference = |account| {
        let capture = captures.iter().find(|capture| capture.is_of(account));
        capture
            .map(|capture| capture.reference.clone())
            .context("no capture")
    };
    for (account, _, _) in ENDS {
        let order = json!({"reference": reference(account)?});
        app.outside.post("dispute", &order).await?;
    }
    for (account, _, _) in ENDS {
        wallet_becomes(&app, account, ("600", "100", true)).await?;
    }
    // Three successes; the operators are told of three disputes.
    app.outside.mail(6).await?;
    for (account, outcome, _) in ENDS {
        let order = json!({"reference": reference(account)?, "outcome": outcome});
        app.outside.post("dispute", &order).await?;
    }
    for (account, outcome, left) in ENDS {
        wallet_becomes(&app, account, (left, left, outcome == "won")).await?;
    }
    // Whom something was taken from is told.
    let mail = app.outside.mail(8).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.mail(8).await?.len(), 8);
    let to = |address: &str| mail.iter().filter(|it| it.to == [address]).count();
    assert_eq!(to("operators@platform.example"), 3);
    assert_eq!(to("account-1001@example.com"), 1);
    assert_eq!(to("account-1002@example.com"), 2);
    assert_eq!(to("account-1003@example.com"), 2);
    assert_eq!(app.broker.ready("payment-results.dead").await?, Some(0));
    app.finish().await
}
