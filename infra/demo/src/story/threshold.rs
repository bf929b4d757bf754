//! Chapter 1: threshold reached, charged, credited, told.

use anyhow::Result;
use jiff::Timestamp;

use super::{MAIN, expect_credits, notices, told_by};
use crate::narrate::{Moment, Narrator};
use crate::operator::{self, Topup};
use crate::stage::{Stage, expect, only};

const EVENTS: &str = "1-threshold.ndjson";

/// Returns the top-up, for the next chapter to be measured from.
pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<Topup> {
    let before = operator::account(&stage.operator, MAIN).await?;
    expect_credits(&before, "150")?;
    let mark = stage.sandbox.mark().await?;
    let start = Timestamp::now();
    let published = operator::publish(&stage.operator, &stage.events(EVENTS)).await?;
    let charge = only(
        "charges of the first top-up",
        stage.sandbox.charges(mark, 1).await?,
    )?;
    let (sms, mail) = notices(stage, mark).await?;
    let after = operator::account(&stage.operator, MAIN).await?;
    let topup = operator::last_topup(&stage.operator, MAIN).await?;

    expect("events published", 30, published.published)?;
    expect(
        "the balance that triggered",
        "100",
        &topup.trigger_balance.to_string(),
    )?;
    expect("the charge's amount in cents", 12_750, charge.amount)?;
    expect("the charge's outcome", "success", &charge.outcome)?;
    expect("the first top-up's state", "succeeded", &topup.state)?;
    expect_credits(&after, "600")?;
    expect("a top-up still open", false, after.sms()?.open_topup.is_some())?;

    let card = before
        .sms()?
        .settings()?
        .card
        .as_ref()
        .map(operator::Card::name)
        .unwrap_or_default();
    let sent = format!("{} sends are published, 50 credits in all", published.published);
    let debited = "debited: 150 → 100 credits, which is the threshold; a top-up is requested";
    let asked = format!("the gateway is asked for {} from {card}", topup.amount()?);
    let mut moments = vec![
        Moment::new(start, sent),
        Moment::new(topup.requested_at, debited),
        Moment::new(charge.received_at, asked),
        Moment::new(topup.settled_at()?, "credited: 100 → 600 credits"),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    narrator.gap();
    narrator.outcome("Reaching the threshold counts. One charge, 500 credits, one SMS, one e-mail.");
    Ok(topup)
}
