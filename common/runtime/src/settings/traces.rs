//! Settings of traces.

use super::HttpUrl;
use super::reader::{Reader, SettingsError};
use super::values::Share;

/// Where spans go, and of how many traces.
#[derive(Debug, Clone)]
pub struct Traces {
    /// A collector that takes OTLP over HTTP; without it nothing is traced.
    pub url: Option<HttpUrl>,
    /// How many of the traces that begin here are recorded. Of a sender's own trace, the sender says.
    pub sample: Share,
}

impl Traces {
    pub(super) fn build(r: &mut Reader) -> Result<Self, SettingsError> {
        Ok(Self {
            url: r.optional("traces.url", "a collector of traces that takes OTLP over HTTP, `http://host:4318`; spans go to its `/v1/traces`; without it nothing is traced")?,
            sample: r.value("traces.sample", "1", "how many of the traces that begin here are recorded, from 0 (none) to 1 (all); of a sender's own trace, the sender says")?,
        })
    }
}
