//! One RabbitMQ node from the machine's package, with its own `epmd`, cookie, ports and directories.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::leader::Leader;
use super::{install, log_tail, ports, service};
use crate::addresses::Addresses;
use crate::home::Home;
use crate::keeper::Durability;
use crate::management::Management;

/// What RabbitMQ itself creates at first, for use from the same machine alone.
pub(crate) const USER: &str = "guest";
/// Known to everybody, which is why the node listens on loopback alone.
pub(crate) const PASSWORD: &str = "guest";
/// Management and metrics are for people; the shovels for moving messages by hand.
pub(crate) const ENABLED_PLUGINS: &str =
    "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_shovel,rabbitmq_shovel_management].\n";
/// Longest wait for the node to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// A running node. Dropping it kills the node.
#[derive(Debug)]
pub(super) struct Rabbitmq {
    ports: Ports,
    node: Leader,
    epmd: Leader,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    management: u16,
    prometheus: u16,
    distribution: u16,
    epmd: u16,
}

impl Rabbitmq {
    /// Starts a node in a fresh directory of `home` and waits until it serves.
    pub(super) async fn start(home: &Home, durability: Durability, attempt: u32) -> Result<Self> {
        let started = Instant::now();
        eprintln!("stack: starting RabbitMQ");
        let [amqp, management, prometheus, distribution, epmd] = ports::free()?;
        let ports = Ports {
            amqp,
            management,
            prometheus,
            distribution,
            epmd,
        };
        let dir = home.data(&format!("rabbitmq-{attempt}"))?;
        let log = home.log("rabbitmq");
        write_settings(&dir, ports, durability).context("writing RabbitMQ's settings")?;

        let mut epmd_command = service("epmd", "KILL", None, &log)?;
        epmd_command.args(["-port", &epmd.to_string(), "-address", "127.0.0.1"]);
        let epmd = Leader::spawn(epmd_command, "epmd", Signal::KILL)?;

        let mut command = service(install::RABBITMQ_SERVER, "KILL", None, &log)?;
        command
            .current_dir(&dir)
            .env("HOME", &dir)
            .env("ERL_EPMD_PORT", ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            // Without this the script stays, as the node's parent, and a signal to it does not reach the node.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_NODENAME", format!("{}@localhost", home.instance()))
            .env("RABBITMQ_CONF_ENV_FILE", dir.join("env.conf"))
            .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", dir.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", dir.join("data"))
            .env("RABBITMQ_LOG_BASE", &dir)
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            );
        let node = Leader::spawn(command, "RabbitMQ", Signal::KILL)?;

        let mut rabbitmq = Self { ports, node, epmd };
        let management = Management::new(&Addresses {
            amqp_url: rabbitmq.amqp_url(),
            management_url: rabbitmq.management_url(),
            database_url: String::new(),
            prometheus_url: None,
        })?;
        loop {
            if let Some(status) = rabbitmq.node.ended()? {
                bail!("RabbitMQ stopped while starting ({status}); {}", log_tail(&log));
            }
            match rabbitmq.version(&management).await {
                Ok(version) => {
                    eprintln!(
                        "stack: RabbitMQ {version} ready after {:.1} s",
                        started.elapsed().as_secs_f32()
                    );
                    return Ok(rabbitmq);
                }
                Err(error) if started.elapsed() > START_TIMEOUT => {
                    let waited_s = START_TIMEOUT.as_secs();
                    let end = log_tail(&log);
                    return Err(error.context(format!("RabbitMQ was not ready after {waited_s} s; {end}")));
                }
                Err(_) => {}
            }
            sleep(POLL).await;
        }
    }

    pub(super) fn amqp_url(&self) -> String {
        format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{}", self.ports.amqp)
    }

    pub(super) fn management_url(&self) -> String {
        format!("http://{USER}:{PASSWORD}@127.0.0.1:{}", self.ports.management)
    }

    pub(super) fn prometheus_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.ports.prometheus)
    }

    /// The version of a node that serves. The management listener comes up before the AMQP one, and asking it
    /// first leaves no half-open AMQP connections in the broker's log.
    async fn version(&self, management: &Management) -> Result<String> {
        let overview = management.get("/api/overview").await?;
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.amqp))
            .await
            .context("connecting to the broker")?;
        Ok(overview["rabbitmq_version"]
            .as_str()
            .unwrap_or("of unknown version")
            .to_owned())
    }

    /// The node first: it would start an `epmd` of its own in the place of one that has gone.
    pub(super) async fn stop(self) {
        self.node.stop().await;
        self.epmd.stop().await;
    }
}

fn write_settings(dir: &Path, ports: Ports, durability: Durability) -> std::io::Result<()> {
    fs::create_dir_all(dir.join("data"))?;
    // The system's own files are named in RabbitMQ's defaults; empty ones of ours keep it off them.
    fs::write(dir.join("env.conf"), "")?;
    fs::write(dir.join("advanced.config"), "[].\n")?;
    fs::write(dir.join("enabled_plugins"), ENABLED_PLUGINS)?;
    fs::write(dir.join("rabbitmq.conf"), settings(ports, durability))
}

fn settings(ports: Ports, durability: Durability) -> String {
    let Ports {
        amqp,
        management,
        prometheus,
        distribution: _,
        epmd: _,
    } = ports;
    let shared = shared_settings(durability);
    format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {management}\n\
         prometheus.tcp.ip = 127.0.0.1\n\
         prometheus.tcp.port = {prometheus}\n\
         log.console = true\n\
         log.console.level = info\n\
         log.file = false\n\
         {shared}"
    )
}

/// Settings that the native node and the one in a container have in common.
pub(crate) fn shared_settings(durability: Durability) -> String {
    let wal = match durability {
        // The default of 512 MB serves throughput; a test's broker need not fill the disk.
        Durability::Fast => "raft.wal_max_size_bytes = 64000000\n",
        Durability::Full => "",
    };
    // Small but not nothing: a full disk shall raise the alarm and not corrupt the broker.
    format!("disk_free_limit.absolute = 200MB\n{wal}")
}
