//! `/history`: what became of each top-up; and every entry of a wallet, page by page or as a file.

use super::catalogue::Key;
use super::purchase::{self, Bought};
use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words::{self, Said};
use super::zone::Zone;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use futures_util::StreamExt as _;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::account::Method;
use topup_rules::entries::EntryKind;
use topup_rules::ids::{Service, TopupId, WalletKey};
use topup_store::{LedgerRow, LedgerSpan, TopupView};
use uuid::Uuid;

/// Top-ups of a page.
const TOPUPS_PER_PAGE: u16 = 20;
/// Entries of a page.
const ENTRIES_PER_PAGE: u16 = 50;
/// How far back entries are looked for: further than the ledger's open window reaches.
const ENTRIES_BACK: SignedDuration = SignedDuration::from_hours(24 * 400);
/// How far ahead: a sender's clock may be ahead of ours.
const ENTRIES_AHEAD: SignedDuration = SignedDuration::from_hours(2);
/// Months that are offered as files.
const MONTHS: i64 = 4;
const CSV_HEAD: &str = "time,kind,credits,messages,batch_id,entry_id\r\n";

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route("/history", get(history))
        .route("/history/{service}", get(entries))
        .route("/history/{service}/ledger.csv", get(file))
}

/// Where a page begins.
#[derive(Debug, Deserialize)]
struct After {
    after: Option<Uuid>,
    /// Of the purchases.
    bought: Option<Uuid>,
}

#[derive(Debug, Serialize)]
pub(super) struct History {
    pub(super) topups: Vec<Topup>,
    /// The address of the next page.
    pub(super) next: Option<String>,
    pub(super) is_first: bool,
    pub(super) purchases: Vec<Bought>,
    /// The address of the next page of purchases.
    pub(super) purchases_next: Option<String>,
    pub(super) purchases_is_first: bool,
    pub(super) wallets: Vec<Link>,
}

#[derive(Debug, Serialize)]
pub(super) struct Link {
    pub(super) href: String,
    pub(super) text: String,
    pub(super) is_here: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Topup {
    pub(super) id: String,
    pub(super) when: String,
    pub(super) service: &'static str,
    pub(super) credits: String,
    pub(super) by: String,
    pub(super) price: Option<String>,
    pub(super) said: Said,
}

async fn history(
    State(zone): State<Arc<Zone>>,
    who: SignedIn,
    Query(page): Query<After>,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let after: Option<TopupId> = page.after;
    let account = who.account.account_id;
    let topups = store.topups_page(account, None, after, TOPUPS_PER_PAGE).await?;
    let is_full = topups.len() == usize::from(TOPUPS_PER_PAGE);
    let last = topups.last().filter(|_| is_full);
    let (purchases, bought_next) = purchase::list(store, &who, page.bought).await?;
    let view = History {
        purchases,
        purchases_next: bought_next.map(|next| format!("/history?bought={next}#purchases")),
        purchases_is_first: page.bought.is_none(),
        next: last.map(|last| format!("/history?after={}", last.topup_id)),
        is_first: page.after.is_none(),
        topups: topups.iter().map(|topup| line(&who, topup)).collect(),
        wallets: wallets(&who, None),
    };
    zone.page("history.html", &zone.inside(&who, "/history"), &view)
}

fn line(who: &SignedIn, topup: &TopupView) -> Topup {
    let voice = &who.voice;
    Topup {
        id: topup.topup_id.to_string(),
        when: voice.moment(topup.requested_at),
        service: Voice::service(topup.service),
        credits: voice.credits(topup.quantity),
        by: voice.text(match topup.method {
            Method::Card => Key("by-card"),
            Method::Transfer => Key("by-transfer"),
        }),
        price: words::price(voice, topup.amount_minor, topup.currency),
        said: words::outcome_beside(
            voice,
            topup,
            who.is_topped_up(topup.service),
            who.card_spacing,
            who.now,
        ),
    }
}

fn wallets(who: &SignedIn, here: Option<Service>) -> Vec<Link> {
    let links = who.account.wallets.iter().map(|wallet| Link {
        href: format!("/history/{}", wallet.service),
        text: Voice::service(wallet.service).to_owned(),
        is_here: here == Some(wallet.service),
    });
    links.collect()
}

#[derive(Debug, Serialize)]
pub(super) struct Entries {
    pub(super) service: &'static str,
    pub(super) rows: Vec<Entry>,
    pub(super) next: Option<String>,
    pub(super) is_first: bool,
    pub(super) first: String,
    pub(super) wallets: Vec<Link>,
    /// A file for each of the last months.
    pub(super) months: Vec<Link>,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) when: String,
    pub(super) what: String,
    pub(super) credits: String,
}

