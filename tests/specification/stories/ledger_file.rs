//! The ledger as a file, and a new link for who forgot the password.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use topup_pictures::Browser;
use topup_tests::{App, AppOptions, event, eventually, main_account};

use crate::visit::{EMAIL, Visit, mailed_link};

const HEAD: &str = "time,kind,credits,messages,batch_id,entry_id";

/// What the ledger has, as lines of the file without their time.
async fn kept(app: &App) -> Result<Vec<String>> {
    let sql = "SELECT kind || ',' || trim_scale(credits_milli / 1000.0) || ',' || messages || ',' ||
                      coalesce(batch_id::text, '') || ',' || event_id
                 FROM ledger WHERE account_id = 1001 AND service = 'sms' ORDER BY event_id";
    let rows = app.rows.client().query(sql, &[]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// A file that the browser was sent whole.
async fn downloaded(folder: &Path) -> Result<(String, String)> {
    eventually("a file in the browser's folder", async || {
        for file in fs::read_dir(folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|it| it == "csv") {
                let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
                return Ok(Some((name, fs::read_to_string(&path)?)));
            }
        }
        Ok(None)
    })
    .await
}

#[tokio::test]
async fn the_ledger_that_is_downloaded_in_the_browser_is_the_ledger_and_a_new_link_comes_by_mail()
-> Result<()> {
    let mut app = App::start(AppOptions::only(&[
        "edge",
        "notifications",
        "sms-sent",
        "sweeper",
    ]))
    .await?;
    app.import(&[main_account(1001).credits(540.5)]).await?;
    app.send(&[event(1001), event(1001).credits(2.5).with("messages", 2)])
        .await?;
    app.sends_recorded(2).await?;
    app.adjust(1001, "-12").await?;

    let browser = Browser::open().await?;
    let visit = Visit::signed_in(&browser, &mut app, 1001).await?;
    let site = &visit.site;
    let folder = app.space().stack().files().join(app.space().database());
    fs::create_dir_all(&folder)?;
    site.files_go_to(&folder).await?;
    site.open("/history/sms").await?;
    site.click("a[download]").await?;
    let (name, text) = downloaded(&folder).await?;
    ensure!(name.starts_with("credits-1001-sms-"), "{name}");
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.first(), Some(&HEAD));
    let told: Vec<&str> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(',').map(|it| it.1))
        .collect();
    assert_eq!(told, kept(&app).await?);
    assert_eq!(told.len(), 4);

    mailed_link(&mut app, 1001).await?;
    site.click(".who button").await?;
    site.says("h1", "Sign in").await?;
    site.click("main a[href='/link']").await?;
    visit.see("link").await?;
    site.fill("#email", EMAIL).await?;
    site.click("main form button").await?;
    site.says("h1", "Look into your mail").await?;
    visit.see("link-sent").await?;
    app.outside.mail(2).await?;
    browser.close().await?;
    app.finish().await
}
