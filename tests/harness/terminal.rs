//! A program at a terminal of its own: what a person sees there, and what a person types.
//!
//! The terminal is made by `script`, which every Debian machine has, so that Ctrl-C is what it is to a person: a key, which
//! the terminal turns into a signal. Left out: where on the screen something stands; it is seen in the order of writing.

use std::fmt::Write as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::patience::PATIENCE;
use super::programs::command;

/// The Enter key.
pub const ENTER: &str = "\r";
/// Ctrl and C.
pub const CTRL_C: &str = "\u{3}";
/// Bytes that are read at once.
const READ_BYTES: usize = 4_096;

/// A program that a person sits at. Dropping it hangs up.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    /// All that was written, standard error included.
    written: String,
    /// So much of it was looked for already, in bytes.
    seen: usize,
}

impl Terminal {
    /// Begins a program of the fleet with these settings and none of the test's own, on a terminal of 100 columns.
    ///
    /// # Errors
    /// It could not be built or started.
    pub async fn run(name: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Result<Self> {
        let program = command(name, settings).await?;
        // Whoever started the tests may have them ignore Ctrl-C, as a script's background job does, and whoever they start.
        let mut line = "stty cols 100 rows 30; exec env --default-signal=INT".to_owned();
        let path = program.get_program().to_str().context("a path that is no text")?;
        for word in std::iter::once(&path).chain(arguments) {
            let _infallible = write!(line, " '{}'", word.replace('\'', r"'\''"));
        }
        let mut script = tokio::process::Command::new("script");
        script
            .args(["--quiet", "--return", "--flush", "--command"])
            .arg(line)
            .arg("/dev/null");
        for (variable, value) in program.get_envs() {
            match value {
                Some(value) => script.env(variable, value),
                None => script.env_remove(variable),
            };
        }
        let mut child = script
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting script")?;
        Ok(Self {
            keys: child.stdin.take().context("keys")?,
            screen: child.stdout.take().context("a screen")?,
            child,
            written: String::new(),
            seen: 0,
        })
    }

    /// Waits until `text` is written, behind what was waited for before.
    ///
    /// # Errors
    /// It did not come in time, or the program ended before; all that was written is in the error.
    pub async fn sees(&mut self, text: &str) -> Result<()> {
        let looking = async {
            loop {
                let unseen = self.written.get(self.seen..).unwrap_or_default();
                if let Some(at) = unseen.find(text) {
                    self.seen += at + text.len();
                    return Ok(());
                }
                if !read_more(&mut self.screen, &mut self.written).await? {
                    bail!("it ended");
                }
            }
        };
        let looked = timeout(PATIENCE, looking).await;
        looked
            .map_err(anyhow::Error::from)
            .and_then(|seen| seen)
            .with_context(|| format!("{text:?} is not to be seen in:\n{}", self.written))
    }

    /// Presses keys.
    ///
    /// # Errors
    /// There is nobody any more.
    pub async fn types(&mut self, keys: &str) -> Result<()> {
        self.keys.write_all(keys.as_bytes()).await.context("typing")?;
        self.keys.flush().await.context("typing")
    }

    /// Waits for the end: the exit status as a shell has it (130: by Ctrl-C), and all that was written.
    ///
    /// # Errors
    /// It did not end in time.
    pub async fn ended(mut self) -> Result<(i32, String)> {
        let ending = async {
            while read_more(&mut self.screen, &mut self.written).await? {}
            anyhow::Ok(self.child.wait().await?)
        };
        let status = timeout(PATIENCE, ending)
            .await
            .with_context(|| format!("it did not end:\n{}", self.written))??;
        Ok((status.code().context("script was killed")?, self.written))
    }
}

/// False at the end.
async fn read_more(screen: &mut ChildStdout, written: &mut String) -> Result<bool> {
    let mut bytes = [0; READ_BYTES];
    let count = screen.read(&mut bytes).await.context("reading the screen")?;
    let read = bytes.get(..count).unwrap_or_default();
    // A character that comes in two pieces is a bar's; nobody looks for that.
    written.push_str(&String::from_utf8_lossy(read));
    Ok(count > 0)
}
