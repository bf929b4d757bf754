//! The stack in containers: RabbitMQ and PostgreSQL from any image that takes the official images'
//! environment, settings files and arguments.
//!
//! | variable | image | default |
//! | --- | --- | --- |
//! | `TOPUP_STACK_RABBITMQ_IMAGE` | RabbitMQ 3.10 or newer | `rabbitmq:4-management` |
//! | `TOPUP_STACK_POSTGRES_IMAGE` | PostgreSQL 15 or newer | `postgres:17` |
//!
//! `infra/images` makes two such images from Debian's packages, for machines that reach no registry.

mod engine;

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use testcontainers::core::IntoContainerPort as _;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt as _};
use tokio::time::sleep;

use crate::addresses::Addresses;
use crate::database;
use crate::home::Home;
use crate::keeper::Durability;
use crate::management::Management;
use crate::native::{POSTGRES_USER, RABBITMQ_PLUGINS, postgres_settings, rabbitmq_settings, secret};

pub(crate) use engine::clear_up;
use engine::{Engine, HOME_LABEL};

/// Longest wait for one server, its image's download not counted.
const START_TIMEOUT: Duration = Duration::from_secs(180);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(100);
const RABBITMQ_USER: &str = "guest";
const RABBITMQ_PASSWORD: &str = "guest";
const AMQP_PORT: u16 = 5672;
const MANAGEMENT_PORT: u16 = 15672;
const PROMETHEUS_PORT: u16 = 15692;
const POSTGRES_PORT: u16 = 5432;
/// What PostgreSQL may share among its processes; an engine's default of 64 MB is too little.
const POSTGRES_SHARED_MEMORY_BYTES: u64 = 512 * 1024 * 1024;

/// The two running containers. Dropping it removes them.
pub(crate) struct Containers {
    rabbitmq: ContainerAsync<GenericImage>,
    postgres: ContainerAsync<GenericImage>,
}

impl Containers {
    /// Starts both at once and waits until they serve. Where that fails or is given up,
    /// [`clear_up`] is due.
    pub(crate) async fn start(home: &Home, durability: Durability) -> Result<(Self, Addresses)> {
        let engine = Engine::find().await?;
        engine.clear_up(home).await?;
        let password = secret()?;
        let ((rabbitmq, amqp), (postgres, database_url)) = tokio::try_join!(
            start_rabbitmq(&engine, home, durability),
            start_postgres(&engine, home, durability, &password),
        )?;
        let addresses = Addresses { database_url, ..amqp };
        Ok((Self { rabbitmq, postgres }, addresses))
    }

    /// Removes both, with their data.
    pub(crate) async fn stop(self) {
        let (rabbitmq, postgres) = tokio::join!(self.rabbitmq.rm(), self.postgres.rm());
        for error in [rabbitmq.err(), postgres.err()].into_iter().flatten() {
            eprintln!("stack: removing a container: {error}");
        }
    }
}

async fn start_rabbitmq(
    engine: &Engine,
    home: &Home,
    durability: Durability,
) -> Result<(ContainerAsync<GenericImage>, Addresses)> {
    let started = Instant::now();
    let image = image("TOPUP_STACK_RABBITMQ_IMAGE", "rabbitmq:4-management");
    eprintln!("stack: starting RabbitMQ in a container of {image}");
    // `guest` is for loopback alone unless said otherwise, and a connection from outside the container is not that.
    let settings = format!("loopback_users = none\n{}", rabbitmq_settings(durability));
    let request = request(
        engine,
        &image,
        home,
        "rabbitmq",
        &[AMQP_PORT, MANAGEMENT_PORT, PROMETHEUS_PORT],
    )
    // The node's name, and with it its data's place, follows the host name.
    .with_hostname("rabbitmq")
    .with_env_var("RABBITMQ_DEFAULT_USER", RABBITMQ_USER)
    .with_env_var("RABBITMQ_DEFAULT_PASS", RABBITMQ_PASSWORD)
    .with_copy_to(
        "/etc/rabbitmq/enabled_plugins",
        RABBITMQ_PLUGINS.as_bytes().to_vec(),
    )
    .with_copy_to("/etc/rabbitmq/conf.d/20-stack.conf", settings.into_bytes());
    let container = run(request, &image).await?;
    let host = engine.host();
    let amqp = port(&container, AMQP_PORT).await?;
    let management = port(&container, MANAGEMENT_PORT).await?;
    let prometheus = port(&container, PROMETHEUS_PORT).await?;
    let addresses = Addresses {
        amqp_url: format!("amqp://{RABBITMQ_USER}:{RABBITMQ_PASSWORD}@{host}:{amqp}"),
        management_url: format!("http://{RABBITMQ_USER}:{RABBITMQ_PASSWORD}@{host}:{management}"),
        prometheus_url: Some(format!("http://{host}:{prometheus}/metrics")),
        database_url: String::new(),
    };
    let client = Management::new(&addresses)?;
    until_ready(&container, "RabbitMQ", started, async || {
        // An engine's proxy accepts connections before the broker does; the broker knows its listeners.
        client.get("/api/health/checks/port-listener/5672").await?;
        let overview = client.get("/api/overview").await?;
        Ok(overview["rabbitmq_version"]
            .as_str()
            .unwrap_or("of unknown version")
            .to_owned())
    })
    .await?;
    Ok((container, addresses))
}

