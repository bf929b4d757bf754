//! S5, over HTTP: a sender asks leave before a batch goes out, hears at once, and costs nobody else anything.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio_postgres::Client;
use topup_tests::{
    App, AppOptions, Interface, Reply, event, eventually, main_account, session_on, sub_account,
};
use uuid::Uuid;

const HOLDS: &str = "/accounts/1001/holds";

async fn app() -> Result<App> {
    App::start(AppOptions::only(&["edge", "sms-sent", "sweeper"])).await
}

fn batch(id: Uuid, credits: &str) -> Value {
    json!({"batch_id": id, "service": "sms", "credits": credits})
}

async fn ask(sender: &Interface, account: i64, id: Uuid, credits: &str) -> Result<Reply> {
    let path = format!("/accounts/{account}/holds");
    sender.post(&path, &batch(id, credits)).await
}

/// What is available to an account.
async fn available(app: &App, account: i64) -> Result<String> {
    Ok(app.account(account).await?.wallet("sms")?.available.to_string())
}

#[tokio::test]
async fn a_batch_gets_leave_once_or_hears_what_is_missing() -> Result<()> {
    let mut app = app().await?;
    app.import(&[main_account(1001).credits(150).whatsapp()]).await?;
    let sender = app.platform().await?;
    let id = Uuid::now_v7();
    let first = ask(&sender, 1001, id, "100.5").await?;
    let leave = first.with_status(201)?;
    assert_eq!(leave["credits"], "100.5");
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(available(&app, 1001).await?, "49.5");

    // Refused whole, and nothing of it is kept: it may be asked for again.
    let other = Uuid::now_v7();
    let refused = ask(&sender, 1001, other, "50").await?.problem(402)?;
    assert_eq!(
        (&refused["rule"], &refused["missing"]),
        (&json!("S5"), &json!("0.5"))
    );
    app.adjust(1001, "0.5").await?;
    ask(&sender, 1001, other, "50").await?.with_status(201)?;
    assert_eq!(available(&app, 1001).await?, "0");

    // The same again is told the same, whatever is left, and by whatever key.
    let again = ask(&sender, 1001, id, "100.5").await?;
    assert_eq!(again.with_status(201)?, leave);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    for changed in [
        json!({"batch_id": id, "service": "sms", "credits": "100"}),
        json!({"batch_id": id, "service": "whatsapp", "credits": "100.5"}),
    ] {
        let problem = sender.post(HOLDS, &changed).await?.problem(422)?;
        assert_eq!(problem["rule"], "S5");
    }
    assert_eq!(available(&app, 1001).await?, "0");
    app.finish().await
}

#[tokio::test]
async fn a_batchs_events_use_its_hold_up_and_the_rest_is_free_when_it_is_through() -> Result<()> {
    let mut app = app().await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let sender = app.platform().await?;
    let id = Uuid::now_v7();
    ask(&sender, 1001, id, "10").await?.with_status(201)?;
    let events = [event(1001).credits(3), event(1001).credits("1.5")];
    let events = events.map(|event| event.with("batch_id", id.to_string()));
    app.send(&events).await?;
    app.balance_becomes(1001, "sms", "145.5").await?;
    assert_eq!(available(&app, 1001).await?, "140");

    let path = format!("{HOLDS}/{id}");
    let open = sender.get(&path).await?.ok()?;
    assert_eq!(
        (&open["state"], &open["used"], &open["ended_at"]),
        (&json!("open"), &json!("4.5"), &Value::Null)
    );
    let closed = sender.delete(&path).await?.ok()?;
    assert_eq!(
        (&closed["state"], &closed["used"]),
        (&json!("closed"), &json!("4.5"))
    );
    assert_eq!(available(&app, 1001).await?, "145.5");
    // Once more changes nothing; nor is there leave a second time.
    assert_eq!(sender.delete(&path).await?.ok()?, closed);
    let ended = ask(&sender, 1001, id, "10").await?.problem(409)?;
    assert_eq!(ended["rule"], "S5");
    // What is sent all the same is debited.
    app.send(&[event(1001).credits(1).with("batch_id", id.to_string())])
        .await?;
    app.balance_becomes(1001, "sms", "144.5").await?;
    let nobodys = format!("{HOLDS}/{}", Uuid::now_v7());
    sender.get(&nobodys).await?.problem(404)?;
    sender.delete(&nobodys).await?.problem(404)?;
    app.finish().await
}

