//! What happened to a wallet: its entries page by page, a month's statement as a stream, its last days at a glance.

use super::wallets::wallet;
use crate::Edge;
use crate::http::{
    Bearer, CreditsText, Json, Kind, Named, Page, Paging, Path, Problem, Query, ServiceName, account_for,
};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::entries::EntryKind;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_store::{GlanceDay, LedgerRow, LedgerSpan, StoreError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Days at a glance where nothing else is asked for.
const DAYS_DEFAULT: u8 = 30;
/// Days at a glance, at most.
const DAYS_MAX: u8 = 90;
/// The first line of a statement.
const CSV_HEADER: &str = "event_id,kind,credits,messages,batch_id,sent_at,recorded_at,detail\r\n";
/// Entries that are written at a time.
const WRITTEN_AT_ONCE: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(entries))
        .routes(routes!(statement))
        .routes(routes!(days))
}

/// An entry of the ledger.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "event_id": "0193b0c1-7d2e-7a6b-9c1d-0e2f3a4b5c6d", "kind": "send", "credits": "-1.5", "messages": 1,
    "batch_id": null, "sent_at": "2026-11-22T08:15:00Z", "recorded_at": "2026-11-22T08:15:00.2Z", "detail": null
}))]
struct Entry {
    /// Of a send with a version-7 id, that id.
    event_id: Uuid,
    /// `send`, `topup`, `transfer-in`, `transfer-out`, `adjustment`, `opening`, `purchase` or `reversal`.
    #[schema(value_type = String)]
    kind: EntryKind,
    /// Signed: a send is negative.
    credits: CreditsText,
    /// Messages of a send; 0 of anything else.
    messages: u32,
    /// The batch that a send belongs to.
    #[schema(required = true)]
    batch_id: Option<Uuid>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Timestamp,
    /// When it was written down.
    #[schema(value_type = String, format = DateTime)]
    recorded_at: Timestamp,
    /// The top-up or purchase that it belongs to: `purchase:<id>`.
    #[schema(required = true)]
    detail: Option<String>,
}

impl From<LedgerRow> for Entry {
    fn from(row: LedgerRow) -> Self {
        Self {
            event_id: row.event_id,
            kind: row.kind,
            credits: row.credits.into(),
            messages: row.messages,
            batch_id: row.batch_id,
            sent_at: row.sent_at,
            recorded_at: row.recorded_at,
            detail: row.detail,
        }
    }
}

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// From this moment on.
    #[param(value_type = Option<String>, format = DateTime, nullable = false)]
    from: Option<Timestamp>,
    /// Up to this one, without it.
    #[param(value_type = Option<String>, format = DateTime, nullable = false)]
    to: Option<Timestamp>,
    /// Behind this one: `next` of the page before.
    #[param(nullable = false)]
    after: Option<String>,
    /// Items at most.
    #[param(nullable = false, minimum = 1, maximum = 200, default = 50)]
    limit: Option<u16>,
}

/// A wallet's entries
///
/// The newest first. A page may have fewer than were asked for, or none, and a `next` all the same: today's entries are
/// looked through a part at a time.
#[utoipa::path(
    get, path = "/accounts/{account}/wallets/{service}/ledger", operation_id = "ledger", tag = "history",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "`sms` or `whatsapp`", example = "sms"),
        Asked
    ),
    responses((status = 200, description = "A page of them", body = Page<Entry>))
)]
async fn entries(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<Entry>>, Problem> {
    let key = its_wallet(&edge, &bearer, account, service).await?;
    let paging = Paging {
        after: asked.after,
        limit: asked.limit,
    };
    let (after, limit) = (paging.after()?, paging.limit()?);
    let store = &edge.database()?.store;
    let now = store.now().await?;
    let rules = &edge.settings.rules;
    let back = rules.window_back.saturating_add(SignedDuration::from_hours(48));
    let from = asked.from.unwrap_or_else(|| now.checked_sub(back).unwrap_or(now));
    let to = asked
        .to
        .unwrap_or_else(|| now.checked_add(rules.window_ahead).unwrap_or(now));
    let page = store
        .ledger_page(key, LedgerSpan::between(from, to), after, limit)
        .await?;
    let items = page.rows.into_iter().map(Entry::from).collect();
    Ok(Json(Page::until(items, page.next.as_ref())))
}

/// A calendar month: `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Month(Date);

impl FromStr for Month {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const NONE: &str = "is no month: `2026-11` is one";
        let plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let day = plain.then(|| format!("{text}-01").parse().ok()).flatten();
        day.map(Self).ok_or(NONE)
    }
}

