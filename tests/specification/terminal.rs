//! Dead letters moved by somebody who sits at a terminal: asked first, shown how far it is, and free to stop it.

use anyhow::{Context as _, Result, ensure};
use topup_tests::{App, AppOptions, CTRL_C, ENTER, Terminal, event, eventually, main_account};

/// Parks so many sends that can be debited.
async fn park(app: &App, count: usize) -> Result<()> {
    let messages = (0..count).map(|_| event(1001).message().header("x-topup-reason", "nobody knows"));
    app.broker.publish_by("topup.dead", "sms-sent", messages).await
}

async fn sit_down(app: &App, arguments: &[&str]) -> Result<Terminal> {
    let env: Vec<(&str, &str)> = app.env().iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    Terminal::run("fleetctl", arguments, &env).await
}

/// Waits until so many lie among the dead letters: what somebody held comes back in the broker's own time.
async fn so_many_are_left(app: &App, wanted: u32) -> Result<()> {
    eventually(&format!("{wanted} dead letters"), async || {
        Ok((app.broker.ready("sms-sent.dead").await? == Some(wanted)).then_some(()))
    })
    .await
}

async fn acts(app: &App) -> Result<i64> {
    app.rows.count("SELECT count(*) FROM operator_acts").await
}

#[tokio::test]
async fn whoever_does_not_say_yes_moves_nothing() -> Result<()> {
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    app.import(&[main_account(1001).credits(1_000)]).await?;
    park(&app, 3).await?;
    for (command, question) in [
        (
            &["dead", "redrive", "--all"][..],
            "Put 3 messages back to work? [y/N] ",
        ),
        (
            &["dead", "discard", "--all", "--because", "a test"],
            "Throw 3 messages away? [y/N] ",
        ),
    ] {
        for (answer, status) in [(ENTER, 1), ("no\r", 1), ("yesterday\r", 1), (CTRL_C, 130)] {
            let mut terminal = sit_down(&app, command).await?;
            // What is meant is told before anybody is asked.
            terminal.sees("sms-sent.dead").await?;
            terminal.sees("nobody knows").await?;
            terminal.sees(question).await?;
            terminal.types(answer).await?;
            let (code, told) = terminal.ended().await?;
            ensure!(code == status, "{answer:?}: {code}:\n{told}");
            if status == 1 {
                ensure!(told.contains("nothing was done"), "{told}");
                ensure!(told.contains("stopped with 3 messages left"), "{told}");
            }
            so_many_are_left(&app, 3).await?;
        }
    }
    assert_eq!(acts(&app).await?, 0);
    assert_eq!(app.rows.sends().await?, 0);

    let mut terminal = sit_down(&app, &["dead", "redrive", "--all"]).await?;
    terminal.sees("[y/N] ").await?;
    terminal.types("y\r").await?;
    let (code, told) = terminal.ended().await?;
    ensure!(
        code == 0 && told.contains("3 messages put back to work"),
        "{told}"
    );
    app.sends_recorded(3).await?;
    app.finish().await
}

/// The number right before these words.
fn told_of(told: &str, words: &str) -> Result<u32> {
    let (before, _) = told.split_once(words).with_context(|| told.to_owned())?;
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (_, number) = before.split_at(before.len() - digits);
    number.parse().with_context(|| told.to_owned())
}

#[tokio::test]
async fn ctrl_c_in_the_middle_stops_a_redrive_between_two_batches_and_says_what_was_moved() -> Result<()> {
    // Far more than a slow machine's terminal can be behind.
    const PARKED: u32 = 200;
    let app = App::start(AppOptions::only(&["sms-sent"])).await?;
    app.import(&[main_account(1001).credits(1_000)]).await?;
    park(&app, PARKED as usize).await?;
    // Batches are a second's worth.
    let slowly = ["dead", "redrive", "--all", "--per-second", "10"];
    let mut terminal = sit_down(&app, &slowly).await?;
    terminal.sees("[y/N] ").await?;
    terminal.types("y\r").await?;
    // The bar, when the first batch is over, or one of the next.
    terminal.sees("0 of 200  sms-sent.dead").await?;
    terminal.types(CTRL_C).await?;
    let (code, told) = terminal.ended().await?;
    assert_eq!(code, 1, "{told}");
    let moved = told_of(&told, " messages put back to work")?;
    let rest = told_of(&told, " messages left, which are where they were: interrupted")?;
    ensure!(moved + rest == PARKED && moved >= 10 && rest > 0, "{told}");
    so_many_are_left(&app, rest).await?;
    app.sends_recorded(moved.into()).await?;
    let written = "SELECT count(*) FROM operator_acts_messages";
    assert_eq!(app.rows.count(written).await?, i64::from(moved));

    let mut terminal = sit_down(&app, &["dead", "redrive", "--all"]).await?;
    terminal
        .sees(&format!("Put {rest} messages back to work? "))
        .await?;
    terminal.types("YES\r").await?;
    let (code, told) = terminal.ended().await?;
    ensure!(code == 0, "{told}");
    app.sends_recorded(PARKED.into()).await?;
    so_many_are_left(&app, 0).await?;
    assert_eq!(acts(&app).await?, 2);
    app.finish().await
}
