//! Links to choose a password by: made when their mail is written, so that they stand nowhere but in it.
//!
//! A mail that is tried again has a link of its own, and makes those before it useless.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use topup_gateways::texts::OWN_URL;
use topup_runtime::Failure;
use topup_store::{LINK_LIFE, NoticeRow, Store};
use uuid::Uuid;

/// A link, and to whom it goes.
pub(crate) struct Link {
    /// The login's own address.
    pub(crate) to: String,
    url: SecretString,
}

impl Link {
    /// Into a text's values.
    pub(crate) fn fill(&self, params: &mut Map<String, Value>) {
        for (name, value) in [
            (OWN_URL, self.url.expose_secret().to_owned()),
            ("email", self.to.clone()),
            ("minutes", (LINK_LIFE.as_secs() / 60).to_string()),
        ] {
            params.insert(name.to_owned(), value.into());
        }
    }
}

/// Makes the link of a notice. `None`: whom it was for signs in no more.
pub(crate) async fn make(store: &Store, notice: &NoticeRow) -> Result<Option<Link>, Failure> {
    let param = |name: &str| notice.params.get(name).and_then(Value::as_str);
    let (Some(login), Some(pages)) = (
        param("login_id").and_then(|id| Uuid::try_parse(id).ok()),
        param("pages"),
    ) else {
        return Ok(None);
    };
    let Some(to) = store.login_address(login).await? else {
        return Ok(None);
    };
    let Some(secret) = store.new_link(login, LINK_LIFE).await? else {
        return Ok(None);
    };
    let pages = pages.trim_end_matches('/');
    Ok(Some(Link {
        to,
        url: format!("{pages}/password?link={}", secret.expose_secret()).into(),
    }))
}