/// How a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "csv")]
enum Format {
    /// RFC 4180, with a header row.
    #[default]
    Csv,
    /// An array of entries.
    Json,
}

/// Which month, and how.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The month, in the platform's time zone.
    #[param(value_type = String, pattern = r"^\d{4}-(0[1-9]|1[0-2])$", example = "2026-11")]
    month: Named<Month>,
    /// `csv`, or `json`.
    #[param(nullable = false, inline)]
    format: Option<Format>,
}

/// A month's statement
///
/// All entries of a calendar month, the oldest first, however many: streamed. One that ends without its last line's end
/// was cut short.
#[utoipa::path(
    get, path = "/accounts/{account}/wallets/{service}/statement", operation_id = "statement", tag = "history",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "`sms` or `whatsapp`", example = "sms"),
        Wanted
    ),
    responses((status = 200, description = "All of it", content(
        (Vec<Entry> = "application/json", example = json!([])),
        (String = "text/csv")
    )))
)]
async fn statement(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let key = its_wallet(&edge, &bearer, account, service).await?;
    let Named(Month(day)) = wanted.month;
    let span = LedgerSpan::month(day, &edge.settings.rules.time_zone)
        .ok_or_else(|| Problem::new(Kind::Malformed, "`month` is at an end of the calendar"))?;
    let mut rows = Box::pin(edge.database()?.store.statement(key, span));
    // What fails before anything was written is answered as what it is.
    let first = rows.next().await.transpose()?;
    let rows = stream::iter(first.map(Ok)).chain(rows);
    let month = day.strftime("%Y-%m");
    Ok(match wanted.format.unwrap_or_default() {
        Format::Csv => {
            let name = format!("attachment; filename=\"statement-{account}-{service}-{month}.csv\"");
            let head = [
                (
                    header::CONTENT_TYPE,
                    "text/csv; charset=utf-8; header=present".to_owned(),
                ),
                (header::CONTENT_DISPOSITION, name),
            ];
            (head, Body::from_stream(as_csv(rows))).into_response()
        }
        Format::Json => {
            let head = [(header::CONTENT_TYPE, "application/json")];
            (head, Body::from_stream(as_json(rows))).into_response()
        }
    })
}

/// A header row and a line an entry. For the pages, too.
pub(crate) fn as_csv(
    rows: impl Stream<Item = Result<LedgerRow, StoreError>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
    let lines = rows.try_chunks(WRITTEN_AT_ONCE).map(|rows| {
        let mut text = String::new();
        for row in rows.map_err(|cut| cut.1)? {
            line(&mut text, &row);
        }
        Ok(Bytes::from(text))
    });
    stream::iter([Ok(Bytes::from_static(CSV_HEADER.as_bytes()))]).chain(lines)
}

fn line(text: &mut String, row: &LedgerRow) {
    let batch = row.batch_id.map(|id| id.to_string()).unwrap_or_default();
    let detail = field(row.detail.as_deref().unwrap_or_default());
    // A text takes whatever is written.
    let _infallible = write!(
        text,
        "{},{},{},{},{batch},{},{},{detail}\r\n",
        row.event_id, row.kind, row.credits, row.messages, row.sent_at, row.recorded_at
    );
}

