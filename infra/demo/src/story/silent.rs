//! Chapter 6: not knowing is no failure. The gateway takes the money and never answers; it is asked, and the credits
//! come once.

use anyhow::{Context as _, Result};
use jiff::Timestamp;

use super::{SILENT, expect_credits, notices, told_by};
use crate::narrate::{Moment, Narrator};
use crate::operator::{self, Told};
use crate::stage::{ANSWER_MAX, QUESTION_AFTER, Stage, expect, expect_that, only};

const EVENTS: &str = "6-no-answer.ndjson";

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    narrator.paragraph(&format!(
        "The money is taken, but the answer gets lost, and so does the webhook. An answer is waited for {} seconds \
         here, 30 otherwise; the first question comes {} seconds later, 10 otherwise.",
        ANSWER_MAX.as_secs(),
        QUESTION_AFTER.as_secs()
    ));
    narrator.gap();
    stage.sandbox.lose_a_webhook().await?;
    let mark = stage.sandbox.mark().await?;
    let start = Timestamp::now();
    let published = operator::publish(&stage.operator, &stage.events(EVENTS)).await?;
    let (sms, mail) = notices(stage, mark).await?;
    let charge = only("charges of account 1005", stage.sandbox.charges(mark, 1).await?)?;
    let account = operator::account(&stage.operator, SILENT).await?;
    let topup = operator::last_topup(&stage.operator, SILENT).await?;
    let story = operator::story(&stage.operator, SILENT).await?;
    let unknown = first(&story, |it| it.state.as_deref() == Some("unknown"))
        .context("nobody said that the charge's outcome was unknown")?;
    let question = first(&story, |it| it.call.as_deref() == Some("verify")).context("nobody asked")?;
    let end = first(&story, |it| it.what == "ended").context("the top-up has no end")?;

    expect("the top-up's state", "succeeded", &topup.state)?;
    let by = end.settled_by.as_deref().unwrap_or("nobody");
    expect("who knew that it had succeeded", "verify", by)?;
    let said = question.outcome.as_deref().unwrap_or("nothing");
    expect("what the gateway said when asked", "success", said)?;
    expect_that(
        unknown.at < question.at,
        "asked after it was unknown",
        unknown.at,
        question.at,
    )?;
    expect_credits(&account, "595")?;
    let enabled = account.sms()?.settings()?.enabled;
    expect("auto top-up of account 1005 enabled", true, enabled)?;

    let sent = format!("{} sends are published, 25 credits in all", published.published);
    let asked = format!("the gateway is asked for {}, and takes it", topup.amount()?);
    let mut moments = vec![
        Moment::new(start, sent),
        Moment::new(
            topup.requested_at,
            "debited: 120 → 95 credits; a top-up is requested",
        ),
        Moment::new(charge.received_at, asked),
        Moment::new(
            unknown.at,
            "no answer: nobody knows whether the money was taken, and nobody is disabled",
        ),
        Moment::new(question.at, "the sweeper asks: it was taken"),
        Moment::new(end.at, "credited: 95 → 595 credits"),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    narrator.gap();
    narrator.outcome("Unknown is not failed: one charge, 500 credits, once, and nobody had to look.");
    Ok(())
}

fn first(story: &[Told], is_wanted: impl Fn(&Told) -> bool) -> Option<&Told> {
    story.iter().find(|it| is_wanted(it))
}
