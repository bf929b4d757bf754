//! The database's server: restarted, killed, halted, turned into what only reads, without a connection left, and
//! without a byte left on its disk. Work waits, and every worker is back by itself within seconds.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;
use tokio_postgres::Client;
use topup_stack::{Act, Server};
use topup_tests::{
    App, AppOptions, Checker, Event, ask, event, eventually, main_account, metric, own_stack, session_on,
};

/// Who has to be back. The edge has no database.
const PROCESSES: [&str; 5] = [
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
];
/// Sends that wait for the database's return in each fault.
const SENDS: i64 = 100;
/// Whose they are.
const LARGE_ACCOUNT: i64 = 1;
/// The longest that anybody may take to be back. Five seconds is what is measured for; this is a machine that does
/// everything else beside it.
const BACK_MAX: Duration = Duration::from_secs(15);

/// What goes wrong with the server, and how that ends.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Restarted,
    Killed,
    Halted,
    OnlyReads,
    NoConnectionLeft,
}

const FAULTS: [Fault; 5] = [
    Fault::Restarted,
    Fault::Killed,
    Fault::Halted,
    Fault::OnlyReads,
    Fault::NoConnectionLeft,
];

/// How often workers have waited for the database so far.
async fn waits(app: &mut App) -> Result<f64> {
    let url = app.fleet.worker("sms-sent")?.http_url();
    metric(&url, "topup_database_waits_total").await
}

/// Waits until the debiting worker waits.
async fn is_noticed(app: &mut App, before: f64) -> Result<()> {
    eventually("a worker that waits for the database", async || {
        Ok((waits(app).await? > before).then_some(()))
    })
    .await
}

async fn set_read_only(app: &App, value: &str) -> Result<()> {
    let told = format!("ALTER SYSTEM SET default_transaction_read_only = '{value}'");
    app.rows.client().batch_execute(&told).await?;
    app.rows.client().batch_execute("SELECT pg_reload_conf()").await?;
    Ok(())
}

/// Takes every connection there is, and those of the fleet with them.
async fn take_every_connection(app: &App) -> Result<Vec<Client>> {
    let mut taken = Vec::new();
    let end_fleet = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name <> ''";
    eventually("no connection left for the fleet", async || {
        let of_fleet = app.rows.count(end_fleet).await?;
        while let Ok(one) = session_on(app.space()).await {
            taken.push(one);
        }
        Ok((of_fleet == 0).then_some(()))
    })
    .await?;
    Ok(taken)
}

impl Fault {
    /// Lets it happen while work comes in, and end when it was noticed. Returns the moment of its end.
    async fn happen(self, app: &mut App, sends: &[Event]) -> Result<Instant> {
        let stack = app.space().stack().clone();
        let act = async |act| stack.act(Server::Database, act).await;
        let before = waits(app).await?;
        match self {
            Self::Restarted | Self::Killed => {
                act(if matches!(self, Self::Killed) {
                    Act::Kill
                } else {
                    Act::Stop
                })
                .await?;
                app.send(sends).await?;
                is_noticed(app, before).await?;
                act(Act::Start).await?;
            }
            Self::Halted => {
                act(Act::Pause).await?;
                app.send(sends).await?;
                is_noticed(app, before).await?;
                act(Act::Resume).await?;
            }
            Self::OnlyReads => {
                set_read_only(app, "on").await?;
                app.send(sends).await?;
                is_noticed(app, before).await?;
                set_read_only(app, "off").await?;
            }
            Self::NoConnectionLeft => {
                let taken = take_every_connection(app).await?;
                app.send(sends).await?;
                is_noticed(app, before).await?;
                drop(taken);
            }
        }
        Ok(Instant::now())
    }
}

/// How long after the database's return every process was ready, and a fresh event was debited, its top-up charged
/// and credited, and its holder told.
#[derive(Debug)]
struct Back {
    ready_after: Duration,
    worked_after: Duration,
}

