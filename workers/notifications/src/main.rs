//! The process `notifications`.

use notifications::{NAME, NotificationsHandler, SetupFailure};
use std::process::ExitCode;
use topup_runtime::{Process, consume, run};

fn main() -> ExitCode {
    run(NAME, async |process: Process| {
        let handler = NotificationsHandler::new(&process)?;
        consume::each(&process, &process.settings.notifications, handler).await;
        Ok::<(), SetupFailure>(())
    })
}
