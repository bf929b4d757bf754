//! The fleet's programs as they were: built from the history, beside this build and with what both have in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use topup_stack::{WORKERS, bin_dir, workspace};

/// What of a version is built: the workers, and the operator's command.
fn programs() -> impl Iterator<Item = &'static str> {
    WORKERS.into_iter().chain(["fleetctl"])
}

/// The directory of the fleet's programs of this commit, built if they are not yet; `None` where the history does not
/// reach back to it (a shallow clone, or no clone at all). Cargo's progress goes to standard error.
///
/// # Errors
/// It could not be taken out of the history, or not be built.
pub async fn programs_of(commit: &'static str) -> Result<Option<PathBuf>> {
    tokio::task::spawn_blocking(move || build(commit)).await?
}

fn build(commit: &str) -> Result<Option<PathBuf>> {
    let known = Command::new("git")
        .args(["cat-file", "-e", &format!("{commit}^{{commit}}")])
        .current_dir(workspace())
        .stderr(Stdio::null())
        .status();
    if !known.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    // `target/debug` of this build: what libraries were compiled to there serves the older version as well.
    let shared = bin_dir()?.parent().context("the target directory")?.to_path_buf();
    let own = shared.join("older").join(commit);
    let source = own.join("source");
    if !source.join("Cargo.toml").is_file() {
        unpack(commit, &source)?;
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(&source)
        // The features of libraries are chosen for the whole workspace, as for this build.
        .args(["build", "--workspace"])
        .args(programs().flat_map(|program| ["--bin", program]))
        .env("CARGO_BUILD_BUILD_DIR", &shared)
        .env("CARGO_TARGET_DIR", &own)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    let built = cargo.status().context("starting cargo")?;
    ensure!(built.success(), "building the programs of {commit}: {built}");
    Ok(Some(own.join("debug")))
}

/// The files of a commit, whole or not at all.
fn unpack(commit: &str, source: &Path) -> Result<()> {
    let partial = source.with_extension("partial");
    // Left over from one that was broken off.
    let _none = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial)?;
    let archive = partial.with_extension("tar");
    let packed = Command::new("git")
        .args(["archive", "--format=tar", "--output"])
        .arg(&archive)
        .arg(commit)
        .current_dir(workspace())
        .status()?;
    ensure!(packed.success(), "git archive {commit}: {packed}");
    let unpacked = Command::new("tar")
        .arg("-xf")
        .arg(&archive)
        .arg("-C")
        .arg(&partial)
        .status()?;
    ensure!(unpacked.success(), "unpacking {}: {unpacked}", archive.display());
    fs::remove_file(&archive)?;
    fs::rename(&partial, source).context("putting the files in place")
}
