//! The gateway's list of a day against ours: what nobody told is settled, what can't be is shown to a person, and what
//! was found is kept.

use anyhow::{Context as _, Result};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use topup_rules::ids::Reference;
use topup_rules::message::{PaymentStatus, ResultSource};
use topup_rules::reconcile::Difference;
use topup_rules::topup::PaymentState;
use topup_store::{ReconciledDifference, Reconciliation};
use topup_tests::{
    App, AppOptions, Library, event, eventually, main_account, metric, result_of, settlement_policy,
    sms_wallet, store_on, today_in, where_it_is_noon,
};

/// A fleet to which nobody tells that a pending charge has succeeded: no webhook, and no question for an hour.
async fn untold(zone: &str) -> Result<App> {
    App::start(
        AppOptions::whole()
            .setting("RULES__TIME_ZONE", zone)
            .count("edge", 0)
            .sandbox("--pending", "1s")
            .setting("INQUIRIES__FIRST", "1h")
            .setting("INQUIRIES__MAX", "1h"),
    )
    .await
}

fn kinds(report: &Value) -> Vec<&str> {
    let differences = report["differences"].as_array().into_iter().flatten();
    differences.filter_map(|it| it["kind"].as_str()).collect()
}

#[tokio::test]
async fn a_success_that_nobody_told_is_found_by_comparing_the_day_and_credited_once() -> Result<()> {
    let zone = where_it_is_noon();
    let app = untold(&zone).await?;
    let today = today_in(&zone)?.to_string();
    app.import(&[
        main_account(1001).credits(150).card("AUTH_pending"),
        main_account(1002).credits(150).card("AUTH_ok"),
    ])
    .await?;
    app.send(&[event(1001).credits(50), event(1002).credits(50)])
        .await?;
    app.balance_becomes(1002, "sms", "600").await?;
    app.topup_in(1001, "sms", &["pending"]).await?;
    app.outside.captures(2).await?;
    let report = app.fleetctl(&["reconcile", &today]).await?;
    assert_eq!(kinds(&report).len(), 1, "{report:#}");
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let row = app
        .rows
        .client()
        .query_one("SELECT settled_by FROM payments WHERE account_id = 1001", &[])
        .await?;
    assert_eq!(row.get::<_, String>(0), "reconcile");
    // The next time, all is the same.
    let report = app.fleetctl(&["reconcile", &today]).await?;
    assert_eq!(kinds(&report), Vec::<&str>::new(), "{report:#}");
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}

#[tokio::test]
async fn what_only_one_side_knows_is_shown_to_a_person_and_changes_nothing() -> Result<()> {
    let zone = where_it_is_noon();
    let app = untold(&zone).await?;
    let today = today_in(&zone)?.to_string();
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    // The gateway forgets what it captured.
    app.outside.post("reset", &json!({})).await?;
    let output = app.fleetctl_output(&["reconcile", &today, "--json"]).await?;
    assert_eq!(output.status.code(), Some(1), "a person has to look");
    let report: Value = serde_json::from_slice(&output.stdout).context("the report")?;
    assert_eq!(kinds(&report).len(), 1, "{report:#}");
    let told = app.fleetctl_output(&["reconcile", &today]).await?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("topup-1001-"), "{told}");
    app.wait_until_idle().await?;
    assert_eq!(app.balance(1001).await?, "600");
    app.finish().await
}

#[tokio::test]
async fn the_days_that_are_over_are_compared_by_themselves() -> Result<()> {
    let app = App::start(
        AppOptions::whole()
            .setting("RULES__TIME_ZONE", &where_it_is_noon())
            .setting("SWEEPER__RECONCILE_LOOK", "1s"),
    )
    .await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.wait_until_idle().await?;
    let compared = "SELECT count(*) FROM reconciliations";
    eventually("the last three days' reports", async || {
        Ok((app.rows.count(compared).await? == 3).then_some(()))
    })
    .await?;
    // Today's payment has its day still before it, and nobody has to look at anything.
    let listed = "SELECT coalesce(sum(transactions), 0)::bigint FROM reconciliations";
    assert_eq!(app.rows.count(listed).await?, 0);
    let different = "SELECT count(*) FROM reconciliation_differences";
    assert_eq!(app.rows.count(different).await?, 0);
    app.finish().await
}

/// Yesterday's, as somebody compared it: one payment is settling, and so many are for a person.
fn yesterday_s(zone: &str, for_a_person: usize) -> Result<Reconciliation> {
    let difference = |number: usize| ReconciledDifference {
        reference: format!("topup-1-no-such-{number}"),
        kind: Difference::NotKnownHere,
        ours: None,
        theirs: Some("success".to_owned()),
        is_settling: number == 0,
    };
    Ok(Reconciliation {
        gateway: GATEWAY.to_owned(),
        day: today_in(zone)?.yesterday()?,
        transactions: 9,
        matched: 9,
        foreign: 0,
        differences: (0..=for_a_person).map(difference).collect(),
    })
}

