//! Before the story and after it: building, starting, importing; how to go on.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use topup_stack::{Durability, Fleet, FleetOptions, Options, Stack, build_workspace};

use crate::broker::Broker;
use crate::narrate::Narrator;
use crate::operator;
use crate::samples;
use crate::sandbox::Sandbox;
use crate::stage::{SPACING, Stage};

/// The accounts of the story.
const ACCOUNTS: [i64; 3] = [1001, 1002, 1003];
/// The sample files as somebody in the workspace's root would type them.
const SAMPLES: &str = "infra/demo/samples";

/// Builds and starts everything, and imports what the story needs.
pub(crate) async fn set_up(narrator: &mut Narrator) -> Result<Stage> {
    narrator.title("Topup Fleet: a story in five chapters");
    narrator.paragraph(
        "Everything here is real and runs on this machine: RabbitMQ, PostgreSQL and the five workers. Only the \
         world outside is played, by a sandbox: the payment gateway, the SMS provider and the mail relay. No card \
         is charged, and no message leaves.",
    );
    narrator.gap();
    narrator.step("building the programs");
    tokio::task::spawn_blocking(build_workspace)
        .await
        .context("building")??;
    narrator.step("starting RabbitMQ and PostgreSQL (installed first, where they are missing)");
    let stack = Stack::start(Options {
        name: "demo".to_owned(),
        durability: Durability::Full,
    })
    .await?;
    narrator.step("making tables, queues and exchanges, and starting the workers");
    let space = stack.space("demo").await?;
    let spacing = format!("{}s", SPACING.as_secs());
    let env = BTreeMap::from([("TOPUP__RULES__CARD_SPACING".to_owned(), spacing)]);
    let fleet = Fleet::start(
        &space,
        FleetOptions {
            env,
            ..FleetOptions::default()
        },
    )
    .await?;
    narrator.step("importing prices and accounts");
    import(&fleet).await?;
    let events = stack.files().join("events");
    samples::write_events(&events)?;
    let sandbox = Sandbox::at(fleet.sandbox_url())?;
    let broker = Broker::connect(space.amqp_url()).await?;
    let stage = Stage {
        stack,
        fleet,
        sandbox,
        broker,
        events,
    };
    introduce(narrator, &stage).await?;
    Ok(stage)
}

async fn import(fleet: &Fleet) -> Result<()> {
    let path = |name| samples::dir().join(name).display().to_string();
    fleet.fleetctl(&["prices", &path(samples::PRICES)]).await?;
    fleet.fleetctl(&["import", &path(samples::ACCOUNTS)]).await?;
    Ok(())
}

async fn introduce(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    narrator.gap();
    for id in ACCOUNTS {
        let account = operator::account(&stage.fleet, id).await?;
        let wallet = account.sms()?;
        let settings = wallet.settings()?;
        let kind = match account.parent_id {
            Some(parent) => format!("{} account of {parent}", account.kind),
            None => format!("{} account", account.kind),
        };
        let source = match (&settings.card, account.parent_id) {
            (Some(card), _) => format!("bought with {}", card.name()),
            (None, Some(parent)) => format!("from account {parent}"),
            (None, None) => settings.method.clone(),
        };
        narrator.fact(
            &format!("account {id}"),
            &format!(
                "{kind}, {} credits; at {} it gets {} more, {source}",
                wallet.credits, settings.threshold, settings.quantity
            ),
        );
    }
    management(narrator, stage);
    narrator.gap();
    narrator.paragraph(&format!(
        "Between two card top-ups of one account lie 30 minutes. For this story they are shortened to {} seconds. \
         Times are offsets from the moment at which a file of events began to be published.",
        SPACING.as_secs()
    ));
    Ok(())
}

/// The management page, with what it asks for.
fn management(narrator: &mut Narrator, stage: &Stage) {
    let url = stage.fleet.space().management_url();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let (credentials, host) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    narrator.fact(
        "management page",
        &format!("{scheme}://{host}  user {user}, password {password}"),
    );
}

/// With everything left running.
pub(crate) fn how_to_look_around(narrator: &mut Narrator, stage: &Stage) {
    narrator.heading(None, "Everything is still running");
    management(narrator, stage);
    narrator.fact("virtual host", stage.fleet.space().vhost());
    narrator.fact("database", stage.fleet.space().database_url());
    narrator.fact("sandbox", &format!("{}/sandbox/mail", stage.fleet.sandbox_url()));
    narrator.fact("logs", &stage.logs().display().to_string());
    narrator.gap();
    narrator.paragraph("Ctrl-C stops it all.");
}

/// With everything stopped.
pub(crate) fn how_to_go_on(narrator: &mut Narrator) {
    narrator.heading(None, "Now you");
    narrator.paragraph("Everything is stopped again. To keep it running and look around:");
    narrator.gap();
    narrator.command("cargo up");
    narrator.command("set -a; . target/stack/env; set +a; echo $MANAGEMENT_URL");
    narrator.command("alias fleetctl=target/debug/fleetctl");
    narrator.command(&format!("fleetctl prices {SAMPLES}/{}", samples::PRICES));
    narrator.command(&format!("fleetctl import {SAMPLES}/{}", samples::ACCOUNTS));
    narrator.command("cargo demo events        # the sample events, moved to the present");
    narrator.command("fleetctl publish target/demo/events/1-threshold.ndjson");
    narrator.command("fleetctl why 1001");
    narrator.command("cargo down");
    narrator.gap();
    narrator.paragraph("Or the story once more, with everything left running at its end:");
    narrator.gap();
    narrator.command("cargo demo --keep");
    narrator.gap();
}
