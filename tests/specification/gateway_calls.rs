//! C9: the line to the gateway, which all processes share. Together they keep to its limit of calls a minute, and leave
//! alone a gateway that is down; what waits, waits, and nobody is disabled.

use anyhow::{Context as _, Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use topup_rules::lines::{Admission, CallClass, CallEnd, LinePolicy, LineWait};
use topup_rules::topup::TopupState;
use topup_store::{TopupPolicy, Woken};
use topup_tests::{
    App, AppOptions, Library, account_id, event, eventually, free_line, main_account, our_trouble,
    sms_wallet, sub_account, topup_policy,
};

#[tokio::test]
async fn two_workers_together_make_no_more_charges_a_minute_than_the_limit_and_the_rest_wait() -> Result<()> {
    const LIMIT: usize = 3;
    let app = App::start(
        AppOptions::whole()
            .count("topup-requested", 2)
            .setting("PAYSTACK__CHARGES_PER_MINUTE", &LIMIT.to_string()),
    )
    .await?;
    let ids: Vec<i64> = (1001..=1010).collect();
    let accounts: Vec<_> = ids
        .iter()
        .map(|id| main_account(*id).credits(150).card("AUTH_ok"))
        .collect();
    app.import(&accounts).await?;
    let sends: Vec<_> = ids.iter().map(|id| event(*id).credits(50)).collect();
    app.send(&sends).await?;
    app.wait_until_idle().await?;
    // A minute may have ended on the way: what each one saw is bounded all the same.
    let per_minute = "SELECT coalesce(max(calls), 0) FROM (
        SELECT count(*) AS calls FROM payment_calls WHERE call = 'charge' GROUP BY date_trunc('minute', started_at)) m";
    let busiest = app.rows.count(per_minute).await?;
    assert!(busiest <= i64::try_from(LIMIT)?, "{busiest} calls in a minute");
    assert!(app.outside.charges(1).await?.len() <= 2 * LIMIT);
    let waiting = app
        .rows
        .client()
        .query("SELECT reason, due_at FROM topups WHERE state = 'scheduled'", &[])
        .await?;
    assert!(waiting.len() >= ids.len() - 2 * LIMIT, "{} wait", waiting.len());
    for row in &waiting {
        let reason: Option<String> = row.get("reason");
        assert!(
            reason.as_deref().is_some_and(|it| it.contains("limit of calls")),
            "{reason:?}"
        );
        assert!(row.get::<_, Option<Timestamp>>("due_at").is_some());
    }
    assert_eq!(
        app.rows
            .count("SELECT count(*) FROM wallets WHERE NOT auto_enabled")
            .await?,
        0
    );
    app.finish().await
}

#[tokio::test]
async fn a_gateway_that_is_down_is_left_alone_while_transfers_go_on_and_all_is_charged_when_it_is_back()
-> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .setting("PAYSTACK__BREAKER_TROUBLES", "2")
            .setting("PAYSTACK__BREAKER_PAUSE_FIRST", "2s")
            .setting("PAYSTACK__BREAKER_PAUSE_MAX", "2s")
            .setting("PAYSTACK__TIMEOUT", "2s")
            .setting("INQUIRIES__FIRST", "1s")
            .setting("INQUIRIES__MAX", "2s"),
    )
    .await?;
    let ids: Vec<i64> = (1001..=1010).collect();
    let mut accounts: Vec<_> = ids
        .iter()
        .map(|id| main_account(*id).credits(150).card("AUTH_ok"))
        .collect();
    accounts.push(main_account(2000).credits(10_000));
    accounts.push(sub_account(2001, 2000).credits(150).transfer());
    app.import(&accounts).await?;
    // One after the other, so that each finds what the ones before it found out.
    app.outside
        .trouble(json!({"status": 503, "calls": 1_000}))
        .await?;
    for id in &ids {
        app.send(&[event(*id).credits(50)]).await?;
        eventually("a top-up that was taken up", async || {
            let topup = app.rows.topups(*id).await?.pop();
            Ok(topup.filter(|it| !matches!(it.state.as_str(), "requested" | "charging")))
        })
        .await
        .with_context(|| id.to_string())?;
    }
    let left_alone = "SELECT count(*) FROM topups WHERE reason LIKE '%not answering%'";
    assert!(
        app.rows.count(left_alone).await? > 0,
        "nobody waited for the gateway"
    );
    // By transfer nobody needs it.
    app.send(&[event(2001).credits(50)]).await?;
    app.balance_becomes(2001, "sms", "600").await?;

    app.outside.trouble(json!({"status": 503, "calls": 0})).await?;
    for id in &ids {
        app.balance_becomes(*id, "sms", "600").await?;
    }
    app.wait_until_idle().await?;
    assert_eq!(app.outside.captures(ids.len()).await?.len(), ids.len());
    assert_eq!(
        app.rows
            .count("SELECT count(*) FROM wallets WHERE NOT auto_enabled AND auto_method IS NOT NULL")
            .await?,
        0
    );
    app.finish().await
}

const GATEWAY: &str = "paystack";
/// Fewer than there are connections.
const AT_ONCE: usize = 12;

/// At most so many calls a minute.
fn at_most(per_minute: u32) -> LinePolicy {
    LinePolicy {
        per_minute: Some(per_minute),
        ..free_line()
    }
}

fn is_now(admission: &Admission) -> bool {
    matches!(admission, Admission::Now)
}

