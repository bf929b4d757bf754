//! Chapter 2: a second top-up inside the spacing waits in the broker, and is charged on time.

use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, interval};

use super::{MAIN, notices, told_by};
use crate::broker::Waiting;
use crate::narrate::{Moment, Narrator};
use crate::operator::{self, Topup};
use crate::sandbox::{Charge, Mark};
use crate::stage::{SPACING, Stage, expect, expect_that, only};

const EVENTS: &str = "2-inside-the-spacing.ndjson";
/// How much later than its moment a charge may come.
const LATE_MAX: SignedDuration = SignedDuration::from_secs(2);
/// How often the delay queues are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for the delayed charge.
const WAIT: Duration = Duration::from_secs(SPACING.as_secs() + 10);

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage, first: &Topup) -> Result<()> {
    let mark = stage.sandbox.mark().await?;
    let start = Timestamp::now();
    let published = operator::publish(&stage.fleet, &stage.events(EVENTS)).await?;
    let waiting = operator::account_when(&stage.fleet, MAIN, |wallet| {
        wallet
            .open_topup
            .as_ref()
            .is_some_and(|topup| topup.due_at.is_some())
    })
    .await?;
    let requested = operator::last_topup(&stage.fleet, MAIN).await?;
    let open = waiting
        .sms()?
        .open_topup
        .clone()
        .context("account 1001 has no open top-up")?;
    expect("the second top-up's state", "scheduled", &open.state)?;
    expect(
        "the balance of account 1001",
        "95",
        &waiting.sms()?.credits.to_string(),
    )?;
    let due_at = open.due_at.context("the second top-up waits for no moment")?;
    let settled_at = first.settled_at()?;

    narrator.moments(
        start,
        vec![
            Moment::new(
                start,
                format!("a campaign: {} sends, 505 credits in all", published.published),
            ),
            Moment::new(
                requested.requested_at,
                "debited: 600 → 95 credits, below the threshold; a top-up is requested",
            ),
        ],
    );
    narrator.moment(
        None,
        &format!(
            "The first one settled {} before. This one is scheduled for {}, and its message goes into the delay \
             queues: one for each power of two of seconds, each handing on to the next shorter one.",
            seconds(requested.requested_at.duration_since(settled_at)),
            offset(due_at, start),
        ),
    );
    let charge = watch(narrator, stage, mark, start, due_at).await?;
    let (sms, mail) = notices(stage, mark).await?;
    let after = operator::account(&stage.fleet, MAIN).await?;
    let topup = operator::last_topup(&stage.fleet, MAIN).await?;

    let apart = charge.received_at.duration_since(settled_at);
    let spacing = SignedDuration::try_from(SPACING).context("a spacing of seconds")?;
    let late = apart - spacing;
    expect("the charge's outcome", "success", &charge.outcome)?;
    expect_that(
        late >= SignedDuration::ZERO,
        "the second charge after the first settled",
        "at least 8 s",
        seconds(apart),
    )?;
    expect_that(
        late <= LATE_MAX,
        "the second charge after the first settled",
        "at most 10 s",
        seconds(apart),
    )?;
    expect(
        "the balance of account 1001",
        "595",
        &after.sms()?.credits.to_string(),
    )?;

    let mut moments = vec![
        Moment::new(
            charge.received_at,
            format!("the gateway is asked for {}", topup.amount()?),
        ),
        Moment::new(
            topup.settled_at()?,
            format!("credited: 95 → {} credits", after.sms()?.credits),
        ),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    narrator.gap();
    narrator.outcome(&format!(
        "Queued, not dropped: charged {} after the first settled, {} after its moment and not before it.",
        seconds(apart),
        seconds(late)
    ));
    Ok(())
}

/// Shows which delay queue holds the message, and for how long yet, until the gateway is asked.
async fn watch(
    narrator: &mut Narrator,
    stage: &Stage,
    mark: Mark,
    start: Timestamp,
    due_at: Timestamp,
) -> Result<Charge> {
    let charged = stage.sandbox.charges(mark, 1);
    let mut charged = std::pin::pin!(charged);
    let mut looks = interval(LOOK);
    let mut last: Vec<Waiting> = Vec::new();
    let mut was_seen = false;
    let until = Instant::now() + WAIT;
    let charges = loop {
        tokio::select! {
            charges = &mut charged => break charges?,
            now = looks.tick() => {
                expect_that(now < until, "the second charge", "by now", "none")?;
                let waiting = stage.broker.waiting().await?;
                let left = due_at.duration_since(Timestamp::now()).max(SignedDuration::ZERO);
                if let Some(holder) = waiting.first() {
                    was_seen = true;
                    if last != waiting {
                        let line = format!("{} holds it for {} s; {} left", holder.queue, holder.stay_s, seconds(left));
                        narrator.moment(Some(Timestamp::now().duration_since(start)), &line);
                    }
                    narrator.passing(&format!("… {} left", seconds(left)));
                }
                last = waiting;
            }
        }
    };
    expect("the waiting message seen in a delay queue", true, was_seen)?;
    only("charges of the second top-up", charges)
}

/// `7.9 s`.
fn seconds(span: SignedDuration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}

/// `+ 7.9 s`.
fn offset(at: Timestamp, start: Timestamp) -> String {
    format!("+ {}", seconds(at.duration_since(start)))
}
