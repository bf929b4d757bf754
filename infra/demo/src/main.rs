//! `cargo demo`: sets everything up, plays the fleet's main job on sample events, and tells it as it happens.
//!
//! The real programs run on a broker and a database of their own; a sandbox plays the payment gateway, the SMS
//! provider and the mail relay. Each chapter of the [`story`] checks what it tells against what the sandbox and
//! the database saw, and the first thing that is not as told ends the demo with exit status 1. `elsewhere` tells the
//! same story on a fleet that somebody else started.
//!
//! Left out: anything that only a test can show (faults, races, load). The demo waits on what happens, never on
//! time alone, and every wait is bounded.

mod broker;
mod elsewhere;
mod narrate;
mod operator;
mod samples;
mod sandbox;
mod setup;
mod stage;
mod story;
mod visit;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};

use narrate::Narrator;
use stage::{NotAsTold, Stage};

/// Plays the fleet's main job on sample events, and tells it as it happens.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", max_term_width = 100)]
struct Cli {
    /// Leave everything running after the story, until Ctrl-C
    #[arg(long)]
    keep: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the sample events, moved to the present, into target/demo/events, to publish by hand
    Events,
    /// Say where the Client Zone of the fleet is that `cargo up` started, and by which link a sample account gets in
    #[command(after_help = visit::HELP)]
    SignIn,
    /// Tell the story on a fleet that runs already, on a sandbox and without accounts: in containers, for example
    #[command(after_help = elsewhere::HELP)]
    Elsewhere,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut narrator = Narrator::on_stdout();
    let result = match cli.command {
        Some(Command::Events) => write_events(&mut narrator),
        Some(Command::SignIn) => visit::sign_in(&mut narrator).await,
        Some(Command::Elsewhere) => match elsewhere::set_up(&mut narrator).await {
            Ok(stage) => play(&mut narrator, stage, cli.keep).await,
            Err(error) => Err(error),
        },
        None => match setup::set_up(&mut narrator).await {
            Ok(stage) => play(&mut narrator, stage, cli.keep).await,
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            narrator.failure(&error);
            ExitCode::FAILURE
        }
    }
}

async fn play(narrator: &mut Narrator, stage: Stage, keep: bool) -> Result<()> {
    let played = tokio::select! {
        played = story::tell(narrator, &stage) => played,
        pressed = ctrl_c() => pressed.and_then(|()| bail!("stopped by Ctrl-C")),
    };
    match played {
        Ok(()) if keep => tokio::select! {
            told = setup::how_to_look_around(narrator, &stage) => {
                told?;
                ctrl_c().await?;
            }
            pressed = ctrl_c() => pressed?,
        },
        Ok(()) => {}
        Err(error) => return Err(with_logs(error, &stage)),
    }
    let was_own = stage.stack.is_some();
    stage.stop().await?;
    if was_own {
        setup::how_to_go_on(narrator);
    }
    Ok(())
}

/// Where to look, for whoever has to find out why.
fn with_logs(error: anyhow::Error, stage: &Stage) -> anyhow::Error {
    let Some(logs) = stage.logs() else {
        return error;
    };
    let logs = logs.display().to_string();
    match error.downcast::<NotAsTold>() {
        Ok(not_as_told) => not_as_told.with_logs(logs).into(),
        Err(error) => error.context(format!("the story broke off; logs are in {logs}")),
    }
}

async fn ctrl_c() -> Result<()> {
    tokio::signal::ctrl_c().await.context("listening for Ctrl-C")
}

fn write_events(narrator: &mut Narrator) -> Result<()> {
    let dir = setup::demo_dir().join("events");
    let names = samples::write_events(&dir)?;
    narrator.paragraph(
        "The sample events, moved to the present so that they fall into the ledger's open window:",
    );
    for name in names {
        narrator.command(&setup::relative(&dir.join(name)));
    }
    Ok(())
}