/// A text as a field: what a spreadsheet would take for a formula is shown as the text that it is.
fn field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn as_json(
    rows: impl Stream<Item = Result<LedgerRow, StoreError>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static {
    let items = rows.enumerate().map(|(number, row)| {
        let mut text = if number == 0 { Vec::new() } else { b",".to_vec() };
        serde_json::to_writer(&mut text, &Entry::from(row?))?;
        Ok(Bytes::from(text))
    });
    let bracket = |text: &'static [u8]| stream::iter([Ok(Bytes::from_static(text))]);
    bracket(b"[").chain(items).chain(bracket(b"]\n"))
}

/// A wallet's last days.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Days {
    /// The oldest first, today last.
    items: Vec<Day>,
}

/// A day of a wallet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "day": "2026-11-22", "sent": "60.5", "added": "500", "taken": "0", "balance_at_end": "540.5"
}))]
struct Day {
    /// In the platform's time zone.
    #[schema(value_type = String, format = Date)]
    day: Date,
    /// Credits of its sends.
    sent: CreditsText,
    /// Credits that came otherwise.
    added: CreditsText,
    /// Credits that went otherwise. Until the day is over and counted they stand in `sent`.
    taken: CreditsText,
    /// The balance when it ended; of today, the balance now.
    balance_at_end: CreditsText,
}

impl From<GlanceDay> for Day {
    fn from(day: GlanceDay) -> Self {
        Self {
            day: day.day,
            sent: day.sent.into(),
            added: day.added.into(),
            taken: day.taken.into(),
            balance_at_end: day.balance_at_end.into(),
        }
    }
}

/// How many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Last {
    /// Days, today among them.
    #[param(nullable = false, minimum = 1, maximum = 90, default = 30)]
    days: Option<u8>,
}

/// A wallet's last days at a glance
#[utoipa::path(
    get, path = "/accounts/{account}/wallets/{service}/days", operation_id = "days", tag = "history",
    params(
        ("account" = i64, Path, description = "The account", minimum = 1, example = 1001),
        ("service" = ServiceName, Path, description = "`sms` or `whatsapp`", example = "sms"),
        Last
    ),
    responses((status = 200, description = "Day by day", body = Days))
)]
async fn days(
    State(edge): State<Arc<Edge>>,
    bearer: Bearer,
    Path((Named(account), Named(service))): Path<(Named<AccountId>, Named<Service>)>,
    Query(last): Query<Last>,
) -> Result<Json<Days>, Problem> {
    let key = its_wallet(&edge, &bearer, account, service).await?;
    let days = match last.days.unwrap_or(DAYS_DEFAULT) {
        days @ 1..=DAYS_MAX => days,
        _ => {
            let detail = format!("`days` must be 1 to {DAYS_MAX}");
            return Err(Problem::new(Kind::Malformed, detail));
        }
    };
    let zone = &edge.settings.rules.time_zone;
    let days = edge.database()?.store.glance(key, days, zone).await?;
    let items = days.into_iter().map(Day::from).collect();
    Ok(Json(Days { items }))
}

/// The wallet, where the caller may look at it and there is one.
async fn its_wallet(
    edge: &Edge,
    bearer: &Bearer,
    account: AccountId,
    service: Service,
) -> Result<WalletKey, Problem> {
    account_for(edge, &bearer.leave, Act::See, account).await?;
    let key = WalletKey { account, service };
    wallet(edge, key).await?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_never_a_formula() {
        for (text, written) in [
            ("purchase:1", "purchase:1"),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("=1+1", "'=1+1"),
            ("@sum(a,b)", "\"'@sum(a,b)\""),
        ] {
            assert_eq!(field(text), written);
        }
    }

    #[test]
    fn a_month_is_a_year_and_a_month() {
        assert!("2026-11".parse::<Month>().is_ok());
        for text in ["2026-13", "2026-1", "2026-11-01", "november", "-202-11"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }
}
