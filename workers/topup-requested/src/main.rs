//! The process `topup-requested`.

use std::process::ExitCode;
use topup_requested::{NAME, TopupRequestedHandler};
use topup_runtime::{Process, SettingsError, consume, run};

fn main() -> ExitCode {
    run(NAME, async |process: Process| {
        let handler = TopupRequestedHandler::new(&process)?;
        consume::each(&process, &process.settings.topup_requested, handler).await;
        Ok::<(), SettingsError>(())
    })
}
