//! The container engine: whether it answers, where it publishes ports, and what earlier stacks left in it.

use std::collections::HashMap;
use std::env;
use std::net::{IpAddr, TcpListener};
use std::path::Path;

use anyhow::{Context as _, Result};
use reqwest::Url;
use testcontainers::bollard::Docker;
use testcontainers::bollard::query_parameters::{
    InspectNetworkOptions, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
};
use testcontainers::core::client::docker_client_instance;

use crate::home::{self, Home};

/// Marks a container with its stack's directory, so that one left over can be told from one in use.
pub(super) const HOME_LABEL: &str = "topup.stack.home";
/// By number: the name may lead to ::1 first.
const LOOPBACK: &str = "127.0.0.1";
/// An engine's network where nothing else is asked for.
const DEFAULT_NETWORK: &str = "bridge";
/// What engines put into every container.
const CONTAINER_MARK: &str = "/.dockerenv";

/// An engine that answers.
pub(super) struct Engine {
    docker: Docker,
    reach: Reach,
}

/// How this process reaches published ports.
enum Reach {
    /// The engine is on this machine.
    Loopback,
    /// This process is in a container of the engine's machine, which is seen at this address.
    Gateway(String),
    /// The engine is on another machine.
    Remote(String),
}

impl Engine {
    /// The engine that `DOCKER_HOST` names, or the local one.
    pub(super) async fn find() -> Result<Self> {
        let docker = client().await?;
        docker.ping().await.context(
            "TOPUP_STACK=containers, and no container engine answers: start one (infra/images/engine.sh does), \
             or leave TOPUP_STACK unset",
        )?;
        let reach = reach(&docker).await;
        Ok(Self { docker, reach })
    }

    /// The host at which published ports are reached.
    pub(super) fn host(&self) -> &str {
        match &self.reach {
            Reach::Loopback => LOOPBACK,
            Reach::Gateway(host) | Reach::Remote(host) => host,
        }
    }

    /// The one address of the engine's machine to publish ports on; `None`: all of them, because it is not known
    /// which one leads here.
    pub(super) fn publish_on(&self) -> Option<&str> {
        match &self.reach {
            Reach::Loopback => Some(LOOPBACK),
            Reach::Gateway(host) => Some(host),
            Reach::Remote(_) => None,
        }
    }

    /// Removes the containers of this stack, and of stacks whose keepers are gone.
    pub(super) async fn clear_up(&self, home: &Home) -> Result<()> {
        remove_left_over(&self.docker, home).await
    }
}

/// Removes the containers of this stack, and of stacks whose keepers are gone.
pub(crate) async fn clear_up(home: &Home) -> Result<()> {
    remove_left_over(&client().await?, home).await
}

async fn client() -> Result<Docker> {
    docker_client_instance()
        .await
        .context("finding the container engine (DOCKER_HOST)")
}

async fn remove_left_over(docker: &Docker, home: &Home) -> Result<()> {
    let filters = HashMap::from([("label".to_owned(), vec![HOME_LABEL.to_owned()])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let containers = docker
        .list_containers(Some(options))
        .await
        .context("listing containers")?;
    for container in containers {
        let owner = container
            .labels
            .as_ref()
            .and_then(|labels| labels.get(HOME_LABEL))
            .map(Path::new);
        let is_left_over = owner.is_some_and(|owner| owner == home.path() || home::is_ended(owner));
        if let Some(id) = container.id.filter(|_| is_left_over) {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            docker
                .remove_container(&id, Some(options))
                .await
                .context("removing a container left over")?;
        }
    }
    Ok(())
}

async fn reach(docker: &Docker) -> Reach {
    let remote = env::var("DOCKER_HOST").ok().and_then(|url| Url::parse(&url).ok());
    if let Some(host) = remote
        .as_ref()
        .and_then(Url::host_str)
        .filter(|host| !host.is_empty())
    {
        return Reach::Remote(host.to_owned());
    }
    match gateway(docker).await {
        // The mark alone proves nothing: whole machines are made from images. But an address that this
        // process cannot listen on is not its own machine's.
        Some(gateway) if Path::new(CONTAINER_MARK).exists() && TcpListener::bind((gateway, 0)).is_err() => {
            Reach::Gateway(gateway.to_string())
        }
        Some(_) | None => Reach::Loopback,
    }
}

/// The engine's machine as its containers see it.
async fn gateway(docker: &Docker) -> Option<IpAddr> {
    let network = docker
        .inspect_network(DEFAULT_NETWORK, None::<InspectNetworkOptions>)
        .await
        .ok()?;
    network
        .ipam?
        .config?
        .into_iter()
        .find_map(|config| config.gateway?.parse().ok())
}
