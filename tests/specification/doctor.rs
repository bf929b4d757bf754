//! What can be wrong with a set-up, each really broken, and each found with its reason and its remedy.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};
use topup_stack::Space;
use topup_tests::{Broker, command, eventually, migrated_space, run};

use crate::clock::clock_library;

/// A user that may declare and look, but not publish, nor take from one queue.
const USER: &str = "half-allowed";
const PASSWORD: &str = "half-allowed";

/// What the doctor finds, as `part: what` by severity, with the exit status.
struct Visit {
    code: Option<i32>,
    errors: Vec<String>,
    document: Value,
}

async fn visit(settings: &[(&str, &str)]) -> Result<Visit> {
    let output = run("fleetctl", &["doctor", "--json"], settings).await?;
    let document: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let findings = document["findings"].as_array().context("findings")?;
    for finding in findings {
        for field in ["part", "what", "why", "mend"] {
            let text = finding[field].as_str().context(field)?;
            ensure!(!text.is_empty(), "no {field}: {finding}");
        }
    }
    let errors = findings.iter().filter(|finding| finding["severity"] == "error");
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let errors = errors.map(|finding| format!("{}: {}", text(finding, "part"), text(finding, "what")));
    Ok(Visit {
        code: output.status.code(),
        errors: errors.collect(),
        document: document.clone(),
    })
}

impl Visit {
    fn finds(&self, part: &str, words: &[&str]) {
        let found = self
            .errors
            .iter()
            .any(|error| error.starts_with(part) && words.iter().all(|word| error.contains(word)));
        assert!(found, "{part}: {words:?} is not among {:#?}", self.errors);
    }
}

/// Declares a queue as somebody else would.
async fn declare(broker: &Broker, queue: &str, arguments: &[(&str, AMQPValue)]) -> Result<()> {
    broker.delete(queue).await?;
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert((*name).into(), value.clone());
    }
    let channel = broker.channel().await?;
    let declared = channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), table);
    declared.await.map(drop).context("declaring")
}

async fn break_broker(space: &Space) -> Result<()> {
    let broker = Broker::connect(space.amqp_url()).await?;
    declare(&broker, "notifications", &[]).await?;
    let quorum = AMQPValue::LongString("quorum".into());
    declare(&broker, "payment-results", &[("x-queue-type", quorum)]).await?;
    let management = space.stack().management()?;
    let vhost = space.vhost();
    let policy =
        json!({"pattern": "^delay\\.v1\\.10$", "definition": {"message-ttl": 1000}, "apply-to": "queues"});
    management
        .put(&format!("/api/policies/{vhost}/hasty"), &policy)
        .await?;
    // It takes the broker a moment.
    eventually("a policy in force", async || {
        let queues = management.get(&format!("/api/queues/{vhost}")).await?;
        let mut queues = queues.as_array().into_iter().flatten();
        let in_force = queues.any(|queue| queue["effective_policy_definition"]["message-ttl"] == 1000);
        Ok(in_force.then_some(()))
    })
    .await?;
    management
        .put(
            &format!("/api/users/{USER}"),
            &json!({"password": PASSWORD, "tags": "management"}),
        )
        .await?;
    let allowed = json!({"configure": ".*", "write": "^(topup|delay).*", "read": "^(?!topup-requested$).*"});
    management
        .put(&format!("/api/permissions/{vhost}/{USER}"), &allowed)
        .await
}

