//! Automatic top-up of a wallet: set up, changed, disabled; and the card that is registered for it (E1–E8).

use super::given::{address, return_to, terms};
use super::wallets::Wallet;
use crate::Edge;
use crate::auto_topup::{disable, set_figures};
use crate::http::{
    Bearer, CreditsGiven, CreditsText, Json, Kind, MethodName, MoneyView, Named, Path, Problem, ServiceName,
    account_for,
};
use crate::registering::{Registering, register};
use crate::serve::Peer;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::{Act, Caller};
use topup_rules::account::{AutoTopup, Method};
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::registration::RegistrationOutcome;
use topup_store::{NewRegistration, RegistrationView, SettingsChange};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(put, delete))
        .routes(routes!(registration))
}

/// How a wallet is to be topped up.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "method": "card", "threshold": "100", "quantity": "500", "terms_version": "1", "return_url": "https://example.com/back"
}))]
pub(super) struct Settings {
    /// `card` or `transfer`.
    #[schema(value_type = MethodName)]
    method: Method,
    /// A send that leaves this many credits or fewer asks for a top-up.
    threshold: CreditsGiven,
    /// Credits of one top-up.
    quantity: CreditsGiven,
    /// The version of the terms that the account holder agrees to: a card is registered, or another one. Without it, the
    /// figures alone change.
    #[serde(default)]
    #[schema(max_length = 50)]
    terms_version: Option<String>,
    /// What the gateway's page asks for; the account's own where it is missing.
    #[serde(default)]
    #[schema(max_length = 254)]
    email: Option<String>,
    /// Where the account holder comes back to from the gateway's page.
    #[serde(default)]
    #[schema(max_length = 500, pattern = "^https?://")]
    return_url: Option<String>,
}

/// A card is to be registered.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "registration_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "checkout_url": "https://checkout.example.com/abc"
}))]
struct Begun {
    /// Which registration.
    registration_id: Uuid,
    /// Where the account holder registers the card.
    checkout_url: String,
}

/// How a registration stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = RegistrationState)]
enum Stands {
    /// It is not over.
    Open,
    /// The card is registered, and automatic top-up enabled.
    Enabled,
    /// It was paid, and nothing is enabled; `reason` says why.
    NotEnabled,
    /// It was not paid.
    Failed,
}

/// A card's registration.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "registration_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "service": "sms", "threshold": "100", "quantity": "500",
    "state": "enabled", "reason": null, "charge": {"amount_minor": 100, "currency": "ZAR"}, "refunded": true,
    "checkout_url": null, "card_last4": "4081", "agreed_at": "2026-11-22T08:15:00Z", "ended_at": "2026-11-22T08:16:00Z"
}))]
struct Registration {
    /// Which.
    registration_id: Uuid,
    /// `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// A send that leaves this many credits or fewer is to ask for a top-up.
    threshold: CreditsText,
    /// Credits of one top-up.
    quantity: CreditsText,
    /// How it stands.
    state: Stands,
    /// Why nothing is enabled, in words for the account holder.
    #[schema(required = true)]
    reason: Option<String>,
    /// What registering costs; it buys no credits.
    charge: MoneyView,
    /// Whether that is given back, or the gateway is at it.
    refunded: bool,
    /// Where the account holder registers the card.
    #[schema(required = true)]
    checkout_url: Option<String>,
    /// The last digits of the card.
    #[schema(required = true)]
    card_last4: Option<String>,
    /// When the terms were agreed to.
    #[schema(value_type = String, format = DateTime)]
    agreed_at: Timestamp,
    /// When it ended.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<RegistrationView> for Registration {
    fn from(view: RegistrationView) -> Self {
        Self {
            registration_id: view.id,
            service: view.service,
            threshold: view.threshold.into(),
            quantity: view.quantity.into(),
            state: match view.outcome {
                None => Stands::Open,
                Some(RegistrationOutcome::Enabled) => Stands::Enabled,
                Some(RegistrationOutcome::NotEnabled) => Stands::NotEnabled,
                Some(RegistrationOutcome::Failed) => Stands::Failed,
            },
            reason: view.reason,
            charge: view.amount.into(),
            refunded: view.is_refunded,
            checkout_url: view.checkout_url,
            card_last4: view.card_last4,
            agreed_at: view.agreed_at,
            ended_at: view.ended_at,
        }
    }
}

