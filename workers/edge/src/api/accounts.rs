//! Accounts, as the messaging platform keeps them: made and changed by the same line, and with the same refusals, as
//! `fleetctl import` takes.

use super::wallets::Wallet;
use crate::Edge;
use crate::http::{
    Bearer, CreditsGiven, Json, MethodName, Named, Page, Paging, Path, Problem, Query, ServiceName,
    account_for,
};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::{AccessRefusal, Act, may_manage_accounts};
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service};
use topup_rules::money::Currency;
use topup_store::{AccountImport, AccountView, Change, Imported, ImportedWallet, KindImport};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(all, post))
        .routes(routes!(one, put))
}

/// An account.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "account_id": 1001, "kind": "main", "parent_id": null, "currency": "ZAR", "language": "en",
    "mobile": "+27820000001", "email": "ops@example.com"
}))]
pub(super) struct Account {
    /// Which.
    #[schema(value_type = i64)]
    account_id: AccountId,
    /// `main` or `sub`.
    #[schema(value_type = KindName)]
    kind: KindImport,
    /// A sub's main.
    #[schema(required = true, value_type = Option<i64>)]
    parent_id: Option<AccountId>,
    /// What it pays in: ISO 4217.
    #[schema(value_type = String)]
    currency: Currency,
    /// What its notices are written in.
    language: String,
    /// The account holder's number.
    #[schema(required = true)]
    mobile: Option<String>,
    /// The account holder's address.
    #[schema(required = true)]
    email: Option<String>,
}

/// An account with its wallets.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "account_id": 1001, "kind": "main", "parent_id": null, "currency": "ZAR", "language": "en",
    "mobile": "+27820000001", "email": "ops@example.com", "wallets": []
}))]
pub(super) struct AccountWithWallets {
    #[serde(flatten)]
    account: Account,
    /// One a service.
    wallets: Vec<Wallet>,
}

impl From<&AccountView> for Account {
    fn from(view: &AccountView) -> Self {
        Self {
            account_id: view.account_id,
            kind: view.kind,
            parent_id: view.parent_id,
            currency: view.currency,
            language: view.language.clone(),
            mobile: view.mobile.clone(),
            email: view.email.clone(),
        }
    }
}

/// An account as it is to be: the line that `fleetctl import` takes.
///
/// `credits` is the opening balance, and is ignored for a wallet that is there. What was disabled is never enabled by it.
/// A wallet that is left out stays as it is, and so do the settings of one without `auto_topup`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape of what the store reads, for the document alone"
)]
#[schema(example = json!({
    "account_id": 1001, "kind": "main", "parent_id": null, "currency": "ZAR", "language": "en",
    "mobile": "+27820000001", "email": "ops@example.com",
    "wallets": [{"service": "sms", "credits": 150, "low_credit_threshold": 50,
        "auto_topup": {"method": "card", "threshold": 100, "quantity": 500, "enabled": true,
            "caps": {"topups_per_day": 5, "amount_minor_per_month": 5_000_000},
            "card": {"authorization_code": "AUTH_example", "email": "ops@example.com", "brand": "visa",
                "last4": "4081", "exp_month": 12, "exp_year": 2030, "signature": "SIG_1001"}}}]
}))]
pub(super) struct AccountLine {
    /// Which; in a path that names one, the same.
    #[schema(minimum = 1)]
    account_id: i64,
    /// `main` or `sub`; it stays what it is.
    #[schema(value_type = KindName)]
    kind: KindImport,
    /// A sub's main, which is there before it.
    parent_id: Option<i64>,
    /// What it pays in: ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: String,
    /// What its notices are written in: `en`, `en-ZA`.
    language: String,
    /// The account holder's number: 6 to 15 digits, `+` may come first. None: no SMS.
    #[schema(pattern = r"^(\+?\d{6,15})?$")]
    mobile: Option<String>,
    /// The account holder's address. None: no e-mail.
    email: Option<String>,
    /// One a service.
    wallets: Vec<WalletLine>,
}

/// `main` or `sub`
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Kind, rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document alone")]
enum KindName {
    Main,
    Sub,
}

/// A wallet as it is to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape of what the store reads, for the document alone"
)]
struct WalletLine {
    /// For what.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// The opening balance.
    credits: CreditsGiven,
    /// The balance at which the account holder is told of low credit; 0: never.
    #[serde(default = "none")]
    low_credit_threshold: CreditsGiven,
    /// None: what is there stays.
    auto_topup: Option<AutoTopupLine>,
}

const fn none() -> CreditsGiven {
    CreditsGiven(Credits::ZERO)
}

/// Automatic top-up as another system agreed it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape of what the store reads, for the document alone"
)]
struct AutoTopupLine {
    /// `transfer` of a sub alone.
    #[schema(value_type = MethodName)]
    method: Method,
    /// A send that leaves this many credits or fewer asks for a top-up.
    threshold: CreditsGiven,
    /// Credits of one top-up: at least the threshold.
    quantity: CreditsGiven,
    /// Whether it is to be acted on.
    enabled: bool,
    /// The account's limits, the same in all its wallets that name some.
    caps: Option<CapsLine>,
    /// The saved card.
    card: Option<CardLine>,
}

/// Limits on automatic top-ups by card.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape of what the store reads, for the document alone"
)]
struct CapsLine {
    /// Top-ups a day.
    topups_per_day: Option<u32>,
    /// Money a calendar month, in the currency's minor unit.
    amount_minor_per_month: Option<i64>,
}