async fn all_ready(app: &mut App) -> Result<Option<()>> {
    for process in PROCESSES {
        let url = app.fleet.worker(process)?.http_url();
        if !ask(&url, "/readyz").await?.0.is_success() {
            return Ok(None);
        }
    }
    Ok(Some(()))
}

/// A fleet through every fault so many times, judged at the end.
async fn through_all(rounds: i64) -> Result<Vec<(Fault, Back)>> {
    let stack = own_stack("faults-database", 1).await?;
    let options = AppOptions::whole()
        .setting("DATABASE__STATEMENT_TIMEOUT", "3s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s")
        .setting("SWEEPER__INTERVAL", "1s")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__TOPUP_OVERDUE", "1s");
    let mut app = App::start_on(&stack, options).await?;
    let accounts = 1_000..1_000 + rounds * i64::try_from(FAULTS.len())?;
    let mut imported = vec![main_account(LARGE_ACCOUNT).credits(100_000)];
    imported.extend(
        accounts
            .clone()
            .map(|id| main_account(id).credits(101).card("AUTH_ok")),
    );
    app.import(&imported).await?;
    // In force from the next start on, which is the first fault's end: so few can all be taken.
    let fewer = "ALTER SYSTEM SET max_connections = 60";
    app.rows.client().batch_execute(fewer).await?;

    let mut checker = Checker::new();
    let mut measured = Vec::new();
    let mut sent = 0;
    for (account, fault) in accounts.zip(FAULTS.iter().copied().cycle()) {
        let sends: Vec<Event> = (0..SENDS).map(|_| event(LARGE_ACCOUNT)).collect();
        let over = fault
            .happen(&mut app, &sends)
            .await
            .with_context(|| format!("{fault:?}"))?;
        let fresh = event(account);
        app.send(std::slice::from_ref(&fresh)).await?;
        sends
            .iter()
            .chain([&fresh])
            .for_each(|event| checker.accepted(event));
        sent += SENDS + 1;
        eventually("a fleet that is ready again", async || all_ready(&mut app).await).await?;
        let ready_after = over.elapsed();
        app.see_again().await?;
        eventually("two notices", async || {
            let notices = app.rows.notices().await?.into_iter();
            let told = notices.filter(|it| it.account_id == account && it.state == "sent");
            Ok((told.count() == 2).then_some(()))
        })
        .await
        .with_context(|| format!("{fault:?}"))?;
        let worked_after = over.elapsed();
        app.sends_recorded(sent).await?;
        let back = Back {
            ready_after,
            worked_after,
        };
        eprintln!("{fault:?}: {back:.1?}");
        measured.push((fault, back));
    }
    app.wait_until_idle().await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.finish().await?;
    Ok(measured)
}

#[tokio::test]
async fn a_database_that_is_restarted_killed_halted_read_only_or_full_of_others_loses_and_doubles_nothing()
-> Result<()> {
    for (fault, back) in through_all(1).await? {
        ensure!(back.worked_after < BACK_MAX, "{fault:?}: {back:?}");
    }
    Ok(())
}

/// For people: medians and worst of five rounds.
#[tokio::test]
#[ignore = "a measurement of minutes"]
async fn how_soon_a_fleet_is_back_after_its_database() -> Result<()> {
    let measured = through_all(5).await?;
    let times = |of: fn(&Back) -> Duration| {
        let mut times: Vec<Duration> = measured.iter().map(|(_, back)| of(back)).collect();
        times.sort();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        format!(
            "median {median:.1?}, worst {:.1?}",
            times.last().copied().unwrap_or_default()
        )
    };
    eprintln!("ready: {}", times(|back| back.ready_after));
    eprintln!("worked: {}", times(|back| back.worked_after));
    Ok(())
}

/// A disk of a few hundred kilobytes. Unmounted when it is dropped.
struct TinyDisk(PathBuf);

impl TinyDisk {
    /// `None` where nobody may mount one here.
    async fn mount(path: &Path) -> Result<Option<Self>> {
        std::fs::create_dir(path)?;
        // Owned by whoever the server runs as; the directory inside is made by the caller.
        let mounted = run(
            "mount",
            &["-t", "tmpfs", "-o", "size=768k,mode=0777", "tiny", text(path)?],
        )
        .await?;
        Ok(mounted.then(|| Self(path.to_owned())))
    }

