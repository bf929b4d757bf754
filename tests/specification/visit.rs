//! Somebody who visits the Client Zone in a real browser: by its own links and forms, on a telephone and on a desk, by day
//! and by night, with the checks for people who see badly or use no mouse. Pictures: `target/pictures/client-zone`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use secrecy::ExposeSecret as _;
use topup_pictures::{Browser, Light, Screen, Site};
use topup_stack::python_tools;
use topup_store::LoginMade;
use topup_tests::{App, account_id, store_on};

/// Who signs in, and by what.
pub(crate) const EMAIL: &str = "ops@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The gateway's test cards: one that pays, one that does not, and one whose bank asks first.
pub(crate) const CARD_OK: &str = "4084084084084081";
pub(crate) const CARD_DECLINED: &str = "4084080000005408";
pub(crate) const CARD_3DS: &str = "4084080000000409";
/// The cookie of a session, of an edge that is called without TLS.
const SESSION_COOKIE: &str = "topup-session";

/// A site, and what looks at it.
pub(crate) struct Visit<'a> {
    pub(crate) site: Site<'a>,
    checks: String,
    into: PathBuf,
}

impl<'a> Visit<'a> {
    /// By somebody who is not signed in.
    pub(crate) async fn begin(browser: &'a Browser, app: &mut App) -> Result<Self> {
        let into = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/pictures/client-zone");
        fs::create_dir_all(&into).context("making a folder for pictures")?;
        let checks = fs::read_to_string(python_tools().await?.axe_script).context("reading the checks")?;
        let site = Site::new(browser, &app.edge_url()?);
        site.look(Screen::Desk, Light::Day).await?;
        Ok(Self { site, checks, into })
    }

    /// By the holder of an account, who signed in some time ago; whoever was here before is not any more.
    pub(crate) async fn signed_in(browser: &'a Browser, app: &mut App, account: i64) -> Result<Self> {
        let visit = Self::begin(browser, app).await?;
        visit.is_now(app, account).await?;
        Ok(visit)
    }

    /// From now on it is the holder of this account who visits.
    pub(crate) async fn is_now(&self, app: &App, account: i64) -> Result<()> {
        let store = store_on(app.space())?;
        let email = format!("holder-{account}@example.com");
        let login = match store.make_login(account_id(account), &email).await? {
            LoginMade::Made(login) | LoginMade::There(login) => login,
            other @ (LoginMade::OfAnother | LoginMade::NoAccount) => bail!("{other:?}"),
        };
        let session = store.open_session(login, true).await?;
        self.site.keep(SESSION_COOKIE, session.expose_secret()).await
    }

    /// The page as it is open now: pictures of it, and whether it is open to all; each screen and each light is checked
    /// once.
    pub(crate) async fn see(&self, name: &str) -> Result<()> {
        for (screen, light, suffix, is_checked) in [
            (Screen::Phone, Light::Day, "phone", true),
            (Screen::Phone, Light::Night, "phone-dark", false),
            (Screen::Desk, Light::Night, "desk-dark", true),
            (Screen::Desk, Light::Day, "desk", false),
        ] {
            self.site.look(screen, light).await?;
            if is_checked {
                self.site.fits().await.with_context(|| name.to_owned())?;
                let open = self.site.is_open_to_all(&self.checks).await;
                open.with_context(|| format!("{name}, {suffix}"))?;
            }
            let path = self.into.join(format!("{name}-{suffix}.png"));
            fs::write(&path, self.site.picture().await?)
                .with_context(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// The page on one sheet of paper: what it says, and nothing that one clicks. Beside the pictures, as PDF, too.
    pub(crate) async fn prints(&self, name: &str) -> Result<()> {
        self.site.look_at_paper().await?;
        let clicked =
            "return Array.from(document.querySelectorAll('nav, button, .button, .skip, footer, form'))
            .filter(it => it.getClientRects().length > 0).map(it => it.outerHTML);";
        let clicked = self.site.asks(clicked, Vec::new()).await?;
        ensure!(clicked == serde_json::json!([]), "{name} on paper has {clicked}");
        let colours = "const of = getComputedStyle(document.body); return [of.color, of.backgroundColor];";
        let colours = self.site.asks(colours, Vec::new()).await?;
        let black_on_white = serde_json::json!(["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
        ensure!(colours == black_on_white, "{name} on paper is {colours}");
        let paper = self.site.paper().await?;
        fs::write(self.into.join(format!("{name}.pdf")), &paper).context("keeping the paper")?;
        let sheets = String::from_utf8_lossy(&paper).matches("/Type /Page\n").count();
        ensure!(sheets == 1, "{name} has {sheets} sheets");
        let picture = self.site.picture().await?;
        fs::write(self.into.join(format!("{name}-paper.png")), picture).context("keeping the picture")?;
        self.site.look(Screen::Desk, Light::Day).await
    }

    /// The same of a page that looks again by itself: one quick look, and another one where the page was quicker.
    pub(crate) async fn glimpse(&self, name: &str) -> Result<()> {
        self.site.look(Screen::Phone, Light::Day).await?;
        let mut glimpse = self.glimpsed(name).await;
        if glimpse.is_err() {
            glimpse = self.glimpsed(name).await;
        }
        self.site.look(Screen::Desk, Light::Day).await?;
        glimpse
    }

    async fn glimpsed(&self, name: &str) -> Result<()> {
        let picture = self.site.picture().await?;
        let open = self.site.is_open_to_all(&self.checks).await;
        open.with_context(|| name.to_owned())?;
        let path = self.into.join(format!("{name}-phone.png"));
        fs::write(&path, picture).with_context(|| format!("writing {}", path.display()))
    }

    /// Chooses a card on the gateway's page, and pays.
    pub(crate) async fn pays_with(&self, card: &str) -> Result<()> {
        self.site.comes_to("/pay/").await?;
        self.site.click(&format!("#card option[value='{card}']")).await?;
        self.site.click("#pay-card").await
    }

    /// Signs in by the page's own form.
    pub(crate) async fn sign_in(&self, password: &str) -> Result<()> {
        self.site.open("/sign-in").await?;
        self.site.fill("#email", EMAIL).await?;
        self.site.fill("#password", password).await?;
        self.site.click("main form button").await
    }
}

/// Makes a login for an account; the link that was mailed to it.
pub(crate) async fn mailed_link(app: &mut App, account: i64) -> Result<String> {
    let (number, url) = (account.to_string(), app.edge_url()?);
    let add = [
        "login",
        "add",
        "--account",
        &number,
        "--email",
        EMAIL,
        "--at",
        &url,
    ];
    app.fleetctl(&add).await?;
    link_in_mail(app, 1).await
}

/// The link in the last of so many mails.
pub(crate) async fn link_in_mail(app: &App, mails: usize) -> Result<String> {
    let mail = app.outside.mail(mails).await?;
    let text = mail
        .last()
        .and_then(|mail| mail.text.clone())
        .context("a mail with a text")?;
    let link = text
        .split_whitespace()
        .find(|word| word.contains("/password?link="));
    Ok(link.context("a link in the mail")?.to_owned())
}
