//! Which pictures there are, and what is done on the page for each.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::sleep;
use topup_pictures::{MAIN, Page};

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Overview,
    Connections,
    Connection,
    Channels,
    Queues,
    Queue,
    Delayed,
    Dead,
    Move,
    Exchanges,
    Users,
}

/// All, in the order in which the guide shows them, by the names of their files.
const PICTURES: [(&str, Picture); 11] = [
    ("overview", Picture::Overview),
    ("connections", Picture::Connections),
    ("connection", Picture::Connection),
    ("channels", Picture::Channels),
    ("queues", Picture::Queues),
    ("queue", Picture::Queue),
    ("delayed", Picture::Delayed),
    ("dead", Picture::Dead),
    ("move", Picture::Move),
    ("exchanges", Picture::Exchanges),
    ("users", Picture::Users),
];
/// Rows of tables in one shade each: half the bytes of a picture.
const PLAIN: &str = "const style = document.createElement('style');
    style.textContent = 'td, th, tr { background-image: none !important; }';
    document.head.append(style);";
/// A page has come to rest: nothing unrolls any more.
const REST: Duration = Duration::from_millis(500);

/// Takes all pictures, or one.
pub(crate) async fn take_all(page: &Page<'_>, into: &Path, only: Option<&str>) -> Result<()> {
    for (name, what) in PICTURES {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let picture = take(page, what)
            .await
            .with_context(|| format!("the picture {name}"))?;
        let path = into.join(format!("{name}.png"));
        fs::write(&path, &picture).with_context(|| format!("writing {}", path.display()))?;
        eprintln!("pictures: {} ({} KB)", path.display(), picture.len() / 1000);
    }
    Ok(())
}

async fn take(page: &Page<'_>, what: Picture) -> Result<Vec<u8>> {
    match what {
        Picture::Overview => {
            page.open("").await?;
            page.has(MAIN, "Global counts").await?;
            page.fold("Nodes").await?;
        }
        Picture::Connections => {
            page.open("connections").await?;
            page.has(MAIN, "sweeper@").await?;
        }
        Picture::Connection => {
            page.open("connections").await?;
            page.follow_in_row(&["sms-sent@", " consuming"]).await?;
            page.unfold("Client properties").await?;
            page.has(MAIN, "information").await?;
        }
        Picture::Channels => {
            page.open("channels").await?;
            page.has(MAIN, "running").await?;
        }
        Picture::Queues => {
            queues(page).await?;
            page.has(MAIN, "topup.unroutable").await?;
        }
        Picture::Queue => {
            page.open_queue("sms-sent").await?;
            page.unfold("Consumers").await?;
            page.has(MAIN, "x-topup-version").await?;
        }
        Picture::Delayed => {
            queues(page).await?;
            page.filter("queues", "delay").await?;
            page.has(MAIN, "Displaying 13").await?;
        }
        Picture::Dead => {
            page.open_queue("sms-sent.dead").await?;
            page.fold("Overview").await?;
            page.get_messages(2).await?;
        }
        Picture::Move => {
            // What the form above was asked for is of the picture before.
            page.open("").await?;
            page.open_queue("sms-sent.dead").await?;
            page.fold("Overview").await?;
            page.unfold("Move messages").await?;
            page.fill("input[name=dest-queue]", "sms-sent").await?;
        }
        Picture::Exchanges => {
            page.open("exchanges").await?;
            page.has(MAIN, "topup.dead").await?;
        }
        Picture::Users => {
            page.open("users").await?;
            page.has(MAIN, "guest").await?;
        }
    }
    page.run(PLAIN, Vec::new()).await?;
    sleep(REST).await;
    page.picture(MAIN).await
}

/// The list of queues, with who takes from each, and without the badges of features that a queue's own page spells out.
async fn queues(page: &Page<'_>) -> Result<()> {
    page.open("").await?;
    page.choose_column("queues", "consumers", true).await?;
    page.choose_column("queues", "features", false).await?;
    page.open("queues").await
}
