//! The edge: what the payment gateway tells without being asked is believed where it is signed, kept before it is
//! answered, and settled like any other result.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use topup_stack::{Signal, plain_client};
use topup_tests::{App, AppOptions, PATIENCE, WebhookTry, event, eventually, main_account, metric};

/// Largest body that is read.
const BODY_MAX_BYTES: usize = 256 * 1024;
/// Longest time that the gateway would wait for an answer.
const GATEWAY_WAITS_S: u64 = 10;

/// Nothing is asked: what is known is known from the call and from webhooks.
fn unasking() -> AppOptions {
    AppOptions::whole().setting("INQUIRIES__FIRST", "1h")
}

/// An account below its threshold, whose charge on this card is under way.
async fn charged(options: AppOptions, card: &str, trouble: Option<Value>) -> Result<App> {
    let app = App::start(options).await?;
    app.import(&[main_account(1001).credits(150).card(card)]).await?;
    if let Some(trouble) = trouble {
        app.outside.trouble(trouble).await?;
    }
    app.send(&[event(1001).credits(50)]).await?;
    Ok(app)
}

/// 500 credits for one capture, told once by each channel.
async fn is_credited_once(app: &App) -> Result<()> {
    app.balance_becomes(1001, "sms", "600").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "600");
    assert_eq!(app.outside.captures(1).await?.len(), 1);
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    assert_eq!(app.outside.mail(1).await?.len(), 1);
    Ok(())
}

/// How many webhooks came to this end.
async fn counted(app: &mut App, outcome: &str) -> Result<f64> {
    let url = app.fleet.worker("edge")?.http_url();
    metric(&url, &format!("topup_webhooks_total{{outcome=\"{outcome}\"}}")).await
}

fn answers(tries: &[WebhookTry]) -> Vec<Option<u16>> {
    tries.iter().map(|it| it.status).collect()
}

/// The status that somebody who calls the edge by hand is answered with.
async fn answer(method: Method, url: String, headers: &[(&str, &str)], body: Vec<u8>) -> Result<u16> {
    let client = plain_client().timeout(PATIENCE).build()?;
    let mut named = HeaderMap::new();
    for (name, value) in headers {
        named.insert(
            reqwest::header::HeaderName::from_bytes(name.as_bytes())?,
            value.parse()?,
        );
    }
    let answer = client
        .request(method, url)
        .headers(named)
        .body(body)
        .send()
        .await?;
    Ok(answer.status().as_u16())
}

const SIGNED_BY_NOBODY: (&str, &str) = ("x-paystack-signature", "00ff");

