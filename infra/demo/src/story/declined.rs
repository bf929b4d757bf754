//! Chapter 3: a definite failure disables automatic top-up and tells the account holder.

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};

use super::{DECLINED, notices, told_by};
use crate::narrate::{Moment, Narrator};
use crate::operator;
use crate::stage::{Stage, expect, expect_that, only};

const EVENTS: &str = "3-declined.ndjson";
const EVENTS_AFTER: &str = "3-after-it.ndjson";
/// Longest time from the gateway's answer to the settings being off.
const DISABLE_MAX: SignedDuration = SignedDuration::from_secs(1);

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let mark = stage.sandbox.mark().await?;
    let start = Timestamp::now();
    let published = operator::publish(&stage.fleet, &stage.events(EVENTS)).await?;
    let charges = stage.sandbox.charges(mark, 1).await?;
    let (sms, mail) = notices(stage, mark).await?;
    let after = operator::account(&stage.fleet, DECLINED).await?;
    let topup = operator::last_topup(&stage.fleet, DECLINED).await?;

    let charge = only("charges of the declined card", charges)?;
    let settings = after.sms()?.settings()?;
    let disabled_after = topup.settled_at()?.duration_since(charge.at);
    expect("the charge's outcome", "failed", &charge.outcome)?;
    expect("the top-up's state", "failed", &topup.state)?;
    expect("auto top-up of account 1002 enabled", false, settings.enabled)?;
    expect(
        "the balance of account 1002",
        "100",
        &after.sms()?.credits.to_string(),
    )?;
    expect_that(
        disabled_after <= DISABLE_MAX,
        "disabled after the answer",
        "within 1 s",
        format!("{disabled_after:#}"),
    )?;
    let reason = settings
        .disabled_reason
        .clone()
        .context("auto top-up was disabled without a reason")?;

    let mut moments = vec![
        Moment::new(
            start,
            format!("{} sends are published, 20.5 credits in all", published.published),
        ),
        Moment::new(
            topup.requested_at,
            "debited: 120.5 → 100 credits; a top-up is requested",
        ),
        Moment::new(
            charge.received_at,
            format!(
                "the gateway is asked for {}, and the card is declined",
                topup.amount()?
            ),
        ),
        Moment::new(
            topup.settled_at()?,
            format!("auto top-up is disabled: “{reason}”"),
        ),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    narrator.gap();
    narrator.quote("the e-mail", mail.text.as_deref().unwrap_or_default());
    narrator.gap();

    operator::publish(&stage.fleet, &stage.events(EVENTS_AFTER)).await?;
    let later = operator::account_when(&stage.fleet, DECLINED, |wallet| {
        wallet.credits < topup.trigger_balance
    })
    .await?;
    expect(
        "the balance of account 1002",
        "90",
        &later.sms()?.credits.to_string(),
    )?;
    expect(
        "a top-up of a disabled wallet",
        false,
        later.sms()?.open_topup.is_some(),
    )?;
    expect(
        "charges of the declined card",
        1,
        stage.sandbox.charges(mark, 1).await?.len(),
    )?;
    narrator.outcome(
        "Nothing credited, one SMS, one e-mail. It goes on sending, 100 → 90 credits: recorded, and no further charge.",
    );
    Ok(())
}
