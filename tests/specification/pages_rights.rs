//! Nobody gets at what is another's by the pages, either: every one of them that is about something is called without a
//! session, with another's, and by a form that is not from here; and a form that is sent twice does once what it does.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use secrecy::ExposeSecret as _;
use topup_stack::plain_client;
use topup_store::LoginMade;
use topup_tests::{App, AppOptions, Rows, account_id, eventually, main_account, store_on, sub_account};
use uuid::Uuid;

const MAIN: i64 = 1001;
const SUB: i64 = 2001;
const STRANGER: i64 = 1009;

/// Somebody's browser, without its window.
pub(crate) struct Holder {
    client: Client,
    url: String,
    cookie: Option<String>,
}

impl Holder {
    pub(crate) async fn of(app: &mut App, account: Option<i64>) -> Result<Self> {
        match account {
            None => Self::with(app, None),
            Some(account) => Self::session(app, account, true).await,
        }
    }

    /// Whose second step is missing.
    pub(crate) async fn halfway(app: &mut App, account: i64) -> Result<Self> {
        Self::session(app, account, false).await
    }

    async fn session(app: &mut App, account: i64, second: bool) -> Result<Self> {
        let store = store_on(app.space())?;
        let email = format!("holder-{account}@example.com");
        let login = match store.make_login(account_id(account), &email).await? {
            LoginMade::Made(login) | LoginMade::There(login) => login,
            other @ (LoginMade::OfAnother | LoginMade::NoAccount) => bail!("{other:?}"),
        };
        let session = store.open_session(login, second).await?;
        Self::with(app, Some(format!("topup-session={}", session.expose_secret())))
    }