/// A saved card: the payment gateway's token of it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the shape of what the store reads, for the document alone"
)]
struct CardLine {
    /// The token.
    authorization_code: String,
    /// The address that the token was made with.
    email: String,
    /// `visa`.
    brand: Option<String>,
    /// The last four digits.
    last4: Option<String>,
    /// 1 to 12.
    exp_month: Option<u8>,
    /// With its century.
    exp_year: Option<u16>,
    /// The payment gateway's name of the card itself.
    signature: Option<String>,
    /// Whose token it is; `paystack` unless said.
    gateway: Option<String>,
}

/// What became of something.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Change, rename_all = "lowercase")]
#[expect(dead_code, reason = "for the document alone")]
enum ChangeName {
    /// It was not there before.
    Created,
    /// Something of it is different now.
    Updated,
    /// It was like that before.
    Unchanged,
}

/// What a line did.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "account_id": 1001, "account": "created", "wallets": [{"service": "sms", "change": "created", "note": null}]
}))]
pub(super) struct Kept {
    /// Which account.
    #[schema(value_type = i64)]
    account_id: AccountId,
    /// What became of it.
    #[schema(value_type = ChangeName)]
    account: Change,
    /// Its wallets, in the order of the line.
    wallets: Vec<KeptWallet>,
}

/// What a line did to a wallet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct KeptWallet {
    /// `sms` or `whatsapp`.
    #[schema(value_type = ServiceName)]
    service: Service,
    /// What became of it.
    #[schema(value_type = ChangeName)]
    change: Change,
    /// What was asked for and not done.
    #[schema(required = true)]
    note: Option<String>,
}

impl From<Imported> for Kept {
    fn from(imported: Imported) -> Self {
        let wallet = |wallet: ImportedWallet| KeptWallet {
            service: wallet.service,
            change: wallet.change,
            note: wallet.note,
        };
        Self {
            account_id: imported.account_id,
            account: imported.account,
            wallets: imported.wallets.into_iter().map(wallet).collect(),
        }
    }
}

/// All accounts, by their numbers
#[utoipa::path(
    get, path = "/accounts", operation_id = "accounts", tag = "accounts", params(Paging),
    responses((status = 200, description = "A page of them", body = Page<Account>))
)]
async fn all(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Account>>, Problem> {
    may_manage_accounts(&bearer.leave)?;
    let (after, limit) = (paging.after()?, paging.limit()?);
    let store = &edge.database()?.store;
    let rows = store.accounts_page(after, i64::from(limit) + 1).await?;
    let page = Page::of(rows, limit, |row| row.account_id, |row| Account::from(&row));
    Ok(Json(page))
}

/// One account
#[utoipa::path(
    get, path = "/accounts/{account}", operation_id = "account", tag = "accounts",
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "With its wallets", body = AccountWithWallets))
)]
async fn one(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
) -> Result<Json<AccountWithWallets>, Problem> {
    account_for(&edge, &bearer.leave, Act::See, account).await?;
    let view = edge.database()?.store.account_view(account).await?;
    let view = view.ok_or(AccessRefusal::NoAccount(account))?;
    Ok(Json(AccountWithWallets {
        account: Account::from(&view),
        wallets: super::wallets::of(view),
    }))
}

/// Make or change an account
///
/// One that is there is changed, as by `PUT`.
#[utoipa::path(
    post, path = "/accounts", operation_id = "create_account", tag = "accounts", request_body = AccountLine,
    responses(
        (status = 201, description = "It was made", body = Kept),
        (status = 200, description = "It was there, and is like that now", body = Kept)
    )
)]
async fn post(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Json(line): Json<AccountImport>,
) -> Result<(StatusCode, Json<Kept>), Problem> {
    may_manage_accounts(&bearer.leave)?;
    let kept = keep(&edge, &line).await?;
    let status = match kept.account {
        Change::Created => StatusCode::CREATED,
        Change::Updated | Change::Unchanged => StatusCode::OK,
    };
    Ok((status, Json(kept)))
}

/// Change an account
#[utoipa::path(
    put, path = "/accounts/{account}", operation_id = "change_account", tag = "accounts", request_body = AccountLine,
    params(("account" = i64, Path, description = "The account", minimum = 1, example = 1001)),
    responses((status = 200, description = "It is like that now", body = Kept))
)]
async fn put(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path(Named(account)): Path<Named<AccountId>>,
    Json(line): Json<AccountImport>,
) -> Result<Json<Kept>, Problem> {
    account_for(&edge, &bearer.leave, Act::Change, account).await?;
    if line.account_id != account {
        let detail = "must be the account that the path names";
        return Err(Problem::refused(format!("field `account_id`: {detail}")).field("account_id", detail));
    }
    keep(&edge, &line).await.map(Json)
}

async fn keep(edge: &Edge, line: &AccountImport) -> Result<Kept, Problem> {
    Ok(edge.database()?.store.import_account(line).await??.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use utoipa::PartialSchema as _;

    /// Every field of the document's shape is one that the store reads, and one that it does not know is refused.
    #[test]
    fn the_document_s_example_is_a_line_that_is_taken() {
        let schema = serde_json::to_value(AccountLine::schema()).unwrap();
        let example = schema["example"].clone();
        let line: AccountImport = serde_json::from_value(example.clone()).unwrap();
        line.check().unwrap();
        let _as_it_is_told: AccountLine = serde_json::from_value(example.clone()).unwrap();
        let told: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        let shown: Vec<&String> = example.as_object().unwrap().keys().collect();
        assert_eq!(told.len(), shown.len());
        assert!(told.iter().all(|field| shown.contains(field)), "{told:?}");
    }
}
