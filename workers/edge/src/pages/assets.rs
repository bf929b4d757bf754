//! The files that pages refer to, each under a name that bears its content's hash: kept by browsers for good, and asked
//! for anew once they changed.

use super::Zone;
use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::routing::get;
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

const STYLE: &str = include_str!("../../assets/style.css");
const BUY: &str = include_str!("../../assets/buy.js");
const ICON: &str = include_str!("../../assets/icon.svg");
/// Bytes of a hash that stand in a name.
const HASH_BYTES: usize = 8;
/// A year: what is under such a name never changes.
const CACHE: &str = "public, max-age=31536000, immutable";

/// Where the files are.
#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) style: String,
    pub(crate) icon: String,
    /// The script of `/buy`.
    pub(crate) buy: String,
}

impl Assets {
    pub(crate) fn new() -> Self {
        Self {
            style: format!("/assets/style-{}.css", hash(STYLE)),
            icon: format!("/assets/icon-{}.svg", hash(ICON)),
            buy: format!("/assets/buy-{}.js", hash(BUY)),
        }
    }
}

fn hash(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    digest
        .iter()
        .take(HASH_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn routes(assets: &Assets) -> Router<Arc<Zone>> {
    Router::new()
        .route(
            &assets.style,
            get(async || file("text/css; charset=utf-8", STYLE)),
        )
        .route(
            &assets.buy,
            get(async || file("text/javascript; charset=utf-8", BUY)),
        )
        .route(&assets.icon, get(async || file("image/svg+xml", ICON)))
}

type File = ([(HeaderName, HeaderValue); 2], &'static str);

const fn file(content_type: &'static str, content: &'static str) -> File {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static(CACHE)),
    ];
    (headers, content)
}
