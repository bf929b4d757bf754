//! Purchases by hand: on the payment gateway's page, or by one click; and what their invoices bear.
//!
//! Credits come from the gateway's verified result alone, so what is told here is where that stands.

use super::given::{address, return_to, terms};
use crate::Edge;
use crate::buying::{Bought, buy};
use crate::http::{
    Bearer, CreditsGiven, CreditsText, Json, Kind, MoneyView, Named, Page, Paging, Path, Problem, Query,
    RequestId, ServiceName, account_for,
};
use crate::invoicing;
use crate::serve::Peer;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_gateways::payment::PayChannel;
use topup_rules::access::Act;
use topup_rules::ids::{AccountId, Service};
use topup_rules::money::Money;
use topup_rules::prices::Wanted;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use topup_store::{
    Billing as KeptBilling, NewPurchase as Intended, OneClickAgreement, PurchaseRefusal, PurchaseView,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Longest e-mail address, in bytes.
const EMAIL_MAX_BYTES: usize = 254;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(all, post))
        .routes(routes!(one))
        .routes(routes!(billing, put_billing))
}

/// How it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = PurchaseMethod)]
pub(super) enum How {
    /// On the payment gateway's page.
    Hosted,
    /// With the card that was saved for 1-Click, at once.
    OneClick,
}

/// A way to pay on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Channel {
    /// By card.
    Card,
    /// From the phone: M-Pesa, Airtel Money and their like.
    MobileMoney,
}

/// Whom invoices are made out to.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Protea Books", "address": "1 Long Street\nCape Town", "tax_number": "4001234567"}))]
pub(super) struct Billing {
    /// A person or a company.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// On as many lines as it needs.
    #[schema(max_length = 500)]
    address: String,
    /// Where there is one.
    #[serde(default)]
    #[schema(max_length = 50)]
    tax_number: Option<String>,
}

/// What is to be bought: credits, or what an amount buys.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "service": "sms", "credits": "500", "expected_amount_minor": 35247, "method": "hosted", "channels": ["card"],
    "return_url": "https://example.com/back"
}))]
pub(super) struct NewPurchase {
    /// `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// How many credits; or else `amount_minor`.
    #[serde(default)]
    credits: Option<CreditsGiven>,
    /// As many credits as this buys, in the minor unit of the account's currency.
    #[serde(default)]
    #[schema(minimum = 1)]
    amount_minor: Option<i64>,
    /// What the customer was shown as the price, by a quote, in the minor unit of the account's currency: where the price
    /// is another one now, nothing is charged, and the answer (422) says which.
    #[serde(default)]
    #[schema(minimum = 1)]
    expected_amount_minor: Option<i64>,
    /// How it is paid.
    method: How,
    /// How the customer may pay on the page; however the currency allows where there are none.
    #[serde(default)]
    #[schema(max_items = 2)]
    channels: Vec<Channel>,
    /// What the page asks for; the account's own where it is missing.
    #[serde(default)]
    #[schema(max_length = 254)]
    email: Option<String>,
    /// What the invoice bears, kept for the next time; as it was kept where it is missing.
    #[serde(default)]
    billing: Option<Billing>,
    /// Where the customer comes back to from the page.
    #[serde(default)]
    #[schema(max_length = 500, pattern = "^https?://")]
    return_url: Option<String>,
    /// The version of the terms of 1-Click that the customer agrees to: the card that is paid with on the page is kept.
    /// The account itself alone.
    #[serde(default)]
    #[schema(max_length = 50)]
    one_click_terms: Option<String>,
}

/// How a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = PurchaseState)]
enum Stands {
    /// The customer has to pay on the gateway's page.
    OnPage,
    /// It is still being confirmed.
    Confirming,
    /// It is paid, and the credits are there.
    Succeeded,
    /// Nothing was bought; `reason` says why.
    Failed,
    /// The money went back, and the credits with it.
    Reversed,
}

/// A purchase.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "purchase_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "service": "sms", "method": "hosted", "credits": "500",
    "price": {"amount_minor": 35247, "currency": "ZAR"}, "tax": {"amount_minor": 4597, "currency": "ZAR"},
    "state": "on-page", "reason": null, "checkout_url": "https://checkout.example.com/abc",
    "reference": "purchase-1001-0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "created_at": "2026-11-22T08:15:00Z",
    "settled_at": null, "card_last4": null, "billing": null, "one_click": null
}))]
pub(super) struct Purchase {
    /// Which.
    purchase_id: Uuid,
    /// `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// How it is paid.
    method: How,
    /// How many credits.
    credits: CreditsText,
    /// What they cost, tax included.
    price: MoneyView,
    /// The tax in it.
    tax: MoneyView,
    /// How it stands.
    state: Stands,
    /// Why nothing was bought.
    #[schema(required = true)]
    reason: Option<String>,
    /// Where the customer pays.
    #[schema(required = true)]
    checkout_url: Option<String>,
    /// The payment's reference at the gateway.
    reference: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was settled.
    #[schema(required = true, value_type = Option<String>, format = DateTime)]
    settled_at: Option<Timestamp>,
    /// The last digits of the saved card that paid, or that was saved with it.
    #[schema(required = true)]
    card_last4: Option<String>,
    /// Whom the invoice is made out to.
    #[schema(required = true)]
    billing: Option<Billing>,
    /// Where 1-Click was agreed to with it: whether its card was saved.
    #[schema(required = true)]
    one_click: Option<bool>,
}

