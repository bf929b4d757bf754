//! What ids that are made at random are called, so that two runs of a history say the same.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;

/// Ids of top-ups and notices, and their names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Those of notices before those of top-ups, which stand inside them.
    pairs: Vec<(String, String)>,
    ids: BTreeMap<String, String>,
}

impl Names {
    /// From JSON arrays of pairs.
    pub(crate) fn of(notices: &str, topups: &str) -> Result<Self> {
        let read = |text| serde_json::from_str::<Vec<(String, String)>>(text).context("reading names");
        let (notices, topups) = (read(notices)?, read(topups)?);
        let ids = topups
            .iter()
            .map(|(id, name)| (name.clone(), id.clone()))
            .collect();
        let pairs = notices.into_iter().chain(topups).collect();
        Ok(Self { pairs, ids })
    }

    /// The text with names in the place of ids.
    pub(crate) fn plain(&self, text: &str) -> String {
        self.pairs
            .iter()
            .fold(text.to_owned(), |text, (id, name)| text.replace(id, name))
    }

    /// A reference with its id.
    pub(crate) fn reference(&self, plain: &str) -> String {
        self.ids
            .iter()
            .find(|(name, _)| plain.ends_with(name.as_str()))
            .map_or_else(|| plain.to_owned(), |(name, id)| plain.replace(name, id))
    }
}
