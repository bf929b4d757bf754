//! Chapter 4: a sub account is refilled by its main.

use anyhow::Result;
use jiff::Timestamp;

use super::{MAIN, SUB, expect_credits, notices, told_by};
use crate::narrate::{Moment, Narrator};
use crate::operator;
use crate::stage::{Stage, expect};

const EVENTS: &str = "4-sub-account.ndjson";

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let mark = stage.sandbox.mark().await?;
    let start = Timestamp::now();
    let published = operator::publish(&stage.operator, &stage.events(EVENTS)).await?;
    let (sms, mail) = notices(stage, mark).await?;
    let sub = operator::account(&stage.operator, SUB).await?;
    let main = operator::account(&stage.operator, MAIN).await?;
    let topup = operator::last_topup(&stage.operator, SUB).await?;

    expect("the top-up's state", "succeeded", &topup.state)?;
    expect_credits(&sub, "520")?;
    expect_credits(&main, "95")?;
    expect(
        "charges for a transfer",
        0,
        stage.sandbox.charges(mark, 0).await?.len(),
    )?;
    expect(
        "a top-up triggered by a transfer",
        false,
        main.sms()?.open_topup.is_some(),
    )?;

    let sent = format!("{} sends are published, 5 credits in all", published.published);
    let moved = format!(
        "{} credits move: account 1001 has 595 → 95, account 1003 has 20 → 520",
        topup.quantity
    );
    let mut moments = vec![
        Moment::new(start, sent),
        Moment::new(
            topup.requested_at,
            "debited: 25 → 20 credits; a top-up is requested",
        ),
        Moment::new(topup.settled_at()?, moved),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    narrator.gap();
    narrator.outcome(
        "No card, no price, no spacing. Account 1001 is now below its own threshold of 100, and nothing is charged: \
         only a send triggers, and a transfer is none.",
    );
    Ok(())
}
