//! A browser without a screen, and the program that drives it; both gone at the latest when their user is.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use topup_stack::browser_programs;

/// How the driver says that it listens; its port follows.
const LISTENS: &str = "started successfully on port ";
/// Longest wait for driver or browser to begin or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Starts of the driver before giving up.
const DRIVER_TRIES: u32 = 5;
/// Columns and rows of the window, in pixels: high enough for any page of interest, so that nothing has to be scrolled.
const WINDOW: (u32, u32) = (1280, 3000);

/// How the browser is told that pages may run no scripts.
const SCRIPTS_BLOCKED: u8 = 2;

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    driver: Child,
}

impl Browser {
    /// Starts it, and installs it first where it is missing.
    ///
    /// # Errors
    /// It cannot be installed or does not start.
    pub async fn open() -> Result<Self> {
        Self::with(json!({})).await
    }

    /// The same, of somebody who lets no page run a script.
    ///
    /// # Errors
    /// It cannot be installed or does not start.
    pub async fn open_without_scripts() -> Result<Self> {
        Self::with(json!({"profile.managed_default_content_settings.javascript": SCRIPTS_BLOCKED})).await
    }

    async fn with(preferences: serde_json::Value) -> Result<Self> {
        let programs = browser_programs().await?;
        let (driver, port) = driver(&programs.driver).await?;
        let options = json!({
            "binary": programs.browser,
            "prefs": preferences,
            "args": [
                "--headless=new",
                // Who is root has no sandbox; the only pages visited are our own, on loopback.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--hide-scrollbars",
                // The browser ends when its driver does, however that came about.
                "--remote-debugging-pipe",
                format!("--window-size={},{}", WINDOW.0, WINDOW.1),
            ],
        });
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        let address = format!("http://127.0.0.1:{port}");
        let client = timeout(PATIENCE, builder.connect(&address))
            .await
            .context("waiting for the browser")?
            .context("starting the browser")?;
        Ok(Self { client, driver })
    }

    /// What it is told by.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Ends it.
    ///
    /// # Errors
    /// It did not end by itself; then it is killed.
    pub async fn close(mut self) -> Result<()> {
        timeout(PATIENCE, self.client.close())
            .await
            .context("waiting for the browser to end")?
            .context("ending the browser")?;
        self.driver.kill().await.context("ending the browser's driver")
    }
}

/// The driver, and the port that it listens on. It takes a free one for itself, and ends where the same number is not
/// free for the other family of addresses: then another try finds another.
async fn driver(program: &Path) -> Result<(Child, u16)> {
    let mut tries = 1;
    loop {
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let said = driver
            .stdout
            .take()
            .context("listening to the browser's driver")?;
        let port = timeout(PATIENCE, port_of(said)).await;
        match port.context("waiting for the browser's driver")? {
            Ok(port) => return Ok((driver, port)),
            Err(error) if tries >= DRIVER_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// The driver's port. What it says afterwards is read and forgotten, so that it never waits for a reader.
async fn port_of(said: ChildStdout) -> Result<u16> {
    let mut lines = BufReader::new(said).lines();
    let mut heard = String::new();
    while let Some(line) = lines
        .next_line()
        .await
        .context("listening to the browser's driver")?
    {
        if let Some((_, port)) = line.split_once(LISTENS) {
            let port = port.trim_end_matches('.').parse();
            let port = port.with_context(|| format!("reading the driver's port: {line}"))?;
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(port);
        }
        heard = line;
    }
    bail!("the browser's driver ended at once, having said: {heard}")
}
