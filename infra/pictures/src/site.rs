//! A site of our own in the browser: pages as a person meets them, on a telephone or a desk, by day or by night.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::browser::Browser;

/// Longest wait for something to appear on a page.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(25);

/// What a page is looked at on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// 390 pixels wide, as a telephone is.
    Phone,
    /// 1280 pixels wide.
    Desk,
}

/// How the reader's system is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// Light.
    Day,
    /// Dark.
    Night,
}

/// A command of the browser's own protocol, passed on by its driver.
#[derive(Debug)]
struct Own {
    command: &'static str,
    params: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.params});
        (http::Method::POST, Some(body.to_string()))
    }
}

/// A site, at its address: `http://127.0.0.1:8080`.
#[derive(Debug)]
pub struct Site<'a> {
    client: &'a Client,
    base: String,
}

impl<'a> Site<'a> {
    /// Nothing is opened yet.
    #[must_use]
    pub fn new(browser: &'a Browser, base: &str) -> Self {
        Self {
            client: browser.client(),
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    /// From now on pages are looked at so.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn look(&self, screen: Screen, light: Light) -> Result<()> {
        let (width, height, is_mobile) = match screen {
            Screen::Phone => (390, 844, true),
            Screen::Desk => (1280, 900, false),
        };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_mobile});
        self.own("Emulation.setDeviceMetricsOverride", metrics).await?;
        let value = match light {
            Light::Day => "light",
            Light::Night => "dark",
        };
        // Nothing is on its way from one colour to another while it is looked at.
        let features = json!({"media": "screen", "features": [
            {"name": "prefers-color-scheme", "value": value},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.own("Emulation.setEmulatedMedia", features).await.map(drop)
    }

    /// Gives the browser a cookie of this site.
    ///
    /// # Errors
    /// The browser is gone, or would not take it.
    pub async fn keep(&self, name: &str, value: &str) -> Result<()> {
        let cookie = json!({"name": name, "value": value, "url": self.base, "httpOnly": true});
        let kept = self.own("Network.setCookie", cookie).await?;
        ensure!(kept.get("success") == Some(&json!(true)), "a cookie: {kept}");
        Ok(())
    }

    /// Opens a page by its path, and waits for its heading.
    ///
    /// # Errors
    /// It does not appear.
    pub async fn open(&self, path: &str) -> Result<()> {
        let address = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.base),
        };
        self.client
            .goto(&address)
            .await
            .with_context(|| format!("opening {path}"))?;
        self.find("h1")
            .await
            .with_context(|| format!("opening {path}"))
            .map(drop)
    }

    /// Waits until a part of the page says something.
    ///
    /// # Errors
    /// It does not; what it says instead is in the error.
    pub async fn says(&self, selector: &str, text: &str) -> Result<()> {
        let script = "return Array.from(document.querySelectorAll(arguments[0]))
            .some(it => it.innerText.includes(arguments[1]));";
        let until = tokio::time::Instant::now() + PATIENCE;
        // Between two pages there is nothing to ask.
        while self
            .client
            .execute(script, vec![json!(selector), json!(text)])
            .await
            .ok()
            != Some(json!(true))
        {
            if tokio::time::Instant::now() >= until {
                let said = self.text(selector).await.unwrap_or_default();
                anyhow::bail!("{selector} does not say {text:?}, but: {said}");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// What a part of the page says.
    ///
    /// # Errors
    /// It is not there.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let found = self.find(selector).await?;
        found.text().await.with_context(|| format!("reading {selector}"))
    }

    /// An attribute of a part of the page.
    ///
    /// # Errors
    /// The part is not there.
    pub async fn attribute(&self, selector: &str, name: &str) -> Result<Option<String>> {
        let found = self.find(selector).await?;
        found
            .attr(name)
            .await
            .with_context(|| format!("reading {selector}"))
    }

    /// Types into a field what shall stand in it.
    ///
    /// # Errors
    /// It is not there.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let field = self.find(selector).await?;
        field
            .clear()
            .await
            .with_context(|| format!("clearing {selector}"))?;
        field
            .send_keys(text)
            .await
            .with_context(|| format!("typing into {selector}"))
    }

    /// Clicks.
    ///
    /// # Errors
    /// It is not there.
    pub async fn click(&self, selector: &str) -> Result<()> {
        let clicked = match self.find(selector).await?.click().await {
            // The page looked again by itself in between: it is there once more.
            Err(error) if error.is_stale_element_reference() => self.find(selector).await?.click().await,
            clicked => clicked,
        };
        clicked.with_context(|| format!("clicking {selector}"))
    }

    /// Presses a key, wherever the keyboard is.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn press(&self, key: Key) -> Result<()> {
        let here = self.client.active_element().await;
        let here = here.context("asking where the keyboard is")?;
        here.send_keys(&char::from(key).to_string())
            .await
            .context("pressing a key")
    }

