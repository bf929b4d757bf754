//! RabbitMQ from the machine's package: one node, or a cluster of three, with `epmd`, cookie, ports and directories
//! of its own.

use std::ffi::OsString;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::leader::Leader;
use super::ports::{self, Port};
use super::server::{Kind, Server};
use super::{PATH, install, log_tail, random, service};
use crate::acts::Act;
use crate::addresses::Addresses;
use crate::home::Home;
use crate::keeper::Durability;
use crate::management::Management;
use crate::stack::Options;

/// What RabbitMQ itself creates at first, for use from the same machine alone.
pub(crate) const USER: &str = "guest";
/// Known to everybody, which is why the node listens on loopback alone.
pub(crate) const PASSWORD: &str = "guest";
/// Management and metrics are for people; the shovels for moving messages by hand.
pub(crate) const ENABLED_PLUGINS: &str =
    "[rabbitmq_management,rabbitmq_prometheus,rabbitmq_shovel,rabbitmq_shovel_management].\n";
/// Longest wait for the node to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// Longest run of one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// After how long without a sign, about, a node of the cluster counts as gone; a minute is the default, and long for
/// a test.
const NET_TICK_S: u32 = 8;
/// What is advised for three nodes: the one that is alone waits until it is not.
const CLUSTER_SETTINGS: &str = "cluster_formation.peer_discovery_backend = classic_config\n\
    cluster_partition_handling = pause_minority\n";
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// The nodes and what they share: an `epmd`, a cookie, a directory. Dropping it kills them.
#[derive(Debug)]
pub(super) struct Cluster {
    nodes: Vec<Server<Node>>,
    epmd: Mutex<Option<Leader>>,
    _epmd_port: Port,
}

/// One node, up or down.
#[derive(Debug)]
pub(super) struct Node {
    /// Unlike that of any other node of the machine.
    name: String,
    /// Settings and data of its own.
    dir: PathBuf,
    /// The cookie's place, as all nodes of the cluster have it.
    shared_dir: PathBuf,
    log: PathBuf,
    ports: Ports,
    epmd_port: u16,
    /// The names of all nodes of its cluster, itself included.
    names: Vec<String>,
    durability: Durability,
}

#[derive(Debug)]
struct Ports {
    amqp: Port,
    management: Port,
    prometheus: Port,
    distribution: Port,
}

impl Cluster {
    /// Starts nodes in fresh directories of `home` and waits until they serve, as one.
    pub(super) async fn start(home: &Home, options: &Options, attempt: u32) -> Result<Self> {
        let started = Instant::now();
        let [epmd_port] = ports::free()?;
        let nodes = laid_out(home, options, attempt, epmd_port.number())?;
        let count = nodes.len();
        eprintln!(
            "stack: starting RabbitMQ{}",
            if count > 1 {
                format!(", {count} nodes")
            } else {
                String::new()
            }
        );
        let mut epmd = service("epmd", "KILL", None, &home.log("rabbitmq"))?;
        epmd.args(["-port", &epmd_port.to_string(), "-address", "127.0.0.1"]);
        let cluster = Self {
            epmd: Mutex::new(Some(Leader::spawn(epmd, "epmd", Signal::KILL)?)),
            nodes: nodes.into_iter().map(Server::new).collect(),
            _epmd_port: epmd_port,
        };
        // Those of a cluster wait for each other.
        try_join_all(cluster.nodes.iter().map(|node| node.act(Act::Start))).await?;
        let version = cluster.until_all_run(started).await?;
        eprintln!(
            "stack: RabbitMQ {version} ready after {:.1} s",
            started.elapsed().as_secs_f32()
        );
        Ok(cluster)
    }

    /// The addresses of each node.
    pub(super) fn addresses(&self, database_url: &str) -> Vec<Addresses> {
        let nodes = self.nodes.iter().map(|node| node.kind().addresses());
        let with_database = |addresses| Addresses {
            database_url: database_url.to_owned(),
            ..addresses
        };
        nodes.map(with_database).collect()
    }

    /// Does something to a node.
    pub(super) async fn act(&self, node: u8, act: Act) -> Result<()> {
        ensure!(
            act != Act::Wipe || self.nodes.len() == 1,
            "a node of a cluster can't be wiped: the others would remember it"
        );
        self.node(node)?.act(act).await
    }

