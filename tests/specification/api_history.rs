//! The past by the HTTP interface: entries and top-ups in pages, a month's statement, the last days.

use anyhow::Result;
use jiff::Timestamp;
use reqwest::Method;
use topup_tests::{App, AppOptions, event, main_account};

#[tokio::test]
async fn an_account_reads_its_entries_its_top_ups_its_month_and_its_days() -> Result<()> {
    let mut app = App::start(AppOptions::whole()).await?;
    app.import(&[
        main_account(1001).credits(101).card("AUTH_ok"),
        main_account(1002),
    ])
    .await?;
    app.send(&[event(1001)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let holder = app.holder(1001).await?;
    let of_wallet = |what: &str| format!("/accounts/1001/wallets/sms/{what}");

    let (mut kinds, mut after) = (Vec::new(), String::new());
    loop {
        let path = of_wallet(&format!("ledger?limit=1{after}"));
        let page = holder.get(&path).await?.ok()?;
        for entry in page["items"].as_array().into_iter().flatten() {
            kinds.push(entry["kind"].as_str().unwrap_or_default().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    kinds.sort();
    assert_eq!(kinds, ["opening", "send", "topup"]);

    let topups = holder.get("/accounts/1001/topups").await?.ok()?;
    assert_eq!(topups["items"][0]["state"], "succeeded");
    let id = topups["items"][0]["topup_id"].as_str().unwrap_or_default();
    let one = holder.get(&format!("/accounts/1001/topups/{id}")).await?.ok()?;
    assert_eq!(one, topups["items"][0]);
    let other = app.holder(1002).await?;
    other
        .get(&format!("/accounts/1002/topups/{id}"))
        .await?
        .problem(404)?;

    let month = Timestamp::now().strftime("%Y-%m").to_string();
    let path = of_wallet(&format!("statement?month={month}"));
    let answer = holder.request(Method::GET, &path).send().await?;
    assert_eq!(answer.status(), 200);
    let named = answer.headers()["content-disposition"].to_str()?.to_owned();
    assert_eq!(
        named,
        format!("attachment; filename=\"statement-1001-sms-{month}.csv\"")
    );
    let text = answer.text().await?;
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(
        lines[0],
        "event_id,kind,credits,messages,batch_id,sent_at,recorded_at,detail"
    );
    assert_eq!(lines.len(), 4, "{text}");
    assert!(text.contains(",send,-1,1,,"), "{text}");
    let path = of_wallet(&format!("statement?month={month}&format=json"));
    let all = holder.get(&path).await?.ok()?;
    assert_eq!(all.as_array().map(Vec::len), Some(3));
    for wrong in [
        "statement",
        "statement?month=november",
        "days?days=0",
        "ledger?limit=0",
    ] {
        holder.get(&of_wallet(wrong)).await?.problem(400)?;
    }

    let days = holder.get(&of_wallet("days?days=7")).await?.ok()?;
    assert_eq!(days["items"].as_array().map(Vec::len), Some(7));
    assert_eq!(days["items"][6]["balance_at_end"], "600");
    app.finish().await
}
