//! One PostgreSQL server from the machine's package, in a data directory of its own.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::Signal;
use tokio::process::Command;
use tokio::time::sleep;

use super::install::Programs;
use super::leader::Leader;
use super::ports::{self, Port};
use super::server::{Kind, Server};
use super::{log_tail, random, service};
use crate::acts::Act;
use crate::database;
use crate::home::Home;
use crate::keeper::Durability;

/// The server's administrator, and the system user that a server started by root runs as.
pub(crate) const USER: &str = "postgres";
/// Where the data goes when the server's user cannot reach the workspace.
const ELSEWHERE: &str = "/var/tmp";
/// Longest wait for the server to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(30);

/// A server, up or down.
#[derive(Debug)]
pub(super) struct Postgres {
    /// `postgres` and `initdb` are in it.
    bin: PathBuf,
    dir: PathBuf,
    log: PathBuf,
    /// Whom to become; PostgreSQL refuses to run as root.
    user: Option<&'static str>,
    port: Port,
    password: String,
    settings: String,
    elsewhere: Option<PathBuf>,
}

/// Makes a data directory, starts a server on it and waits until it answers.
pub(super) async fn start(
    home: &Home,
    durability: Durability,
    programs: &Programs,
    attempt: u32,
) -> Result<Server<Postgres>> {
    let started = Instant::now();
    eprintln!("stack: starting PostgreSQL");
    let [port] = ports::free()?;
    let user = rustix::process::geteuid().is_root().then_some(USER);
    let (dir, elsewhere) = data_dir(home, user, attempt).await?;
    let server = Server::new(Postgres {
        bin: programs.postgres_bin.clone(),
        dir,
        log: home.log("postgres"),
        user,
        settings: settings(home.instance(), port.number(), durability),
        port,
        password: random::secret()?,
        elsewhere,
    });
    server.act(Act::Start).await?;
    let version = database::version(&server.kind().database_url()).await?;
    eprintln!(
        "stack: PostgreSQL {version} ready after {:.1} s",
        started.elapsed().as_secs_f32()
    );
    Ok(server)
}

impl Kind for Postgres {
    /// It breaks all connections off, and leaves its data in order.
    const STOP: Signal = Signal::INT;

    fn ports(&self) -> Vec<&Port> {
        vec![&self.port]
    }

    async fn prepare(&self) -> Result<()> {
        if self.dir.join("PG_VERSION").exists() {
            return Ok(());
        }
        self.init().await?;
        fs::write(self.dir.join("postgresql.auto.conf"), &self.settings)
            .context("writing PostgreSQL's settings")
    }

    fn launch(&self) -> Result<Leader> {
        // On this signal the server ends at once and takes its shared memory with it.
        let mut command = service(self.bin.join("postgres"), "QUIT", self.user, &self.log)?;
        command.arg("-D").arg(&self.dir).current_dir(&self.dir);
        Leader::spawn(command, "PostgreSQL", Signal::QUIT)
    }

    async fn until_it_serves(&self, leader: &mut Leader) -> Result<()> {
        let started = Instant::now();
        let url = self.database_url();
        loop {
            if let Some(status) = leader.ended()? {
                bail!(
                    "PostgreSQL stopped while starting ({status}); {}",
                    log_tail(&self.log)
                );
            }
            if database::version(&url).await.is_ok() {
                return Ok(());
            }
            if started.elapsed() > START_TIMEOUT {
                bail!(
                    "PostgreSQL was not ready after {} s; {}",
                    START_TIMEOUT.as_secs(),
                    log_tail(&self.log)
                );
            }
            sleep(POLL).await;
        }
    }

    fn wipe(&self) -> Result<()> {
        self.release_memory();
        for entry in fs::read_dir(&self.dir).context("reading the database's directory")? {
            let path = entry.context("reading the database's directory")?.path();
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            removed.with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(())
    }
}

impl Postgres {
    pub(super) fn database_url(&self) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }

