//! `pictures`: brings a small fleet into a telling state and photographs RabbitMQ's management page, for the guide, and
//! the Client Zone, for the README.

mod album;
mod client_zone;
mod stage;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use stage::Stage;
use topup_pictures::{Browser, Page};
use topup_stack::{Mode, Options, Stack, build_workspace, workspace};

#[derive(Parser)]
#[command(
    version,
    about = "Photographs RabbitMQ's management page for the operator's guide, and the Client Zone"
)]
struct Arguments {
    /// Where the pictures go
    #[arg(long, default_value_os_t = workspace().join("infra/pictures"))]
    into: PathBuf,
    /// One picture alone, by its name
    #[arg(long)]
    only: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pictures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    tokio::task::spawn_blocking(build_workspace)
        .await
        .context("building")??;
    let stack = Stack::start(Options {
        name: "pictures".to_owned(),
        mode: Some(Mode::Native),
        ..Options::default()
    })
    .await?;
    let only = arguments.only.as_deref();
    let mut taken = Ok(());
    if only.is_none_or(|only| only == client_zone::NAME) {
        let browser = Browser::open().await?;
        taken = client_zone::take(&stack, &browser, &arguments.into).await;
        browser.close().await?;
    }
    if taken.is_ok() && only != Some(client_zone::NAME) {
        taken = management_page(&stack, &arguments.into, only).await;
    }
    stack.stop().await;
    taken
}

async fn management_page(stack: &Stack, into: &Path, only: Option<&str>) -> Result<()> {
    eprintln!("pictures: a fleet in the middle of its work");
    let stage = Stage::set(stack).await?;
    let browser = Browser::open().await?;
    let management_url = &stack.addresses().management_url;
    let page = Page::log_in(&browser, management_url, stage.space.vhost()).await?;
    let taken = album::take_all(&page, into, only).await;
    browser.close().await?;
    stage.strike().await?;
    taken
}
