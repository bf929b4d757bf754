//! The management page: where to go, what to read, what to click.

use std::time::Duration;

use anyhow::{Context as _, Result};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};

use crate::browser::Browser;

/// What is shown of a page: everything below its menu.
pub const MAIN: &str = "#main";
/// The line above everything, with the user and the broker's version.
pub const HEAD: &str = "#head";
/// Longest wait for something to appear on a page.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// A page of the broker's, in one virtual host, that somebody has logged in to.
#[derive(Debug)]
pub struct Page<'a> {
    client: &'a Client,
    base: String,
    vhost: String,
}

impl<'a> Page<'a> {
    /// Logs in by the page's own form. `management_url` bears user and password: `http://user:password@host:port`.
    ///
    /// # Errors
    /// The address bears none, or the page let nobody in.
    pub async fn log_in(browser: &'a Browser, management_url: &str, vhost: &str) -> Result<Self> {
        let (scheme, rest) = management_url
            .split_once("://")
            .context("an address without a scheme")?;
        let (credentials, host) = rest.split_once('@').context("an address without a user")?;
        let (user, password) = credentials
            .split_once(':')
            .context("an address without a password")?;
        let page = Self {
            client: browser.client(),
            base: format!("{scheme}://{}", host.trim_end_matches('/')),
            vhost: vhost.to_owned(),
        };
        page.client.goto(&page.base).await.context("opening the page")?;
        page.fill("input[name=username]", user).await?;
        page.fill("input[name=password]", password).await?;
        page.find("#login input[type=submit]").await?.click().await?;
        page.find("#vhost-form, #vhost").await.context("logging in")?;
        Ok(page)
    }

    /// Opens a page by its address: `queues`, `connections`.
    ///
    /// # Errors
    /// It does not appear.
    pub async fn open(&self, path: &str) -> Result<()> {
        self.client.goto(&format!("{}/#/{path}", self.base)).await?;
        self.find("#main h1")
            .await
            .with_context(|| format!("opening the page {path}"))
            .map(drop)
    }

    /// Opens a queue's own page.
    ///
    /// # Errors
    /// It does not appear.
    pub async fn open_queue(&self, queue: &str) -> Result<()> {
        self.open(&format!("queues/{}/{queue}", self.vhost)).await?;
        self.has("#main h1", queue).await
    }

    /// Opens what stands folded under a heading, where it is.
    ///
    /// # Errors
    /// There is no such heading.
    pub async fn unfold(&self, heading: &str) -> Result<()> {
        // A heading is clicked once, and unrolls what is under it in its own time.
        let unfold = "const wanted = arguments[0];
            for (const h2 of document.querySelectorAll('#main h2')) {
                if (!h2.textContent.trim().startsWith(wanted)) continue;
                const under = h2.nextElementSibling;
                if (under && under.offsetHeight > 0) return !$(under).is(':animated');
                if (!h2.dataset.unfolded) { h2.dataset.unfolded = 'yes'; h2.click(); }
            }
            return false;";
        self.until(&format!("a heading {heading}"), unfold, vec![json!(heading)])
            .await
    }

    /// Folds up what stands under a heading.
    ///
    /// # Errors
    /// There is no such heading.
    pub async fn fold(&self, heading: &str) -> Result<()> {
        let fold = "const wanted = arguments[0];
            for (const h2 of document.querySelectorAll('#main h2')) {
                if (!h2.textContent.trim().startsWith(wanted)) continue;
                const under = h2.nextElementSibling;
                if (!under || under.offsetHeight == 0) return true;
                if (!h2.dataset.folded) { h2.dataset.folded = 'yes'; h2.click(); }
            }
            return false;";
        self.until(&format!("a heading {heading}"), fold, vec![json!(heading)])
            .await
    }

    /// Types into a list's own filter, and Enter.
    ///
    /// # Errors
    /// The list has none.
    pub async fn filter(&self, list: &str, text: &str) -> Result<()> {
        let typed = format!("{text}{}", char::from(Key::Enter));
        self.fill(&format!("#{list}-name"), &typed).await
    }

