//! The process `edge`.

use edge::{Edge, NAME};
use std::process::ExitCode;
use topup_runtime::{PublicProcess, SettingsError, run_public};

fn main() -> ExitCode {
    run_public(NAME, async |process: PublicProcess| {
        let edge = Edge::new(&process)?;
        edge::serve(process.listener, edge, process.shutdown).await;
        Ok::<(), SettingsError>(())
    })
}