    /// Asks the page's own scripting a question.
    ///
    /// # Errors
    /// The script is wrong, or the browser is gone.
    pub async fn asks(&self, script: &str, about: Vec<Value>) -> Result<Value> {
        self.client
            .execute(script, about)
            .await
            .context("asking the page")
    }

    /// The page on paper (PDF, A4).
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn paper(&self) -> Result<Vec<u8>> {
        let params = json!({"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true});
        let answer = self.own("Page.printToPDF", params).await?;
        let data = answer.get("data").and_then(Value::as_str).context("no paper")?;
        STANDARD.decode(data).context("reading the paper")
    }

    /// From now on pages are looked at as they are on paper, until the next look at a screen.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn look_at_paper(&self) -> Result<()> {
        self.own("Emulation.setEmulatedMedia", json!({"media": "print"}))
            .await
            .map(drop)
    }

    /// Where the browser is: path and query.
    ///
    /// # Errors
    /// It is gone.
    pub async fn path(&self) -> Result<String> {
        let address = self
            .client
            .current_url()
            .await
            .context("asking for the address")?;
        let query = address
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        Ok(format!("{}{query}", address.path()))
    }

    /// Waits until the browser is at a path that begins like this, of this site or another.
    ///
    /// # Errors
    /// It does not get there.
    pub async fn comes_to(&self, path: &str) -> Result<()> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let is_at = self.path().await?;
            if is_at.starts_with(path) {
                return Ok(());
            }
            ensure!(
                tokio::time::Instant::now() < until,
                "the browser is at {is_at}, not at {path}"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Lets the browser keep what it is sent as files, in this folder.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn files_go_to(&self, folder: &Path) -> Result<()> {
        let params = json!({"behavior": "allow", "downloadPath": folder});
        self.own("Browser.setDownloadBehavior", params).await.map(drop)
    }

    /// A picture (PNG) of the whole page, however long.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.own("Page.captureScreenshot", params).await?;
        let data = answer.get("data").and_then(Value::as_str).context("no picture")?;
        STANDARD.decode(data).context("reading the picture")
    }

    /// A picture (WebP) of what the screen shows, in few bytes.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn small_picture(&self) -> Result<Vec<u8>> {
        let params = json!({"format": "webp", "quality": 80});
        let answer = self.own("Page.captureScreenshot", params).await?;
        let data = answer.get("data").and_then(Value::as_str).context("no picture")?;
        STANDARD.decode(data).context("reading the picture")
    }

    /// What an address answers that is no page of the site: its text.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn read(&self, address: &str) -> Result<String> {
        let opening = self.client.goto(address).await;
        opening.with_context(|| format!("opening {address}"))?;
        self.text("body").await
    }

    /// What the checks for people who see badly or use no mouse find on the page: nothing, or an error with all of it.
    /// `checks`: their script.
    ///
    /// # Errors
    /// They find something, or do not run.
    pub async fn is_open_to_all(&self, checks: &str) -> Result<()> {
        let is_loaded = self.client.execute("return !!window.axe;", Vec::new()).await?;
        if is_loaded != json!(true) {
            let loading = self.client.execute(checks, Vec::new()).await;
            loading.context("loading the checks")?;
        }
        let run = "const done = arguments[arguments.length - 1];
            axe.run().then(found => done(found.violations.map(it =>
                it.id + ': ' + it.help + ' (' + it.nodes.map(node => node.target.join(' ')).join('; ') + ')')),
                wrong => done(['' + wrong]));";
        let found = self
            .client
            .execute_async(run, Vec::new())
            .await
            .context("running the checks")?;
        let found: Vec<String> = serde_json::from_value(found).context("reading what the checks found")?;
        ensure!(found.is_empty(), "{}: {}", self.path().await?, found.join("\n"));
        Ok(())
    }

    /// Whether anything of the page is wider than the screen.
    ///
    /// # Errors
    /// Something is.
    pub async fn fits(&self) -> Result<()> {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth;";
        let over = self.client.execute(script, Vec::new()).await?;
        ensure!(
            over == json!(0),
            "{} is {over} pixels too wide",
            self.path().await?
        );
        Ok(())
    }

    async fn own(&self, command: &'static str, params: Value) -> Result<Value> {
        let answer: Result<Value, CmdError> = self.client.issue_cmd(Own { command, params }).await;
        answer.with_context(|| format!("the browser's own command {command}"))
    }

    async fn find(&self, selector: &str) -> Result<Element> {
        let waiting = self.client.wait().at_most(PATIENCE).every(POLL);
        let found = waiting.for_element(Locator::Css(selector)).await;
        found.with_context(|| format!("looking for {selector}"))
    }
}
