//! One PostgreSQL server from the machine's package, in a fresh data directory.

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
use super::{log_tail, ports, random, service};
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

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Postgres {
    port: u16,
    password: String,
    server: Leader,
    elsewhere: Option<PathBuf>,
}

impl Postgres {
    /// Makes a data directory, starts a server on it and waits until it answers.
    pub(super) async fn start(
        home: &Home,
        durability: Durability,
        programs: &Programs,
        attempt: u32,
    ) -> Result<Self> {
        let started = Instant::now();
        eprintln!("stack: starting PostgreSQL");
        let [port] = ports::free()?;
        let password = random::secret()?;
        let log = home.log("postgres");
        // PostgreSQL refuses to run as root.
        let user = rustix::process::geteuid().is_root().then_some(USER);
        let (dir, elsewhere) = data_dir(home, user, attempt).await?;
        init(&dir, user, &password, programs, &log).await?;
        fs::write(
            dir.join("postgresql.auto.conf"),
            settings(home.instance(), port, durability),
        )
        .context("writing PostgreSQL's settings")?;

        // On this signal the server ends at once and takes its shared memory with it.
        let mut command = service(programs.postgres_bin.join("postgres"), "QUIT", user, &log)?;
        command.arg("-D").arg(&dir).current_dir(&dir);
        let server = Leader::spawn(command, "PostgreSQL", Signal::QUIT)?;
        let mut postgres = Self {
            port,
            password,
            server,
            elsewhere,
        };
        let url = postgres.database_url();
        loop {
            if let Some(status) = postgres.server.ended()? {
                bail!("PostgreSQL stopped while starting ({status}); {}", log_tail(&log));
            }
            if let Ok(version) = database::version(&url).await {
                eprintln!(
                    "stack: PostgreSQL {version} ready after {:.1} s",
                    started.elapsed().as_secs_f32()
                );
                return Ok(postgres);
            }
            if started.elapsed() > START_TIMEOUT {
                bail!(
                    "PostgreSQL was not ready after {} s; {}",
                    START_TIMEOUT.as_secs(),
                    log_tail(&log)
                );
            }
            sleep(POLL).await;
        }
    }

    pub(super) fn database_url(&self) -> String {
        format!(
            "postgres://{USER}:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
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

async fn init(dir: &Path, user: Option<&str>, password: &str, programs: &Programs, log: &Path) -> Result<()> {
    // Beside the settings that the server's user owns; initdb wants its directory empty, so it is made inside.
    let secret = dir.with_extension("password");
    fs::write(&secret, password).context("writing the database's password")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).context("closing the password file")?;
    if let Some(user) = user {
        let (uid, gid) = ids_of(user).await?;
        chown(&secret, Some(uid), Some(gid)).context("giving the password file to the server's user")?;
    }
    let mut command = service(programs.postgres_bin.join("initdb"), "KILL", user, log)?;
    let done = command
        .arg("-D")
        .arg(dir)
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
    ensure!(status.success(), "initdb failed ({status}); {}", log_tail(log));
    Ok(())
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
        // Lost on a crash of the machine, and a test's data goes with the test.
        Durability::Fast => {
            settings.extend([
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ]);
        }
    }
    settings
}