impl From<PurchaseView> for Purchase {
    fn from(view: PurchaseView) -> Self {
        let currency = view.amount.currency;
        Self {
            purchase_id: view.id,
            service: view.service,
            method: match view.method {
                PurchaseMethod::Hosted => How::Hosted,
                PurchaseMethod::OneClick => How::OneClick,
            },
            credits: view.quantity.into(),
            price: view.amount.into(),
            tax: Money::new(view.tax_minor, currency).into(),
            state: stands(view.state, view.checkout_url.is_some()),
            reason: view.reason.filter(|_| view.state == PaymentState::Failed),
            checkout_url: view.checkout_url,
            reference: view.reference.to_string(),
            created_at: view.created_at,
            settled_at: view.settled_at,
            card_last4: view.card_last4,
            billing: view.billing.map(Into::into),
            one_click: view.one_click,
        }
    }
}

const fn stands(state: PaymentState, on_page: bool) -> Stands {
    match state {
        PaymentState::Charging | PaymentState::Pending if on_page => Stands::OnPage,
        PaymentState::Charging | PaymentState::Pending | PaymentState::Unknown | PaymentState::Parked => {
            Stands::Confirming
        }
        PaymentState::Succeeded => Stands::Succeeded,
        PaymentState::Failed => Stands::Failed,
        PaymentState::Reversed => Stands::Reversed,
    }
}

impl From<KeptBilling> for Billing {
    fn from(kept: KeptBilling) -> Self {
        Self {
            name: kept.name,
            address: kept.address,
            tax_number: kept.tax_number,
        }
    }
}

/// What stands on an invoice, if it fits on one.
fn checked(billing: Billing) -> Result<KeptBilling, Problem> {
    let kept = KeptBilling {
        name: billing.name,
        address: billing.address,
        tax_number: billing.tax_number,
    };
    match invoicing::fits(&kept) {
        Ok(()) => Ok(kept),
        Err(unfit) => {
            let what = unfit.to_string();
            Err(Problem::new(Kind::Malformed, what.clone()).field(unfit.field, what))
        }
    }
}

/// An e-mail address, as far as it can be told one by looking.
pub(super) fn email(given: Option<String>) -> Result<Option<String>, Problem> {
    let Some(email) = given else { return Ok(None) };
    let (name, host) = email.split_once('@').unwrap_or_default();
    let plain = email.bytes().all(|b| b.is_ascii_graphic());
    if plain && email.len() <= EMAIL_MAX_BYTES && !name.is_empty() && !host.is_empty() {
        return Ok(Some(email));
    }
    let what = "`email` must be an e-mail address";
    Err(Problem::new(Kind::Malformed, what).field("email", what))
}

