//! Chapter 3: a definite failure disables automatic top-up and tells the account holder.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};

use super::{DECLINED, expect_credits, notices, told_by};
use crate::narrate::{Moment, Narrator};
use crate::operator;
use crate::sandbox::Mark;
use crate::stage::{Stage, expect, expect_that, only};

const EVENTS: &str = "3-declined.ndjson";
const EVENTS_AFTER: &str = "3-after-it.ndjson";
/// Longest time from the gateway's answer to the settings being off.
const DISABLE_MAX: SignedDuration = SignedDuration::from_secs(1);

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let mark = stage.sandbox.mark().await?;
    let start = Timestamp::now();
    let published = operator::publish(&stage.operator, &stage.events(EVENTS)).await?;
    let charge = only(
        "charges of the declined card",
        stage.sandbox.charges(mark, 1).await?,
    )?;
    let (sms, mail) = notices(stage, mark).await?;
    let account = operator::account(&stage.operator, DECLINED).await?;
    let topup = operator::last_topup(&stage.operator, DECLINED).await?;

    expect("the charge's outcome", "failed", &charge.outcome)?;
    expect("the top-up's state", "failed", &topup.state)?;
    expect_credits(&account, "100")?;
    let settings = account.sms()?.settings()?;
    expect("auto top-up of account 1002 enabled", false, settings.enabled)?;
    let reason = settings
        .disabled_reason
        .as_ref()
        .context("auto top-up was disabled without a reason")?;
    let took = topup.settled_at()?.duration_since(charge.at);
    let what = "from the gateway's answer to auto top-up being disabled";
    expect_that(
        took <= DISABLE_MAX,
        what,
        "at most 1 s",
        format!("{:.3} s", took.as_secs_f64()),
    )?;

    let sent = format!("{} sends are published, 20.5 credits in all", published.published);
    let asked = format!(
        "the gateway is asked for {}, and the card is declined",
        topup.amount()?
    );
    let mut moments = vec![
        Moment::new(start, sent),
        Moment::new(
            topup.requested_at,
            "debited: 120.5 → 100 credits; a top-up is requested",
        ),
        Moment::new(charge.received_at, asked),
        Moment::new(
            topup.settled_at()?,
            format!("auto top-up is disabled: “{reason}”"),
        ),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    narrator.gap();
    narrator.quote(mail.text.as_deref().unwrap_or_default());
    narrator.gap();
    is_not_tried_again(stage, mark).await?;
    narrator.outcome(
        "Nothing credited, one SMS, one e-mail. The account goes on sending, 100 → 90 credits: its sends are \
         recorded, and the card is not tried again.",
    );
    Ok(())
}

/// Sends below the threshold of a disabled wallet are debited, and that is all.
async fn is_not_tried_again(stage: &Stage, mark: Mark) -> Result<()> {
    let before = operator::account(&stage.operator, DECLINED).await?.sms()?.credits;
    operator::publish(&stage.operator, &stage.events(EVENTS_AFTER)).await?;
    let account =
        operator::account_when(&stage.operator, DECLINED, |wallet| wallet.credits != before).await?;
    expect_credits(&account, "90")?;
    expect(
        "a top-up of a disabled wallet",
        false,
        account.sms()?.open_topup.is_some(),
    )?;
    expect(
        "charges of the declined card",
        1,
        stage.sandbox.charges(mark, 1).await?.len(),
    )
}