    async fn grow(&self) -> Result<()> {
        ensure!(
            run("mount", &["-o", "remount,size=64m", text(&self.0)?]).await?,
            "the disk can't be made larger"
        );
        Ok(())
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount")
            .arg("-l")
            .arg(&self.0)
            .status();
        if unmounted.is_ok_and(|status| status.success()) {
            let _left = std::fs::remove_dir(&self.0);
        }
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}

async fn run(program: &str, arguments: &[&str]) -> Result<bool> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    Ok(command.status().await.is_ok_and(|status| status.success()))
}

/// A real disk, where one may be mounted: as root, on Linux. What a full disk says is told to every worker, wherever
/// the specification runs, in `whatever_the_database_says_of_itself…`.
#[tokio::test]
async fn sends_wait_while_the_database_s_disk_is_full_and_are_debited_when_there_is_room() -> Result<()> {
    const EVENTS: i64 = 8_000;
    let path = std::env::temp_dir().join(format!("topup-tiny-disk-{}", std::process::id()));
    let Some(disk) = TinyDisk::mount(&path).await? else {
        eprintln!("no disk can be mounted here");
        std::fs::remove_dir(&path)?;
        return Ok(());
    };
    let stack = own_stack("faults-disk", 1).await?;
    let options = AppOptions::only(&["sms-sent"]).setting("SMS_SENT__BATCH_MAX", "200");
    let mut app = App::start_on(&stack, options).await?;
    app.import(&[main_account(LARGE_ACCOUNT).credits(100_000)])
        .await?;
    let first = event(LARGE_ACCOUNT);
    app.send(std::slice::from_ref(&first)).await?;
    app.sends_recorded(1).await?;

    // The day's ledger moves to the tiny disk, with its index.
    let location = path.join("space");
    std::fs::create_dir(&location)?;
    let owner = std::fs::metadata(stack_data(&app).await?)?;
    let (user, group) = (
        std::os::unix::fs::MetadataExt::uid(&owner),
        std::os::unix::fs::MetadataExt::gid(&owner),
    );
    std::os::unix::fs::chown(&location, Some(user), Some(group))?;
    let client = app.rows.client();
    let tablespace = format!("CREATE TABLESPACE tiny LOCATION '{}'", text(&location)?);
    client.batch_execute(&tablespace).await?;
    let day: String = client
        .query_one(
            "SELECT tableoid::regclass::text FROM ledger WHERE kind = 'send'",
            &[],
        )
        .await?
        .get(0);
    let index: String = client
        .query_one(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = $1::text::regclass",
            &[&day],
        )
        .await?
        .get(0);
    let moved =
        |to: &str| format!("ALTER TABLE {day} SET TABLESPACE {to}; ALTER INDEX {index} SET TABLESPACE {to}");
    client.batch_execute(&moved("tiny")).await?;

    let mut checker = Checker::new();
    checker.accepted(&first);
    let events: Vec<Event> = (0..EVENTS).map(|_| event(LARGE_ACCOUNT)).collect();
    let before = waits(&mut app).await?;
    app.send(&events).await?;
    events.iter().for_each(|event| checker.accepted(event));
    is_noticed(&mut app, before).await?;
    ensure!(app.rows.sends().await? < EVENTS, "there was room for all of them");
    disk.grow().await?;
    app.sends_recorded(EVENTS + 1).await?;
    checker.judge(&app).await?.must_be_clean()?;
    app.rows.client().batch_execute(&moved("pg_default")).await?;
    app.rows.client().batch_execute("DROP TABLESPACE tiny").await?;
    app.finish().await
}

/// Where the server keeps its data: it belongs to whoever it runs as.
async fn stack_data(app: &App) -> Result<String> {
    let row = app.rows.client().query_one("SHOW data_directory", &[]).await?;
    Ok(row.get(0))
}