#[tokio::test]
async fn a_webhook_before_the_answer_and_one_that_comes_twice_credit_once() -> Result<()> {
    for trouble in ["early", "twice"] {
        let app = charged(unasking(), "AUTH_ok", Some(json!({"webhooks": trouble}))).await?;
        is_credited_once(&app).await.context(trouble)?;
        let told = app.outside.webhooks(1 + usize::from(trouble == "twice")).await?;
        assert!(
            told.iter().all(|it| it.status == Some(200)),
            "{trouble}: {told:?}"
        );
        is_credited_once(&app).await.context(trouble)?;
        app.finish().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_pending_charge_is_settled_by_the_webhook_alone() -> Result<()> {
    let mut app = charged(unasking(), "AUTH_pending", None).await?;
    is_credited_once(&app).await?;
    assert_eq!(answers(&app.outside.webhooks(1).await?), [Some(200)]);
    assert!(counted(&mut app, "published").await? >= 1.0);
    app.finish().await
}

#[tokio::test]
async fn a_webhook_that_never_comes_is_made_up_for_by_a_question() -> Result<()> {
    let options = AppOptions::whole().setting("INQUIRIES__FIRST", "1s");
    let trouble = json!({"webhooks": "never", "calls": 1000});
    let app = charged(options, "AUTH_pending", Some(trouble)).await?;
    is_credited_once(&app).await?;
    assert!(app.outside.webhooks(0).await?.is_empty());
    app.finish().await
}

#[tokio::test]
async fn a_forged_webhook_is_counted_and_changes_nothing() -> Result<()> {
    let trouble = json!({"webhooks": "forged"});
    let mut app = charged(unasking(), "AUTH_pending", Some(trouble)).await?;
    let told = app.outside.webhooks(2).await?;
    assert!(told.iter().all(|it| it.status == Some(401)), "{told:?}");
    assert!(counted(&mut app, "forged").await? >= 2.0);
    assert_eq!(counted(&mut app, "published").await?, 0.0);
    app.wait_until_idle().await?;
    let pending = app.topup_in(1001, "sms", &["pending"]).await?;
    assert_eq!(app.balance(1001).await?, "100");
    assert!(app.rows.notices().await?.is_empty());

    // The gateway itself is believed.
    let reference = format!("topup-1001-{}", pending.topup_id);
    app.outside
        .post("replay", &json!({"reference": reference}))
        .await?;
    is_credited_once(&app).await?;
    app.finish().await
}

#[tokio::test]
async fn a_webhook_that_is_replayed_a_day_later_changes_nothing_and_is_counted() -> Result<()> {
    let mut app = charged(unasking(), "AUTH_ok", None).await?;
    is_credited_once(&app).await?;
    app.outside.webhooks(1).await?;
    app.wait_until_idle().await?;
    app.rows
        .client()
        .batch_execute(
            "UPDATE payments SET intent_at = intent_at - interval '1 day', settled_at = settled_at - interval '1 day'",
        )
        .await?;
    let results = app.fleet.worker("payment-results")?.http_url();
    let repeats = "topup_payments_settled_total{outcome=\"repeat\"}";
    let before = metric(&results, repeats).await?;

    let reference = app.outside.captures(1).await?.remove(0).reference;
    app.outside
        .post("replay", &json!({"reference": reference}))
        .await?;
    let told = app.outside.webhooks(2).await?;
    assert_eq!(told.last().and_then(|it| it.status), Some(200));
    eventually("a repeat that is counted", async || {
        Ok((metric(&results, repeats).await? >= before + 1.0).then_some(()))
    })
    .await?;
    assert!(counted(&mut app, "published").await? >= 2.0);
    is_credited_once(&app).await?;
    app.finish().await
}

#[tokio::test]
async fn a_webhook_with_a_wrong_amount_is_parked_and_changes_nothing() -> Result<()> {
    let trouble = json!({"webhooks": "wrong-amount"});
    let app = charged(unasking(), "AUTH_pending", Some(trouble)).await?;
    assert_eq!(answers(&app.outside.webhooks(1).await?), [Some(200)]);
    let parked = app.broker.dead("payment-results", 1).await?;
    let reason = parked[0].reason();
    assert!(reason.contains("35248"), "{reason}");
    let pending = app.topup_in(1001, "sms", &["pending"]).await?;
    assert_eq!(app.balance(1001).await?, "100");

    let reference = format!("topup-1001-{}", pending.topup_id);
    app.outside
        .post("replay", &json!({"reference": reference}))
        .await?;
    is_credited_once(&app).await?;
    app.finish().await
}

#[tokio::test]
async fn a_refund_that_a_webhook_tells_of_takes_back_what_it_paid_for() -> Result<()> {
    let app = charged(unasking(), "AUTH_ok", None).await?;
    is_credited_once(&app).await?;
    let capture = app.outside.captures(1).await?.remove(0);
    let half = json!({"reference": capture.reference, "amount": capture.amount / 2});
    app.outside.post("refund", &half).await?;
    // 500 × 17,623 ÷ 35,247, rounded down to a thousandth.
    app.balance_becomes(1001, "sms", "350.008").await?;
    app.wait_until_idle().await?;
    assert!(!app.account(1001).await?.wallet("sms")?.is_enabled());
    app.finish().await
}

#[tokio::test]
async fn a_refund_that_a_webhook_says_was_not_made_takes_nothing_and_alerts_the_operators_once() -> Result<()>
{
    let operators = "operators@example.com";
    let options = unasking().setting("OPERATORS__EMAIL", operators);
    let app = charged(options, "AUTH_ok", None).await?;
    is_credited_once(&app).await?;
    let capture = app.outside.captures(1).await?.remove(0);
    for (mails, outcome, reason) in [
        (2, "failed", "the refund failed"),
        (3, "needs-attention", "the refund needs attention"),
    ] {
        let order = json!({"reference": capture.reference, "outcome": outcome});
        app.outside.post("refund", &order).await?;
        let told = app.outside.webhooks(mails).await?;
        assert!(told.iter().all(|it| it.status == Some(200)), "{told:?}");
        app.outside.mail(mails).await?;
        app.wait_until_idle().await?;
        let mail = app.outside.mail(mails).await?;
        assert_eq!(mail.len(), mails, "{outcome}");
        let alert = mail.last().context("no alert")?;
        assert_eq!(alert.to, [operators]);
        assert_eq!(alert.subject.as_deref(), Some("[top-up] A refund was not made"));
        let text = alert.text.as_deref().unwrap_or_default();
        for said in ["to give back ZAR 352.47", reason, &capture.reference] {
            ensure!(text.contains(said), "{said:?} is missing: {text}");
        }
    }
    // Nothing went back, so nothing is taken, nothing is switched off, and the customer need not know.
    let account = app.account(1001).await?;
    assert!(account.wallet("sms")?.is_enabled());
    assert_eq!(account.wallet("sms")?.credits.to_string(), "600");
    assert_eq!(app.outside.sms(1).await?.len(), 1);
    app.finish().await
}

#[tokio::test]
async fn what_is_no_webhook_is_refused_before_it_costs_anything() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    let url = app.edge_url()?;
    let webhooks = || format!("{url}/webhooks/paystack");
    let large = |bytes| vec![b'x'; bytes];
    let signed = [SIGNED_BY_NOBODY];
    for (status, method, url, headers, body) in [
        (
            413,
            Method::POST,
            webhooks(),
            &signed[..],
            large(BODY_MAX_BYTES + 1),
        ),
        (
            413,
            Method::POST,
            webhooks(),
            &signed[..],
            large(8 * BODY_MAX_BYTES),
        ),
        (401, Method::POST, webhooks(), &signed[..], large(BODY_MAX_BYTES)),
        (401, Method::POST, webhooks(), &signed[..], Vec::new()),
        (401, Method::POST, webhooks(), &[], b"{}".to_vec()),
        (405, Method::GET, webhooks(), &signed[..], Vec::new()),
        (
            404,
            Method::POST,
            format!("{url}/webhooks/nobody"),
            &signed[..],
            Vec::new(),
        ),
        (404, Method::GET, format!("{url}/webhooks"), &[], Vec::new()),
    ] {
        let what = format!("{method} {url}, {} bytes, {} headers", body.len(), headers.len());
        assert_eq!(
            answer(method, url, headers, body).await.context(what.clone())?,
            status,
            "{what}"
        );
    }
    assert_eq!(counted(&mut app, "too-large").await?, 2.0);
    assert_eq!(counted(&mut app, "forged").await?, 3.0);
    app.finish().await
}

#[tokio::test]
async fn a_webhook_from_a_sender_that_is_not_listed_is_refused() -> Result<()> {
    let options = unasking()
        .setting("EDGE__WEBHOOK_SENDERS", "192.0.2.1, 192.0.2.2")
        .setting("EDGE__PROXIES", "127.0.0.1");
    let mut app = charged(options, "AUTH_ok", None).await?;
    // Told by the call's own answer meanwhile.
    is_credited_once(&app).await?;
    let told = app.outside.webhooks(1).await?;
    assert!(told.iter().all(|it| it.status == Some(403)), "{told:?}");
    let url = format!("{}/webhooks/paystack", app.edge_url()?);
    for (status, forwarded) in [
        (401, "192.0.2.1"),
        (401, "198.51.100.9, 192.0.2.2"),
        (403, "198.51.100.9"),
        (403, "192.0.2.1, 198.51.100.9"),
    ] {
        let headers = [SIGNED_BY_NOBODY, ("x-forwarded-for", forwarded)];
        let answered = answer(Method::POST, url.clone(), &headers, b"{}".to_vec()).await?;
        assert_eq!(answered, status, "{forwarded}");
    }
    assert!(counted(&mut app, "not-listed").await? >= 3.0);
    app.finish().await
}

#[tokio::test]
async fn while_the_broker_is_away_a_webhook_is_told_again_and_settled_once_it_is_back() -> Result<()> {
    let mut app = charged(unasking().sandbox("--pending", "12s"), "AUTH_pending", None).await?;
    app.topup_in(1001, "sms", &["pending"]).await?;
    app.wait_until_idle().await?;
    app.let_no_connection_in().await?;
    app.close_connections_beside(&[]).await?;

    let told = app.outside.webhooks(1).await?;
    assert_eq!(told[0].status, Some(503), "{told:?}");
    assert_eq!(told[0].attempt, 1);
    assert!(counted(&mut app, "broker-away").await? >= 1.0);
    let started = Instant::now();
    let (status, _) = topup_tests::ask(&app.fleet.worker("edge")?.http_url(), "/readyz").await?;
    assert_eq!(status.as_u16(), 503);
    // Even a forgery is answered at once.
    let url = format!("{}/webhooks/paystack", app.edge_url()?);
    assert_eq!(
        answer(Method::POST, url, &[SIGNED_BY_NOBODY], Vec::new()).await?,
        401
    );
    assert!(started.elapsed().as_secs() < GATEWAY_WAITS_S);
    assert_eq!(app.balance(1001).await?, "100");

    app.let_connections_in().await?;
    is_credited_once(&app).await?;
    let told = app.outside.webhooks(2).await?;
    assert_eq!(told.last().and_then(|it| it.status), Some(200), "{told:?}");
    app.finish().await
}

#[tokio::test]
async fn while_the_database_is_away_webhooks_are_taken() -> Result<()> {
    let app = charged(unasking().sandbox("--pending", "8s"), "AUTH_pending", None).await?;
    app.topup_in(1001, "sms", &["pending"]).await?;
    app.wait_until_idle().await?;
    app.take_database_away().await?;
    assert_eq!(answers(&app.outside.webhooks(1).await?), [Some(200)]);
    app.give_database_back().await?;
    is_credited_once(&app).await?;
    app.finish().await
}

/// A request whose body lacks its last byte.
async fn half_a_request(address: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(
            b"POST /webhooks/paystack HTTP/1.1\r\nhost: edge\r\nx-paystack-signature: 00ff\r\n\
              content-length: 2\r\n\r\n{",
        )
        .await?;
    Ok(stream)
}

/// Everything until the connection's end.
async fn rest_of(stream: &mut TcpStream) -> Result<String> {
    let mut text = Vec::new();
    // A connection that is reset has ended, too.
    let _reset = timeout(PATIENCE, stream.read_to_end(&mut text))
        .await
        .context("the connection was kept")?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn the_end_waits_for_requests_in_hand() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    let url = app.edge_url()?;
    let address = url.strip_prefix("http://").context("an address")?.to_owned();
    let mut in_hand = half_a_request(&address).await?;
    // Whoever connected after it was accepted after it.
    answer(Method::GET, url, &[], Vec::new()).await?;
    app.fleet.worker("edge")?.signal(Signal::TERM)?;
    eventually("an edge that takes no further connection", async || {
        Ok(TcpStream::connect(&address).await.is_err().then_some(()))
    })
    .await?;
    in_hand.write_all(b"}").await?;
    let answered = rest_of(&mut in_hand).await?;
    assert!(answered.starts_with("HTTP/1.1 401"), "{answered}");
    let edge = app.fleet.worker("edge")?;
    let ended = eventually("an edge that has ended", async || edge.try_wait()).await?;
    assert!(ended.success(), "{ended}");
    app.stop().await
}

#[tokio::test]
async fn who_sends_slowly_loses_the_connection_and_holds_nobody_up() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    let url = app.edge_url()?;
    let address = url.strip_prefix("http://").context("an address")?.to_owned();
    let mut silent = TcpStream::connect(&address).await?;
    let mut half_a_head = TcpStream::connect(&address).await?;
    half_a_head
        .write_all(b"POST /webhooks/paystack HTTP/1.1\r\nhost: edge\r\n")
        .await?;
    let mut half_a_body = half_a_request(&address).await?;
    let mut endless_head = TcpStream::connect(&address).await?;
    endless_head
        .write_all(b"POST /webhooks/paystack HTTP/1.1\r\n")
        .await?;
    let line = format!("x-filler: {}\r\n", "x".repeat(1_000));
    for _ in 0..64 {
        if endless_head.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    let nowhere = format!("{url}/webhooks");
    assert_eq!(answer(Method::GET, nowhere, &[], Vec::new()).await?, 404);
    let refused = rest_of(&mut endless_head).await?;
    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 431"),
        "{refused}"
    );
    let late = rest_of(&mut half_a_body).await?;
    assert!(late.starts_with("HTTP/1.1 408"), "{late}");
    rest_of(&mut half_a_head).await?;
    rest_of(&mut silent).await?;
    assert_eq!(counted(&mut app, "slow").await?, 1.0);
    app.finish().await
}
