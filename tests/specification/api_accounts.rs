//! What platforms and account holders look at and change by the interface: accounts, contact details, prices, the
//! low-credit notice, and credits moved between a main account and its subs.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use topup_tests::{App, AppOptions, main_account, sub_account};

const MAIN: i64 = 1001;
const SUB: i64 = 2001;

fn edge() -> AppOptions {
    AppOptions::only(&["edge"])
}

async fn family() -> Result<App> {
    let app = App::start(edge()).await?;
    let accounts = [
        main_account(MAIN).credits(500).low_credit(150).card("AUTH_ok"),
        sub_account(SUB, MAIN).credits(200),
        main_account(1009).credits(500),
    ];
    app.import(&accounts).await?;
    Ok(app)
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_platform_makes_an_account_by_the_line_that_an_import_takes_and_changes_it_by_another() -> Result<()>
{
    let mut app = App::start(edge()).await?;
    let platform = app.platform().await?;
    let line = main_account(MAIN).credits(150).card("AUTH_ok").line();
    let made = platform.post("/accounts", &line).await?.with_status(201)?;
    assert_eq!(made["account"], "created");
    assert_eq!(
        platform.post("/accounts", &line).await?.ok()?["account"],
        "unchanged"
    );
    // What the operator sees is what an import of the line would have made.
    let shown = app.fleetctl(&["account", "show", "1001"]).await?;
    assert_eq!(shown["wallets"][0]["credits"], 150);
    assert_eq!(shown["wallets"][0]["auto_topup"]["enabled"], true);

    let mut changed = line.clone();
    changed["language"] = json!("af");
    let kept = platform.put("/accounts/1001", &changed).await?.ok()?;
    assert_eq!(
        (&kept["account"], &kept["wallets"][0]["change"]),
        (&json!("updated"), &json!("unchanged"))
    );
    let account = platform.get("/accounts/1001").await?.ok()?;
    assert_eq!(account["language"], "af");
    assert_eq!(account["wallets"][0]["balance"], "150");
    platform.put("/accounts/1002", &changed).await?.problem(404)?;
    let holder = app.holder(MAIN).await?;
    holder.put("/accounts/1001", &line).await?.problem(403)?;
    holder.post("/accounts", &line).await?.problem(403)?;
    app.finish().await
}

/// What is done to an account's line to make it wrong.
type Spoil = fn(&mut Value);

#[tokio::test]
async fn a_refused_account_is_refused_in_the_words_of_the_import_with_its_rule_and_its_field() -> Result<()> {
    let mut app = App::start(edge()).await?;
    let platform = app.platform().await?;
    let spoilt: [(&str, Spoil); 5] = [
        ("E4", |line| {
            line["wallets"][0]["auto_topup"]["quantity"] = json!(99)
        }),
        (
            "E1",
            |line| {
                line["wallets"][0]["auto_topup"] =
                    json!({"method": "transfer", "threshold": 1, "quantity": 2, "enabled": true})
            },
        ),
        ("L1", |line| {
            line["wallets"][0]["low_credit_threshold"] = json!(-1)
        }),
        ("", |line| line["parent_id"] = json!(7)),
        ("", |line| line["mobile"] = json!("call me")),
    ];
    for (rule, spoil) in spoilt {
        let mut line = main_account(MAIN).credits(150).card("AUTH_ok").line();
        spoil(&mut line);
        let problem = platform.post("/accounts", &line).await?.problem(422)?;
        assert_eq!(problem["rule"].as_str().unwrap_or_default(), rule, "{problem}");
        assert!(
            problem["errors"][0]["pointer"]
                .as_str()
                .is_some_and(|it| it.starts_with('/'))
        );
        let file = app.text_file(&format!("{line}\n"))?;
        let refused = app.fleetctl_output(&["import", &file]).await?;
        let said = String::from_utf8(refused.stderr)? + &String::from_utf8(refused.stdout)?;
        assert!(said.contains(detail(&problem)), "{said}\nhas not: {problem}");
    }
    assert_eq!(platform.get("/accounts").await?.ok()?["items"], json!([]));
    // What can't even be read, names its field.
    let mut line = main_account(MAIN).line();
    line["wallets"][0]["colour"] = json!("blue");
    let problem = platform.post("/accounts", &line).await?.problem(400)?;
    assert_eq!(problem["errors"][0]["pointer"], "/wallets/0/colour");
    app.finish().await
}

#[tokio::test]
async fn accounts_are_listed_in_pages_until_the_last_one() -> Result<()> {
    let mut app = App::start(edge()).await?;
    let accounts: Vec<_> = (1001..=1005).map(main_account).collect();
    app.import(&accounts).await?;
    let platform = app.platform().await?;
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = platform.get(&format!("/accounts?limit=2{after}")).await?.ok()?;
        let items = page["items"].as_array().context("items")?;
        assert!(items.len() <= 2);
        seen.extend(items.iter().filter_map(|it| it["account_id"].as_i64()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [1001, 1002, 1003, 1004, 1005]);
    platform.get("/accounts?after=nonsense").await?.problem(400)?;
    platform.get("/accounts?limit=0").await?.problem(400)?;
    platform.get("/accounts?limit=201").await?.problem(400)?;
    platform.get("/accounts?colour=blue").await?.problem(400)?;
    app.finish().await
}

#[tokio::test]
async fn a_quote_goes_both_ways_and_what_has_no_price_is_refused_by_its_rule() -> Result<()> {
    let mut app = family().await?;
    let holder = app.holder(MAIN).await?;
    let quote = holder
        .get("/accounts/1001/quotes?service=sms&credits=500")
        .await?
        .ok()?;
    assert_eq!(quote["credits"], "500");
    assert_eq!(quote["price"]["currency"], "ZAR");
    let price = quote["price"]["amount_minor"].as_i64().context("a price")?;
    let back = format!("/accounts/1001/quotes?service=sms&amount_minor={price}");
    assert_eq!(holder.get(&back).await?.ok()?, quote);
    for asked in ["credits=0", "amount_minor=0", "credits=-1"] {
        let path = format!("/accounts/1001/quotes?service=sms&{asked}");
        assert_eq!(holder.get(&path).await?.problem(422)?["rule"], "P1", "{asked}");
    }
    for asked in [
        "",
        "&credits=1&amount_minor=1",
        "&credits=1.2345",
        "&credits=1&colour=blue",
    ] {
        let path = format!("/accounts/1001/quotes?service=sms{asked}");
        holder.get(&path).await?.problem(400)?;
    }
    holder
        .get("/accounts/1001/quotes?service=pigeon&credits=1")
        .await?
        .problem(400)?;
    app.finish().await
}

#[tokio::test]
async fn a_holder_says_how_it_is_reached_and_when_it_is_told_of_low_credit() -> Result<()> {
    let mut app = family().await?;
    let holder = app.holder(SUB).await?;
    let contact = json!({"mobile": "+27820009999", "email": null, "language": "af"});
    assert_eq!(
        holder.put("/accounts/2001/contact", &contact).await?.ok()?,
        contact
    );
    assert_eq!(holder.get("/accounts/2001/contact").await?.ok()?, contact);
    let wrong = json!({"mobile": "call me", "email": null, "language": "en"});
    let problem = holder.put("/accounts/2001/contact", &wrong).await?.problem(422)?;
    assert_eq!(problem["errors"][0]["pointer"], "/mobile");
    // What was forgotten is not taken away.
    let forgotten = json!({"mobile": "+27820009999", "language": "af"});
    holder
        .put("/accounts/2001/contact", &forgotten)
        .await?
        .problem(400)?;
    // Not by its main on its behalf.
    let main = app.holder(MAIN).await?;
    main.put("/accounts/2001/contact", &contact).await?.problem(403)?;
    assert_eq!(main.get("/accounts/2001/contact").await?.ok()?, contact);

    let path = "/accounts/2001/wallets/sms/low-credit";
    let wallet = holder.put(path, &json!({"threshold": "80.5"})).await?.ok()?;
    assert_eq!(wallet["low_credit_threshold"], "80.5");
    let refused = holder.put(path, &json!({"threshold": -1})).await?.problem(422)?;
    assert_eq!(refused["rule"], "L1");
    let nowhere = "/accounts/2001/wallets/whatsapp/low-credit";
    holder
        .put(nowhere, &json!({"threshold": 1}))
        .await?
        .problem(404)?;
    app.finish().await
}

#[tokio::test]
async fn a_main_moves_credits_to_its_sub_and_back_and_the_ledger_says_who_did_it() -> Result<()> {
    let mut app = family().await?;
    let main = app.holder(MAIN).await?;
    let body = |direction: &str, credits: &str| json!({"sub": SUB, "direction": direction, "service": "sms", "credits": credits});
    let path = "/accounts/1001/transfers";
    let moved = main
        .post(path, &body("to-sub", "400.5"))
        .await?
        .with_status(201)?;
    assert_eq!(
        (&moved["main"], &moved["sub"], &moved["credits"]),
        (&json!(MAIN), &json!(SUB), &json!("400.5"))
    );
    assert_eq!(app.balance(MAIN).await?, "99.5");
    assert_eq!(app.balance(SUB).await?, "600.5");
    main.post(path, &body("from-sub", "0.5"))
        .await?
        .with_status(201)?;
    assert_eq!(app.balance(MAIN).await?, "100");
    let by_main = "SELECT count(*) FROM ledger WHERE detail LIKE '%(by account 1001)'";
    assert_eq!(app.rows.count(by_main).await?, 4);
    // It crossed the main's notice threshold, and that is told; no send: nothing is topped up.
    assert_eq!(app.rows.notices().await?.len(), 2);
    assert_eq!(app.rows.topups(MAIN).await?.len(), 0);

    let short = main.post(path, &body("to-sub", "1000")).await?.problem(422)?;
    assert_eq!((&short["rule"], &short["missing"]), (&json!("X5"), &json!("900")));
    for (credits, rule) in [("0", "X5"), ("-1", "X5")] {
        assert_eq!(
            main.post(path, &body("to-sub", credits)).await?.problem(422)?["rule"],
            rule
        );
    }
    let stranger = json!({"sub": 1009, "direction": "to-sub", "service": "sms", "credits": 1});
    main.post(path, &stranger).await?.problem(404)?;
    // A sub for its main, or as if it were its main's main.
    let sub = app.holder(SUB).await?;
    sub.post(path, &body("to-sub", "1")).await?.problem(404)?;
    let turned = json!({"sub": MAIN, "direction": "from-sub", "service": "sms", "credits": 1});
    sub.post("/accounts/2001/transfers", &turned)
        .await?
        .problem(404)?;
    app.platform()
        .await?
        .post(path, &body("to-sub", "1"))
        .await?
        .problem(403)?;
    assert_eq!(app.balance(SUB).await?, "600");
    app.stop().await
}