/// Buy credits
///
/// On the gateway's page (`hosted`), to which the customer is sent by `checkout_url`, or with the card that was saved for
/// 1-Click, by the account itself. What is charged is `expected_amount_minor`, where it is given, or nothing. Credits come once the payment is confirmed: ask for the purchase then.
#[utoipa::path(
    post, path = "/accounts/{account}/purchases", operation_id = "buy", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    request_body = NewPurchase,
    responses((status = 201, description = "Begun", body = Purchase))
)]
async fn post(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    RequestId(id): RequestId,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    Json(new): Json<NewPurchase>,
) -> Result<(StatusCode, Json<Purchase>), Problem> {
    let agrees = new.one_click_terms.is_some();
    let act = match new.method {
        How::OneClick => Act::OneClick,
        How::Hosted if agrees => Act::OneClick,
        How::Hosted => Act::BuyHosted,
    };
    let (buyer, _) = account_for(&edge, &bearer.leave, act, account).await?;
    let database = edge.database()?;
    let wanted = wanted(&new)?;
    let channels: Vec<PayChannel> = new
        .channels
        .iter()
        .map(|channel| match channel {
            Channel::Card => PayChannel::Card,
            Channel::MobileMoney => PayChannel::MobileMoney,
        })
        .collect();
    let agreement = match new.one_click_terms {
        Some(terms_version) => Some(OneClickAgreement {
            terms_version: terms(&edge, &terms_version)?,
            address: address(&edge, peer, &headers),
        }),
        None => None,
    };
    let return_to = match new.method {
        How::Hosted => return_to(&edge, new.return_url, &format!("/purchases/{id}"))?,
        How::OneClick => String::new(),
    };
    let intended = Intended {
        id,
        account,
        service: new.service,
        wanted,
        shown: new
            .expected_amount_minor
            .map(|amount_minor| Money::new(amount_minor, buyer.currency)),
        method: match new.method {
            How::Hosted => PurchaseMethod::Hosted,
            How::OneClick => PurchaseMethod::OneClick,
        },
        agreement,
        email: email(new.email)?,
        billing: new.billing.map(checked).transpose()?,
        gateway: edge.gateway.name(),
        mode: edge.gateway.mode(),
        traceparent: None,
    };
    match buy(&edge, database, intended, &channels, &return_to).await? {
        Bought::OnPage { .. } | Bought::InHand { .. } | Bought::NoPage { .. } => {}
        Bought::Refused(refusal) => return Err(refused(&refusal)),
    }
    let begun = database.store.purchase(account, id).await?;
    let begun = begun.ok_or_else(|| Problem::unavailable("the purchase can't be seen yet"))?;
    Ok((StatusCode::CREATED, Json(begun.into())))
}

/// P1: as many credits as were asked for, or as an amount buys.
fn wanted(new: &NewPurchase) -> Result<Wanted, Problem> {
    match (new.credits, new.amount_minor) {
        (Some(CreditsGiven(credits)), None) => Ok(Wanted::Credits(credits)),
        (None, Some(amount_minor)) => Ok(Wanted::Amount(amount_minor)),
        (Some(_), Some(_)) | (None, None) => Err(Problem::new(
            Kind::Malformed,
            "one of `credits` and `amount_minor` is needed, and not both",
        )),
    }
}

/// In the rules' words; what was expected of the price is pointed at.
fn refused(refusal: &PurchaseRefusal) -> Problem {
    let told = Problem::refused(refusal);
    match refusal {
        PurchaseRefusal::PriceChanged(changed) => told.field("expected_amount_minor", changed.to_string()),
        PurchaseRefusal::NoWallet(_)
        | PurchaseRefusal::NoPrice(_)
        | PurchaseRefusal::OneClick(_)
        | PurchaseRefusal::NoEmail
        | PurchaseRefusal::Conflicting(_) => told,
    }
}

/// An account's purchases
///
/// The latest first.
#[utoipa::path(
    get, path = "/accounts/{account}/purchases", operation_id = "purchases", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001), Paging),
    responses((status = 200, description = "A page of them", body = Page<Purchase>))
)]
async fn all(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Purchase>>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let (after, limit) = (paging.after::<Uuid>()?, paging.limit()?);
    let store = &edge.database()?.store;
    let rows = store.purchases(account, after, i64::from(limit) + 1).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id, Into::into)))
}

/// One purchase
///
/// Of one that is still being confirmed, the gateway is asked soon.
#[utoipa::path(
    get, path = "/accounts/{account}/purchases/{purchase}", operation_id = "purchase", tag = "purchases",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("purchase" = Uuid, Path, description = "The purchase", example = "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d")
    ),
    responses((status = 200, description = "As it stands now", body = Purchase))
)]
async fn one(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(purchase))): Path<(Named<AccountId>, Named<Uuid>)>,
) -> Result<Json<Purchase>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let store = &edge.database()?.store;
    let view = store.purchase(account, purchase).await?;
    let view = view.ok_or_else(|| Problem::not_found(format!("there is no purchase {purchase}")))?;
    if view.settled_at.is_none() {
        store.hasten(account, &view.reference).await?;
    }
    Ok(Json(view.into()))
}

/// What invoices bear
#[utoipa::path(
    get, path = "/accounts/{account}/billing", operation_id = "billing", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "As it is kept", body = Billing))
)]
async fn billing(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<Billing>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let kept = edge.database()?.store.billing(account).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("no billing details are kept"))?;
    Ok(Json(kept.into()))
}

/// Change what invoices bear
///
/// Those that there are stay as they are.
#[utoipa::path(
    put, path = "/accounts/{account}/billing", operation_id = "set_billing", tag = "purchases",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    request_body = Billing,
    responses((status = 200, description = "It is kept", body = Billing))
)]
async fn put_billing(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Json(billing): Json<Billing>,
) -> Result<Json<Billing>, Problem> {
    account_for(&edge, &bearer.leave, Act::SetContact, account).await?;
    let billing = checked(billing)?;
    edge.database()?.store.set_billing(account, &billing).await?;
    Ok(Json(billing.into()))
}