#[tokio::test]
async fn every_sweeper_says_how_much_a_person_has_to_look_at_whoever_compared_and_after_a_restart()
-> Result<()> {
    let zone = where_it_is_noon();
    let mut app = App::start(
        AppOptions::only(&["sweeper"])
            .count("sweeper", 2)
            .setting("RULES__TIME_ZONE", &zone)
            .setting("SWEEPER__INTERVAL", "500ms"),
    )
    .await?;
    let store = store_on(app.space())?;
    for (round, for_a_person) in [2, 3, 0].into_iter().enumerate() {
        store
            .keep_reconciliation(&yesterday_s(&zone, for_a_person)?, &[])
            .await?;
        if round == 1 {
            app.fleet.worker("sweeper")?.kill9()?;
            app.fleet.add("sweeper").await?;
        }
        for sweeper in ["sweeper", "sweeper-2"] {
            let url = app.fleet.worker(sweeper)?.http_url();
            eventually(&format!("{for_a_person} differences in {sweeper}"), async || {
                let told = metric(&url, "topup_reconciliation_for_a_person").await?;
                Ok((told == for_a_person as f64).then_some(()))
            })
            .await?;
        }
    }
    app.finish().await
}

const GATEWAY: &str = "paystack";

/// Accounts whose card top-ups are with the gateway; all but the last are settled as captured.
async fn captured_but_one(library: &Library, accounts: i64) -> Result<Vec<Reference>> {
    library.list_prices().await?;
    let mut references = Vec::new();
    for account in 1..=accounts {
        let topup = library
            .send(&event(account).credits(50))
            .await?
            .context("a top-up")?;
        let intent = library.charges(sms_wallet(account), topup).await?;
        if account < accounts {
            let success = result_of(&intent, PaymentStatus::Success, ResultSource::Charge);
            library
                .store
                .settle_payment(&success, &settlement_policy())
                .await?;
        }
        references.push(intent.reference);
    }
    Ok(references)
}

fn accounts(count: i64) -> Vec<topup_tests::Account> {
    (1..=count)
        .map(|id| main_account(id).credits(150).card("AUTH_ok"))
        .collect()
}

#[tokio::test]
async fn every_captured_payment_of_a_day_is_found_page_by_page_and_nothing_else() -> Result<()> {
    let library = Library::with(&accounts(6)).await?;
    let references = captured_but_one(&library, 6).await?;
    let hour = SignedDuration::from_hours(1);
    let (from, to) = (Timestamp::now() - hour, Timestamp::now() + hour);
    let mut found = Vec::new();
    loop {
        let after = found.last().cloned();
        let page = library
            .store
            .captured_between(GATEWAY, from, to, after.as_ref(), 2)
            .await?;
        if page.is_empty() {
            break;
        }
        assert!(page.iter().all(|ours| ours.state == PaymentState::Succeeded));
        found.extend(page.into_iter().map(|ours| ours.reference));
    }
    let mut captured = references[..5].to_vec();
    captured.sort();
    assert_eq!(found, captured);
    let tomorrow = library
        .store
        .captured_between(GATEWAY, to, to + hour, None, 10)
        .await?;
    assert!(tomorrow.is_empty());
    let others = library
        .store
        .captured_between("another", from, to, None, 10)
        .await?;
    assert!(others.is_empty());

    // By their references, all are found, and what is none of ours is left out.
    let mut asked = references.clone();
    asked.push("topup-1-0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b".parse()?);
    asked.push("somebody-else".parse()?);
    let ours = library.store.payments_of(&asked).await?;
    assert_eq!(ours.len(), 6);
    assert_eq!(ours[0].amount.to_string(), "ZAR 352.47");
    Ok(())
}

#[tokio::test]
async fn a_day_s_report_is_kept_with_the_results_that_settle_it_and_a_later_one_takes_its_place() -> Result<()>
{
    let library = Library::with(&accounts(2)).await?;
    let references = captured_but_one(&library, 2).await?;
    let day = date(2026, 11, 21);
    assert_eq!(library.store.reconciliation(GATEWAY, day).await?, None);
    let difference = |reference: &str, kind, is_settling| ReconciledDifference {
        reference: reference.to_owned(),
        kind,
        ours: Some("charging".to_owned()),
        theirs: None,
        is_settling,
    };
    let mut report = Reconciliation {
        gateway: GATEWAY.to_owned(),
        day,
        transactions: 4,
        matched: 1,
        foreign: 1,
        differences: vec![
            difference(references[1].as_str(), Difference::NotSettledHere, true),
            difference("topup-1-no-such", Difference::NotKnownHere, false),
        ],
    };
    assert!(report.needs_a_person());
    let intent = library.store.payments_of(&references[1..]).await?;
    let result = topup_rules::message::PaymentResult {
        reference: references[1].clone(),
        gateway: GATEWAY.to_owned(),
        status: PaymentStatus::Success,
        amount_minor: Some(intent[0].amount.amount_minor),
        currency: Some(intent[0].amount.currency),
        gateway_transaction_id: None,
        reason: None,
        decline: None,
        card: None,
        source: ResultSource::Reconcile,
        mode: intent[0].mode,
        reversal_id: None,
        occurred_at: Timestamp::now(),
    };
    let messages = library.store.keep_reconciliation(&report, &[result]).await?;
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].queue, "payment-results");
    let (kept, _) = library
        .store
        .reconciliation(GATEWAY, day)
        .await?
        .context("a report")?;
    assert_eq!(kept, report);

    report.differences.remove(1);
    report.matched = 2;
    assert!(!report.needs_a_person());
    assert!(library.store.keep_reconciliation(&report, &[]).await?.is_empty());
    let (kept, _) = library
        .store
        .reconciliation(GATEWAY, day)
        .await?
        .context("a report")?;
    assert_eq!(kept, report);
    assert_eq!(library.store.reconciliation("another", day).await?, None);
    Ok(())
}
