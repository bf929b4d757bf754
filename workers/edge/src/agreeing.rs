//! Agreement to terms: which are in force (E3, P3).

use crate::Edge;

/// Other terms were agreed to than those in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("E3: the terms in force are of version {in_force}")]
pub struct OtherTerms {
    /// Which are.
    pub in_force: String,
}

topup_rules::phrases! {
    OtherTerms;
    words {}
    figures {
        "other-terms": Self { in_force } => [in_force = in_force], like Self { in_force: "2026-11".to_owned() };
    }
    passes {}
}

impl Edge {
    /// The version that was agreed to, if it is the one in force.
    ///
    /// # Errors
    /// It is not.
    pub fn terms(&self, agreed: &str) -> Result<String, OtherTerms> {
        let in_force = &self.settings.edge.terms_version;
        if agreed == in_force {
            return Ok(in_force.clone());
        }
        Err(OtherTerms {
            in_force: in_force.clone(),
        })
    }
}