    /// Runs RabbitMQ's own command on a node.
    pub(super) async fn rabbitmqctl(&self, node: u8, arguments: &[String]) -> Result<String> {
        self.node(node)?.kind().rabbitmqctl(arguments).await
    }

    fn node(&self, number: u8) -> Result<&Server<Node>> {
        let node = self.nodes.get(usize::from(number));
        node.with_context(|| format!("RabbitMQ's nodes are {}", self.nodes.len()))
    }

    /// Waits until the first node sees all nodes running, and returns its version.
    async fn until_all_run(&self, started: Instant) -> Result<String> {
        let first = self.node(0)?.kind();
        let management = Management::new(&first.addresses())?;
        loop {
            let nodes = management.get("/api/nodes").await?;
            let running = nodes.as_array().into_iter().flatten();
            let running = running.filter(|node| node["running"] == true).count();
            if running == self.nodes.len() {
                let overview = management.get("/api/overview").await?;
                let version = overview["rabbitmq_version"].as_str();
                return Ok(version.unwrap_or("of unknown version").to_owned());
            }
            if started.elapsed() > START_TIMEOUT {
                let count = self.nodes.len();
                bail!(
                    "{running} of RabbitMQ's {count} nodes found each other; {}",
                    log_tail(&first.log)
                );
            }
            sleep(POLL).await;
        }
    }

    /// The nodes first: they would start an `epmd` of their own in the place of one that has gone.
    pub(super) async fn end(&self) {
        join_all(self.nodes.iter().map(Server::end)).await;
        if let Some(epmd) = self.epmd.lock().await.take() {
            epmd.end().await;
        }
    }
}

/// The nodes' places: directories, names and ports.
fn laid_out(home: &Home, options: &Options, attempt: u32, epmd_port: u16) -> Result<Vec<Node>> {
    let shared_dir = home.data(&format!("rabbitmq-{attempt}"))?;
    let cookie = shared_dir.join(".erlang.cookie");
    fs::write(&cookie, random::secret()?).context("writing RabbitMQ's cookie")?;
    fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).context("closing RabbitMQ's cookie")?;
    let of = |name: &str, number: u8| match number {
        0 => name.to_owned(),
        number => format!("{name}-{number}"),
    };
    let names: Vec<String> = (0..options.nodes)
        .map(|number| format!("{}@localhost", of(home.instance(), number)))
        .collect();
    (0..options.nodes)
        .zip(&names)
        .map(|(number, name)| {
            let [amqp, management, prometheus, distribution] = ports::free()?;
            Ok(Node {
                name: name.clone(),
                dir: shared_dir.join(format!("node-{number}")),
                shared_dir: shared_dir.clone(),
                log: home.log(&of("rabbitmq", number)),
                ports: Ports {
                    amqp,
                    management,
                    prometheus,
                    distribution,
                },
                epmd_port,
                names: names.clone(),
                durability: options.durability,
            })
        })
        .collect()
}

impl Kind for Node {
    const STOP: Signal = Signal::TERM;

    fn ports(&self) -> Vec<&Port> {
        let Ports {
            amqp,
            management,
            prometheus,
            distribution,
        } = &self.ports;
        vec![amqp, management, prometheus, distribution]
    }

    async fn prepare(&self) -> Result<()> {
        self.write_settings().context("writing RabbitMQ's settings")
    }

    fn launch(&self) -> Result<Leader> {
        let mut command = service(install::RABBITMQ_SERVER, "KILL", None, &self.log)?;
        command
            .current_dir(&self.dir)
            .envs(self.environment())
            // Without this the script stays, as the node's parent, and a signal to it does not reach the node.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_CONFIG_FILE", self.dir.join("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", self.dir.join("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.dir.join("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", self.data())
            .env("RABBITMQ_LOG_BASE", &self.dir)
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string());
        let mut erlang = "-kernel inet_dist_use_interface {127,0,0,1}".to_owned();
        if self.names.len() > 1 {
            // Several nodes on one machine: none may spin while it waits.
            erlang.push_str(" +sbwt none +sbwtdcpu none +sbwtdio none");
        }
        command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang);
        Leader::spawn(command, "RabbitMQ", Signal::KILL)
    }

    async fn until_it_serves(&self, leader: &mut Leader) -> Result<()> {
        let started = Instant::now();
        let management = Management::new(&self.addresses())?;
        loop {
            if let Some(status) = leader.ended()? {
                bail!(
                    "RabbitMQ stopped while starting ({status}); {}",
                    log_tail(&self.log)
                );
            }
            match self.serves(&management).await {
                Ok(()) => return self.until_it_is_up().await,
                Err(error) if started.elapsed() > START_TIMEOUT => {
                    let waited_s = START_TIMEOUT.as_secs();
                    let end = log_tail(&self.log);
                    return Err(error.context(format!("RabbitMQ was not ready after {waited_s} s; {end}")));
                }
                Err(_) => {}
            }
            sleep(POLL).await;
        }
    }

    fn wipe(&self) -> Result<()> {
        fs::remove_dir_all(self.data()).context("removing RabbitMQ's data")
    }
}

