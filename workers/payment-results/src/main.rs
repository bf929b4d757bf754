//! The process `payment-results`.

use payment_results::{NAME, PaymentResultsHandler};
use std::process::ExitCode;
use topup_runtime::{Process, consume, run};

fn main() -> ExitCode {
    run(NAME, async |process: Process| {
        let handler = PaymentResultsHandler::new(&process);
        consume::each(&process, &process.settings.payment_results, handler).await;
        anyhow::Ok(())
    })
}
