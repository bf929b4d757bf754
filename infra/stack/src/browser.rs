//! A browser for whoever looks at pages: found, or installed from Debian's packages.
//!
//! Left out: driving it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::native::ensure_packages;

/// Debian's place for the browser.
const CHROMIUM: &str = "/usr/bin/chromium";
/// Debian's place for the program that drives it.
const DRIVER: &str = "/usr/bin/chromedriver";

/// Where the browser's programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserPrograms {
    /// The browser.
    pub browser: PathBuf,
    /// The program that drives it, by the WebDriver protocol.
    pub driver: PathBuf,
}

/// Finds Chromium and its driver, and installs what is missing of them, wherever broker and database come from.
/// Progress goes to standard error.
///
/// # Errors
/// Something is missing and cannot be installed; the error says what to install.
pub async fn browser_programs() -> Result<BrowserPrograms> {
    ensure_packages(missing).await?;
    ensure!(
        missing().is_empty(),
        "Chromium is needed at {CHROMIUM}, and its driver at {DRIVER}"
    );
    Ok(BrowserPrograms {
        browser: CHROMIUM.into(),
        driver: DRIVER.into(),
    })
}

fn missing() -> Vec<&'static str> {
    let packages = [(CHROMIUM, "chromium"), (DRIVER, "chromium-driver")];
    let missing = packages
        .into_iter()
        .filter(|(path, _)| !Path::new(path).is_file());
    missing.map(|(_, package)| package).collect()
}
