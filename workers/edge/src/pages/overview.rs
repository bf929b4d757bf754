//! `/`: credits at a glance, a wallet a card.

use super::catalogue::Key;
use super::chart::{Chart, Day, chart};
use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words::{self, Said};
use super::zone::Zone;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::account::Method;
use topup_rules::ids::WalletKey;
use topup_store::{GlanceDay, WalletView};

/// Days of the chart.
const DAYS: u8 = 30;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new().route("/", get(overview))
}

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct Overview {
    pub(super) wallets: Vec<Wallet>,
    pub(super) words: ChartWords,
}

/// A wallet's card.
#[derive(Debug, Serialize)]
pub(super) struct Wallet {
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) available: String,
    pub(super) balance: String,
    /// None: nothing is.
    pub(super) held: Option<String>,
    /// The notice of low credit, if it is due.
    pub(super) low: Option<String>,
    pub(super) auto: Said,
    pub(super) open: Option<Said>,
    pub(super) chart: Option<Chart>,
}

/// Words beside the chart.
#[derive(Debug, Serialize)]
pub(super) struct ChartWords {
    balance: String,
    sent: String,
    topup: String,
    low: String,
    table: String,
    day: String,
    added: String,
}

impl ChartWords {
    pub(super) fn new(voice: &Voice) -> Self {
        Self {
            balance: voice.text(Key("balance")),
            sent: voice.text(Key("sent")),
            topup: voice.text(Key("topup")),
            low: voice.text(Key("low-notice")),
            table: voice.text(Key("chart-table")),
            day: voice.text(Key("day")),
            added: voice.text(Key("added")),
        }
    }
}

async fn overview(State(zone): State<Arc<Zone>>, who: SignedIn) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let mut wallets = Vec::with_capacity(who.account.wallets.len());
    for wallet in &who.account.wallets {
        let key = WalletKey {
            account: who.account.account_id,
            service: wallet.service,
        };
        let days = store.glance(key, DAYS, who.voice.time_zone()).await?;
        wallets.push(card(&who, wallet, days));
    }
    let view = Overview {
        wallets,
        words: ChartWords::new(&who.voice),
    };
    zone.page("overview.html", &zone.inside(&who, "/"), &view)
}

fn card(who: &SignedIn, wallet: &WalletView, days: Vec<GlanceDay>) -> Wallet {
    let voice = &who.voice;
    let name = Voice::service(wallet.service);
    let days: Vec<Day> = days.into_iter().map(day).collect();
    let held = wallet
        .credits
        .checked_sub(wallet.available)
        .filter(|held| held.is_positive());
    let method = wallet.auto_topup.as_ref().map_or(Method::Card, |it| it.method);
    let low = words::is_low(wallet.credits, wallet.low_credit_threshold);
    Wallet {
        id: wallet.service.as_str(),
        service: name,
        available: voice.credits(wallet.available),
        balance: voice.credits(wallet.credits),
        held: held.map(|held| voice.credits(held)),
        low: low.then(|| {
            let threshold = voice.credits(wallet.low_credit_threshold);
            voice.with(Key("low-now"), &[("threshold", &threshold)])
        }),
        auto: words::auto_topup(voice, wallet.auto_topup.as_ref()),
        open: wallet
            .open_topup
            .as_ref()
            .map(|open| words::open(voice, open, method, who.card_spacing, who.now)),
        chart: chart(
            voice,
            name,
            wallet.service.as_str(),
            &days,
            wallet.low_credit_threshold,
        ),
    }
}

fn day(day: GlanceDay) -> Day {
    Day {
        day: day.day,
        sent: day.sent,
        balance: day.balance_at_end,
        topups: day.topups.into_iter().map(|topup| topup.credits).collect(),
    }
}
