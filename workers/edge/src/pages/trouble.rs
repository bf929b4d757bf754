//! What is said where a page can't be shown, and where somebody is led instead.

use super::address::{UNSENT, with_next};
use super::catalogue::Key;
use super::voice::Voice;
use super::zone::{Message, Zone};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use topup_store::StoreError;

/// When to come again, in seconds, while the database is away.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// Why a page can't be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody is signed in. Where to go after that; and whether it was a form, which was not taken.
    SignIn { next: String, is_form: bool },
    /// The second step of signing in is missing. Where to go after that.
    Code { next: String },
    /// There is no such thing, as far as the reader may know.
    NotFound,
    /// A form that did not come from a page of ours, or from one that is too old.
    Forged,
    /// Nothing that a page of ours sends.
    Malformed,
    /// The database is away, or there is no room for one more.
    Away,
    /// Our own mistake.
    Broken,
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        if error.is_outage() {
            tracing::warn!(%error, "a page needs the database, which is away");
            Self::Away
        } else {
            tracing::error!(%error, "a page could not be made");
            Self::Broken
        }
    }
}

impl IntoResponse for Trouble {
    /// Without words: [`around`] finds these.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl Zone {
    /// What is said instead of a page. `here`: the address that was asked for.
    pub(super) fn sorry(&self, voice: &Voice, here: &str, trouble: &Trouble) -> Response {
        let (status, title, text) = match trouble {
            Trouble::SignIn { is_form: true, .. } => return Redirect::to(UNSENT).into_response(),
            Trouble::SignIn { next, .. } => {
                return Redirect::to(&with_next("/sign-in", next)).into_response();
            }
            Trouble::Code { next } => {
                return Redirect::to(&with_next("/sign-in/code", next)).into_response();
            }
            Trouble::NotFound => (StatusCode::NOT_FOUND, Key("not-found-title"), Key("not-found")),
            Trouble::Forged => (StatusCode::FORBIDDEN, Key("forged-title"), Key("forged")),
            Trouble::Malformed => (StatusCode::BAD_REQUEST, Key("malformed-title"), Key("malformed")),
            Trouble::Away => (StatusCode::SERVICE_UNAVAILABLE, Key("away-title"), Key("away")),
            Trouble::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                Key("broken-title"),
                Key("broken"),
            ),
        };
        let message = Message {
            title: voice.text(title),
            text: voice.text(text),
            href: Some("/"),
            link: Some(voice.text(Key("to-overview"))),
        };
        let page = self.page("message.html", &self.frame(voice, here), &message);
        let mut response = page.unwrap_or_else(|_| status.into_response());
        *response.status_mut() = status;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
