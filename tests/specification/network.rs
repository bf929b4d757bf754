//! The network between the fleet and its broker, its database and its payment gateway: cut, dead, deaf in one direction
//! or in both without a word, slow, broken off in the middle of a frame. Nothing is lost, nothing doubled, and when the
//! weather is fair again everything comes to rest by itself.
//!
//! One fleet a wire, and all weathers one after the other, each beside fresh work. What no kernel notices, since the
//! other end takes everything and answers nothing, the fleet notices by heartbeats and times of its own, which are
//! short here.

use anyhow::{Context as _, Result};
use topup_tests::{
    App, AppOptions, Checker, Event, Proxy, Weather, Wires, event, eventually, main_account, metric,
};

/// The workers that a wire can trouble.
const WORKERS: [&str; 4] = ["sms-sent", "topup-requested", "payment-results", "notifications"];
/// Top-ups that are triggered in each weather.
const TOPUPS: i64 = 4;
/// Sends of an account that is never topped up, in each weather.
const SENDS: i64 = 200;
/// Whose they are.
const LARGE_ACCOUNT: i64 = 1;

/// Bytes that greet the broker or the database, and let some work pass.
const CONVERSATION_BYTES: u64 = 3_333;
/// Fewer than one call of the gateway and its answer, which may have a connection to themselves.
const CALL_BYTES: u64 = 600;

/// What is done to a wire, and whether somebody has to notice it before the weather turns.
struct Trouble {
    name: &'static str,
    /// `None`: every connection is cut once, and that is all.
    weather: Option<Weather>,
    is_noticed: bool,
}

const fn trouble(name: &'static str, weather: Weather, is_noticed: bool) -> Trouble {
    Trouble {
        name,
        weather: Some(weather),
        is_noticed,
    }
}

/// All of them; the last one cuts every connection after so many bytes.
const fn troubles(cut_after: u64) -> [Trouble; 7] {
    [
        Trouble {
            name: "cut",
            weather: None,
            is_noticed: false,
        },
        trouble("dead", Weather::Down, true),
        trouble("stalled", Weather::STALLED, true),
        trouble(
            "stalled on the way out",
            Weather::Stalled {
                to_server: true,
                to_client: false,
            },
            true,
        ),
        trouble(
            "stalled on the way back",
            Weather::Stalled {
                to_server: false,
                to_client: true,
            },
            true,
        ),
        trouble("slow", Weather::Slow { bytes_per_s: 100_000 }, false),
        trouble(
            "cut in the middle of a frame",
            Weather::CutAfter { bytes: cut_after },
            true,
        ),
    ]
}

fn behind_wires() -> AppOptions {
    [
        ("AMQP__HEARTBEAT", "3s"),
        ("DATABASE__STATEMENT_TIMEOUT", "3s"),
        ("PAYSTACK__TIMEOUT", "2s"),
        ("PAYSTACK__BREAKER_PAUSE_FIRST", "1s"),
        ("PAYSTACK__BREAKER_PAUSE_MAX", "1s"),
        ("INQUIRIES__FIRST", "1s"),
        ("INQUIRIES__MAX", "1s"),
        ("TOPUP_REQUESTED__RETRY_FIRST", "1s"),
        ("TOPUP_REQUESTED__RETRY_MAX", "1s"),
        ("TOPUP_REQUESTED__ATTEMPTS_MAX", "100"),
        ("SWEEPER__INTERVAL", "500ms"),
        ("SWEEPER__OUTBOX_OVERDUE", "1s"),
        ("SWEEPER__TOPUP_OVERDUE", "1s"),
    ]
    .into_iter()
    .fold(AppOptions::whole().behind_wires(), |options, (name, value)| {
        options.setting(name, value)
    })
}

/// How often the workers have noticed trouble on this wire so far.
async fn noticed(app: &mut App, metric_name: &str) -> Result<f64> {
    let mut sum = 0.0;
    for worker in WORKERS {
        let url = app.fleet.worker(worker)?.http_url();
        sum += metric(&url, metric_name).await?;
    }
    Ok(sum)
}

/// Charges that did not come back with an answer: counted as any other, less those that did.
async fn charges_lost(app: &mut App) -> Result<f64> {
    let url = app.fleet.worker("topup-requested")?.http_url();
    let mut lost = 0.0;
    for outcome in ["unknown", "our-trouble"] {
        lost += metric(&url, &format!("topup_charges_total{{outcome=\"{outcome}\"}}")).await?;
    }
    Ok(lost)
}

