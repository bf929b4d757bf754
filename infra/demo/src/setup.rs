//! Before the story and after it: building, starting, importing; how to go on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use topup_stack::{Durability, Fleet, FleetOptions, Options, Stack, build_workspace};

use crate::broker::Broker;
use crate::narrate::Narrator;
use crate::operator::{self, Operator};
use crate::samples;
use crate::sandbox::Sandbox;
use crate::stage::{Page, SHORTENED, SPACING, Stage};
use crate::visit;

/// The accounts of the story.
const ACCOUNTS: [i64; 4] = [1001, 1002, 1003, 1005];
/// The sample files as somebody in the workspace's root would type them.
const SAMPLES: &str = "infra/demo/samples";
const OWNER_ONLY: u32 = 0o600;

/// Builds and starts everything, and imports what the story needs.
pub(crate) async fn set_up(narrator: &mut Narrator) -> Result<Stage> {
    begin(narrator, "runs on this machine");
    narrator.step("building the programs");
    tokio::task::spawn_blocking(build_workspace)
        .await
        .context("building")??;
    narrator.step("starting RabbitMQ and PostgreSQL (installed first, where they are missing)");
    let stack = Stack::start(Options {
        name: "demo".to_owned(),
        durability: Durability::Full,
        ..Options::default()
    })
    .await?;
    narrator.step("making tables, queues and exchanges, and starting the workers");
    let space = stack.space("demo").await?;
    let env = SHORTENED
        .map(|(name, time)| (name.to_owned(), format!("{}s", time.as_secs())))
        .into();
    let fleet = Fleet::start(
        &space,
        FleetOptions {
            env,
            ..FleetOptions::default()
        },
    )
    .await?;
    let files = stack.files().to_owned();
    let stage = Stage {
        sandbox: Sandbox::at(fleet.sandbox_url())?,
        operator: Operator::Own(Box::new(fleet)),
        stack: Some(stack),
        broker: Broker::connect(space.amqp_url()).await?,
        page: Page::new(space.management_url(), space.vhost()),
        events: files.join("events"),
    };
    import(narrator, &stage, &files).await?;
    Ok(stage)
}

/// The first lines.
pub(crate) fn begin(narrator: &mut Narrator, runs: &str) {
    narrator.title("Topup Fleet: a story in six chapters");
    narrator.paragraph(&format!(
        "Everything here is real and {runs}: RabbitMQ, PostgreSQL and the whole fleet. Only the world outside is \
         played, by a sandbox: the payment gateway, the SMS provider and the mail relay. No card is charged, and no \
         message leaves."
    ));
    narrator.gap();
}

/// Imports what the story needs, from files that are put into `files`, and introduces it.
pub(crate) async fn import(narrator: &mut Narrator, stage: &Stage, files: &Path) -> Result<()> {
    narrator.step("importing prices and accounts");
    samples::write_imports(files)?;
    samples::write_events(&stage.events)?;
    for (command, name) in [("prices", samples::PRICES), ("import", samples::ACCOUNTS)] {
        let path = files.join(name).display().to_string();
        stage.operator.fleetctl(&[command, &path]).await?;
    }
    introduce(narrator, stage).await
}

async fn introduce(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    narrator.gap();
    for id in ACCOUNTS {
        let account = operator::account(&stage.operator, id).await?;
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
    let Page { url, login, vhost: _ } = &stage.page;
    let page = match login {
        Some((user, password)) => format!("{url}  user {user}, password {password}"),
        None => url.clone(),
    };
    narrator.fact("management page", &page);
}

/// With everything left running.
pub(crate) async fn how_to_look_around(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    narrator.heading(None, "Everything is still running");
    management(narrator, stage);
    narrator.fact("virtual host", &stage.page.vhost);
    narrator.fact("e-mails", &format!("{}/sandbox/mail", stage.sandbox.url()));
    let Operator::Own(fleet) = &stage.operator else {
        return Ok(());
    };
    if let Some(logs) = stage.logs() {
        narrator.fact("logs", &logs.display().to_string());
    }
    if let Some(pages) = fleet.edge_url() {
        narrator.step("waiting for the mail that lets a sample account into the Client Zone");
        let invitation = visit::invite(&stage.operator, &stage.sandbox).await?;
        visit::tell(narrator, &pages, &invitation);
    }
    let env = write_env(&fleet.env_of("fleetctl"))?;
    narrator.gap();
    narrator.paragraph("In another shell:");
    narrator.gap();
    narrator.command(&format!(". {}", relative(&env)));
    narrator.command("target/debug/fleetctl why 1001");
    narrator.gap();
    narrator.paragraph("Ctrl-C stops it all.");
    Ok(())
}

/// Every setting as a shell assignment that exports it, readable for its owner alone: there are passwords in it.
fn write_env(settings: &BTreeMap<String, String>) -> Result<PathBuf> {
    let path = demo_dir().join("env");
    let quoted = |value: &str| value.replace('\'', r"'\''");
    let mut text = "set -a\n".to_owned();
    for (name, value) in settings {
        text.push_str(&format!("{name}='{}'\n", quoted(value)));
    }
    text.push_str("set +a\n");
    fs::create_dir_all(demo_dir())
        .and_then(|()| {
            File::options()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(OWNER_ONLY)
                .open(&path)
        })
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// Where the demo leaves files for people.
pub(crate) fn demo_dir() -> PathBuf {
    topup_stack::workspace().join("target").join("demo")
}

/// A path as somebody in the workspace's root would type it.
pub(crate) fn relative(path: &Path) -> String {
    let path = path.strip_prefix(topup_stack::workspace()).unwrap_or(path);
    path.display().to_string()
}

/// With everything stopped.
pub(crate) fn how_to_go_on(narrator: &mut Narrator) {
    narrator.heading(None, "Now you");
    narrator.paragraph("Everything is stopped again. To keep it running and look around:");
    narrator.gap();
    narrator.command("cargo up");
    narrator.command(". target/stack/env          # every address and setting");
    narrator.command("PATH=$PWD/target/debug:$PATH");
    narrator.command(&format!("fleetctl prices {SAMPLES}/{}", samples::PRICES));
    narrator.command(&format!("fleetctl import {SAMPLES}/{}", samples::ACCOUNTS));
    narrator.command("cargo demo events           # the sample events, moved to the present");
    narrator.command("fleetctl publish target/demo/events/1-threshold.ndjson");
    narrator.command("fleetctl why 1001");
    narrator.command("cargo down");
    narrator.gap();
    narrator.paragraph(visit::PROMISE);
    narrator.gap();
    narrator.command("cargo demo sign-in");
    narrator.gap();
    narrator.paragraph("Or the story once more, with everything left running at its end:");
    narrator.gap();
    narrator.command("cargo demo --keep");
    narrator.gap();
}
