//! Least privilege: every process has a user and a role of its own, made by `fleetctl grants`. With them the fleet does
//! all that it does otherwise, and what a process has no need of is refused it.

use anyhow::{Context as _, Result, ensure};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use lapin::options::{BasicGetOptions, ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, ExchangeKind};
use topup_stack::workspace;
use topup_store::{HoldGrant, INDEXED_BY_FUNCTION_TO_BYTES, Role};
use topup_tests::{
    App, AppOptions, Broker, OwnUsers, Rows, event, eventually, main_account, raw, run, sms_wallet, store_at,
    store_on, sub_account,
};
use uuid::Uuid;

/// Whose processes use the database.
const WITH_ROLE: [&str; 6] = [
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
    "edge",
];

/// A sweeper that starts looks for such a card, and from then on once an hour.
const EXPIRES_SOON: &str = "UPDATE cards SET exp_month = extract(month FROM clock_timestamp()),
    exp_year = extract(year FROM clock_timestamp()) WHERE account_id = 1006";

/// A fleet that has much to do in little time: the days of its ledger begin and end while it runs, too.
fn busy() -> AppOptions {
    AppOptions::whole()
        .own_users()
        .spacing("3s")
        .sandbox("--pending", "1s")
        .setting("PAYSTACK__TIMEOUT", "1s")
        .setting("INQUIRIES__FIRST", "1s")
        .setting("INQUIRIES__MAX", "1s")
        .setting("SWEEPER__INTERVAL", "500ms")
        .setting("SWEEPER__OUTBOX_OVERDUE", "1s")
        .setting("SWEEPER__RECONCILE_AFTER", "0s")
        .setting("SWEEPER__RECONCILE_LOOK", "1s")
        .setting("RULES__WINDOW_BACK", "3d")
}

/// No finding of the doctor's is about what a user or role may do, nor about anything else that is theirs.
async fn may_do_its_part(app: &App, program: &str) -> Result<()> {
    let env = app.fleet.env_of(program);
    let settings: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&**name, &**value)).collect();
    let visit = run("fleetctl", &["doctor", "--json"], &settings).await?;
    let document: serde_json::Value = serde_json::from_slice(&visit.stdout)?;
    // The servers of tests may be set up to forget.
    let is_ours = |finding: &&serde_json::Value| {
        let what = finding["what"].as_str().unwrap_or_default();
        finding["severity"] == "error" && !["fsync", "full_page_writes"].iter().any(|it| what.contains(it))
    };
    let findings: Vec<_> = document["findings"]
        .as_array()
        .context("findings")?
        .iter()
        .filter(is_ours)
        .collect();
    ensure!(findings.is_empty(), "{program}: {findings:#?}");
    Ok(())
}

#[tokio::test]
async fn the_whole_story_is_played_by_processes_that_may_do_their_own_part_alone() -> Result<()> {
    let mut app = App::start(busy()).await?;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_ok").low_credit(120),
        main_account(1002).credits(150).card("AUTH_declined"),
        main_account(1003).credits(150).card("AUTH_5xx"),
        main_account(1004).credits(1000),
        sub_account(1005, 1004).credits(150).transfer(),
        main_account(1006).credits(150).card("AUTH_pending"),
    ])
    .await?;
    let sender = Broker::connect(&app.own_users()?.amqp_url("sender")?).await?;
    let sent = [1001, 1002, 1003, 1005, 1006].map(|account| event(account).credits(50).message());
    sender.publish(sent).await?;
    for (account, balance) in [
        (1001, "600"),
        (1002, "100"),
        (1003, "600"),
        (1004, "500"),
        (1005, "600"),
        (1006, "600"),
    ] {
        app.balance_becomes(account, "sms", balance).await?;
    }
    app.topup_in(1002, "sms", &["failed"]).await?;

    // Inside the spacing: it waits in the broker. One event that nobody can use is parked.
    sender
        .publish([event(1001).credits(500).message(), raw("no event at all")])
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.broker.dead("sms-sent", 1).await?;

    a_hold_is_used_and_expires(&app).await?;
    let before = app.rows.client();
    before.batch_execute(EXPIRES_SOON).await?;
    days_are_closed(&mut app).await?;
    what_is_left_over_is_swept(&app).await?;
    app.wait_until_idle().await?;
    people_look_and_act(&app).await?;
    for program in WITH_ROLE.into_iter().chain(["fleetctl"]) {
        may_do_its_part(&app, program).await?;
    }
    // Nobody was refused anything.
    app.finish().await
}

