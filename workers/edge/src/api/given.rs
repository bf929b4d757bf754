//! What a customer who is sent to the payment gateway's page gives with it: where to come back to, and agreement to terms
//! from somewhere.

use crate::Edge;
use crate::http::{Kind, Problem};
use crate::serve::Peer;
use axum::http::HeaderMap;

/// Longest address to come back to, in bytes.
const RETURN_URL_MAX_BYTES: usize = 500;

/// Where the customer comes back to: as the caller says, or by `path` of the pages.
pub(super) fn return_to(edge: &Edge, given: Option<String>, path: &str) -> Result<String, Problem> {
    let wrong = |what: &str| Err(Problem::new(Kind::Malformed, what).field("return_url", what));
    match (given, &edge.settings.edge.public_url) {
        (Some(url), _) => {
            let is_http = url.starts_with("https://") || url.starts_with("http://");
            if is_http && url.len() <= RETURN_URL_MAX_BYTES && url.bytes().all(|b| b.is_ascii_graphic()) {
                Ok(url)
            } else {
                wrong("`return_url` must be an http address")
            }
        }
        (None, Some(base)) => Ok(format!("{}{path}", base.as_str())),
        (None, None) => wrong("`return_url` is needed here"),
    }
}

/// The version of the terms that were agreed to: those that are in force.
pub(super) fn terms(edge: &Edge, agreed: &str) -> Result<String, Problem> {
    edge.terms(agreed).map_err(Problem::refused)
}

/// Where an agreement came from.
pub(super) fn address(edge: &Edge, Peer(peer): Peer, headers: &HeaderMap) -> String {
    edge.senders.caller(peer, headers).unwrap_or(peer).to_string()
}
