//! `kustomization.yaml`, as far as this project uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::fleet::documents;

/// Its name in a folder.
pub(crate) const FILE: &str = "kustomization.yaml";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kustomization {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "namespace")]
    _namespace: Option<String>,
    resources: Vec<String>,
    #[serde(default, rename = "images")]
    _images: Vec<Image>,
    #[serde(default)]
    replicas: Vec<Replicas>,
    #[serde(default)]
    config_map_generator: Vec<Generator>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "newName")]
    _new_name: String,
    #[serde(rename = "newTag")]
    _new_tag: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replicas {
    name: String,
    #[serde(rename = "count")]
    _count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    name: String,
    #[serde(rename = "behavior")]
    _behavior: Option<String>,
    literals: Vec<String>,
    #[serde(rename = "options")]
    _options: Option<Value>,
}

impl Kustomization {
    pub(crate) fn read(folder: &Path) -> Self {
        let document = documents(&folder.join(FILE)).remove(0);
        serde_json::from_value(document).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    }

    /// The manifests that it lists of its own folder.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let own = self.resources.iter().filter(|it| !it.starts_with(".."));
        own.cloned().collect()
    }

    /// What a ConfigMap holds.
    pub(crate) fn settings(&self, name: &str) -> BTreeMap<String, String> {
        let generator = self.config_map_generator.iter().find(|it| it.name == name);
        let literals = generator.unwrap().literals.iter();
        literals
            .map(|literal| {
                let (name, value) = literal.split_once('=').unwrap();
                (name.to_owned(), value.to_owned())
            })
            .collect()
    }

    /// Whose number it says.
    pub(crate) fn counted(&self) -> Vec<String> {
        self.replicas.iter().map(|it| it.name.clone()).collect()
    }
}
