//! The process `sms-sent`.

use sms_sent::{NAME, SmsSentHandler};
use std::process::ExitCode;
use topup_runtime::{Process, consume, run};

fn main() -> ExitCode {
    run(NAME, async |process: Process| {
        let handler = SmsSentHandler::new(&process);
        consume::batches(&process, &process.settings.sms_sent, handler).await;
        anyhow::Ok(())
    })
}
