//! Contact details: how an account's holder is told.

use crate::Edge;
use crate::http::{Bearer, Json, Named, Path, Problem, account_for};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::{AccessRefusal, Act};
use topup_rules::ids::AccountId;
use topup_store::{ImportRefusal, NewContact};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(one, put))
}

/// How an account's holder is told.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Contact, example = json!({"mobile": "+27820000001", "email": "ops@example.com", "language": "en"}))]
pub(super) struct ContactView {
    /// The number: 6 to 15 digits, `+` may come first; none: no SMS.
    // Without it, an address that was forgotten would be taken away.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    mobile: Option<String>,
    /// The address; none: no e-mail.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    email: Option<String>,
    /// What notices are written in: `en`.
    language: String,
}

/// How the account's holder is told
#[utoipa::path(
    get, path = "/accounts/{account}/contact", operation_id = "contact", tag = "accounts",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "As it is now", body = ContactView))
)]
async fn one(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<ContactView>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    kept(&edge, account).await.map(Json)
}

/// Change how the account's holder is told
///
/// All three have to be there; `null` takes a number or an address away.
#[utoipa::path(
    put, path = "/accounts/{account}/contact", operation_id = "change_contact", tag = "accounts",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    request_body = ContactView,
    responses((status = 200, description = "As it is from now on", body = ContactView))
)]
async fn put(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Json(new): Json<ContactView>,
) -> Result<Json<ContactView>, Problem> {
    account_for(&edge, &bearer.leave, Act::SetContact, account).await?;
    let new = NewContact {
        mobile: new.mobile,
        email: new.email,
        language: new.language,
    };
    let changed = edge.database()?.store.set_contact(account, &new).await?;
    changed.map_err(ImportRefusal::from)?;
    kept(&edge, account).await.map(Json)
}

async fn kept(edge: &Edge, account: AccountId) -> Result<ContactView, Problem> {
    let contact = edge.database()?.store.contact(account).await?;
    let contact = contact.ok_or(AccessRefusal::NoAccount(account))?;
    Ok(ContactView {
        mobile: contact.mobile,
        email: contact.email,
        language: contact.language,
    })
}