#[tokio::test]
async fn a_hold_that_nobody_closes_expires_when_its_sender_said() -> Result<()> {
    let mut app = app().await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let sender = app.platform().await?;
    let (short, long) = (Uuid::now_v7(), Uuid::now_v7());
    let mut body = batch(short, "100");
    body["ttl_s"] = json!(1);
    sender.post(HOLDS, &body).await?.with_status(201)?;
    ask(&sender, 1001, long, "20").await?.with_status(201)?;
    eventually("an expired hold", async || {
        let hold = sender.get(&format!("{HOLDS}/{short}")).await?.ok()?;
        Ok((hold["state"] == "expired").then_some(()))
    })
    .await?;
    assert_eq!(available(&app, 1001).await?, "130");
    let open = sender.get(&format!("{HOLDS}/{long}")).await?.ok()?;
    assert_eq!(open["state"], "open");
    app.finish().await
}

#[tokio::test]
async fn what_is_no_batch_is_refused_with_its_field() -> Result<()> {
    let mut app = app().await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let sender = app.platform().await?;
    let id = Uuid::now_v7();
    for (credits, ttl_s, status, pointer) in [
        (json!("0"), json!(null), 422, "/credits"),
        (json!(-1), json!(null), 422, "/credits"),
        (json!("1.0001"), json!(null), 400, "/credits"),
        (json!(1), json!(0), 422, "/ttl_s"),
        (json!(1), json!(86_401), 422, "/ttl_s"),
    ] {
        let body = json!({"batch_id": id, "service": "sms", "credits": credits, "ttl_s": ttl_s});
        let problem = sender.post(HOLDS, &body).await?.problem(status)?;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    let unknown = json!({"batch_id": id, "service": "sms", "credits": 1, "priority": 9});
    sender.post(HOLDS, &unknown).await?.problem(400)?;
    ask(&sender, 4711, id, "1").await?.problem(404)?;
    assert_eq!(available(&app, 1001).await?, "150");
    app.finish().await
}

#[tokio::test]
async fn an_account_and_the_platform_ask_for_it_and_nobody_else() -> Result<()> {
    let mut app = app().await?;
    let accounts = [
        main_account(1001).credits(10),
        sub_account(1002, 1001).credits(10),
        main_account(1003).credits(10),
    ];
    app.import(&accounts).await?;
    let id = Uuid::now_v7();
    let sub = app.holder(1002).await?;
    ask(&sub, 1002, id, "1").await?.with_status(201)?;
    let main = app.holder(1001).await?;
    ask(&main, 1002, Uuid::now_v7(), "1").await?.problem(403)?;
    let path = format!("/accounts/1002/holds/{id}");
    main.delete(&path).await?.problem(403)?;
    let stranger = app.holder(1003).await?;
    ask(&stranger, 1002, Uuid::now_v7(), "1").await?.problem(404)?;
    stranger.get(&path).await?.problem(404)?;
    let reader = app.caller(&["--account", "1002", "--scope", "read"]).await?;
    ask(&reader, 1002, Uuid::now_v7(), "1").await?.problem(403)?;
    app.stranger()?.get(&path).await?.problem(401)?;
    assert_eq!(available(&app, 1002).await?, "9");
    app.finish().await
}

#[tokio::test]
async fn many_senders_of_one_wallet_get_all_that_there_is_and_no_more() -> Result<()> {
    let mut app = app().await?;
    app.import(&[main_account(1001).credits(500)]).await?;
    let sender = app.platform().await?;
    // Each batch is asked for by two at the same moment.
    let batches: Vec<Uuid> = (0..100).map(|_| Uuid::now_v7()).collect();
    let asks = batches.iter().chain(&batches);
    let replies = try_join_all(asks.map(|id| {
        let sender = &sender;
        async move { anyhow::Ok((*id, ask(sender, 1001, *id, "7").await?.status)) }
    }))
    .await?;
    let of = |status| {
        let some = replies.iter().filter(move |(_, it)| *it == status);
        some.map(|(id, _)| *id).collect::<BTreeSet<Uuid>>()
    };
    // 71 × 7 = 497.
    let (granted, refused) = (of(201), of(402));
    assert_eq!((granted.len(), refused.len()), (71, 29));
    assert!(granted.is_disjoint(&refused));
    assert_eq!(replies.iter().filter(|(_, it)| *it == 201).count(), 142);
    assert_eq!(available(&app, 1001).await?, "3");
    app.finish().await
}

/// Keeps a wallet for itself until it is committed.
async fn lock(app: &App, account: i64) -> Result<Client> {
    let session = session_on(app.space()).await?;
    session.batch_execute("BEGIN").await?;
    let lock = "SELECT 1 FROM wallets WHERE account_id = $1 FOR UPDATE";
    session.query(lock, &[&account]).await?;
    Ok(session)
}

/// Waits until so many sessions of this database wait for a lock.
async fn waiting_for_locks(app: &App, count: i64) -> Result<()> {
    let sql = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("sessions that wait for a lock", async || {
        Ok((app.rows.count(sql).await? == count).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_wallet_that_somebody_keeps_locked_holds_up_no_other() -> Result<()> {
    let mut app = app().await?;
    let accounts = [main_account(1001).credits(50), main_account(1002).credits(50)];
    app.import(&accounts).await?;
    let sender = app.platform().await?;
    let stuck = lock(&app, 1001).await?;
    let held_up: Vec<_> = (0..3)
        .map(|_| {
            let sender = sender.clone();
            tokio::spawn(async move { ask(&sender, 1001, Uuid::now_v7(), "1").await })
        })
        .collect();
    waiting_for_locks(&app, 1).await?;
    for _ in 0..20 {
        ask(&sender, 1002, Uuid::now_v7(), "1").await?.with_status(201)?;
    }
    waiting_for_locks(&app, 1).await?;
    stuck.batch_execute("COMMIT").await?;
    for one in held_up {
        one.await??.with_status(201)?;
    }
    assert_eq!(available(&app, 1001).await?, "47");
    app.finish().await
}

#[tokio::test]
async fn a_row_that_cant_be_read_costs_its_own_account_alone() -> Result<()> {
    let mut app = app().await?;
    let accounts = [1001, 1002, 1003, 1004].map(|id| main_account(id).credits(50));
    app.import(&accounts).await?;
    let sender = app.platform().await?;
    let spoil = |failures: i32| {
        format!("UPDATE wallets SET consecutive_failures = {failures} WHERE account_id = 1003")
    };
    app.rows.client().batch_execute(&spoil(-1)).await?;
    // While as many transactions are in hand as can be, the other two wait for each other's company.
    let locks = [lock(&app, 1001).await?, lock(&app, 1002).await?];
    let asked = |account: i64| {
        let sender = sender.clone();
        tokio::spawn(async move { ask(&sender, account, Uuid::now_v7(), "1").await })
    };
    let first = asked(1001);
    waiting_for_locks(&app, 1).await?;
    let second = asked(1002);
    waiting_for_locks(&app, 2).await?;
    let (bad, good) = (asked(1003), asked(1004));
    // Both are there by the time that these are answered, which were sent later.
    for _ in 0..10 {
        app.stranger()?.get("/openapi.json").await?.ok()?;
    }
    for session in locks {
        session.batch_execute("COMMIT").await?;
    }
    for (account, one, status) in [
        (1001, first, 201),
        (1002, second, 201),
        (1003, bad, 500),
        (1004, good, 201),
    ] {
        let reply = one.await??;
        assert_eq!(reply.status, status, "{account}: {}", reply.text);
    }
    app.rows.client().batch_execute(&spoil(0)).await?;
    app.finish().await.context("the end")
}