async fn break_database(space: &Space) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(space.database_url(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    let database = space.database();
    client
        .batch_execute(&format!(
            "ALTER DATABASE \"{database}\" SET synchronous_commit = off;
             ALTER DATABASE \"{database}\" SET default_transaction_isolation = 'serializable';
             DELETE FROM refinery_schema_history WHERE version = (SELECT max(version) FROM refinery_schema_history)"
        ))
        .await
        .context("breaking the database")
}

/// A worker's clock, while this machine's, the broker's and the database's are right.
async fn a_clock_that_is_wrong_is_found(space: &Space, library: &Path) -> Result<()> {
    let settings = [
        ("TOPUP__AMQP__URL", space.amqp_url()),
        ("TOPUP__AMQP__MANAGEMENT_URL", space.management_url()),
        ("TOPUP__DATABASE__URL", space.database_url()),
        ("LD_PRELOAD", library.to_str().context("a path")?),
        ("CLOCK_AHEAD_S", "-10"),
    ];
    let mut worker = tokio::process::Command::from(command("sms-sent", &settings).await?);
    let worker = worker
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let named = format!("sms-sent#{}", worker.id().context("it has ended")?);
    let visit = eventually("a worker that has compared its clock", async || {
        let visit = visit(&settings[..3]).await?;
        Ok(visit.document.to_string().contains(&named).then_some(visit))
    })
    .await?;
    visit.finds("clocks", &[&named, "s behind the database's"]);
    Ok(())
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_set_up_is_found_with_its_remedy() -> Result<()> {
    let space = migrated_space().await?;
    let settings = [
        ("TOPUP__AMQP__URL", space.amqp_url()),
        ("TOPUP__AMQP__MANAGEMENT_URL", space.management_url()),
        ("TOPUP__DATABASE__URL", space.database_url()),
    ];
    let applied = run("fleetctl", &["topology", "apply"], &settings).await?;
    ensure!(applied.status.success(), "{applied:?}");
    let healthy = visit(&settings).await?;
    // The servers of tests may be set up to forget.
    let of_the_set_up = |error: &String| !["fsync", "full_page_writes"].iter().any(|it| error.contains(it));
    assert!(!healthy.errors.iter().any(of_the_set_up), "{:#?}", healthy.errors);
    assert_eq!(healthy.code, Some(i32::from(!healthy.errors.is_empty())));
    // No process is alive, and that is said.
    assert!(
        healthy
            .document
            .to_string()
            .contains("no sweeper says that it is alive")
    );

    let library = clock_library(space.stack()).await?;
    a_clock_that_is_wrong_is_found(&space, &library).await?;
    break_broker(&space).await?;
    break_database(&space).await?;
    let (_, address) = space.amqp_url().rsplit_once('@').context("an address")?;
    let half_allowed = format!("amqp://{USER}:{PASSWORD}@{address}");
    let broken = [
        settings[1],
        settings[2],
        ("TOPUP__AMQP__URL", half_allowed.as_str()),
        ("LD_PRELOAD", library.to_str().context("a path")?),
        ("CLOCK_AHEAD_S", "10"),
    ];
    let visit = visit(&broken).await?;
    assert_eq!(visit.code, Some(1));
    visit.finds("broker", &["notifications", "not a durable quorum queue"]);
    visit.finds("broker", &["payment-results", "x-dead-letter-exchange"]);
    visit.finds("broker", &["delay.v1.10", "message-ttl = 1000"]);
    visit.finds("broker", &[USER, "may not write amq.default"]);
    visit.finds("broker", &[USER, "may not read topup-requested"]);
    visit.finds("clocks", &["database", "behind"]);
    visit.finds("clocks", &["broker", "behind"]);
    visit.finds("database", &["synchronous_commit is off"]);
    visit.finds("database", &["serializable"]);
    visit.finds("database", &["migrations are missing"]);

    // Nobody there at all is a finding, too, and says what was not looked at.
    let nowhere = [
        ("TOPUP__AMQP__URL", "amqp://topup:secret@127.0.0.1:1/v"),
        ("TOPUP__AMQP__MANAGEMENT_URL", "http://127.0.0.1:1"),
        ("TOPUP__DATABASE__URL", "postgres://topup:secret@127.0.0.1:1/d"),
    ];
    let alone = self::visit(&nowhere).await?;
    assert_eq!(alone.code, Some(1));
    alone.finds("broker", &["it can't be used"]);
    alone.finds("database", &["it can't be asked"]);
    let said = alone.document.to_string();
    assert!(
        said.contains("were not looked at") && !said.contains("secret"),
        "{said}"
    );
    space
        .stack()
        .management()?
        .delete(&format!("/api/users/{USER}"))
        .await?;
    space.remove().await
}