/// S5: its role may use it up and let it expire.
async fn a_hold_is_used_and_expires(app: &App) -> Result<()> {
    let store = store_on(app.space())?;
    let batch = Uuid::now_v7();
    let granted = store
        .grant_hold(
            sms_wallet(1004),
            batch,
            "20".parse()?,
            jiff::SignedDuration::from_hours(1),
        )
        .await?;
    ensure!(matches!(granted, HoldGrant::Granted { .. }), "{granted:?}");
    app.send(&[event(1004).credits(5).with("batch_id", batch.to_string())])
        .await?;
    let holds = async |condition: &str| {
        let count = format!("SELECT count(*) FROM holds WHERE used_milli = 5000 AND {condition}");
        Ok((app.rows.count(&count).await? == 1).then_some(()))
    };
    eventually("a hold that is used", async || holds("state = 'open'").await).await?;
    let over = "UPDATE holds SET expires_at = clock_timestamp()";
    app.rows.client().batch_execute(over).await?;
    eventually("an expired hold", async || holds("state = 'expired'").await).await
}

/// A row that its worker left in the outbox; and somebody was told of a card that is about to expire.
async fn what_is_left_over_is_swept(app: &App) -> Result<()> {
    app.rows
        .client()
        .batch_execute(
            "INSERT INTO outbox (account_id, queue, message_id, type, body, created_at)
             SELECT account_id, 'notifications', notification_id::text, 'notifications.v1',
                    convert_to(json_build_object('notification_id', notification_id, 'account_id', account_id,
                        'channel', channel, 'template', template, 'params', params)::text, 'UTF8'),
                    clock_timestamp() - interval '1 hour'
               FROM notices LIMIT 1",
        )
        .await?;
    eventually("an empty outbox, and a notice about the card", async || {
        let outbox = app.rows.count("SELECT count(*) FROM outbox").await?;
        let told = "SELECT count(*) FROM notices WHERE template = 'card-expiring' AND state = 'sent'";
        Ok((outbox == 0 && app.rows.count(told).await? == 2).then_some(()))
    })
    .await
}

/// S4: a sweeper with another window opens days ahead and closes those behind, though the ledger is not its own.
async fn days_are_closed(app: &mut App) -> Result<()> {
    app.fleet.worker("sweeper")?.terminate().await?;
    let window = [
        ("TOPUP__RULES__WINDOW_BACK", "1d"),
        ("TOPUP__RULES__WINDOW_AHEAD", "50h"),
    ];
    app.fleet.add_with("sweeper", &window).await?;
    let newest = Timestamp::now()
        .to_zoned(TimeZone::UTC)
        .date()
        .checked_add(9.days())?;
    let newest = newest.strftime("ledger_%Y_%m_%d").to_string();
    eventually("days that are closed and days that are opened", async || {
        let detached = "SELECT count(*) FROM closed_days WHERE detached_at IS NOT NULL";
        // One more where midnight passes meanwhile.
        let closed = app.rows.count(detached).await? >= 2;
        let sql = "SELECT count(*) FROM pg_inherits WHERE inhrelid = to_regclass($1::text)";
        let opened: i64 = app.rows.client().query_one(sql, &[&newest]).await?.get(0);
        Ok((closed && opened == 1).then_some(()))
    })
    .await
}

/// What the operator's user and role are for.
async fn people_look_and_act(app: &App) -> Result<()> {
    let yesterday = Timestamp::now()
        .to_zoned(TimeZone::UTC)
        .date()
        .yesterday()?
        .to_string();
    for command in [
        "topology apply",
        "topology check",
        "why 1001",
        "topup list",
        "status",
        "dead list",
        "dead redrive --all --yes --because test",
        "dead history",
        "pause notifications --reason test",
        "resume notifications --reason test",
        "adjust 1004 --credits -500 --reason test",
        "audit",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        app.fleetctl(&words).await.with_context(|| command.to_owned())?;
    }
    // Parked again: it still is no event. And whatever the gateway says of yesterday, its list can be kept.
    app.broker.dead("sms-sent", 1).await?;
    let reconciled = app.fleetctl_output(&["reconcile", &yesterday, "--json"]).await?;
    let said = String::from_utf8_lossy(&reconciled.stdout);
    ensure!(
        said.contains("transactions") || said.contains("matched"),
        "{said}"
    );
    Ok(())
}