async fn start_postgres(
    engine: &Engine,
    home: &Home,
    durability: Durability,
    password: &str,
) -> Result<(ContainerAsync<GenericImage>, String)> {
    let started = Instant::now();
    let image = image("TOPUP_STACK_POSTGRES_IMAGE", "postgres:17");
    eprintln!("stack: starting PostgreSQL in a container of {image}");
    let mut arguments = vec!["postgres".to_owned()];
    for (name, value) in postgres_settings(durability) {
        arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
    }
    let request = request(engine, &image, home, "postgres", &[POSTGRES_PORT])
        .with_env_var("POSTGRES_USER", POSTGRES_USER)
        .with_env_var("POSTGRES_PASSWORD", password)
        .with_shm_size(POSTGRES_SHARED_MEMORY_BYTES)
        .with_cmd(arguments);
    let container = run(request, &image).await?;
    let host = engine.host();
    let port = port(&container, POSTGRES_PORT).await?;
    let url = format!("postgres://{POSTGRES_USER}:{password}@{host}:{port}/postgres");
    until_ready(&container, "PostgreSQL", started, async || {
        database::version(&url).await
    })
    .await?;
    Ok((container, url))
}

fn image(variable: &str, default: &str) -> String {
    env::var(variable)
        .ok()
        .filter(|image| !image.is_empty())
        .unwrap_or_else(|| default.to_owned())
}

/// A request for a container whose `ports` are published where this process reaches them, and nowhere else.
fn request(
    engine: &Engine,
    image: &str,
    home: &Home,
    part: &str,
    ports: &[u16],
) -> ContainerRequest<GenericImage> {
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        Some(_) | None => (image, "latest"),
    };
    let publish_on = engine.publish_on().map(str::to_owned);
    let mut request = ContainerRequest::from(GenericImage::new(name, tag))
        .with_container_name(format!("{}-{part}", home.instance()))
        .with_label(HOME_LABEL, home.path().display().to_string())
        .with_startup_timeout(START_TIMEOUT)
        .with_host_config_modifier(move |host| {
            let bindings = host.port_bindings.iter_mut().flat_map(|ports| ports.values_mut());
            for binding in bindings.flatten().flatten() {
                binding.host_ip.clone_from(&publish_on);
            }
        });
    for port in ports {
        // Port 0: the engine takes a free one.
        request = request.with_mapped_port(0, port.tcp());
    }
    request
}

async fn run(request: ContainerRequest<GenericImage>, image: &str) -> Result<ContainerAsync<GenericImage>> {
    request.start().await.with_context(|| {
        format!(
            "no container of {image}: infra/images/build.sh makes images where no registry is in reach, and its \
             --env names them"
        )
    })
}

async fn port(container: &ContainerAsync<GenericImage>, port: u16) -> Result<u16> {
    container
        .get_host_port_ipv4(port.tcp())
        .await
        .with_context(|| format!("finding the container's port {port}"))
}

async fn until_ready(
    container: &ContainerAsync<GenericImage>,
    what: &str,
    started: Instant,
    look: impl AsyncFn() -> Result<String>,
) -> Result<()> {
    loop {
        let error = match look().await {
            Ok(version) => {
                eprintln!(
                    "stack: {what} {version} ready after {:.1} s",
                    started.elapsed().as_secs_f32()
                );
                return Ok(());
            }
            Err(error) => error,
        };
        let is_running = container.is_running().await.unwrap_or(false);
        if !is_running || started.elapsed() > START_TIMEOUT {
            let log = [container.stdout_to_vec().await, container.stderr_to_vec().await];
            let log = log.into_iter().flatten().flatten().collect::<Vec<u8>>();
            let tail = crate::native::tail_of(&String::from_utf8_lossy(&log));
            let state = if is_running { "is not ready" } else { "ended" };
            return Err(error.context(format!("{what}'s container {state}; the end of its log:\n{tail}")));
        }
        sleep(POLL).await;
    }
}
