//! The tools that come from Python's packages.

use anyhow::{Result, ensure};
use std::process::Command;
use topup_stack::python_tools;

#[tokio::test]
async fn the_tools_are_there_once_somebody_has_asked_for_them() -> Result<()> {
    let (tools, again) = tokio::try_join!(python_tools(), python_tools())?;
    ensure!(tools == again);
    let version = Command::new(&tools.schemathesis).arg("--version").output()?;
    ensure!(version.status.success(), "{version:?}");
    let axe = std::fs::read_to_string(&tools.axe_script)?;
    ensure!(axe.contains("axe.run"), "{}", tools.axe_script.display());
    Ok(())
}
