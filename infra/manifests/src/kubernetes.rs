//! The Kubernetes manifests.

mod kustomization;
mod typed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::Value;

use crate::compose;
use crate::fleet::{are_settings, documents, ends_in_time, infra, processes, secret_files};
use kustomization::Kustomization;

/// The ConfigMap of all settings that are no secrets.
const SETTINGS: &str = "topup-settings";
/// The image's user.
const NOBODY: i64 = 65_532;

fn base() -> PathBuf {
    infra().join("kubernetes/base")
}

fn production() -> PathBuf {
    infra().join("kubernetes/overlays/production")
}

/// Every manifest of a folder with the file it stands in.
fn manifests(folder: &Path) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && name != kustomization::FILE {
            let documents = documents(&path).into_iter();
            all.extend(documents.map(|document| (name.clone(), document)));
        }
    }
    assert!(!all.is_empty());
    all
}

fn of_kind<T: serde::de::DeserializeOwned>(kind: &str) -> Vec<T> {
    let all = manifests(&base()).into_iter();
    all.filter(|(_, manifest)| manifest["kind"] == kind)
        .map(|(_, manifest)| serde_json::from_value(manifest).unwrap())
        .collect()
}

/// What a container is told: what is generated for all, and its own.
fn variables(container: &Container, generated: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let from: Vec<&str> = container
        .env_from
        .iter()
        .flatten()
        .filter_map(|from| Some(from.config_map_ref.as_ref()?.name.as_str()))
        .collect();
    assert_eq!(from, [SETTINGS], "{}", container.name);
    let own = container.env.iter().flatten();
    let own = own.map(|it| (it.name.clone(), it.value.clone().unwrap()));
    generated.clone().into_iter().chain(own).collect()
}

/// What the profile 'restricted' asks for, and more: nothing may be written, and nobody asks the cluster anything.
fn is_restricted(who: &str, pod: &PodSpec) {
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!(security.run_as_non_root, Some(true), "{who}");
    assert_eq!(security.run_as_user, Some(NOBODY), "{who}");
    assert_eq!(
        security.seccomp_profile.as_ref().unwrap().type_,
        "RuntimeDefault",
        "{who}"
    );
    assert_eq!(pod.automount_service_account_token, Some(false), "{who}");
    assert_eq!(pod.enable_service_links, Some(false), "{who}");
    assert_eq!(pod.service_account_name.as_deref(), Some("topup"), "{who}");
    for container in pod.containers.iter().chain(pod.init_containers.iter().flatten()) {
        let security = container.security_context.as_ref().unwrap();
        assert_eq!(security.allow_privilege_escalation, Some(false), "{who}");
        assert_eq!(security.read_only_root_filesystem, Some(true), "{who}");
        let dropped = security.capabilities.as_ref().unwrap().drop.as_ref().unwrap();
        assert_eq!(*dropped, ["ALL"], "{who}");
        let resources = container.resources.as_ref().unwrap();
        assert!(
            resources.requests.is_some() && resources.limits.is_some(),
            "{who}"
        );
        // Where no image is named, an overlay names it.
        assert_eq!(container.image.as_deref(), Some("topup"), "{who}");
    }
}

/// The files that a pod is given.
fn files(pod: &PodSpec) -> BTreeSet<String> {
    let volumes = pod.volumes.iter().flatten();
    let items = volumes.flat_map(|it| it.secret.as_ref().unwrap().items.as_ref().unwrap());
    items
        .map(|item| format!("/run/secrets/topup/{}", item.path))
        .collect()
}

/// The files that its containers read.
fn files_read(pod: &PodSpec, generated: &BTreeMap<String, String>) -> BTreeSet<String> {
    let containers = pod.containers.iter().chain(pod.init_containers.iter().flatten());
    let told = containers.map(|container| variables(container, generated));
    told.flat_map(|told| {
        secret_files(&told)
            .into_values()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_manifest_is_what_kubernetes_takes_it_for() {
    for folder in [base(), production()] {
        for (file, manifest) in manifests(&folder) {
            typed::check(&file, &manifest);
        }
    }
}

#[test]
fn every_file_is_listed_and_every_setting_is_one() {
    for folder in [base(), production()] {
        let kustomization = Kustomization::read(&folder);
        let files: BTreeSet<String> = manifests(&folder).into_iter().map(|(file, _)| file).collect();
        assert_eq!(kustomization.files(), files, "{}", folder.display());
        are_settings(kustomization::FILE, kustomization.settings(SETTINGS).keys());
    }
    let deployments: BTreeSet<String> = of_kind::<Deployment>("Deployment")
        .into_iter()
        .filter_map(|it| it.metadata.name)
        .collect();
    for counted in Kustomization::read(&production()).counted() {
        assert!(deployments.contains(&counted), "{counted}");
    }
}

#[test]
fn every_process_is_deployed_probed_and_has_time_to_end() {
    let generated = Kustomization::read(&base()).settings(SETTINGS);
    let mut deployed = BTreeSet::new();
    for Deployment { metadata, spec, .. } in of_kind("Deployment") {
        let name = metadata.name.unwrap();
        let pod = spec.unwrap().template.spec.unwrap();
        is_restricted(&name, &pod);
        assert_eq!(files(&pod), files_read(&pod, &generated), "{name}");
        let [container] = pod.containers.as_slice() else {
            panic!("{name} has several containers");
        };
        assert_eq!(container.args.as_deref(), Some([name.clone()].as_slice()));
        let told = variables(container, &generated);
        are_settings(&name, told.keys());
        let before = container.lifecycle.as_ref();
        let before = before.and_then(|it| it.pre_stop.as_ref()?.sleep.as_ref());
        let left = pod.termination_grace_period_seconds.unwrap() - before.map_or(0, |sleep| sleep.seconds);
        ends_in_time(&name, &told, Duration::from_secs(left.try_into().unwrap()));
        for (probe, path) in [
            (&container.liveness_probe, "/livez"),
            (&container.readiness_probe, "/readyz"),
        ] {
            let asked = probe.as_ref().unwrap().http_get.as_ref().unwrap();
            assert_eq!(asked.path.as_deref(), Some(path), "{name}");
        }
        deployed.insert(name);
    }
    assert_eq!(deployed, processes());
}

#[test]
fn a_process_is_given_the_same_secrets_as_in_the_compose_file() {
    let services = compose::services();
    for Deployment { metadata, spec, .. } in of_kind("Deployment") {
        let name = metadata.name.unwrap();
        let pod = spec.unwrap().template.spec.unwrap();
        let told = variables(&pod.containers[0], &BTreeMap::new());
        let deployed: Vec<&str> = secret_files(&told).into_keys().collect();
        let composed: Vec<&str> = secret_files(&services[&name].environment).into_keys().collect();
        assert_eq!(deployed, composed, "{name}");
    }
}

#[test]
fn the_schema_stands_before_exchanges_and_queues() {
    let generated = Kustomization::read(&base()).settings(SETTINGS);
    let jobs: Vec<Job> = of_kind("Job");
    let [job] = jobs.as_slice() else {
        panic!("several jobs");
    };
    let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    is_restricted("prepare", pod);
    assert_eq!(files(pod), files_read(pod, &generated));
    let first = pod.init_containers.iter().flatten();
    let order: Vec<String> = first
        .chain(&pod.containers)
        .map(|container| {
            container
                .args
                .iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    assert_eq!(order, ["fleetctl migrate", "fleetctl topology apply"]);
}
