//! The Client Zone by keyboard alone: what Tab comes to, in which order and how it is seen, the way past the menu, and
//! what Enter does in a form with several buttons: never the one that pays.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use topup_pictures::{Browser, Key, Site};
use topup_tests::{App, AppOptions, main_account};

use crate::visit::Visit;

const ACCOUNT: i64 = 1001;
/// More than any page has to come to.
const STOPS_MAX: usize = 80;

/// Every page that has more than the menu.
const PAGES: [&str; 9] = [
    "/",
    "/buy?service=sms&credits=500",
    "/one-click",
    "/auto-topup",
    "/auto-topup/sms",
    "/history",
    "/history/sms",
    "/settings",
    "/settings/second-step",
];

/// Where the keyboard is: its place among all that it can come to (-1: nowhere), and whether one sees it.
const HERE: &str = "const all = Array.from(document.querySelectorAll(
        'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex=\"0\"]'))
        .filter(it => it.getClientRects().length > 0);
    const here = document.activeElement;
    const style = getComputedStyle(here);
    const box = here.getBoundingClientRect();
    return {
        place: all.indexOf(here), of: all.length, what: here.outerHTML.slice(0, 120),
        seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.bottom > 0,
    };";

/// Radio buttons of one name are one stop, so places may be left out, but none comes before the last.
async fn is_walked_through(site: &Site<'_>, path: &str) -> Result<()> {
    site.open(path).await?;
    let mut last = -1;
    for _ in 0..STOPS_MAX {
        site.press(Key::Tab).await?;
        let here = site.asks(HERE, Vec::new()).await?;
        let place = here.get("place").and_then(Value::as_i64).context("a place")?;
        if place < 0 {
            break;
        }
        ensure!(here["seen"] == json!(true), "{path}: not seen: {here}");
        ensure!(place > last, "{path}: out of order: {here}");
        last = place;
        if here["of"] == json!(place + 1) {
            return Ok(());
        }
    }
    anyhow::bail!("{path}: Tab ends at {last}");
}

#[tokio::test]
async fn tab_comes_to_everything_in_its_order_and_enter_asks_for_the_price_and_pays_nothing() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    app.import(&[main_account(ACCOUNT).credits(150).whatsapp()])
        .await?;
    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, ACCOUNT).await?;
    let site = &visit.site;
    for path in PAGES {
        is_walked_through(site, path).await?;
    }
    past_the_menu(site).await?;
    enter_asks(site).await?;
    let bought = app.rows.count("SELECT count(*) FROM purchases").await?;
    ensure!(bought == 0, "{bought} purchases");
    browser.close().await?;
    app.finish().await
}

/// The first stop leads to what the page is about.
async fn past_the_menu(site: &Site<'_>) -> Result<()> {
    site.open("/").await?;
    site.press(Key::Tab).await?;
    let is_skip = "return document.activeElement.matches('.skip') && document.activeElement.getBoundingClientRect().top >= 0;";
    ensure!(
        site.asks(is_skip, Vec::new()).await? == json!(true),
        "no way past the menu"
    );
    site.press(Key::Enter).await?;
    site.press(Key::Tab).await?;
    let is_inside = "return document.querySelector('main').contains(document.activeElement);";
    ensure!(
        site.asks(is_inside, Vec::new()).await? == json!(true),
        "not past the menu"
    );
    Ok(())
}

/// P1, P3: in the fields of buying, with the page's script and with the button that stands for it; and of auto top-up.
async fn enter_asks(site: &Site<'_>) -> Result<()> {
    site.open("/buy?service=sms").await?;
    site.fill("#credits", "500").await?;
    site.press(Key::Enter).await?;
    site.says("#pay-card", "352.47").await?;
    // The price is there, and so is the button that pays.
    site.press(Key::Enter).await?;
    site.press(Key::Enter).await?;
    ensure!(site.path().await? == "/buy?service=sms", "{}", site.path().await?);
    // As where no script runs: the page comes back with the price.
    site.asks(
        "const form = document.getElementById('buy'); const plain = form.cloneNode(true);
        plain.querySelector('#quote').hidden = false; form.replaceWith(plain);",
        Vec::new(),
    )
    .await?;
    site.fill("#amount", "").await?;
    site.fill("#credits", "1000").await?;
    site.press(Key::Enter).await?;
    site.says("#summary", "1,000 SMS credits").await?;
    site.says("h1", "Buy credits").await?;
    site.open("/auto-topup/sms").await?;
    site.fill("#threshold", "100").await?;
    site.fill("#quantity", "500").await?;
    site.press(Key::Enter).await?;
    site.says("#summary", "352.47").await
}