#[tokio::test]
async fn fifty_who_call_at_once_are_let_through_as_far_as_the_limit_reaches_and_spread_beyond() -> Result<()>
{
    let library = Library::with(&[]).await?;
    let line = at_most(20);
    let before = library.store.now().await?;
    let ask = || library.store.admit_call(GATEWAY, CallClass::Charge, &line);
    let admissions: Vec<Admission> = stream::iter((0..50).map(|_| ask()))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    assert_eq!(
        admissions.iter().filter(|admission| is_now(admission)).count(),
        20
    );
    let mut minutes = [0; 3];
    for admission in &admissions {
        let Admission::Later { until, why } = admission else {
            continue;
        };
        assert_eq!(*why, LineWait::Limit);
        let wait_s = until.duration_since(before).as_secs();
        minutes[usize::try_from((wait_s + 1) / 60)?] += 1;
    }
    // Those that wait come back in two minutes, no more in each than it takes.
    assert_eq!(minutes, [0, 20, 10]);

    // The other classes of calls have lines of their own.
    let question = library
        .store
        .admit_call(GATEWAY, CallClass::Verify, &line)
        .await?;
    assert!(is_now(&question), "{question:?}");
    Ok(())
}

#[tokio::test]
async fn a_gateway_that_does_not_answer_is_left_alone_by_all_and_tried_out_by_one() -> Result<()> {
    let library = Library::with(&[]).await?;
    let line = LinePolicy {
        pause_first_s: 4,
        pause_max_s: 600,
        ..free_line()
    };
    let ask = || library.store.admit_call(GATEWAY, CallClass::Charge, &line);
    let end = |end| library.store.end_call(GATEWAY, CallClass::Charge, end, &line);
    end(CallEnd::Trouble).await?;
    assert!(is_now(&ask().await?), "one trouble is none");
    end(CallEnd::Trouble).await?;
    let Admission::Later { until, why } = ask().await? else {
        bail!("it is called all the same");
    };
    assert_eq!(why, LineWait::Closed);
    let lines = library.store.gateway_lines().await?;
    assert!(
        lines.len() == 1 && (1..=4).contains(&lines[0].closed_for_s),
        "{lines:?}"
    );

    eventually("the end of the pause", async || {
        Ok((library.store.now().await? >= until).then_some(()))
    })
    .await?;
    let admissions: Vec<Admission> = stream::iter((0..AT_ONCE).map(|_| ask()))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    assert_eq!(admissions.iter().filter(|admission| is_now(admission)).count(), 1);

    // It answers: all may call again.
    end(CallEnd::Answered).await?;
    assert_eq!(library.store.gateway_lines().await?[0].closed_for_s, 0);
    let admissions: Vec<Admission> = stream::iter((0..AT_ONCE).map(|_| ask()))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    assert!(admissions.iter().all(is_now), "{admissions:?}");
    Ok(())
}

#[tokio::test]
async fn a_topup_waits_for_its_turn_at_the_gateway_without_a_claim_and_without_an_intent() -> Result<()> {
    let ids = 1001..=1005;
    let accounts: Vec<_> = ids
        .clone()
        .map(|id| main_account(id).credits(150).card("AUTH_ok"))
        .collect();
    let library = Library::with(&accounts).await?;
    library.list_prices().await?;
    let policy = TopupPolicy {
        line: at_most(3),
        ..topup_policy()
    };
    let (mut charged, mut waiting) = (0, 0);
    for id in ids {
        let topup = library.send(&event(id).credits(50)).await?.context("a top-up")?;
        match library.store.wake_topup(sms_wallet(id), topup, &policy).await? {
            Woken::Charge(_) => charged += 1,
            Woken::Moved {
                state,
                due_at,
                reason,
                outbox,
            } => {
                waiting += 1;
                assert_eq!(state, TopupState::Scheduled);
                assert!(due_at.is_some_and(|due| due > Timestamp::now()), "{due_at:?}");
                let reason = reason.context("a reason")?;
                assert!(reason.contains("limit of calls"), "{reason}");
                assert_eq!(outbox.len(), 1, "nobody wakes it");
                assert_eq!(outbox[0].not_before, due_at);
                let view = library.store.topup(topup).await?.context("the top-up")?;
                assert_eq!(view.payment, None);
            }
            other @ (Woken::Stale(_) | Woken::Missing) => bail!("{other:?}"),
        }
    }
    assert_eq!((charged, waiting), (3, 2));
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_charge_that_is_tried_again_keeps_its_claim_while_the_gateway_is_left_alone() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    let topup = library
        .send(&event(1001).credits(50))
        .await?
        .context("a top-up")?;
    let first = library.charges(sms_wallet(1001), topup).await?;
    library.answered(&first, &our_trouble()).await?;
    let policy = topup_policy();
    for _ in 0..2 {
        library
            .store
            .end_call(GATEWAY, CallClass::Charge, CallEnd::Trouble, &policy.line)
            .await?;
    }
    let woken = library.store.wake_topup(sms_wallet(1001), topup, &policy).await?;
    let Woken::Moved { state, reason, .. } = woken else {
        bail!("{woken:?}");
    };
    assert_eq!(state, TopupState::Scheduled);
    assert_eq!(reason.as_deref(), Some("the payment gateway is not answering"));
    library.audit_is_clean().await?;
    let view = library
        .store
        .account_view(account_id(1001))
        .await?
        .context("the account")?;
    assert!(
        view.wallets[0]
            .auto_topup
            .as_ref()
            .is_some_and(|auto| auto.enabled)
    );
    assert!(
        library
            .store
            .due_inquiries(SignedDuration::from_hours(1), SignedDuration::ZERO, 10)
            .await?
            .is_empty(),
        "there is nothing to ask about"
    );

    // It answers again, and the same reference is charged.
    library
        .store
        .end_call(GATEWAY, CallClass::Charge, CallEnd::Answered, &policy.line)
        .await?;
    let second = library.charges(sms_wallet(1001), topup).await?;
    assert_eq!(second.reference, first.reference);
    library.audit_is_clean().await
}
