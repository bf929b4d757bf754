//! Tools that exist in Python's packages alone, for whoever tries the edge from outside: a tester that makes requests out of
//! a description of an HTTP interface, and the checks of pages for people who see badly or use no mouse.
//!
//! They live in an environment of their own under `target/tools`, with pinned versions, made when somebody first asks.
//! Left out: running them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::native::ensure_packages;
use crate::place;

/// Debian's interpreter, with what makes environments.
const PYTHON: &str = "/usr/bin/python3";
/// What it needs for that.
const PIP_FOR_ENVIRONMENTS: &str = "/usr/share/python-wheels";
/// Makes and sends requests, and looks at the answers.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// Bears the checks of pages as one script. What it would drive a browser with is not wanted.
const AXE: &str = "axe-playwright-python==0.1.8";
/// Where the script lies in it.
const AXE_SCRIPT: &str = "axe_playwright_python/axe.min.js";
/// Says which versions an environment was made with.
const MADE_WITH: &str = "made-with";

/// Where the tools are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonTools {
    /// Tries an HTTP interface against its description.
    pub schemathesis: PathBuf,
    /// Checks a page that it is run in; its `axe.run()` resolves to what it found.
    pub axe_script: PathBuf,
}

/// Finds the tools, and installs what is missing: Python itself from Debian's packages, the rest from Python's. Progress goes
/// to standard error.
///
/// # Errors
/// Something is missing and cannot be installed; the error says what to install.
pub async fn python_tools() -> Result<PythonTools> {
    let tools = place::workspace().join("target").join("tools");
    let home = tools.join("python");
    fs::create_dir_all(&tools).with_context(|| format!("making {}", tools.display()))?;
    let lock = tokio::task::spawn_blocking(move || -> Result<File> {
        let path = tools.join("python.lock");
        let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
        file.lock()
            .with_context(|| format!("waiting for {}", path.display()))?;
        Ok(file)
    })
    .await??;
    let versions = format!("{SCHEMATHESIS}\n{AXE}\n");
    let made_with = home.join(MADE_WITH);
    if fs::read_to_string(&made_with).is_ok_and(|made| made == versions) {
        return found(&home);
    }
    ensure_packages(missing).await?;
    eprintln!(
        "stack: installing {SCHEMATHESIS} and {AXE} from Python's packages into {}",
        home.display()
    );
    let environment = [Path::new("-m"), Path::new("venv"), Path::new("--clear"), &home];
    run(Command::new(PYTHON).args(environment)).await?;
    let pip = home.join("bin").join("pip");
    run(Command::new(&pip).args(["install", "--quiet", SCHEMATHESIS])).await?;
    run(Command::new(&pip).args(["install", "--quiet", "--no-deps", AXE])).await?;
    let tools = found(&home)?;
    fs::write(&made_with, versions).with_context(|| format!("writing {}", made_with.display()))?;
    drop(lock);
    Ok(tools)
}

fn missing() -> Vec<&'static str> {
    let packages = [(PYTHON, "python3"), (PIP_FOR_ENVIRONMENTS, "python3-venv")];
    let missing = packages.into_iter().filter(|(path, _)| !Path::new(path).exists());
    missing.map(|(_, package)| package).collect()
}

fn found(home: &Path) -> Result<PythonTools> {
    let schemathesis = home.join("bin").join("schemathesis");
    ensure!(
        schemathesis.is_file(),
        "{SCHEMATHESIS} is needed at {}",
        schemathesis.display()
    );
    let lib = home.join("lib");
    // One directory, named after the interpreter's version.
    let versions = fs::read_dir(&lib).with_context(|| format!("reading {}", lib.display()))?;
    let axe_script = versions
        .flatten()
        .map(|version| version.path().join("site-packages").join(AXE_SCRIPT))
        .find(|path| path.is_file())
        .with_context(|| format!("{AXE} is needed in {}", lib.display()))?;
    Ok(PythonTools {
        schemathesis,
        axe_script,
    })
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("starting {:?}", command.as_std().get_program()))?;
    ensure!(
        output.status.success(),
        "{:?} failed ({}): {}",
        command.as_std(),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
