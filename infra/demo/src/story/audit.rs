//! The end: what must always be true, checked over everything that happened.

use anyhow::Result;

use crate::narrate::Narrator;
use crate::operator;
use crate::sandbox::Mark;
use crate::stage::{Stage, expect, expect_that};

/// Three charges that were captured, one that was declined.
const CHARGES: usize = 4;
/// Five top-ups ended, each told once by each channel.
const NOTICES: usize = 5;

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let checks = operator::audit(&stage.operator).await?;
    expect_that(!checks.is_empty(), "checks of the audit", "some", "none")?;
    for check in &checks {
        expect(
            &format!("violations of {} ({})", check.rule, check.name),
            0,
            check.violations_counted,
        )?;
        narrator.outcome(&format!("{}  {}", check.rule, check.name));
    }
    narrator.gap();
    let all = Mark::START;
    expect(
        "charges in the whole story",
        CHARGES,
        stage.sandbox.charges(all, 0).await?.len(),
    )?;
    expect(
        "text messages in the whole story",
        NOTICES,
        stage.sandbox.sms(all, 0).await?.len(),
    )?;
    expect(
        "e-mails in the whole story",
        NOTICES,
        stage.sandbox.mail(all, 0).await?.len(),
    )?;
    narrator.outcome(&format!(
        "The world outside has seen {CHARGES} charges, {NOTICES} text messages and {NOTICES} e-mails, and no more."
    ));
    Ok(())
}
