//! Chapter 2: a second top-up inside the spacing waits in the broker, and is charged on time.

use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, interval};

use super::{MAIN, expect_credits, notices, told_by};
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
    let first_settled_at = first.settled_at()?;
    let due_at = is_scheduled(narrator, stage, start, first_settled_at).await?;
    let charge = watch(narrator, stage, mark, start, due_at).await?;
    is_credited(narrator, stage, mark, start, &charge).await?;

    let apart = charge.at.duration_since(first_settled_at);
    let spacing = SignedDuration::try_from(SPACING).context("a spacing of seconds")?;
    let late = apart - spacing;
    let what = "from the first top-up's end to the second charge";
    let in_time = format!("{} to {}", seconds(spacing), seconds(spacing + LATE_MAX));
    expect_that(
        !late.is_negative() && late <= LATE_MAX,
        what,
        in_time,
        seconds(apart),
    )?;
    narrator.gap();
    narrator.outcome(&format!(
        "Queued, not dropped: charged {} after the first one settled, so {} after its moment.",
        seconds(apart),
        seconds(late)
    ));
    Ok(())
}

/// A campaign triggers a second top-up; returns the moment that it waits for.
async fn is_scheduled(
    narrator: &mut Narrator,
    stage: &Stage,
    start: Timestamp,
    first_settled_at: Timestamp,
) -> Result<Timestamp> {
    let published = operator::publish(&stage.operator, &stage.events(EVENTS)).await?;
    let is_due = |wallet: &operator::Wallet| wallet.open_topup.as_ref().is_some_and(|it| it.due_at.is_some());
    let account = operator::account_when(&stage.operator, MAIN, is_due).await?;
    let topup = operator::last_topup(&stage.operator, MAIN).await?;
    let open = account.sms()?.open_topup.as_ref();
    let open = open.context("account 1001 has no open top-up, where one was to wait")?;
    expect("the second top-up's state", "scheduled", &open.state)?;
    expect_credits(&account, "95")?;
    let due_at = open.due_at.context("the second top-up waits for no moment")?;

    let sent = format!("a campaign: {} sends, 505 credits in all", published.published);
    let debited = "debited: 600 → 95 credits, below the threshold; a top-up is requested";
    narrator.moments(
        start,
        vec![Moment::new(start, sent), Moment::new(topup.requested_at, debited)],
    );
    narrator.moment(
        None,
        &format!(
            "The first one settled {} before, so this one is scheduled for + {}. Its message waits in delay \
             queues, one for each power of two of seconds, each handing on to a shorter one. A delay is rounded \
             up to whole seconds, so that nothing comes early.",
            seconds(topup.requested_at.duration_since(first_settled_at)),
            seconds(due_at.duration_since(start)),
        ),
    );
    Ok(due_at)
}

/// Shows which delay queue holds the message, and for how long yet, until the gateway is asked.
async fn watch(
    narrator: &mut Narrator,
    stage: &Stage,
    mark: Mark,
    start: Timestamp,
    due_at: Timestamp,
) -> Result<Charge> {
    let mut charged = std::pin::pin!(stage.sandbox.charges(mark, 1));
    let mut looks = interval(LOOK);
    let mut last: Option<Waiting> = None;
    let until = Instant::now() + WAIT;
    let charges = loop {
        tokio::select! {
            charges = &mut charged => break charges?,
            now = looks.tick() => {
                expect_that(now < until, "the second charge", "by now", "none")?;
                let Some(holder) = stage.broker.waiting().await? else { continue };
                let left = left(due_at);
                if last.as_ref() != Some(&holder) {
                    let offset = Timestamp::now().duration_since(start);
                    let line = format!("{} holds it for {} s; {left}", holder.queue, holder.stay_s);
                    narrator.moment(Some(offset), &line);
                }
                if last.is_none() {
                    let page = stage.page.of_queue(&holder.queue);
                    narrator.moment(None, &format!("in the management page: {page}"));
                }
                narrator.passing(&left);
                last = Some(holder);
            }
        }
    };
    expect("the waiting message seen in a delay queue", true, last.is_some())?;
    only("charges of the second top-up", charges)
}

async fn is_credited(
    narrator: &mut Narrator,
    stage: &Stage,
    mark: Mark,
    start: Timestamp,
    charge: &Charge,
) -> Result<()> {
    let (sms, mail) = notices(stage, mark).await?;
    let account = operator::account(&stage.operator, MAIN).await?;
    let topup = operator::last_topup(&stage.operator, MAIN).await?;
    expect("the charge's outcome", "success", &charge.outcome)?;
    expect_credits(&account, "595")?;
    let asked = format!(
        "its moment has come; the gateway is asked for {}",
        topup.amount()?
    );
    let mut moments = vec![
        Moment::new(charge.received_at, asked),
        Moment::new(topup.settled_at()?, "credited: 95 → 595 credits"),
    ];
    moments.extend(told_by(&sms, &mail));
    narrator.moments(start, moments);
    Ok(())
}

/// `6.4 s left`, for people who watch.
fn left(due_at: Timestamp) -> String {
    let left = due_at.duration_since(Timestamp::now());
    if left.is_positive() {
        format!("{} left", seconds(left))
    } else {
        "any moment now".to_owned()
    }
}

/// `7.9 s`.
fn seconds(span: SignedDuration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
