//! A deploy of a new version, as [the steps for operators](../../infra/README.md) have it: the schema is brought up to
//! date while the old processes work, new ones are started beside them, the old ones are told to end; and back, and there
//! again. Load all the while.
//!
//! The old processes are those of the version before there was a test like this, built from the history. Where a clone's
//! history does not reach back to it, there is nothing to start, and the test says so.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join;
use topup_stack::{Fleet, WORKERS};
use topup_tests::{
    App, AppOptions, Checker, Event, Rows, event, eventually, main_account, programs_of, stack, store_on,
    sub_account,
};

/// The version before: tag `schema-5`.
const BEFORE: &str = "c08f183777531581a23519e1955bfcb0d10cfc59";

/// What a version to come might add: a column to everything that is written all the time.
const EXPAND: &str = "
    ALTER TABLE wallets ADD COLUMN to_come text;
    ALTER TABLE ledger ADD COLUMN to_come integer NOT NULL DEFAULT 0;
    ALTER TABLE topups ADD COLUMN to_come text;
    ALTER TABLE payments ADD COLUMN to_come integer NOT NULL DEFAULT 0;
    ALTER TABLE notices ADD COLUMN to_come text;
    ALTER TABLE outbox ADD COLUMN to_come text";
/// And what the one after it would take away, since nobody uses it any more.
const CONTRACT: &str = "
    ALTER TABLE wallets DROP COLUMN to_come;
    ALTER TABLE ledger DROP COLUMN to_come;
    ALTER TABLE topups DROP COLUMN to_come;
    ALTER TABLE payments DROP COLUMN to_come;
    ALTER TABLE notices DROP COLUMN to_come;
    ALTER TABLE outbox DROP COLUMN to_come";

/// Accounts, of which each is topped up once; in turn by a good card, by a bad one, and from the main.
const ACCOUNTS: i64 = 600;
/// The main.
const MAIN: i64 = 1;
/// Sends of one account before its turn is over: the last but a few of them trigger.
const SENDS: i64 = 20;
/// Sends that have to be recorded between two steps, so that every step is taken under load.
const BETWEEN: i64 = 300;

/// The sends of one account's turn.
fn turn(account: i64) -> Vec<Event> {
    (0..SENDS).map(|_| event(account)).collect()
}

/// Everybody, in the order of their turns.
fn turns() -> std::ops::Range<i64> {
    1_001..1_001 + ACCOUNTS
}

/// Waits until the load has gone on for a while.
async fn under_load(rows: &Rows) -> Result<()> {
    let before = rows.sends().await?;
    eventually("more sends in the ledger", async || {
        Ok((rows.sends().await? >= before + BETWEEN).then_some(()))
    })
    .await
}

/// The processes that were started first end when they are told to, and well.
async fn first_ones_end(fleet: &mut Fleet) -> Result<()> {
    for worker in WORKERS {
        let status = fleet.worker(worker)?.terminate().await?;
        ensure!(status.success(), "the old {worker}: {status}");
    }
    Ok(())
}

/// The deploy, step by step; back, since it was not the right one, and there again.
async fn deploy(fleet: &mut Fleet, rows: &Rows, old: &Path) -> Result<()> {
    let store = store_on(fleet.space())?;
    under_load(rows).await?;
    // The new version's operator's command.
    fleet.take_programs_from(None);
    fleet.fleetctl(&["migrate"]).await?;
    fleet.fleetctl(&["topology", "apply"]).await?;
    under_load(rows).await?;
    store.migrate_beyond(&[("V901__expand", EXPAND)], |_| {}).await?;
    under_load(rows).await?;
    for worker in WORKERS {
        fleet.add(worker).await?;
    }
    under_load(rows).await?;
    first_ones_end(fleet).await?;
    under_load(rows).await?;

    fleet.take_programs_from(Some(old.to_owned()));
    let refused = fleet.fleetctl_output(&["migrate"]).await?;
    ensure!(!refused.status.success(), "an old schema was put over a new one");
    for worker in WORKERS {
        fleet.add(worker).await?;
    }
    under_load(rows).await?;
    fleet.take_programs_from(None);
    first_ones_end(fleet).await?;
    under_load(rows).await?;

    let both = [("V901__expand", EXPAND), ("V902__contract", CONTRACT)];
    store.migrate_beyond(&both, |_| {}).await?;
    under_load(rows).await
}

#[tokio::test]
async fn old_and_new_processes_work_side_by_side_while_the_schema_grows_and_shrinks_under_them() -> Result<()>
{
    let Some(old) = programs_of(BEFORE).await? else {
        eprintln!("not tested: this clone's history does not reach back to {BEFORE}");
        return Ok(());
    };
    let options = AppOptions::whole()
        .programs(old.clone())
        .setting("SMS_SENT__BATCH_MAX", "50")
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "2s");
    let mut app = App::start_on(&stack().await?, options).await?;
    let everybody = turns().map(|id| match id % 3 {
        0 => main_account(id).credits(110).card("AUTH_declined"),
        1 => main_account(id).credits(110).card("AUTH_ok"),
        _ => sub_account(id, MAIN).credits(110).transfer(),
    });
    let main = main_account(MAIN).credits(500_000);
    app.import(&[main].into_iter().chain(everybody).collect::<Vec<_>>())
        .await?;

    let mut checker = Checker::new();
    let is_over = AtomicBool::new(false);
    let (fleet, broker, rows) = (&mut app.fleet, &app.broker, &app.rows);
    let sent = async {
        let mut sent = 0;
        for account in turns() {
            let events = turn(account);
            broker.publish(events.iter().map(Event::message)).await?;
            events.iter().for_each(|event| checker.accepted(event));
            sent += SENDS;
            let recorded = eventually("the sends of a turn", async || {
                Ok((rows.sends().await? >= sent).then_some(()))
            });
            recorded.await?;
            if is_over.load(Ordering::Relaxed) {
                return anyhow::Ok(account);
            }
        }
        anyhow::bail!("the load was over before the deploy was")
    };
    let deployed = async {
        let deployed = deploy(fleet, rows, &old).await;
        is_over.store(true, Ordering::Relaxed);
        deployed
    };
    let (sent, deployed) = join(sent, deployed).await;
    deployed.context("deploying")?;
    let last = sent?;

    app.wait_until_idle().await?;
    let verdict = checker.judge(&app).await?;
    verdict.must_be_clean()?;
    let of = |kind: i64| (1_001..=last).filter(|id| id % 3 == kind).count() as u64;
    assert_eq!((verdict.captures, verdict.disabled), (of(1), of(0)), "{verdict}");
    app.finish().await
}
