//! The same job in what a team would otherwise pick: FastStream with asyncpg, Celery with psycopg. The programs are
//! in `tests/load/peers`; here they are given an environment, work, and an end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};
use topup_stack::{Stack, workspace};

use crate::bench::{Bench, SPENDING_FROM};
use crate::plain::Plain;
use crate::progress;
use crate::samples::Samples;

/// Longest download of the packages.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest publishing by a peer.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest wait for a peer to have debited everything.
const WAIT: Duration = Duration::from_secs(180);
/// Longest wait for a peer to end.
const END_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause between two looks at the database.
const LOOK: Duration = Duration::from_millis(50);

/// Python with everything that the peers need.
#[derive(Debug)]
pub(crate) struct Peers {
    stack: Stack,
    python: PathBuf,
}

/// `peer_faststream_per_s`, `peer_celery_per_s`; nothing, where there are no peers.
pub(crate) async fn measure(bench: &mut Bench, count: u32, samples: &mut Samples) -> Result<()> {
    let (Some(peers), Some(plain)) = (&bench.peers, &mut bench.plain) else {
        return Ok(());
    };
    plain.fill_queue(count).await?;
    let faststream = peers.start("faststream_peer.py", &[], plain).await?;
    let per_s = rate(plain, faststream, count, "FastStream").await?;
    samples.add("peer_faststream_per_s", per_s);

    eprintln!("load: publishing tasks for Celery");
    let [count_text, first, accounts] =
        [count, SPENDING_FROM, plain.accounts].map(|number| number.to_string());
    let arguments = ["publish", &count_text, &first, &accounts];
    peers
        .start("celery_peer.py", &arguments, plain)
        .await?
        .finish()
        .await
        .context("publishing Celery's tasks")?;
    let celery = peers.start("celery_peer.py", &["work"], plain).await?;
    let per_s = rate(plain, celery, count, "Celery").await?;
    samples.add("peer_celery_per_s", per_s);
    Ok(())
}

/// From the first look that sees a row of this peer's to the last row; the peer is ended.
async fn rate(plain: &Plain, mut peer: Peer, count: u32, name: &str) -> Result<f64> {
    let bar = progress::bar(&format!("the same in {name}"), u64::from(count));
    let until = Instant::now() + WAIT;
    let mut first = None;
    let per_s = loop {
        let rows = plain.database.plain_rows().await? - peer.before;
        let now = Instant::now();
        if rows > 0 {
            let (first_rows, first_at) = *first.get_or_insert((rows, now));
            if rows >= u64::from(count) {
                ensure!(
                    rows > first_rows,
                    "{name} was done at the first look: too few to measure"
                );
                let debited = u32::try_from(rows - first_rows)?;
                break f64::from(debited) / now.duration_since(first_at).as_secs_f64();
            }
        }
        if let Some(status) = peer.child.try_wait().context("looking at a peer")? {
            bail!("{name} ended ({status}); see {}", peer.log.display());
        }
        ensure!(
            now < until,
            "{name} debited {rows} of {count}; see {}",
            peer.log.display()
        );
        bar.set_position(rows);
        sleep(LOOK).await;
    };
    bar.finish_and_clear();
    plain.check(peer.before, count).await?;
    peer.end().await?;
    Ok(per_s)
}

/// A running program of a peer's.
struct Peer {
    child: Child,
    log: PathBuf,
    /// Rows that were there before it was started.
    before: u64,
    stack: Stack,
}

impl Peers {
    /// Makes the environment, where there is Python; says what is missing, where there is not.
    pub(crate) async fn prepare(stack: &Stack, samples: &mut Samples) -> Result<Option<Self>> {
        let dir = load_dir();
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        match environment(&dir).await {
            Ok(python) => Ok(Some(Self {
                stack: stack.clone(),
                python,
            })),
            Err(missing) => {
                samples.skip(format!("FastStream and Celery are left out: {missing:#}"));
                Ok(None)
            }
        }
    }

    async fn start(&self, program: &str, arguments: &[&str], plain: &Plain) -> Result<Peer> {
        let before = plain.database.plain_rows().await?;
        let log = load_dir().join(program).with_extension("log");
        let file = File::options().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("opening {}", log.display()))?;
        let errors = file.try_clone().context("sharing a log file")?;
        let child = Command::new(&self.python)
            .arg(peers_dir().join(program))
            .args(arguments)
            .env("PEER_AMQP_URL", &plain.amqp_url)
            .env("PEER_DATABASE_URL", plain.database.url())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            // Its children end with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {program}"))?;
        let peer = Peer {
            child,
            log,
            before,
            stack: self.stack.clone(),
        };
        if let Some(pid) = peer.pid() {
            self.stack.guard(pid)?;
        }
        Ok(peer)
    }
}

impl Peer {
    fn pid(&self) -> Option<i32> {
        self.child.id().map(u32::cast_signed)
    }

    /// Lets it end by itself.
    async fn finish(mut self) -> Result<()> {
        let pid = self.pid();
        let ended = timeout(PUBLISH_TIMEOUT, self.child.wait()).await;
        let status = ended
            .context("it did not end in time")?
            .context("waiting for it")?;
        ensure!(
            status.success(),
            "it ended with {status}; see {}",
            self.log.display()
        );
        pid.map_or(Ok(()), |pid| self.stack.release(pid))
    }

    /// Asks it to finish; what remains is killed.
    async fn end(mut self) -> Result<()> {
        let Some(pid) = self.pid() else { return Ok(()) };
        let group = Pid::from_raw(pid).context("a process id is never 0")?;
        kill_process_group(group, Signal::TERM).context("ending a peer")?;
        let ended: Result<std::io::Result<ExitStatus>, _> = timeout(END_TIMEOUT, self.child.wait()).await;
        // An error says that nobody is left, which is what is wanted.
        let _ = kill_process_group(group, Signal::KILL);
        if ended.is_err() {
            self.child.wait().await.context("waiting for a peer")?;
        }
        self.stack.release(pid)
    }
}

/// A Python that has the packages, made where it is missing.
async fn environment(dir: &Path) -> Result<PathBuf> {
    let venv = dir.join("venv");
    let python = venv.join("bin").join("python");
    let requirements = peers_dir().join("requirements.txt");
    let wanted = fs::read_to_string(&requirements).context("reading the peers' requirements")?;
    let stamp = venv.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("load: making a Python environment for the peers");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))
        .await
        .context("no Python with venv (apt-get install python3-venv)")?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ]);
    run(pip.arg(&requirements))
        .await
        .context("their packages can't be installed")?;
    fs::write(&stamp, wanted).context("noting what was installed")?;
    Ok(python)
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(INSTALL_TIMEOUT, output)
        .await
        .context("it took too long")??;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    ensure!(
        output.status.success(),
        "{}",
        last.unwrap_or("it failed without a word")
    );
    Ok(())
}

/// `target/load`: what runs leave behind.
pub(crate) fn load_dir() -> PathBuf {
    workspace().join("target").join("load")
}

fn peers_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
