//! Reading a manifest as Kubernetes does, and noticing what it would leave out.

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads it by the type that it says to be of; what is not there again when that is written is unknown to Kubernetes.
pub(crate) fn check(file: &str, manifest: &Value) {
    let kind = manifest["kind"].as_str().unwrap_or_default();
    match kind {
        "Deployment" => as_type::<Deployment>(file, manifest),
        "Job" => as_type::<Job>(file, manifest),
        "Namespace" => as_type::<Namespace>(file, manifest),
        "NetworkPolicy" => as_type::<NetworkPolicy>(file, manifest),
        "PodDisruptionBudget" => as_type::<PodDisruptionBudget>(file, manifest),
        "Service" => as_type::<Service>(file, manifest),
        "ServiceAccount" => as_type::<ServiceAccount>(file, manifest),
        _ => panic!("{file}: nobody reads a {kind}"),
    }
}

fn as_type<T: Resource + Serialize + DeserializeOwned>(file: &str, manifest: &Value) {
    let read: T = serde_json::from_value(manifest.clone())
        .unwrap_or_else(|error| panic!("{file}: {}: {error}", T::KIND));
    let unknown = left_out(manifest, &serde_json::to_value(read).unwrap());
    assert!(unknown.is_empty(), "{file}: {}: {unknown:?} is unknown", T::KIND);
}

/// The paths of what is in the first and not in the second.
fn left_out(written: &Value, read: &Value) -> Vec<String> {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => written
            .iter()
            .flat_map(|(key, value)| match read.get(key) {
                Some(read) => under(key, left_out(value, read)),
                None => vec![key.clone()],
            })
            .collect(),
        (Value::Array(written), Value::Array(read)) if written.len() == read.len() => written
            .iter()
            .zip(read)
            .enumerate()
            .flat_map(|(index, (written, read))| under(&index.to_string(), left_out(written, read)))
            .collect(),
        (written, read) if written == read => Vec::new(),
        (written, read) => vec![format!("{written}, which is read as {read}")],
    }
}

fn under(key: &str, paths: Vec<String>) -> Vec<String> {
    paths.into_iter().map(|path| format!("{key}.{path}")).collect()
}

#[test]
fn a_field_that_kubernetes_does_not_know_is_noticed() {
    let manifest = serde_json::json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"prot": 80, "port": 80}]}});
    let read: Service = serde_json::from_value(manifest.clone()).unwrap();
    let unknown = left_out(&manifest, &serde_json::to_value(read).unwrap());
    assert_eq!(unknown, ["spec.ports.0.prot"]);
}
