//! The low-credit notice: at which balance an account's holder is told (L1).

use super::wallets::{Wallet, wallet};
use crate::Edge;
use crate::http::{Bearer, CreditsGiven, Json, Named, Path, Problem, ServiceName, account_for};
use axum::extract::State;
use serde::Deserialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_store::{AdjustRefusal, SettingsChange};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(put))
}

/// When the account's holder is told of low credit.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LowCredit, example = json!({"threshold": "50"}))]
pub(super) struct LowCredit {
    /// The balance at which, coming from above; 0: never.
    threshold: CreditsGiven,
}

/// Set when the account's holder is told of low credit
#[utoipa::path(
    put, path = "/accounts/{account}/wallets/{service}/low-credit", operation_id = "change_low_credit", tag = "wallets",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "For what", example = "sms")
    ),
    request_body = LowCredit,
    responses((status = 200, description = "The wallet as it stands now", body = Wallet))
)]
async fn put(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
    Json(new): Json<LowCredit>,
) -> Result<Json<Wallet>, Problem> {
    account_for(&edge, &bearer.leave, Act::SetLowCredit, account).await?;
    let key = WalletKey { account, service };
    let CreditsGiven(threshold) = new.threshold;
    match edge
        .database()?
        .store
        .set_low_credit_threshold(key, threshold)
        .await?
    {
        SettingsChange::Done(_) => wallet(&edge, key).await.map(Json),
        SettingsChange::Refused(refusal) => Err(refusal.into()),
        SettingsChange::NoWallet => Err(AdjustRefusal::NoWallet(key).into()),
    }
}
