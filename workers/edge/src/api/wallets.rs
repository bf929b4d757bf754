//! Wallets: an account's credits for each service, and how they are topped up.

use crate::Edge;
use crate::http::{
    Bearer, CreditsText, Json, MethodName, MoneyView, Named, Path, Problem, ServiceName, account_for,
};
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::account::{Caps, Method};
use topup_rules::ids::{AccountId, Service, TopupId, WalletKey};
use topup_rules::money::Currency;
use topup_rules::topup::TopupState;
use topup_store::{AccountView, AdjustRefusal, AutoTopupView, OpenTopupView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(one))
}

/// An account's wallets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Wallets {
    /// One a service, by the services' names.
    items: Vec<Wallet>,
}

/// A wallet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "service": "sms", "balance": "540.5", "available": "500.5", "held": "40", "low_credit_threshold": "50",
    "auto_topup": {"method": "card", "threshold": "100", "quantity": "500", "enabled": true, "disabled_reason": null,
        "card": {"brand": "visa", "last4": "4081", "exp_month": 12, "exp_year": 2030},
        "caps": {"topups_per_day": 5, "amount_minor_per_month": 5_000_000}},
    "open_topup": {"topup_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "state": "scheduled",
        "due_at": "2026-11-22T08:45:00Z", "quantity": "500", "price": {"amount_minor": 12750, "currency": "ZAR"}}
}))]
pub(super) struct Wallet {
    /// For what: `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// All credits; below zero where more was sent than was there.
    balance: CreditsText,
    /// The balance less what open holds set aside.
    available: CreditsText,
    /// What open holds set aside.
    held: CreditsText,
    /// The balance at which the account holder is told of low credit; 0: never.
    low_credit_threshold: CreditsText,
    /// How it is topped up automatically; none where that was never set up.
    #[schema(required = true)]
    auto_topup: Option<AutoTopup>,
    /// The automatic top-up that is under way.
    #[schema(required = true)]
    open_topup: Option<OpenTopup>,
}

/// How a wallet is topped up automatically.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct AutoTopup {
    /// `card` or `transfer`.
    #[schema(value_type = MethodName)]
    method: Method,
    /// A send that leaves this many credits or fewer asks for a top-up.
    threshold: CreditsText,
    /// Credits of one top-up.
    quantity: CreditsText,
    /// Whether it is acted on.
    enabled: bool,
    /// Why not, in words for the account holder.
    #[schema(required = true)]
    disabled_reason: Option<String>,
    /// The card that is charged.
    #[schema(required = true)]
    card: Option<CardShown>,
    /// The account's limits on automatic top-ups by card.
    caps: CapsShown,
}

/// What people recognise a card by.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Card)]
pub(super) struct CardShown {
    /// `visa`.
    #[schema(required = true)]
    pub(super) brand: Option<String>,
    /// The last four digits.
    #[schema(required = true)]
    pub(super) last4: Option<String>,
    /// 1 to 12.
    #[schema(required = true)]
    pub(super) exp_month: Option<u8>,
    /// With its century.
    #[schema(required = true)]
    pub(super) exp_year: Option<u16>,
}

/// An account's limits on automatic top-ups by card.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Caps)]
pub(super) struct CapsShown {
    /// Top-ups a day; none: no limit.
    #[schema(required = true)]
    topups_per_day: Option<u32>,
    /// Money a calendar month, in the currency's minor unit; none: no limit.
    #[schema(required = true)]
    amount_minor_per_month: Option<i64>,
}

/// A top-up under way.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OpenTopup {
    /// Which.
    #[schema(value_type = uuid::Uuid)]
    topup_id: TopupId,
    /// Where it stands.
    #[schema(value_type = String)]
    state: TopupState,
    /// The moment that it waits for, if it waits for a known one.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    due_at: Option<Timestamp>,
    /// Credits that it brings.
    quantity: CreditsText,
    /// What the card is charged.
    #[schema(required = true)]
    price: Option<MoneyView>,
}

/// An account's wallets
#[utoipa::path(
    get, path = "/accounts/{account}/wallets", operation_id = "wallets", tag = "wallets",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "One a service", body = Wallets))
)]
async fn all(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<Wallets>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let items = wallets(&edge, account).await?;
    Ok(Json(Wallets { items }))
}

/// One wallet
#[utoipa::path(
    get, path = "/accounts/{account}/wallets/{service}", operation_id = "wallet", tag = "wallets",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "For what", example = "sms")
    ),
    responses((status = 200, description = "As it stands now", body = Wallet))
)]
async fn one(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
) -> Result<Json<Wallet>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    wallet(&edge, WalletKey { account, service }).await.map(Json)
}

/// A wallet as it stands now.
///
/// # Errors
/// 404: there is none.
pub(super) async fn wallet(edge: &Edge, key: WalletKey) -> Result<Wallet, Problem> {
    let mut wallets = wallets(edge, key.account).await?.into_iter();
    let found = wallets.find(|wallet| wallet.service == key.service);
    found.ok_or_else(|| AdjustRefusal::NoWallet(key).into())
}

async fn wallets(edge: &Edge, account: AccountId) -> Result<Vec<Wallet>, Problem> {
    let view = edge.database()?.store.account_view(account).await?;
    Ok(view.map(of).unwrap_or_default())
}

/// An account's wallets.
pub(super) fn of(account: AccountView) -> Vec<Wallet> {
    let currency = account.currency;
    let wallets = account.wallets.into_iter();
    wallets
        .map(|wallet| Wallet {
            service: wallet.service,
            held: wallet
                .credits
                .checked_sub(wallet.available)
                .unwrap_or_default()
                .into(),
            balance: wallet.credits.into(),
            available: wallet.available.into(),
            low_credit_threshold: wallet.low_credit_threshold.into(),
            auto_topup: wallet.auto_topup.map(auto_topup),
            open_topup: wallet.open_topup.map(|topup| open_topup(&topup, currency)),
        })
        .collect()
}

fn auto_topup(auto: AutoTopupView) -> AutoTopup {
    let Caps {
        topups_per_day,
        amount_minor_per_month,
    } = auto.caps.unwrap_or_default();
    AutoTopup {
        method: auto.method,
        threshold: auto.threshold.into(),
        quantity: auto.quantity.into(),
        enabled: auto.enabled,
        disabled_reason: auto.disabled_reason,
        card: auto.card.map(|card| CardShown {
            brand: card.brand,
            last4: card.last4,
            exp_month: card.exp_month,
            exp_year: card.exp_year,
        }),
        caps: CapsShown {
            topups_per_day,
            amount_minor_per_month,
        },
    }
}

fn open_topup(topup: &OpenTopupView, currency: Currency) -> OpenTopup {
    OpenTopup {
        topup_id: topup.topup_id,
        state: topup.state,
        due_at: topup.due_at,
        quantity: topup.quantity.into(),
        price: topup.amount_minor.map(|amount_minor| MoneyView {
            amount_minor,
            currency,
        }),
    }
}
