//! What all tests of one run share: the built programs, one stack, one migrated database to copy, and a bound on
//! fleets that run at once.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use topup_stack::{Mode, Options, Space, Stack, build_workspace, program};

/// Fleets that run at once: more would only starve each other on a small machine.
const FLEETS_MAX: u32 = 4;

static SHARED: OnceCell<Shared> = OnceCell::const_new();
static FLEETS: Semaphore = Semaphore::const_new(FLEETS_MAX as usize);
static FILES: AtomicU32 = AtomicU32::new(0);

/// Never dropped; its keeper notices the end of this process and stops the servers.
struct Shared {
    stack: Stack,
    template: Space,
}

async fn shared() -> Result<&'static Shared> {
    SHARED
        .get_or_try_init(|| async {
            tokio::task::spawn_blocking(build_workspace).await??;
            let stack = Stack::start(Options {
                name: "specification".into(),
                ..Options::default()
            })
            .await?;
            let template = stack.space("template").await?;
            migrate(&template).await?;
            Ok(Shared { stack, template })
        })
        .await
}

async fn migrate(space: &Space) -> Result<()> {
    let output = tokio::process::Command::new(program("fleetctl")?)
        .arg("migrate")
        .env("TOPUP__DATABASE__URL", space.database_url())
        .stdin(Stdio::null())
        .output()
        .await
        .context("running fleetctl migrate")?;
    ensure!(
        output.status.success(),
        "fleetctl migrate: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The broker and the database server that every test of this run shares.
///
/// # Errors
/// They could not be built or started.
pub async fn stack() -> Result<Stack> {
    Ok(shared().await?.stack.clone())
}

/// A broker of so many nodes (1 or 3) and a database server of a test's own, whose servers it may do anything to:
/// native ones, wherever those of the specification run.
///
/// # Errors
/// They could not be built or started.
pub async fn own_stack(name: &str, nodes: u8) -> Result<Stack> {
    tokio::task::spawn_blocking(build_workspace).await??;
    Stack::start(Options {
        name: name.to_owned(),
        nodes,
        mode: Some(Mode::Native),
        ..Options::default()
    })
    .await
}

/// A virtual host, and a database with every table in it and nothing else.
///
/// # Errors
/// The broker or the database refused.
pub async fn migrated_space() -> Result<Space> {
    let shared = shared().await?;
    shared.stack.space_from(&test_name(), &shared.template).await
}

/// A virtual host, and an empty database.
///
/// # Errors
/// The broker or the database refused.
pub async fn fresh_space() -> Result<Space> {
    shared().await?.stack.space(&test_name()).await
}

/// Leave to run one fleet, or one alone, until it is dropped.
pub(crate) async fn leave_to_run(is_alone: bool) -> Result<SemaphorePermit<'static>> {
    let fleets = if is_alone { FLEETS_MAX } else { 1 };
    FLEETS
        .acquire_many(fleets)
        .await
        .context("the bound on fleets is closed")
}

/// A number that no other file of this run bears.
pub(crate) fn file_number() -> u32 {
    FILES.fetch_add(1, Ordering::Relaxed)
}

/// The running test's own name, without its module: what its logs are filed under.
pub(crate) fn test_name() -> String {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("test");
    name.rsplit("::").next().unwrap_or(name).to_owned()
}