impl Node {
    fn addresses(&self) -> Addresses {
        let Ports {
            amqp,
            management,
            prometheus,
            distribution: _,
        } = &self.ports;
        Addresses {
            amqp_url: format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{amqp}"),
            management_url: format!("http://{USER}:{PASSWORD}@127.0.0.1:{management}"),
            prometheus_url: Some(format!("http://127.0.0.1:{prometheus}/metrics")),
            database_url: String::new(),
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// What the node and the command have in common.
    fn environment(&self) -> [(&'static str, OsString); 6] {
        [
            // Where the cookie is.
            ("HOME", self.shared_dir.clone().into()),
            ("ERL_EPMD_PORT", self.epmd_port.to_string().into()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
            ("ERL_CRASH_DUMP_SECONDS", "0".into()),
            ("RABBITMQ_NODENAME", self.name.clone().into()),
            ("RABBITMQ_CONF_ENV_FILE", self.dir.join("env.conf").into()),
        ]
    }

    /// The management listener comes up before the AMQP one, and asking it first leaves no half-open AMQP
    /// connections in the broker's log.
    async fn serves(&self, management: &Management) -> Result<()> {
        management.get("/api/overview").await?;
        let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.amqp.number()));
        connecting.await.map(drop).context("connecting to the broker")
    }

    /// Waits for the end of the start of a node of several. It serves a little earlier already, but a virtual host that
    /// another node makes in that moment is never started here.
    async fn until_it_is_up(&self) -> Result<()> {
        if self.names.len() > 1 {
            let awaited = self.rabbitmqctl(&["await_startup".to_owned()]).await;
            awaited.context("waiting for the end of a node's start")?;
        }
        Ok(())
    }

    async fn rabbitmqctl(&self, arguments: &[String]) -> Result<String> {
        let mut command = Command::new(install::RABBITMQCTL);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .envs(self.environment())
            .args(["--quiet", "--node", &self.name])
            .args(arguments)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(COMMAND_TIMEOUT, command.output())
            .await
            .with_context(|| format!("no end after {} s", COMMAND_TIMEOUT.as_secs()))?
            .context("running rabbitmqctl")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {printed}{errors}", output.status);
        Ok(printed)
    }

    fn write_settings(&self) -> std::io::Result<()> {
        fs::create_dir_all(self.data())?;
        // The system's own files are named in RabbitMQ's defaults; empty ones of ours keep it off them.
        fs::write(self.dir.join("env.conf"), "")?;
        fs::write(self.dir.join("advanced.config"), self.advanced_settings())?;
        fs::write(self.dir.join("enabled_plugins"), ENABLED_PLUGINS)?;
        fs::write(self.dir.join("rabbitmq.conf"), self.settings())
    }

    fn advanced_settings(&self) -> String {
        if self.names.len() > 1 {
            format!("[{{kernel, [{{net_ticktime, {NET_TICK_S}}}]}}].\n")
        } else {
            "[].\n".to_owned()
        }
    }

    fn settings(&self) -> String {
        let Ports {
            amqp,
            management,
            prometheus,
            distribution: _,
        } = &self.ports;
        let mut settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}\n\
             management.tcp.ip = 127.0.0.1\n\
             management.tcp.port = {management}\n\
             prometheus.tcp.ip = 127.0.0.1\n\
             prometheus.tcp.port = {prometheus}\n\
             log.console = true\n\
             log.console.level = info\n\
             log.file = false\n"
        );
        settings.push_str(&shared_settings(self.durability));
        if self.names.len() > 1 {
            settings.push_str(CLUSTER_SETTINGS);
            for (number, name) in (1..).zip(&self.names) {
                settings.push_str(&format!(
                    "cluster_formation.classic_config.nodes.{number} = {name}\n"
                ));
            }
        }
        settings
    }
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
