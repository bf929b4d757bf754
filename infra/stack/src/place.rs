//! Where things stand: the workspace, its built programs, and the directory in which stacks live.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// The workspace's root directory.
#[must_use]
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// `target/stack`: everything that stacks leave on disk.
#[must_use]
pub fn stack_dir() -> PathBuf {
    workspace().join("target").join("stack")
}

/// The directory of the programs built with the running one, for example `target/debug`.
///
/// # Errors
/// The running program's own path is unknown.
pub fn bin_dir() -> Result<PathBuf> {
    let exe = env::current_exe().context("finding the running program")?;
    let dir = exe.parent().context("finding the running program's directory")?;
    let is_test = dir.file_name().is_some_and(|name| name == "deps");
    Ok(if is_test { dir.parent().unwrap_or(dir) } else { dir }.to_path_buf())
}

/// The path of one built program of the workspace.
///
/// # Errors
/// It has not been built yet.
pub fn program(name: &str) -> Result<PathBuf> {
    program_in(&bin_dir()?, name)
}

/// The same of a build that lies elsewhere.
pub(crate) fn program_in(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    ensure!(
        path.is_file(),
        "{} has not been built: run `cargo build --workspace --bins`",
        path.display()
    );
    Ok(path)
}

/// Builds every program of the workspace, in the profile and the directory of the running one, and
/// returns that directory. Cargo's progress goes to standard error. A second call in one process is free.
///
/// # Errors
/// Cargo is not there, or the build failed.
pub fn build_workspace() -> Result<PathBuf> {
    static BUILT: std::sync::Mutex<bool> = std::sync::Mutex::new(false);
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let bin_dir = bin_dir()?;
    if *built {
        return Ok(bin_dir);
    }
    let status = cargo_build(&bin_dir)?
        .status()
        .context("starting cargo (set CARGO to its path if it is not in PATH)")?;
    if !status.success() {
        bail!("cargo build --workspace --bins failed: {status}");
    }
    *built = true;
    Ok(bin_dir)
}

fn cargo_build(bin_dir: &Path) -> Result<Command> {
    let profile = bin_dir
        .file_name()
        .and_then(|name| name.to_str())
        .context("naming the build profile")?;
    let parent = bin_dir.parent().context("finding the target directory")?;
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command
        .current_dir(workspace())
        .args(["build", "--workspace", "--bins"]);
    command.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
    // Cargo marks its target directory; a directory between that and the profile is named after the target.
    let is_target_dir = |dir: &Path| dir.join("CACHEDIR.TAG").is_file();
    if is_target_dir(parent) {
        command.arg("--target-dir").arg(parent);
    } else if let (Some(target), Some(root)) = (parent.file_name(), parent.parent())
        && is_target_dir(root)
    {
        command.arg("--target").arg(target).arg("--target-dir").arg(root);
    }
    // What cargo tells the program it runs would look like changed input to build scripts, which
    // would then compile their crates anew each time.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_told_by_cargo) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    Ok(command)
}

fn is_told_by_cargo(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    const NAMES: [&str; 3] = ["CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}