/// What one user of the broker tries, and must not do.
enum Try {
    Take(&'static str),
    Publish(&'static str, &'static str),
    DeclareQueue(&'static str),
    DeclareExchange(&'static str),
}

async fn tried(channel: &Channel, what: &Try) -> Result<(), lapin::Error> {
    match what {
        Try::Take(queue) => {
            let taken = channel
                .basic_get((*queue).into(), BasicGetOptions::default())
                .await?;
            drop(taken);
            Ok(())
        }
        Try::Publish(exchange, key) => {
            channel
                .confirm_select(lapin::options::ConfirmSelectOptions::default())
                .await?;
            let options = lapin::options::BasicPublishOptions {
                mandatory: true,
                ..Default::default()
            };
            let confirm = channel.basic_publish(
                (*exchange).into(),
                (*key).into(),
                options,
                b"{}",
                Default::default(),
            );
            confirm.await?.await.map(drop)
        }
        Try::DeclareQueue(name) => {
            let declared = channel.queue_declare(
                (*name).into(),
                QueueDeclareOptions::durable(),
                FieldTable::default(),
            );
            declared.await.map(drop)
        }
        Try::DeclareExchange(name) => {
            let options = ExchangeDeclareOptions::default();
            channel
                .exchange_declare(
                    (*name).into(),
                    ExchangeKind::Fanout,
                    options,
                    FieldTable::default(),
                )
                .await
        }
    }
}

const REFUSED_BY_BROKER: [(&str, Try, &str); 27] = [
    (
        "sender",
        Try::Publish("topup", "payment-results"),
        "a forged result",
    ),
    (
        "sender",
        Try::Publish("topup", "topup-requested"),
        "a forged top-up",
    ),
    (
        "sender",
        Try::Publish("", "sms-sent"),
        "past the exchange for senders",
    ),
    (
        "sender",
        Try::Publish("", "payment-results"),
        "a forged result, past the exchange",
    ),
    (
        "sender",
        Try::Publish("topup.dead", "sms-sent"),
        "a forged dead letter",
    ),
    (
        "sender",
        Try::Publish("delay.v1.00", "0.0.0.0.0.0.0.0.0.0.0.1.payment-results"),
        "a delayed forgery",
    ),
    ("sender", Try::Take("sms-sent"), "others' sends"),
    ("sender", Try::DeclareQueue("anything"), "a queue"),
    ("sms-sent", Try::Take("payment-results"), "another's queue"),
    ("sms-sent", Try::Take("sms-sent.dead"), "dead letters"),
    (
        "sms-sent",
        Try::Publish("topup", "payment-results"),
        "a forged result by the senders' exchange",
    ),
    (
        "sms-sent",
        Try::Publish("topup.dead", "notifications"),
        "another's dead letters",
    ),
    (
        "sms-sent",
        Try::Publish("delay.v1.00", "0.0.0.0.0.0.0.0.0.0.0.1.payment-results"),
        "a delayed forgery",
    ),
    ("sms-sent", Try::DeclareQueue("sms-sent.mine"), "a queue"),
    ("sms-sent", Try::DeclareExchange("mine"), "an exchange"),
    ("topup-requested", Try::Take("sms-sent"), "another's queue"),
    ("payment-results", Try::Take("topup-requested"), "another's queue"),
    (
        "payment-results",
        Try::Publish("topup.dead", "sms-sent"),
        "another's dead letters",
    ),
    ("notifications", Try::Take("payment-results"), "another's queue"),
    (
        "notifications",
        Try::Publish("", "payment-results"),
        "a forged result",
    ),
    (
        "notifications",
        Try::Publish("topup", "payment-results"),
        "a forged result by the senders' exchange",
    ),
    (
        "notifications",
        Try::Publish("delay.v1.10", "0.1.0.0.0.0.0.0.0.0.0.0.topup-requested"),
        "a delayed forgery",
    ),
    ("sweeper", Try::Take("sms-sent"), "a queue"),
    ("edge", Try::Take("payment-results"), "what it published"),
    ("edge", Try::Publish("topup", "sms-sent"), "a send"),
    ("watcher", Try::Take("sms-sent"), "a queue"),
    ("watcher", Try::Publish("", "sms-sent"), "anything"),
];

/// The broker's own word for it.
fn is_refused(error: &lapin::Error) -> bool {
    error.to_string().contains("ACCESS_REFUSED") || error.to_string().contains("ACCESS-REFUSED")
}

async fn broker_refuses(own: &OwnUsers) -> Result<()> {
    for (user, what, name) in &REFUSED_BY_BROKER {
        let broker = Broker::connect(&own.amqp_url(user)?).await?;
        match tried(&broker.channel().await?, what).await {
            Err(error) if is_refused(&error) => {}
            other => anyhow::bail!("{user}: {name}: {other:?}"),
        }
    }
    Ok(())
}

const REFUSED_BY_DATABASE: [(&str, &str); 34] = [
    ("sms-sent", "SELECT authorization_code FROM cards"),
    ("sms-sent", "SELECT FROM cards"),
    ("sms-sent", "SELECT language FROM accounts"),
    ("sms-sent", "SELECT FROM payments"),
    ("sms-sent", "UPDATE topups SET state = 'succeeded'"),
    ("sms-sent", "UPDATE wallets SET auto_enabled = true"),
    ("topup-requested", "SELECT signature FROM cards"),
    (
        "topup-requested",
        "UPDATE cards SET authorization_code = 'AUTH_mine'",
    ),
    ("topup-requested", "UPDATE wallets SET auto_card_id = NULL"),
    (
        "topup-requested",
        "INSERT INTO price_tiers VALUES ('sms', 'ZAR', 0, 1, 0)",
    ),
    (
        "payment-results",
        "INSERT INTO payments (account_id) VALUES (1001)",
    ),
    (
        "payment-results",
        "UPDATE wallets SET low_credit_threshold_milli = 1",
    ),
    ("payment-results", "DELETE FROM reversals"),
    ("notifications", "UPDATE wallets SET balance_milli = 1000000"),
    ("notifications", "SELECT FROM wallets"),
    (
        "notifications",
        "INSERT INTO ledger VALUES (gen_random_uuid(), 1001, 'sms', 'adjustment', 1)",
    ),
    ("notifications", "UPDATE notices SET params = '{}'"),
    ("notifications", "SELECT cap_minor_per_month FROM accounts"),
    ("notifications", "SELECT FROM outbox"),
    ("sweeper", "UPDATE wallets SET balance_milli = 1000000"),
    (
        "sweeper",
        "INSERT INTO ledger VALUES (gen_random_uuid(), 1001, 'sms', 'adjustment', 1)",
    ),
    ("sweeper", "SELECT email FROM cards"),
    ("sweeper", "SELECT ledger_seal_day('wallets')"),
    (
        "sweeper",
        "SELECT ledger_detach_day(to_char(clock_timestamp(), '\"ledger_\"YYYY_MM_DD'))",
    ),
    ("sweeper", "ALTER TABLE ledger DISABLE TRIGGER ledger_append_only"),
    (
        "sms-sent",
        "SELECT ledger_seal_day(to_char(clock_timestamp(), '\"ledger_\"YYYY_MM_DD'))",
    ),
    // Who may call, an operator says, and nobody else.
    ("edge", "UPDATE access_tokens SET scopes = '{accounts}'"),
    ("edge", "UPDATE topups SET state = 'succeeded'"),
    ("edge", "INSERT INTO price_tiers VALUES ('sms', 'ZAR', 0, 1, 0)"),
    ("payment-results", "SELECT FROM access_tokens"),
    ("operator", "UPDATE topups SET state = 'succeeded'"),
    ("operator", "UPDATE payments SET state = 'succeeded'"),
    ("operator", "UPDATE operator_acts SET who = 'somebody else'"),
    ("operator", "DELETE FROM accounts"),
];

/// What nobody may do, whoever it is.
const REFUSED_TO_ALL: [&str; 6] = [
    "DELETE FROM ledger",
    "UPDATE ledger SET credits_milli = 0",
    "TRUNCATE ledger",
    "DROP TABLE closed_days",
    "CREATE TABLE mine (id int)",
    "DELETE FROM topup_steps",
];

async fn database_refuses(own: &OwnUsers) -> Result<()> {
    let by_all = Role::ALL.into_iter().filter(|role| *role != Role::Owner);
    let by_all = by_all.flat_map(|role| REFUSED_TO_ALL.map(|statement| (role.as_str(), statement)));
    for (role, statement) in REFUSED_BY_DATABASE.into_iter().chain(by_all) {
        let rows = Rows::connect(&own.database_url(role)?).await?;
        let tried = rows.client().batch_execute(statement).await;
        let code = tried.as_ref().err().and_then(|error| error.code());
        ensure!(
            code == Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE),
            "{role}: {statement}: {tried:?}"
        );
    }
    // Its owner could, so the trigger says no.
    let owner = Rows::connect(&own.database_url("owner")?).await?;
    for statement in &REFUSED_TO_ALL[..2] {
        let said = owner.client().batch_execute(statement).await;
        let code = said.as_ref().err().and_then(|error| error.code());
        ensure!(
            code == Some(&tokio_postgres::error::SqlState::RESTRICT_VIOLATION),
            "owner: {statement}: {said:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_a_process_has_no_need_of_is_refused_it() -> Result<()> {
    let app = App::start(AppOptions::only(&["sms-sent"]).own_users()).await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    app.send(&[event(1001).credits(1)]).await?;
    app.sends_recorded(1).await?;
    let own = app.own_users()?;
    broker_refuses(own).await?;
    database_refuses(own).await?;
    app.finish().await
}

/// Entries of a day that is over, more than are read as fast without an index.
const ENTRIES_OF_A_DAY: &str = "
    INSERT INTO ledger (event_id, account_id, service, kind, credits_milli, messages, sent_at)
    SELECT (lpad(to_hex(ms), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid, 1001, 'sms', 'send', -1000, 1,
           to_timestamp(ms / 1000.0)
      FROM (SELECT n, (extract(epoch FROM $1::text::timestamptz) * 1000)::bigint + n AS ms
              FROM generate_series(0, 1999::bigint) n) t";

/// The guide's statement by which the owner indexes a day, for the day of this table.
fn indexing(table: &str) -> Result<String> {
    let guide = std::fs::read_to_string(workspace().join("infra/README.md"))?;
    let line = guide
        .lines()
        .find(|line| line.starts_with("CREATE INDEX CONCURRENTLY"));
    let line = line.context("the statement")?;
    let (_, named) = line.split_once(" ON ").context("a table")?;
    let named = named.split_whitespace().next().context("a table")?;
    ensure!(named.starts_with("ledger_"), "{named}");
    Ok(line.replace(named, table))
}

#[tokio::test]
async fn a_day_too_large_for_the_sweeper_is_named_and_indexed_by_its_owner_as_the_guide_says() -> Result<()> {
    let app = App::start(AppOptions::only(&["sms-sent"]).own_users()).await?;
    // As much as is sent below, and one credit more.
    app.import(&[main_account(1001).credits(4_001)]).await?;
    let days = [2, 3].map(|days| {
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
        day.saturating_sub(days.days())
    });
    for day in days {
        let noon = day.strftime("%Y-%m-%d 12:00:00Z").to_string();
        app.rows.client().execute(ENTRIES_OF_A_DAY, &[&noon]).await?;
    }
    let taken = "UPDATE wallets SET balance_milli = 1000 WHERE account_id = 1001 AND service = 'sms'";
    app.rows.client().batch_execute(taken).await?;
    let own = app.own_users()?;
    let sweeper = store_at(&own.database_url("sweeper")?)?;
    let [newer, older] = days;
    // None is small enough.
    let ready = sweeper.ready_days(&TimeZone::UTC, 0).await?;
    assert_eq!(
        (&ready.too_large, &ready.indexed),
        (&vec![older, newer], &Vec::new())
    );
    assert!(
        ready.counted.contains(&newer) && ready.put_off.is_empty(),
        "{ready:?}"
    );

    let owner = Rows::connect(&own.database_url("owner")?).await?;
    let table = older.strftime("ledger_%Y_%m_%d").to_string();
    owner.client().batch_execute(&indexing(&table)?).await?;
    let ready = sweeper.ready_days(&TimeZone::UTC, 0).await?;
    assert_eq!(ready.too_large, [newer]);
    // With room for as much as there is as a rule, nobody need ask the owner.
    let ready = sweeper
        .ready_days(&TimeZone::UTC, INDEXED_BY_FUNCTION_TO_BYTES)
        .await?;
    assert_eq!((ready.indexed, ready.too_large), (vec![newer], Vec::new()));
    let ready = sweeper.ready_days(&TimeZone::UTC, 0).await?;
    assert!(ready.too_large.is_empty(), "{ready:?}");
    app.finish().await
}
