//! The process `sweeper`.

use std::process::ExitCode;
use sweeper::{NAME, sweep};
use topup_runtime::{Process, run};

fn main() -> ExitCode {
    run(NAME, async |process: Process| sweep(process).await)
}
