//! `compose.yaml`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::fleet::{are_settings, documents, ends_in_time, infra, processes, seconds, secret_files};

/// Services whose programs are not the fleet's.
const SERVERS: [&str; 2] = ["postgres", "rabbitmq"];
/// What the story is told beside settings.
const STORY: [&str; 2] = ["MANAGEMENT_URL", "SANDBOX_URL"];

#[derive(Debug, Deserialize)]
struct Compose {
    services: BTreeMap<String, Service>,
    secrets: BTreeMap<String, Value>,
}

/// What is used of a service; a field that is not here does not belong there.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    image: String,
    #[serde(default)]
    command: Vec<String>,
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    #[serde(default)]
    secrets: Vec<Value>,
    #[serde(default)]
    depends_on: Map<String, Value>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    cap_drop: Vec<String>,
    stop_grace_period: Option<String>,
    healthcheck: Option<Value>,
    #[serde(rename = "build")]
    _build: Option<Value>,
    #[serde(rename = "cpu_shares")]
    _cpu_shares: Option<u32>,
    #[serde(rename = "entrypoint")]
    _entrypoint: Option<Vec<String>>,
    #[serde(rename = "hostname")]
    _hostname: Option<String>,
    #[serde(rename = "ports")]
    _ports: Option<Vec<String>>,
    #[serde(rename = "profiles")]
    _profiles: Option<Vec<String>>,
    #[serde(rename = "restart")]
    _restart: Option<String>,
    #[serde(rename = "security_opt")]
    _security_opt: Option<Vec<String>>,
    #[serde(rename = "shm_size")]
    _shm_size: Option<String>,
    #[serde(rename = "tmpfs")]
    _tmpfs: Option<Vec<String>>,
    #[serde(rename = "volumes")]
    _volumes: Option<Vec<String>>,
}

fn compose() -> Compose {
    let file = documents(&infra().join("compose.yaml")).remove(0);
    serde_json::from_value(file).unwrap()
}

/// Every service that runs one of the fleet's processes.
pub(crate) fn services() -> BTreeMap<String, Service> {
    let names = processes();
    let services = compose().services.into_iter();
    services.filter(|(name, _)| names.contains(name)).collect()
}

#[test]
fn every_process_is_a_service_and_has_time_to_end() {
    let services = services();
    assert_eq!(services.keys().cloned().collect::<BTreeSet<_>>(), processes());
    for (name, service) in &services {
        assert_eq!(service.command, [name.as_str()]);
        assert!(service.healthcheck.is_some(), "{name} has no health check");
        let left = service.stop_grace_period.as_deref().map(seconds);
        ends_in_time(name, &service.environment, left.unwrap_or_default());
    }
}

#[test]
fn every_service_of_the_fleet_is_given_settings_and_secrets_that_there_are() {
    let Compose { services, secrets } = compose();
    for (name, service) in &services {
        assert!(service.image.starts_with("${"), "{name}: {}", service.image);
        for waited_for in service.depends_on.keys() {
            assert!(services.contains_key(waited_for), "{name} waits for {waited_for}");
        }
        if SERVERS.contains(&name.as_str()) {
            continue;
        }
        assert!(service.read_only, "{name} may write");
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        let settings = service.environment.keys();
        let settings = settings.filter(|it| name != "story" || !STORY.contains(&it.as_str()));
        are_settings(name, settings);
        let given: BTreeSet<String> = service
            .secrets
            .iter()
            .filter_map(|secret| Some(format!("/run/secrets/{}", secret.as_str()?)))
            .collect();
        let read = secret_files(&service.environment);
        let read: BTreeSet<String> = read.into_values().map(str::to_owned).collect();
        // The topology needs no more than it is given; what is given and not read would be one secret too many.
        assert_eq!(read, given, "{name}: secrets read, and given");
    }
    for (name, secret) in &secrets {
        let file = secret["file"].as_str().unwrap();
        let file = file.replace("${TOPUP_SECRETS:-./compose/secrets}", "compose/secrets");
        assert!(infra().join(&file).is_file(), "{name}: {file}");
    }
}
