//! What is still in hand when the process is to stop.

use std::time::Duration;
use topup_runtime::Process;

/// How long what is under way may take when the process ends. Whatever is left half done is what a killed process leaves,
/// too: somebody comes to it again.
pub(crate) const LAST_WORDS_MAX: Duration = Duration::from_secs(5);

/// Does it; None where the process is to stop and it takes longer than [`LAST_WORDS_MAX`] from then on.
pub(crate) async fn unless_ended<T>(process: &Process, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = its_time_is_up(process) => None,
    }
}

async fn its_time_is_up(process: &Process) {
    process.shutdown.requested().await;
    tokio::time::sleep(LAST_WORDS_MAX).await;
}