    /// A server that was killed leaves a few bytes of shared memory in the system, under the number that it noted
    /// down; starting it again would take them over.
    fn release_memory(&self) {
        const LINE_OF_MEMORY: usize = 6;
        let noted = fs::read_to_string(self.dir.join("postmaster.pid")).unwrap_or_default();
        let line = noted.lines().nth(LINE_OF_MEMORY).unwrap_or_default();
        if let Some(id) = line.split_whitespace().nth(1) {
            // It may be gone already, which is what is wanted.
            let _ = std::process::Command::new("ipcrm")
                .args(["-m", id])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }

    async fn init(&self) -> Result<()> {
        // Beside the settings that the server's user owns; initdb wants its directory empty.
        let secret = self.dir.with_extension("password");
        fs::write(&secret, &self.password).context("writing the database's password")?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))
            .context("closing the password file")?;
        if let Some(user) = self.user {
            let (uid, gid) = ids_of(user).await?;
            chown(&secret, Some(uid), Some(gid)).context("giving the password file to the server's user")?;
        }
        let mut command = service(self.bin.join("initdb"), "KILL", self.user, &self.log)?;
        let done = command
            .arg("-D")
            .arg(&self.dir)
            .arg(format!("--pwfile={}", secret.display()))
            .args([
                "-U",
                USER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .args(["--no-sync", "--no-instructions"])
            .kill_on_drop(true)
            .current_dir("/")
            .status()
            .await
            .context("running initdb");
        fs::remove_file(&secret).context("removing the password file")?;
        let status = done?;
        ensure!(
            status.success(),
            "initdb failed ({status}); {}",
            log_tail(&self.log)
        );
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(elsewhere) = &self.elsewhere {
            // What cannot be removed now is tried again by the next stack.
            let _ = fs::remove_dir_all(elsewhere);
        }
    }
}

/// A directory that the server's user can reach and owns; the second is set where it had to be outside `home`,
/// which then holds a link to it.
async fn data_dir(home: &Home, user: Option<&str>, attempt: u32) -> Result<(PathBuf, Option<PathBuf>)> {
    let name = format!("postgres-{attempt}");
    let Some(user) = user else {
        return Ok((home.data(&name)?, None));
    };
    let (uid, gid) = ids_of(user).await?;
    let reachable = Command::new("setpriv")
        .args([
            "--reuid",
            user,
            "--regid",
            user,
            "--init-groups",
            "--",
            "test",
            "-x",
        ])
        .arg(home.path())
        .stderr(Stdio::null())
        .status()
        .await
        .context("running setpriv (package util-linux)")?
        .success();
    let (dir, elsewhere) = if reachable {
        (home.data(&name)?, None)
    } else {
        let dir = Path::new(ELSEWHERE).join(format!("{}-{}", home.instance(), random::secret()?));
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        symlink(&dir, home.data_link(&name)).context("linking the database's directory")?;
        (dir.clone(), Some(dir))
    };
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
        .context("closing the database's directory")?;
    chown(&dir, Some(uid), Some(gid)).with_context(|| format!("giving {} to {user}", dir.display()))?;
    Ok((dir, elsewhere))
}

async fn ids_of(user: &str) -> Result<(u32, u32)> {
    let mut ids = [0; 2];
    for (id, flag) in ids.iter_mut().zip(["-u", "-g"]) {
        let output = Command::new("id")
            .args([flag, user])
            .output()
            .await
            .context("running id")?;
        *id = String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .with_context(|| {
                format!("the system user {user} is missing (it comes with postgresql-common)")
            })?;
    }
    Ok(ids.into())
}

fn settings(instance: &str, port: u16, durability: Durability) -> String {
    let mut text = format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\ncluster_name = '{instance}'\n"
    );
    for (name, value) in shared_settings(durability) {
        text.push_str(&format!("{name} = '{value}'\n"));
    }
    text
}

/// Settings that the native server and the one in a container have in common.
pub(crate) fn shared_settings(durability: Durability) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![
        ("max_connections", "300"),
        ("shared_buffers", "256MB"),
        ("max_wal_size", "4GB"),
        ("timezone", "UTC"),
        ("lc_messages", "C"),
    ];
    match durability {
        Durability::Full => {}
        // Lost on a crash of the machine, and a test's data goes with the test. What is committed has been handed
        // to the system all the same, so that killing the server alone loses nothing.
        Durability::Fast => settings.extend([("fsync", "off"), ("full_page_writes", "off")]),
    }
    settings
}