    fn with(app: &mut App, cookie: Option<String>) -> Result<Self> {
        Ok(Self {
            client: plain_client().redirect(Policy::none()).build()?,
            url: app.edge_url()?,
            cookie,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Response> {
        let mut request = self.client.get(format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        Ok(request.send().await?)
    }

    pub(crate) async fn post(&self, path: &str, fields: &BTreeMap<&str, String>) -> Result<Response> {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self
            .client
            .post(format!("{}{path}", self.url))
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        Ok(request.send().await?)
    }

    /// What this session's forms bear.
    async fn csrf(&self) -> Result<String> {
        let page = self.get("/settings").await?.text().await?;
        let rest = page
            .split_once("name=\"csrf\" value=\"")
            .context("a form's token")?
            .1;
        Ok(rest.split('"').next().unwrap_or_default().to_owned())
    }

    /// The fields of a form of this session.
    pub(crate) async fn form(
        &self,
        pairs: &[(&'static str, &str)],
    ) -> Result<BTreeMap<&'static str, String>> {
        let mut fields: BTreeMap<_, _> = pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        fields.insert("csrf", self.csrf().await?);
        Ok(fields)
    }
}

fn edge() -> AppOptions {
    AppOptions::only(&["edge"])
}

async fn fleet() -> Result<App> {
    let app = App::start(edge()).await?;
    app.import(&[
        main_account(MAIN).credits(500).card("AUTH_ok"),
        sub_account(SUB, MAIN).credits(200).transfer(),
        main_account(STRANGER).credits(500),
    ])
    .await?;
    Ok(app)
}

/// All that is kept of accounts, wallets and what was bought.
async fn kept(app: &App) -> Result<String> {
    let sql = "SELECT md5(concat((SELECT string_agg(a::text, '|' ORDER BY a::text) FROM accounts a),
                                 (SELECT string_agg(w::text, '|' ORDER BY w::text) FROM wallets w),
                                 (SELECT string_agg(l::text, '|' ORDER BY l::text) FROM ledger l),
                                 (SELECT string_agg(r::text, '|' ORDER BY r::text) FROM card_registrations r)))";
    Ok(app.rows.client().query_one(sql, &[]).await?.try_get(0)?)
}

/// Pages about the account's own, and about the sub that the main alone has.
const PAGES: [&str; 12] = [
    "/",
    "/buy",
    "/buy/quote?service=sms&credits=10",
    "/one-click",
    "/one-click/disable",
    "/auto-topup",
    "/auto-topup/sms",
    "/auto-topup/sms/disable",
    "/history",
    "/history/sms",
    "/settings",
    "/subs",
];
const SUB_PAGES: [&str; 2] = ["/subs/2001", "/subs/2001/auto-topup/sms/disable"];
const FORMS: [&str; 3] = [
    "/subs/2001/auto-topup/sms",
    "/subs/2001/auto-topup/sms/disable",
    "/subs/2001/move",
];
/// Forms about the account's own.
const OWN_FORMS: [&str; 5] = [
    "/buy",
    "/one-click/disable",
    "/settings/billing",
    "/auto-topup/sms",
    "/auto-topup/sms/disable",
];

/// Where an answer leads.
fn sent_away(answer: &Response) -> Result<String> {
    ensure!(answer.status() == 303, "{}: {}", answer.url(), answer.status());
    let to = answer.headers().get("location").context("a place")?;
    Ok(to.to_str()?.to_owned())
}

#[tokio::test]
async fn what_is_not_there_says_so_in_the_language_that_is_asked_for() -> Result<()> {
    let mut app = fleet().await?;
    let holder = Holder::of(&mut app, Some(MAIN)).await?;
    let page = holder.get("/purchases/x?reference=y").await?;
    ensure!(page.status() == 404);
    let said = page.text().await?;
    ensure!(said.contains("There is nothing here"), "{said}");
    let link = "/purchases/x?reference=y&amp;lang=af";
    ensure!(said.replace("&#x2f;", "/").contains(link), "no {link} in {said}");
    let answer = holder.get("/purchases/x?reference=y&lang=af").await?;
    ensure!(sent_away(&answer)? == "/purchases/x?reference=y");
    app.finish().await
}

#[tokio::test]
async fn a_page_about_a_sub_is_its_mains_alone_and_a_form_is_taken_from_its_own_session_alone() -> Result<()>
{
    let mut app = fleet().await?;
    let before = kept(&app).await?;
    let nobody = Holder::of(&mut app, None).await?;
    for path in PAGES.iter().chain(&SUB_PAGES) {
        let to = sent_away(&nobody.get(path).await?)?;
        // The first page follows anyway.
        let is_right = match *path {
            "/" => to == "/sign-in",
            _ => to.starts_with("/sign-in?next="),
        };
        ensure!(is_right, "{path} leads nobody to {to}");
    }
    let main = Holder::of(&mut app, Some(MAIN)).await?;
    for path in PAGES.iter().chain(&SUB_PAGES) {
        ensure!(
            main.get(path).await?.status() == 200,
            "{path} is not its own account's"
        );
    }
    let wanted = [
        ("threshold", "10"),
        ("quantity", "20"),
        ("service", "sms"),
        ("direction", "from-sub"),
        ("credits", "5"),
        ("request", "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d"),
    ];
    for account in [SUB, STRANGER] {
        let holder = Holder::of(&mut app, Some(account)).await?;
        for path in SUB_PAGES.iter().chain(&["/subs", "/subs/1001", "/subs/7"]) {
            ensure!(
                holder.get(path).await?.status() == 404,
                "{path} is shown to {account}"
            );
        }
        let form = holder.form(&wanted).await?;
        for path in FORMS {
            ensure!(
                holder.post(path, &form).await?.status() == 404,
                "{path} is taken from {account}"
            );
        }
        for path in FORMS.iter().chain(&OWN_FORMS) {
            // Another's token is no token.
            ensure!(
                main.post(path, &form).await?.status() == 403,
                "{path} is taken with another's token"
            );
            ensure!(
                sent_away(&nobody.post(path, &form).await?)? == "/sign-in?unsent=yes",
                "{path} is taken from nobody"
            );
        }
    }
    let page = nobody.get("/sign-in?unsent=yes").await?.text().await?;
    ensure!(page.contains("nothing was charged"), "{page}");
    // A sub that its main tops up can neither change nor end that.
    let sub = Holder::of(&mut app, Some(SUB)).await?;
    let form = sub
        .form(&[("threshold", "1"), ("quantity", "2"), ("do", "change")])
        .await?;
    ensure!(
        sub.post("/auto-topup/sms", &form).await?.status() == 422,
        "a sub changed it"
    );
    ensure!(
        sub.post("/auto-topup/sms/disable", &form).await?.status() == 422,
        "a sub ended it"
    );
    ensure!(kept(&app).await? == before, "something was changed");
    app.finish().await
}

#[tokio::test]
async fn a_form_that_is_sent_twice_moves_once_and_registers_once() -> Result<()> {
    let mut app = fleet().await?;
    let main = Holder::of(&mut app, Some(MAIN)).await?;
    let request = Uuid::now_v7().to_string();
    let wanted = [
        ("request", request.as_str()),
        ("service", "sms"),
        ("direction", "to-sub"),
        ("credits", "40"),
    ];
    let form = main.form(&wanted).await?;
    for _ in 0..3 {
        let answer = main.post("/subs/2001/move", &form).await?;
        ensure!(answer.status() == 303, "{}", answer.status());
    }
    app.balance_becomes(SUB, "sms", "240").await?;
    app.balance_becomes(MAIN, "sms", "460").await?;
    let wanted = [
        ("request", request.as_str()),
        ("threshold", "100"),
        ("quantity", "500"),
        ("terms", "1"),
        ("agree", "yes"),
        ("do", "register"),
    ];
    let form = main.form(&wanted).await?;
    let (first, second) = tokio::join!(
        main.post("/auto-topup/sms", &form),
        main.post("/auto-topup/sms", &form)
    );
    for answer in [first?, second?, main.post("/auto-topup/sms", &form).await?] {
        let status = answer.status();
        ensure!(
            status == 200 || status == 303,
            "{status}: {}",
            answer.text().await?
        );
    }
    let registered = "SELECT count(*) FROM card_registrations";
    ensure!(
        app.rows.count(registered).await? == 1,
        "it was registered more than once"
    );
    // What became of it is told to nobody else.
    let id = "SELECT registration_id FROM card_registrations";
    let id: Uuid = app.rows.client().query_one(id, &[]).await?.try_get(0)?;
    let path = format!("/auto-topup/registrations/{id}");
    for (account, status) in [(MAIN, 200), (SUB, 404), (STRANGER, 404)] {
        let answer = Holder::of(&mut app, Some(account)).await?.get(&path).await?;
        ensure!(answer.status() == status, "{account}: {}", answer.status());
    }
    app.finish().await
}

#[tokio::test]
async fn a_form_that_moves_credits_and_is_sent_again_while_it_is_in_hand_is_not_told_that_they_are_moved()
-> Result<()> {
    let mut app = fleet().await?;
    let main = Holder::of(&mut app, Some(MAIN)).await?;
    let request = Uuid::now_v7().to_string();
    let wanted = [
        ("request", request.as_str()),
        ("service", "sms"),
        ("direction", "to-sub"),
        ("credits", "40"),
    ];
    let form = main.form(&wanted).await?;
    let moves = async || -> Result<String> {
        let answer = main.post("/subs/2001/move", &form).await?;
        let to = answer.headers().get("location").context("where to")?;
        Ok(to.to_str()?.to_owned())
    };
    let lock = Rows::connect(app.space().database_url()).await?;
    let held = "BEGIN; SELECT FROM wallets WHERE account_id = 1001 FOR UPDATE";
    lock.client().batch_execute(held).await?;
    let again = async {
        let in_hand = "SELECT count(*) FROM idempotent_requests WHERE status IS NULL";
        eventually("a form in hand", async || {
            Ok((app.rows.count(in_hand).await? == 1).then_some(()))
        })
        .await?;
        let led_to = moves().await?;
        let told = main.get(&led_to).await?.text().await?;
        lock.client().batch_execute("ROLLBACK").await?;
        anyhow::Ok((led_to, told))
    };
    let (first, again) = tokio::join!(moves(), again);
    let (led_to, told) = again?;
    ensure!(first?.ends_with("?done=moved"), "the first one was not done");
    ensure!(led_to.ends_with("?done=moving"), "{led_to}");
    ensure!(told.contains("still being dealt with"), "{told}");
    ensure!(moves().await?.ends_with("?done=moved"), "it is done by now");
    app.balance_becomes(SUB, "sms", "240").await?;
    app.balance_becomes(MAIN, "sms", "460").await?;
    app.finish().await
}

#[tokio::test]
async fn a_main_account_with_many_subs_sees_them_page_by_page() -> Result<()> {
    let mut app = fleet().await?;
    let subs: Vec<_> = (3001..=3050).map(|sub| sub_account(sub, MAIN)).collect();
    app.import(&subs).await?;
    let main = Holder::of(&mut app, Some(MAIN)).await?;
    let shown = async |path: &str| anyhow::Ok(main.get(path).await?.text().await?);
    let listed = |page: &str| page.matches("<li class=\"sub\">").count();
    let first = shown("/subs").await?;
    ensure!(
        listed(&first) == 50 && first.contains("after=3049"),
        "{}",
        listed(&first)
    );
    let last = shown("/subs?after=3049").await?;
    ensure!(
        listed(&last) == 1 && last.contains("Account 3050"),
        "{}",
        listed(&last)
    );
    ensure!(
        main.get("/subs?after=x").await?.status() == 404,
        "there is no such page"
    );
    ensure!(
        !last.contains("after=3050"),
        "there is nothing behind the last page"
    );
    app.finish().await
}

#[tokio::test]
async fn a_form_that_is_sent_twice_buys_once_and_nothing_but_what_it_showed() -> Result<()> {
    let mut app = fleet().await?;
    let main = Holder::of(&mut app, Some(MAIN)).await?;
    let request = Uuid::now_v7().to_string();
    let form = |shown: &'static str| {
        let request = request.clone();
        [
            ("request", request),
            ("service", "sms".to_owned()),
            ("credits", "10".to_owned()),
            ("way", "card".to_owned()),
            ("shown", shown.to_owned()),
        ]
    };
    let csrf = main.csrf().await?;
    let whole = |shown| {
        let mut fields = BTreeMap::from(form(shown));
        fields.insert("csrf", csrf.clone());
        fields
    };
    let bought = "SELECT count(*) FROM purchases";
    // Another price, another quantity, or none at all was shown.
    for shown in ["sms+credits+10+=+10+ZAR+7.04", "sms+credits+1+=+1+ZAR+0.71", ""] {
        let answer = main.post("/buy", &whole(shown)).await?;
        ensure!(answer.status() == 422, "{shown}: {}", answer.status());
    }
    ensure!(
        app.rows.count(bought).await? == 0,
        "what was not shown was bought"
    );
    let fields = whole("sms+credits+10+=+10+ZAR+7.05");
    let (first, second) = tokio::join!(main.post("/buy", &fields), main.post("/buy", &fields));
    for answer in [first?, second?, main.post("/buy", &fields).await?] {
        let status = answer.status();
        ensure!(status == 200 || status == 303, "{status}");
    }
    ensure!(app.rows.count(bought).await? == 1, "it was bought more than once");
    // What became of it is told to nobody else; what is not paid has no receipt.
    let id = "SELECT purchase_id FROM purchases";
    let id: Uuid = app.rows.client().query_one(id, &[]).await?.try_get(0)?;
    let path = format!("/purchases/{id}");
    for (account, status) in [(MAIN, 200), (SUB, 404), (STRANGER, 404)] {
        let holder = Holder::of(&mut app, Some(account)).await?;
        let answer = holder.get(&path).await?;
        ensure!(answer.status() == status, "{account}: {}", answer.status());
        let receipt = holder.get(&format!("{path}/receipt")).await?;
        ensure!(receipt.status() == 404, "{account}: {}", receipt.status());
    }
    app.finish().await
}
