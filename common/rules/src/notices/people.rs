//! What somebody who signs in is sent.

use super::{NoticeDraft, put};
use crate::ids::AccountId;
use crate::message::Template;
use serde_json::Map;
use uuid::Uuid;

/// A link to choose a password by goes to the login's own address. The link's secret is no part of it: it is made when the
/// mail is written, so that it stands in no table, message or log. `request` is new each time that somebody asks;
/// `pages` is where the pages are: `https://credits.example.com`.
#[must_use]
pub fn sign_in_link(account: AccountId, login: Uuid, request: Uuid, pages: &str) -> NoticeDraft {
    let mut params = Map::new();
    put(&mut params, "login_id", login);
    put(&mut params, "pages", pages);
    NoticeDraft {
        account,
        template: Template::SignInLink,
        cause: format!("sign-in-link:{request}"),
        params,
        event: None,
    }
}