    /// Shows or hides a column of a list, as its '+/-' does, from the next time that the list is opened.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn choose_column(&self, list: &str, column: &str, is_shown: bool) -> Result<()> {
        let remember = "store_pref(arguments[0], arguments[1]); return true;";
        let arguments = vec![
            json!(format!("column-{list}-{column}")),
            json!(is_shown.to_string()),
        ];
        self.until("a column", remember, arguments).await
    }

    /// The text of everything that a selector finds, as it is shown; nothing where it finds nothing yet.
    ///
    /// # Errors
    /// The browser is gone.
    pub async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let all = "return Array.from(document.querySelectorAll(arguments[0]), it => it.innerText);";
        let texts = self.client.execute(all, vec![json!(selector)]).await?;
        serde_json::from_value(texts).context("reading the page")
    }

    /// Waits until a part of the page says something.
    ///
    /// # Errors
    /// It does not; what it says instead is in the error.
    pub async fn has(&self, selector: &str, text: &str) -> Result<()> {
        let says = "return Array.from(document.querySelectorAll(arguments[0]))
            .some(it => it.innerText.includes(arguments[1]));";
        let waiting = self
            .until("a text", says, vec![json!(selector), json!(text)])
            .await;
        if let Err(error) = waiting {
            let said = self.texts(selector).await?.join("\n");
            return Err(error.context(format!("{selector} does not say {text:?}, but: {said}")));
        }
        Ok(())
    }

    /// Looks at messages with the form 'Get messages', which puts them back.
    ///
    /// # Errors
    /// The form is not there, or nothing comes of it.
    pub async fn get_messages(&self, count: u32) -> Result<()> {
        self.unfold("Get messages").await?;
        self.fill(
            "form[action='#/queues/get'] input[name=count]",
            &count.to_string(),
        )
        .await?;
        self.click("form[action='#/queues/get'] input[type=submit]")
            .await?;
        self.has("#msg-wrapper", "Message 1").await
    }

    /// Moves all messages of the queue that is shown with the form 'Move messages'.
    ///
    /// # Errors
    /// The form is not there.
    pub async fn move_messages(&self, to: &str) -> Result<()> {
        self.unfold("Move messages").await?;
        self.fill(
            "form[action='#/shovel-parameters-move-messages'] input[name=dest-queue]",
            to,
        )
        .await?;
        self.click("form[action='#/shovel-parameters-move-messages'] input[type=submit]")
            .await
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
        let found = self.find(selector).await?;
        found
            .click()
            .await
            .with_context(|| format!("clicking {selector}"))
    }

    /// Clicks the first link whose text has this in it.
    ///
    /// # Errors
    /// There is none.
    pub async fn follow(&self, text: &str) -> Result<()> {
        let follow = "for (const a of document.querySelectorAll('#main a')) {
                if (a.innerText.includes(arguments[0])) { a.click(); return true; }
            }
            return false;";
        self.until(&format!("a link {text}"), follow, vec![json!(text)])
            .await
    }

    /// Clicks the first link of the first row of a table that says all of these.
    ///
    /// # Errors
    /// There is none.
    pub async fn follow_in_row(&self, texts: &[&str]) -> Result<()> {
        let follow = "for (const row of document.querySelectorAll('#main tbody tr')) {
                const link = row.querySelector('a');
                if (!link || !arguments.every(text => row.innerText.includes(text))) continue;
                link.click();
                return true;
            }
            return false;";
        let follow = format!("return (arguments => {{ {follow} }})(arguments[0]);");
        self.until(&format!("a row of {texts:?}"), &follow, vec![json!(texts)])
            .await
    }

    /// Does something to the page that is no use of it: hides what a picture is not about.
    ///
    /// # Errors
    /// The script failed.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        self.client
            .execute(script, arguments)
            .await
            .context("running a script on the page")
    }

    /// Waits until a script returns true.
    ///
    /// # Errors
    /// It did not in time.
    pub async fn until(&self, what: &str, script: &str, arguments: Vec<Value>) -> Result<()> {
        let until = tokio::time::Instant::now() + PATIENCE;
        while self.run(script, arguments.clone()).await? != json!(true) {
            anyhow::ensure!(tokio::time::Instant::now() < until, "waited in vain for {what}");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// A picture (PNG) of what a selector finds first.
    ///
    /// # Errors
    /// It is not there.
    pub async fn picture(&self, selector: &str) -> Result<Vec<u8>> {
        let part = self.find(selector).await?;
        part.screenshot()
            .await
            .with_context(|| format!("taking a picture of {selector}"))
    }

    async fn find(&self, selector: &str) -> Result<Element> {
        let waiting = self.client.wait().at_most(PATIENCE).every(POLL);
        let found = waiting.for_element(Locator::Css(selector)).await;
        found.with_context(|| format!("looking for {selector}"))
    }
}
