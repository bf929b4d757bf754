//! The programs that a native stack needs: found, or installed from Debian's packages; and the installing for others.
//!
//! `install.sh` beside this file does the installing, so that it can run through `sudo` in one piece and
//! puts everything back by itself, whatever happens to this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::sleep;

const SCRIPT: &str = include_str!("install.sh");
/// Debian's place for the broker's start script.
pub(super) const RABBITMQ_SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// Debian's place for the broker's command, which the wrapper in the system's path runs as another user.
pub(super) const RABBITMQCTL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// Debian's place for PostgreSQL's programs, one directory a major version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";
/// The oldest major version that the fleet works with.
const OLDEST_POSTGRES: u32 = 15;
/// How often to look whether another process has finished installing.
const LOCK_POLL: Duration = Duration::from_millis(500);
/// Held by whoever installs, on the whole machine.
const LOCK_FILE: &str = "topup-stack-install.lock";

/// Where the programs are.
#[derive(Debug)]
pub(super) struct Programs {
    /// The directory of `initdb` and `postgres`.
    pub(super) postgres_bin: PathBuf,
}

/// Finds the programs and installs the packages of those that are missing.
///
/// # Errors
/// Something is missing and cannot be installed; the error says what to install.
pub(super) async fn ensure_programs() -> Result<Programs> {
    ensure_packages(missing).await?;
    let postgres_bin = find_postgres()
        .with_context(|| format!("PostgreSQL {OLDEST_POSTGRES} or newer is needed in {POSTGRES_VERSIONS}"))?;
    ensure!(
        Path::new(RABBITMQ_SERVER).is_file(),
        "RabbitMQ is needed at {RABBITMQ_SERVER}"
    );
    Ok(Programs { postgres_bin })
}

/// Installs the packages that are `missing`, as soon as nobody else on the machine installs any.
///
/// # Errors
/// They cannot be installed; the error says what to install.
pub(crate) async fn ensure_packages(missing: fn() -> Vec<&'static str>) -> Result<()> {
    if !missing().is_empty() {
        let lock = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(std::env::temp_dir().join(LOCK_FILE))
            .ok();
        // Without the lock (somebody else's file) two installers merely wait for each other at apt's own.
        while lock
            .as_ref()
            .is_some_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
        {
            sleep(LOCK_POLL).await;
        }
        install(&missing()).await?;
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let mut packages = Vec::new();
    if !Path::new(RABBITMQ_SERVER).is_file() {
        packages.push("rabbitmq-server");
    }
    if find_postgres().is_none() {
        packages.push("postgresql");
    }
    packages
}

fn find_postgres() -> Option<PathBuf> {
    fs::read_dir(POSTGRES_VERSIONS)
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            let complete = bin.join("postgres").is_file() && bin.join("initdb").is_file();
            (version >= OLDEST_POSTGRES && complete).then_some((version, bin))
        })
        .max_by_key(|(version, _)| *version)
        .map(|(_, bin)| bin)
}

async fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    ensure!(
        Path::new("/usr/bin/apt-get").is_file(),
        "needed and not installed: {wanted} (a broker and a database can also come from TOPUP_STACK=containers or TOPUP_STACK=external)"
    );
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("sh")
    } else if may_sudo().await {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        bail!(
            "needed and not installed: run `sudo apt-get install {wanted}` (no root and no password-free sudo here)"
        );
    };
    eprintln!("stack: {wanted} missing, installing from the machine's package sources");
    let mut child = command
        .args(["-s", "--"])
        .args(packages)
        .stdin(Stdio::piped())
        .stdout(Stdio::inherit())
        .spawn()
        .context("starting the installer")?;
    // Standard output is the keeper's line to its user, so the script's progress goes to standard error.
    let mut input = child.stdin.take().context("talking to the installer")?;
    input
        .write_all(format!("exec >&2\n{SCRIPT}").as_bytes())
        .await
        .context("talking to the installer")?;
    drop(input);
    let status = child.wait().await.context("waiting for the installer")?;
    ensure!(
        status.success(),
        "installing {wanted} failed ({status}); install by hand: apt-get install {wanted}"
    );
    Ok(())
}

async fn may_sudo() -> bool {
    Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .is_ok_and(|status| status.success())
}
