//! C8: not knowing is no failure. The gateway is asked again and again, the same reference is submitted again only
//! where the gateway does not know it, and what stays unknown goes to a person.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;
use topup_store::SettingsChange;
use topup_tests::{
    App, AppOptions, NoticeRow, event, eventually, main_account, metric, raw, sms_wallet, store_on,
};

/// Where alerts go.
const OPERATORS: &str = "operators@platform.example";

/// A fleet that gives the gateway a second to answer, and asks a second later.
fn asking_soon() -> AppOptions {
    AppOptions::whole()
        .setting("PAYSTACK__TIMEOUT", "1s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "2s")
        .setting("OPERATORS__EMAIL", OPERATORS)
}

/// The same where no webhook comes in: what is known is known from calls and questions.
fn asking_alone() -> AppOptions {
    asking_soon().count("edge", 0)
}

/// How a charge on a card has to end.
struct End {
    card: &'static str,
    state: &'static str,
    balance: &'static str,
    captures: usize,
    /// Calls to charge it.
    charges: usize,
    notice: &'static str,
}

const fn credited(card: &'static str, charges: usize) -> End {
    End {
        card,
        state: "succeeded",
        balance: "600",
        captures: 1,
        charges,
        notice: "topup-succeeded",
    }
}

const fn refused(card: &'static str) -> End {
    End {
        card,
        state: "failed",
        balance: "100",
        captures: 0,
        charges: 1,
        notice: "topup-failed",
    }
}

const ENDS: [End; 9] = [
    credited("AUTH_ok", 1),
    credited("AUTH_pending", 1),
    credited("AUTH_timeout", 1),
    credited("AUTH_lost", 1),
    // Not known to the gateway: submitted again.
    credited("AUTH_5xx", 2),
    refused("AUTH_declined"),
    refused("AUTH_insufficient"),
    refused("AUTH_expired"),
    refused("AUTH_paused"),
];

#[tokio::test]
async fn each_way_that_a_charge_can_go_ends_in_the_right_state_with_its_credits_captures_and_notices()
-> Result<()> {
    let app = App::start(asking_alone().sandbox("--pending", "2s")).await?;
    let cards: Vec<(i64, &End)> = (1001..).zip(&ENDS).collect();
    let accounts: Vec<_> = cards
        .iter()
        .map(|(id, end)| main_account(*id).credits(150).card(end.card))
        .collect();
    app.import(&accounts).await?;
    let sends: Vec<_> = cards.iter().map(|(id, _)| event(*id).credits(50)).collect();
    app.send(&sends).await?;
    for (account, end) in &cards {
        app.topup_in(*account, "sms", &[end.state])
            .await
            .context(end.card)?;
    }
    app.wait_until_idle().await?;
    let charges = app.outside.charges(0).await?;
    let captures = app.outside.captures(0).await?;
    let notices = app.rows.notices().await?;
    for (account, end) in cards {
        let card = end.card;
        let view = app.account(account).await?;
        let wallet = view.wallet("sms")?;
        assert_eq!(wallet.credits.to_string(), end.balance, "{card}");
        assert_eq!(wallet.is_enabled(), end.state == "succeeded", "{card}");
        assert!(wallet.open_topup.is_none(), "{card}");
        let of_card = |code: &Option<String>| code.as_deref() == Some(card);
        let tries: Vec<_> = charges
            .iter()
            .filter(|it| of_card(&it.authorization_code))
            .collect();
        assert_eq!(tries.len(), end.charges, "{card}");
        let references: BTreeSet<_> = tries.iter().map(|it| it.reference.as_deref()).collect();
        assert_eq!(references.len(), 1, "{card} was charged by {references:?}");
        let taken = captures.iter().filter(|it| of_card(&it.authorization_code));
        assert_eq!(taken.count(), end.captures, "{card}");
        let told: Vec<_> = notices.iter().filter(|it| it.account_id == account).collect();
        assert_eq!(told.len(), 2, "{card}: {told:?}");
        assert!(
            told.iter()
                .all(|it| it.template == end.notice && it.state == "sent"),
            "{card}: {told:?}"
        );
    }
    app.finish().await
}

#[tokio::test]
async fn two_thousand_topups_on_unreliable_cards_are_captured_once_and_credited_once_each() -> Result<()> {
    const TOPUPS: i64 = 2_000;
    /// A debug build on a small machine that other tests share.
    const LONGEST: Duration = Duration::from_secs(240);
    let app = App::start(
        asking_soon()
            .alone()
            .count("topup-requested", 2)
            .count("payment-results", 2)
            .count("sweeper", 2)
            .setting("TOPUP_REQUESTED__AT_ONCE", "64")
            .setting("PAYSTACK__CHARGES_PER_MINUTE", "0")
            .setting("PAYSTACK__VERIFIES_PER_MINUTE", "0")
            .sandbox("--pending", "2s"),
    )
    .await?;
    let accounts: Vec<_> = (1..=TOPUPS)
        .map(|id| main_account(id).credits(101).card("AUTH_flaky"))
        .collect();
    app.import(&accounts).await?;
    let sends: Vec<_> = (1..=TOPUPS).map(event).collect();
    app.send(&sends).await?;
    // Patience is for one thing that should come soon; here it is for each further one of many.
    let settled = "SELECT count(*) FROM topups WHERE state = 'succeeded'";
    let (started, mut before) = (Instant::now(), 0);
    while before < TOPUPS {
        ensure!(
            started.elapsed() < LONGEST,
            "{before} of {TOPUPS} after {LONGEST:?}"
        );
        before = eventually(
            &format!("more than {before} top-ups that succeeded"),
            async || {
                let now = app.rows.count(settled).await?;
                Ok((now > before).then_some(now))
            },
        )
        .await?;
    }
    let captures = app.outside.captures(usize::try_from(TOPUPS)?).await?;
    let references: BTreeSet<_> = captures.iter().map(|it| it.reference.as_str()).collect();
    assert_eq!(captures.len(), references.len(), "a reference was captured twice");
    assert_eq!(references.len(), usize::try_from(TOPUPS)?);
    let wrong = "SELECT count(*) FROM wallets WHERE balance_milli <> 600000 OR NOT auto_enabled";
    assert_eq!(
        app.rows.count(wrong).await?,
        0,
        "wallets without their credits, or disabled"
    );
    // Every way of not knowing was among them.
    let asked = "SELECT count(*) FROM payment_calls WHERE call = 'verify'";
    assert!(app.rows.count(asked).await? > 0);
    app.finish().await
}

#[tokio::test]
async fn the_same_request_fifty_times_at_once_is_captured_once() -> Result<()> {
    let app = App::start(AppOptions::whole().count("topup-requested", 2)).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.outside.post("latency", &json!({"ms": 300})).await?;
    app.send(&[event(1001).credits(50)]).await?;
    let topup = eventually("a top-up", async || Ok(app.rows.topups(1001).await?.pop())).await?;
    let wake_up = raw(json!({
        "topup_id": topup.topup_id, "account_id": 1001, "service": "sms",
        "requested_at": topup.requested_at.to_string(),
    })
    .to_string())
    .kind(Some("topup-requested.v1"))
    .message_id(&topup.topup_id.to_string());
    app.broker
        .publish_to("topup-requested", vec![wake_up; 50])
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.charges(1).await?.len(), 1);
    assert_eq!(app.outside.captures(1).await?.len(), 1);
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}