/// Set up or change automatic top-up
///
/// By transfer: by the main account, at once. By card: by the account itself; with `terms_version` a card is registered
/// on the gateway's page (202), without it the figures change. The same again while the registration is open is answered
/// by it; other figures take its place.
#[utoipa::path(
    put, path = "/accounts/{account}/wallets/{service}/auto-topup", operation_id = "set_auto_topup", tag = "wallets",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "`sms` or `whatsapp`")
    ),
    request_body = Settings,
    responses(
        (status = 200, description = "The wallet as it stands now", body = Wallet),
        (status = 202, description = "A card is to be registered first", body = Begun)
    )
)]
async fn put(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(wanted): Json<Settings>,
) -> Result<Response, Problem> {
    account_for(&edge, &bearer.leave, Act::SetAutoTopup, account).await?;
    let who = caller(&bearer)?;
    let key = WalletKey { account, service };
    let (threshold, quantity) = (wanted.threshold.0, wanted.quantity.0);
    let store = &edge.database()?.store;
    let change = match (wanted.method, wanted.terms_version) {
        (Method::Card, Some(terms_version)) => {
            let id = Uuid::now_v7();
            let back = return_to(
                &edge,
                wanted.return_url,
                &format!("/auto-topup/registrations/{id}"),
            )?;
            let new = NewRegistration {
                id,
                account,
                service,
                who,
                threshold,
                quantity,
                terms_version: terms(&edge, &terms_version)?,
                address: address(&edge, peer, &headers),
                email: super::purchases::email(wanted.email)?,
                gateway: edge.gateway.name(),
                least_minor: edge.gateway.least_charge_minor(),
                mode: edge.gateway.mode(),
                traceparent: None,
            };
            return registering(&edge, new, &back).await;
        }
        (method @ (Method::Card | Method::Transfer), _) => {
            set_figures(store, key, who, method, threshold, quantity).await?
        }
    };
    done(change, key)?;
    let wallet = super::wallets::wallet(&edge, key).await?;
    Ok(Json(wallet).into_response())
}

async fn registering(edge: &Arc<Edge>, new: NewRegistration, return_to: &str) -> Result<Response, Problem> {
    let key = WalletKey {
        account: new.account,
        service: new.service,
    };
    match register(edge, edge.database()?, new, return_to).await? {
        Registering::OnPage { id, url } => {
            let begun = Begun {
                registration_id: id,
                checkout_url: url,
            };
            Ok((StatusCode::ACCEPTED, Json(begun)).into_response())
        }
        Registering::NoPage { reason, .. } => Err(Problem::unavailable(reason)),
        Registering::Refused(refusal) => Err(Problem::refused(refusal)),
        Registering::NoWallet => Err(no_wallet(key)),
        Registering::NoEmail => Err(Problem::refused("P2: an e-mail address is needed")),
        Registering::Conflicting => Err(Problem::new(Kind::Conflict, "this registration is another one")),
    }
}

/// Disable automatic top-up
///
/// By card: by the account or its main; by transfer: by the main. What is disabled already stays so.
#[utoipa::path(
    delete, path = "/accounts/{account}/wallets/{service}/auto-topup", operation_id = "disable_auto_topup",
    tag = "wallets",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "`sms` or `whatsapp`")
    ),
    responses(
        (status = 200, description = "The wallet as it stands now", body = Wallet),
        (status = 422, description = "It was never set up, or is not the caller's to disable",
            body = crate::http::problem::ProblemBody, content_type = "application/problem+json",
            example = json!({"type": "/problems/refused", "title": "A rule says no", "status": 422,
                "detail": "E6: auto top-up is not set up", "rule": "E6"}))
    )
)]
async fn delete(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
) -> Result<Json<Wallet>, Problem> {
    account_for(&edge, &bearer.leave, Act::DisableAutoTopup, account).await?;
    let who = caller(&bearer)?;
    let key = WalletKey { account, service };
    done(disable(&edge.database()?.store, key, who).await?, key)?;
    super::wallets::wallet(&edge, key).await.map(Json)
}

/// A card's registration
#[utoipa::path(
    get, path = "/accounts/{account}/registrations/{registration}", operation_id = "registration", tag = "wallets",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("registration" = Uuid, Path, description = "The registration", example = "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d")
    ),
    responses((status = 200, description = "As it stands now", body = Registration))
)]
async fn registration(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(id))): Path<(Named<AccountId>, Named<Uuid>)>,
) -> Result<Json<Registration>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let store = &edge.database()?.store;
    let view = store.registration(account, id).await?;
    let view = view.ok_or_else(|| Problem::not_found(format!("there is no registration {id}")))?;
    if view.outcome.is_none() {
        store.hasten(account, &view.reference).await?;
    }
    Ok(Json(view.into()))
}

/// Settings are nobody's but an account's.
fn caller(bearer: &Bearer) -> Result<AccountId, Problem> {
    match bearer.leave.caller {
        Caller::Account(who) => Ok(who),
        Caller::Platform => Err(topup_rules::access::AccessRefusal::NotByPlatform.into()),
    }
}

fn no_wallet(key: WalletKey) -> Problem {
    Problem::not_found(format!(
        "account {} has no wallet for {}",
        key.account, key.service
    ))
}

fn done(change: SettingsChange, key: WalletKey) -> Result<AutoTopup, Problem> {
    match change {
        SettingsChange::Done(settings) => Ok(settings),
        SettingsChange::Refused(refusal) => Err(refusal.into()),
        SettingsChange::NoWallet => Err(no_wallet(key)),
    }
}
