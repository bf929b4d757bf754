//! The end: what must always be true, checked over everything that happened.

use anyhow::Result;

use crate::narrate::Narrator;
use crate::operator;
use crate::stage::{Stage, expect, expect_that};

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let checks = operator::audit(&stage.fleet).await?;
    expect_that(!checks.is_empty(), "checks of the audit", "some", "none")?;
    for check in &checks {
        expect(
            &format!("violations of {} ({})", check.rule, check.name),
            0,
            check.violations_counted,
        )?;
        narrator.outcome(&format!("{}  {}", check.rule, check.name));
    }
    Ok(())
}
