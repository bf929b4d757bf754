//! The Client Zone as its visitors see it, for the README: somebody signs in by the mailed link, and is about to buy.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use topup_pictures::{Browser, Light, Screen, Site};
use topup_stack::{Fleet, FleetOptions, Stack, workspace};

/// The picture's name.
pub(crate) const NAME: &str = "client-zone";
/// Of the sample accounts, the one that is visited, and who visits it.
const ACCOUNT: &str = "1001";
const EMAIL: &str = "accounts@example.com";
const PASSWORD: &str = "correct horse battery";
/// What a link to choose a password by goes on with, behind the pages' address.
const LINK: &str = "/password?link=";
/// Longest wait for the mail, which the sweeper sends on its way.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(200);

/// Takes it, of a fleet of its own.
pub(crate) async fn take(stack: &Stack, browser: &Browser, into: &Path) -> Result<()> {
    let space = stack.space(NAME).await?;
    let fleet = Fleet::start(&space, FleetOptions::default()).await?;
    for (command, file) in [("prices", "prices.ndjson"), ("import", "accounts.ndjson")] {
        let path = workspace().join("infra/demo/samples").join(file);
        fleet.fleetctl(&[command, &path.display().to_string()]).await?;
    }
    let pages = fleet.edge_url().context("a fleet without pages")?;
    let site = Site::new(browser, &pages);
    sign_in(&fleet, &site, &pages).await?;
    site.look(Screen::Desk, Light::Day).await?;
    site.open("/buy?service=sms&credits=500").await?;
    site.says("#pay-card", "by card").await?;
    let picture = site.small_picture().await?;
    let path = into.join(format!("{NAME}.webp"));
    fs::write(&path, &picture).with_context(|| format!("writing {}", path.display()))?;
    eprintln!("pictures: {} ({} KB)", path.display(), picture.len() / 1000);
    fleet.stop().await
}

async fn sign_in(fleet: &Fleet, site: &Site<'_>, pages: &str) -> Result<()> {
    let login = [
        "login",
        "add",
        "--account",
        ACCOUNT,
        "--email",
        EMAIL,
        "--at",
        pages,
    ];
    fleet.fleetctl(&login).await?;
    let link = mailed_link(fleet, site).await?;
    site.open(&link).await?;
    site.fill("#password", PASSWORD).await?;
    site.fill("#again", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("h1", "Your password is set").await?;
    site.open("/sign-in").await?;
    site.fill("#email", EMAIL).await?;
    site.fill("#password", PASSWORD).await?;
    site.click("main form button").await?;
    site.says("h1", "Your credits").await
}

/// Out of the mailbox that the sandbox plays.
async fn mailed_link(fleet: &Fleet, site: &Site<'_>) -> Result<String> {
    let mailbox = format!("{}/sandbox/mail", fleet.sandbox_url());
    let until = Instant::now() + PATIENCE;
    loop {
        let mails = site.read(&mailbox).await?;
        let mails: Vec<Value> = serde_json::from_str(&mails).context("reading the mailbox")?;
        let mut texts = mails.iter().filter_map(|mail| mail.get("text")?.as_str());
        if let Some(link) = texts.find_map(link) {
            return Ok(link.to_owned());
        }
        ensure!(Instant::now() < until, "no mail with a link came to {EMAIL}");
        sleep(POLL).await;
    }
}

/// The link in a mail's text.
fn link(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| word.contains(LINK))
}