#[tokio::test]
async fn what_the_gateway_does_not_know_is_not_submitted_again_once_auto_topup_is_disabled() -> Result<()> {
    // The second question comes late enough for a person to be first.
    let app = App::start(asking_soon().setting("INQUIRIES__FIRST", "3s")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_5xx")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.topup_in(1001, "sms", &["unknown"]).await?;
    let wallet = sms_wallet(1001);
    let disabled = store_on(app.space())?
        .disable_auto_topup(wallet, wallet.account, "on holiday")
        .await?;
    assert!(matches!(disabled, SettingsChange::Done(_)), "{disabled:?}");
    app.topup_in(1001, "sms", &["skipped"]).await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.charges(1).await?.len(), 1);
    assert_eq!(app.outside.captures(0).await?.len(), 0);
    assert_eq!(app.rows.notices().await?, []);
    // Nothing was charged, so nothing has to be waited for.
    let claimed =
        "SELECT count(*) FROM card_spacing WHERE unsettled_topup IS NOT NULL OR last_settled_at IS NOT NULL";
    assert_eq!(app.rows.count(claimed).await?, 0);
    app.finish().await
}

#[tokio::test]
async fn a_charge_whose_worker_was_killed_before_the_answer_is_asked_about_and_credited_once() -> Result<()> {
    let mut app = App::start(asking_alone().setting("PAYSTACK__TIMEOUT", "5s")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.outside.post("latency", &json!({"ms": 4_000})).await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.topup_in(1001, "sms", &["charging"]).await?;
    app.outside.captures(1).await?;
    app.fleet.worker("topup-requested")?.kill9()?;
    app.fleet.add("topup-requested").await?;
    app.outside.post("latency", &json!({"ms": 0})).await?;
    // What a minute of patience would bring is brought forward.
    let sql = "UPDATE payments SET intent_at = intent_at - interval '1 hour', ask_at = clock_timestamp()";
    app.rows.client().execute(sql, &[]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    assert_eq!(app.outside.charges(1).await?.len(), 1);
    let row = app
        .rows
        .client()
        .query_one("SELECT settled_by FROM payments", &[])
        .await?;
    assert_eq!(row.get::<_, String>(0), "verify");
    app.finish().await
}

#[tokio::test]
async fn a_challenged_charge_whose_answer_was_lost_is_a_failure_once_the_gateway_gives_it_up() -> Result<()> {
    let options = asking_alone().setting("PAYSTACK__TIMEOUT", "5s");
    let mut app = App::start(options.sandbox("--abandoned", "1s")).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_paused")])
        .await?;
    app.outside.post("latency", &json!({"ms": 4_000})).await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.topup_in(1001, "sms", &["charging"]).await?;
    app.outside.charges(1).await?;
    app.fleet.worker("topup-requested")?.kill9()?;
    app.fleet.add("topup-requested").await?;
    app.outside.post("latency", &json!({"ms": 0})).await?;
    let sql = "UPDATE payments SET intent_at = intent_at - interval '1 hour', ask_at = clock_timestamp()";
    app.rows.client().execute(sql, &[]).await?;
    app.topup_in(1001, "sms", &["failed"]).await?;
    app.wait_until_idle().await?;
    let account = app.account(1001).await?;
    let wallet = account.wallet("sms")?;
    assert!(!wallet.is_enabled());
    assert_eq!(wallet.credits.to_string(), "100");
    assert!(app.outside.captures(0).await?.is_empty());
    app.finish().await
}

/// A payment that the gateway has not decided and never will, once it is parked.
async fn parked(app: &App) -> Result<String> {
    app.import(&[main_account(1001)
        .credits(150)
        .card("AUTH_pending")
        .whatsapp()
        .credits(150)
        .card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    let topup = app.topup_in(1001, "sms", &["parked"]).await?;
    Ok(topup.topup_id.to_string())
}

fn parking() -> AppOptions {
    asking_alone()
        .spacing("1s")
        .setting("RULES__UNKNOWN_MAX", "3s")
        .sandbox("--pending", "1h")
}

#[tokio::test]
async fn what_stays_unknown_is_parked_told_to_the_operators_and_ended_by_a_person() -> Result<()> {
    let mut app = App::start(parking()).await?;
    let id = parked(&app).await?;
    let mail = app.outside.mail(1).await?;
    assert_eq!(mail[0].to, [OPERATORS]);
    let text = mail[0].text.as_deref().unwrap_or_default();
    for words in [id.as_str(), "1001", "topup settle"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    // Nobody is disabled, nobody else is told, and the account's next card top-up still waits for this one.
    assert!(app.account(1001).await?.wallet("sms")?.is_enabled());
    app.send(&[event(1001).service("whatsapp").credits(50)]).await?;
    let waits = app.topup_in(1001, "whatsapp", &["scheduled"]).await?;
    assert_eq!(waits.waits_for.map(|it| it.to_string()), Some(id.clone()));
    let sweeper = app.fleet.worker("sweeper")?.http_url();
    eventually("a parked top-up in the sweeper's metrics", async || {
        let parked = metric(&sweeper, "topup_topups_open{state=\"parked\"}").await?;
        Ok((parked > 0.0).then_some(()))
    })
    .await?;

    let ended = app
        .fleetctl(&[
            "topup",
            "settle",
            &id,
            "--succeeded",
            "--reason",
            "seen on the gateway's own page",
        ])
        .await?;
    assert_eq!(ended["state"], json!("succeeded"), "{ended}");
    app.balance_becomes(1001, "sms", "600").await?;
    app.balance_becomes(1001, "whatsapp", "600").await?;
    let again = app
        .fleetctl_output(&["topup", "settle", &id, "--failed", "--reason", "a slip"])
        .await?;
    assert!(!again.status.success(), "a success was overwritten");
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}

#[tokio::test]
async fn a_person_can_also_say_that_it_failed() -> Result<()> {
    let app = App::start(parking()).await?;
    let id = parked(&app).await?;
    let ended = app
        .fleetctl(&["topup", "settle", &id, "--failed", "--reason", "the bank says no"])
        .await?;
    assert_eq!(ended["state"], json!("failed"), "{ended}");
    let account = app.account(1001).await?;
    let wallet = account.wallet("sms")?;
    assert!(!wallet.is_enabled());
    assert_eq!(wallet.disabled_reason(), Some("the bank says no"));
    let told = eventually("a failure's notices", async || {
        let told = app.rows.notices().await?;
        let failed = told.into_iter().filter(|it| it.template == "topup-failed");
        Ok(Some(failed.collect::<Vec<NoticeRow>>()).filter(|told| told.len() == 2))
    })
    .await?;
    assert_eq!(told.len(), 2);
    app.finish().await
}

#[tokio::test]
async fn the_whole_story_of_a_charge_is_told_to_whoever_asks_why() -> Result<()> {
    let app = App::start(asking_alone()).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_5xx")])
        .await?;
    let trigger = event(1001).credits(50);
    app.send(std::slice::from_ref(&trigger)).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let told = app.fleet.fleetctl(&["why", "1001"]).await?;
    let reference = app.outside.captures(1).await?[0].reference.clone();
    for words in [
        trigger.event_id().as_str(),
        reference.as_str(),
        "not known",
        "again",
        "succeeded",
        "SMS",
        "4081",
    ] {
        assert!(told.contains(words), "no {words:?} in\n{told}");
    }
    for private in ["+27821001", "27820001001", "account-1001@example.com", "AUTH_5xx"] {
        assert!(!told.contains(private), "{private:?} in\n{told}");
    }
    let json: Value = app.fleetctl(&["why", "1001"]).await?;
    let verified = json["story"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|line| line["what"] == "called" && line["call"] == "verify")
        .count();
    assert!(verified >= 3, "{json:#}");
    app.finish().await
}