async fn entries(
    State(zone): State<Arc<Zone>>,
    who: SignedIn,
    Path(service): Path<String>,
    Query(page): Query<After>,
) -> Result<Response, Trouble> {
    let wallet = who.wallet(&service)?;
    let span = LedgerSpan::between(
        ago(who.now, ENTRIES_BACK),
        who.now.checked_add(ENTRIES_AHEAD).unwrap_or(who.now),
    );
    let store = &zone.database()?.store;
    let found = store
        .ledger_page(wallet, span, page.after, ENTRIES_PER_PAGE)
        .await?;
    let here = format!("/history/{}", wallet.service);
    let view = Entries {
        service: Voice::service(wallet.service),
        rows: found.rows.iter().map(|row| entry(&who.voice, row)).collect(),
        next: found.next.map(|next| format!("{here}?after={next}")),
        is_first: page.after.is_none(),
        first: here.clone(),
        wallets: wallets(&who, Some(wallet.service)),
        months: months(&who, &here),
    };
    zone.page("entries.html", &zone.inside(&who, &here), &view)
}

/// This month and the ones before, as far back as entries are kept at least.
fn months(who: &SignedIn, here: &str) -> Vec<Link> {
    let today = who.now.to_zoned(who.voice.time_zone().clone()).date();
    let months = (0..MONTHS).map(|back| {
        let month = today.first_of_month().saturating_sub(back.months());
        Link {
            href: format!("{here}/ledger.csv?month={}", month.strftime("%Y-%m")),
            text: who.voice.month(month),
            is_here: false,
        }
    });
    months.collect()
}

/// Which month.
#[derive(Debug, Deserialize)]
struct Month {
    month: String,
}

/// A month's entries, oldest first, sent as they are read: however many they are, few are held at once.
async fn file(
    State(zone): State<Arc<Zone>>,
    who: SignedIn,
    Path(service): Path<String>,
    Query(Month { month }): Query<Month>,
) -> Result<Response, Trouble> {
    let wallet = who.wallet(&service)?;
    let first: Date = format!("{month}-01").parse().map_err(|_| Trouble::NotFound)?;
    let span = LedgerSpan::month(first, who.voice.time_zone()).ok_or(Trouble::NotFound)?;
    let store = zone.database()?.store.clone();
    let lines = store
        .statement(wallet, span)
        .map(|row| row.map(|row| csv_line(&row)));
    let head = futures_util::stream::once(async { Ok(CSV_HEAD.to_owned()) });
    let name = format!(
        "attachment; filename=\"credits-{}-{}-{}.csv\"",
        wallet.account,
        wallet.service,
        first.strftime("%Y-%m")
    );
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, name.as_str()),
    ];
    Ok((headers, Body::from_stream(head.chain(lines))).into_response())
}

/// Nothing in it has a comma, a quotation mark, or what a spreadsheet takes for a formula but a number's own sign.
fn csv_line(row: &LedgerRow) -> String {
    let batch = row.batch_id.map(|batch| batch.to_string()).unwrap_or_default();
    format!(
        "{},{},{},{},{batch},{}\r\n",
        row.sent_at, row.kind, row.credits, row.messages, row.event_id
    )
}

fn ago(now: Timestamp, back: SignedDuration) -> Timestamp {
    now.checked_sub(back).unwrap_or(now)
}

fn entry(voice: &Voice, row: &LedgerRow) -> Entry {
    Entry {
        when: voice.moment(row.sent_at),
        what: match row.kind {
            EntryKind::Send => voice.count(Key("entry-send"), i64::from(row.messages)),
            EntryKind::Topup => voice.text(Key("entry-topup")),
            EntryKind::TransferIn => voice.text(Key("entry-transfer-in")),
            EntryKind::TransferOut => voice.text(Key("entry-transfer-out")),
            EntryKind::Adjustment => voice.text(Key("entry-adjustment")),
            EntryKind::Opening => voice.text(Key("entry-opening")),
            EntryKind::Purchase => voice.text(Key("entry-purchase")),
            EntryKind::Reversal => voice.text(Key("entry-reversal")),
        },
        credits: voice.change(row.credits),
    }
}

impl SignedIn {
    /// Whether the account's wallet is topped up automatically, now.
    fn is_topped_up(&self, service: Service) -> bool {
        let mut wallets = self.account.wallets.iter();
        let wallet = wallets.find(|wallet| wallet.service == service);
        let settings = wallet.and_then(|wallet| wallet.auto_topup.as_ref());
        settings.is_some_and(|settings| settings.enabled)
    }

    /// A wallet of the account's.
    pub(crate) fn wallet(&self, service: &str) -> Result<WalletKey, Trouble> {
        let found = self
            .account
            .wallets
            .iter()
            .find(|wallet| wallet.service.as_str() == service);
        let found = found.ok_or(Trouble::NotFound)?;
        Ok(WalletKey {
            account: self.account.account_id,
            service: found.service,
        })
    }
}