async fn survives(
    wire: fn(&Wires) -> &Proxy,
    cut_after: u64,
    mut noticed: impl AsyncFnMut(&mut App) -> Result<f64>,
) -> Result<()> {
    let mut app = App::start(behind_wires()).await?;
    let wires = app.wires()?.clone();
    let wire = wire(&wires);
    let troubles = troubles(cut_after);
    let mut accounts = vec![main_account(LARGE_ACCOUNT).credits(100_000)];
    let topped_up =
        |row: usize| (0..TOPUPS).map(move |n| 1_000 + i64::try_from(row).unwrap_or(0) * TOPUPS + n);
    let all_topped_up = (0..troubles.len()).flat_map(topped_up);
    accounts.extend(all_topped_up.map(|id| main_account(id).credits(101).card("AUTH_ok")));
    app.import(&accounts).await?;
    let mut checker = Checker::new();
    let mut sends = 0;
    for (row, trouble) in troubles.iter().enumerate() {
        let before = noticed(&mut app).await?;
        let mut events: Vec<Event> = (0..SENDS).map(|_| event(LARGE_ACCOUNT)).collect();
        events.extend(topped_up(row).map(event));
        sends += i64::try_from(events.len())?;
        match trouble.weather {
            Some(weather) => wire.set(weather),
            None => wire.cut(),
        }
        app.send(&events).await?;
        events.iter().for_each(|event| checker.accepted(event));
        if trouble.is_noticed {
            eventually(&format!("somebody who notices: {}", trouble.name), async || {
                Ok((noticed(&mut app).await? > before).then_some(()))
            })
            .await?;
        }
        let is_over = || trouble.name;
        wire.set(Weather::Fair);
        app.sends_recorded(sends).await.with_context(is_over)?;
        for account in topped_up(row) {
            app.balance_becomes(account, "sms", "600")
                .await
                .with_context(is_over)?;
        }
    }
    app.wait_until_idle().await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await
}

#[tokio::test]
async fn whatever_the_wire_to_the_broker_does_nothing_is_lost_and_nothing_doubled() -> Result<()> {
    let sessions = async |app: &mut App| noticed(app, "topup_sessions_lost_total").await;
    survives(|wires| &wires.broker, CONVERSATION_BYTES, sessions).await
}

#[tokio::test]
async fn whatever_the_wire_to_the_database_does_nothing_is_lost_and_nothing_doubled() -> Result<()> {
    let waits = async |app: &mut App| noticed(app, "topup_database_waits_total").await;
    survives(|wires| &wires.database, CONVERSATION_BYTES, waits).await
}

#[tokio::test]
async fn whatever_the_wire_to_the_gateway_does_nobody_is_charged_twice_and_nobody_disabled() -> Result<()> {
    survives(|wires| &wires.gateway, CALL_BYTES, charges_lost).await
}

/// Whoever waited for the database gives its messages back with the session, and waits no more.
#[tokio::test]
async fn a_worker_whose_session_is_lost_while_it_waits_for_the_database_is_ready_again_after_both()
-> Result<()> {
    let mut app = App::start(AppOptions::only(&["sms-sent"]).behind_wires()).await?;
    app.import(&[main_account(LARGE_ACCOUNT).credits(1_000)]).await?;
    let wires = app.wires()?.clone();
    let url = app.fleet.worker("sms-sent")?.http_url();
    wires.database.set(Weather::Down);
    app.send(&[event(LARGE_ACCOUNT)]).await?;
    let waits = |text: &str| text.contains("handler");
    is_told(&url, "that it waits", |ready, text| !ready && waits(text)).await?;
    let lost = metric(&url, "topup_sessions_lost_total").await?;
    wires.broker.set(Weather::Down);
    eventually("a session that is lost", async || {
        let now = metric(&url, "topup_sessions_lost_total").await?;
        Ok((now > lost).then_some(()))
    })
    .await?;
    wires.database.set(Weather::Fair);
    wires.broker.set(Weather::Fair);
    app.sends_recorded(1).await?;
    is_told(&url, "that it is ready", |ready, _| ready).await?;
    app.finish().await
}

/// Waits until a process tells that of itself.
async fn is_told(url: &str, what: &str, is_it: impl Fn(bool, &str) -> bool) -> Result<()> {
    eventually(what, async || {
        let (status, text) = topup_tests::ask(url, "/readyz").await?;
        Ok(is_it(status.is_success(), &text).then_some(()))
    })
    .await
}
