//! `/subs`: what a main account sees of its sub accounts, and how each is topped up.
//!
//! Nobody else gets here: an account that is not the reader's sub is not there.

use super::auto_topup::{Newest, attempt, mending, newest, state};
use super::catalogue::Key;
use super::form::Form;
use super::once;
use super::settings::prefix;
use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words::Said;
use super::zone::Zone;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::account::Method;
use topup_rules::ids::{AccountId, Service};
use topup_rules::settings::Actor;
use topup_store::{AccountView, AutoTopupView, WalletView};

pub(super) const HERE: &str = "/subs";
/// Sub accounts of a page.
const SUBS_PER_PAGE: u16 = 50;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route(HERE, get(listed))
        .route("/subs/{sub}", get(shown))
}

/// Where a page begins.
#[derive(Debug, Deserialize)]
struct After {
    after: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct SubsView {
    pub(super) subs: Vec<SubLine>,
    /// The address of the next page.
    pub(super) next: Option<String>,
    pub(super) is_first: bool,
}

/// A sub account in the list.
#[derive(Debug, Serialize)]
pub(super) struct SubLine {
    pub(super) number: String,
    pub(super) href: String,
    pub(super) wallets: Vec<SubLineWallet>,
}

/// A wallet of it.
#[derive(Debug, Serialize)]
pub(super) struct SubLineWallet {
    pub(super) service: &'static str,
    pub(super) credits: String,
    pub(super) said: Said,
}

async fn listed(
    State(zone): State<Arc<Zone>>,
    who: SignedIn,
    Query(page): Query<After>,
) -> Result<Response, Trouble> {
    if !who.account.has_subs {
        return Err(Trouble::NotFound);
    }
    let after = page.after.map(|after| after.parse::<AccountId>()).transpose();
    let after = after.map_err(|_| Trouble::NotFound)?;
    let main = who.account.account_id;
    let store = &zone.database()?.store;
    // One more than the page shows says whether there is a next one.
    let mut subs = store.subs(main, after, SUBS_PER_PAGE.saturating_add(1)).await?;
    let has_more = subs.len() > usize::from(SUBS_PER_PAGE);
    subs.truncate(usize::from(SUBS_PER_PAGE));
    let last = subs.last().filter(|_| has_more);
    let view = SubsView {
        next: last.map(|last| format!("{HERE}?after={}", last.account_id)),
        is_first: after.is_none(),
        subs: subs.iter().map(|sub| line(&who.voice, sub)).collect(),
    };
    zone.page("subs.html", &zone.inside(&who, HERE), &view)
}

fn line(voice: &Voice, sub: &AccountView) -> SubLine {
    let wallets = sub.wallets.iter().map(|wallet| SubLineWallet {
        service: Voice::service(wallet.service),
        credits: voice.credits(wallet.credits),
        said: stands(voice, wallet.auto_topup.as_ref()),
    });
    SubLine {
        number: sub.account_id.to_string(),
        href: format!("{HERE}/{}", sub.account_id),
        wallets: wallets.collect(),
    }
}

/// How a sub's wallet is topped up, as its main reads it. What a card is charged is the sub's own business.
fn stands(voice: &Voice, settings: Option<&AutoTopupView>) -> Said {
    let said = state(voice, settings, |_| None);
    let Some(settings) = settings.filter(|settings| settings.enabled) else {
        return said;
    };
    let key = match settings.method {
        Method::Card => Key("sub-when-card"),
        Method::Transfer => Key("sub-when-transfer"),
    };
    let (threshold, quantity) = (
        voice.credits(settings.threshold),
        voice.credits(settings.quantity),
    );
    Said {
        text: voice.with(key, &[("threshold", &threshold), ("quantity", &quantity)]),
        ..said
    }
}

/// A sub account.
#[derive(Debug, Serialize)]
pub(super) struct SubView {
    /// What was wrong, of whichever form.
    pub(super) form: Form,
    pub(super) number: String,
    pub(super) here: String,
    pub(super) wallets: Vec<SubWallet>,
    pub(super) moving: Form,
    /// Services that both have, with what each has of them.
    pub(super) services: Vec<Shared>,
    pub(super) request: String,
}

/// A wallet of a sub account.
#[derive(Debug, Serialize)]
pub(super) struct SubWallet {
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) credits: String,
    pub(super) said: Said,
    pub(super) mend: Option<String>,
    pub(super) newest: Option<Newest>,
    pub(super) form: Form,
    pub(super) can: MainCan,
}

/// What a main can do about a sub's automatic top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MainCan {
    /// Set it up, by transfer.
    SetUp,
    /// Change it, or end it.
    Change,
    /// End it: it is by the sub's own card.
    End,
}

/// A service that both accounts have.
#[derive(Debug, Serialize)]
pub(super) struct Shared {
    pub(super) id: &'static str,
    pub(super) service: &'static str,
    pub(super) mine: String,
    pub(super) theirs: String,
    pub(super) is_chosen: bool,
}

/// The forms that were sent and are shown again.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) auto: Option<(Service, Form)>,
    pub(super) moving: Option<(Option<Service>, Form)>,
}

/// The reader's sub.
pub(super) async fn sub_of(zone: &Zone, who: &SignedIn, number: &str) -> Result<AccountView, Trouble> {
    let id: AccountId = number.parse().map_err(|_| Trouble::NotFound)?;
    let store = &zone.database()?.store;
    let sub = store.account_view(id).await?.ok_or(Trouble::NotFound)?;
    // What a main alone may.
    who.may_to(Act::MoveCredits, &sub)?;
    Ok(sub)
}

async fn shown(
    State(zone): State<Arc<Zone>>,
    Path(number): Path<String>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let sub = sub_of(&zone, &who, &number).await?;
    page(&zone, &who, &sub, Sent::default()).await
}

pub(super) async fn page(
    zone: &Zone,
    who: &SignedIn,
    sub: &AccountView,
    sent: Sent,
) -> Result<Response, Trouble> {
    let mut wallets = Vec::with_capacity(sub.wallets.len());
    for stands in &sub.wallets {
        wallets.push(wallet(zone, who, sub, stands, sent.auto.as_ref()).await?);
    }
    let (chosen, moving) = match sent.moving {
        Some((chosen, form)) => (chosen, form),
        None => (None, Form::new("move-").value("direction", "to-sub")),
    };
    let wrong = sent.auto.map(|(_, form)| form);
    let here = format!("{HERE}/{}", sub.account_id);
    let view = SubView {
        form: wrong.unwrap_or_else(|| moving.clone()),
        number: sub.account_id.to_string(),
        services: shared(who, sub, chosen),
        request: once::fresh(),
        wallets,
        moving,
        here,
    };
    let frame = zone.inside(who, &view.here).with_done(who.done());
    let mut response = zone.page("sub.html", &frame, &view)?;
    if !view.form.is_fine() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

async fn wallet(
    zone: &Zone,
    who: &SignedIn,
    sub: &AccountView,
    wallet: &WalletView,
    sent: Option<&(Service, Form)>,
) -> Result<SubWallet, Trouble> {
    let voice = &who.voice;
    let settings = wallet.auto_topup.as_ref();
    let newest = newest(&zone.database()?.store, sub.account_id, wallet.service).await?;
    let kept = || {
        let form = Form::new(prefix(wallet.service));
        match settings {
            Some(settings) => form
                .value("threshold", voice.field(settings.threshold))
                .value("quantity", voice.field(settings.quantity)),
            None => form,
        }
    };
    let sent = sent.filter(|(service, _)| *service == wallet.service);
    let is_enabled = settings.is_some_and(|settings| settings.enabled);
    Ok(SubWallet {
        id: wallet.service.as_str(),
        service: Voice::service(wallet.service),
        credits: voice.credits(wallet.credits),
        said: stands(voice, settings),
        mend: mending(voice, settings, newest.as_ref(), Actor::ItsMain, wallet.credits),
        newest: newest.map(|topup| attempt(who, &topup, is_enabled)),
        form: sent.map_or_else(kept, |(_, form)| form.clone()),
        can: match settings.filter(|settings| settings.enabled) {
            None => MainCan::SetUp,
            Some(settings) => match settings.method {
                Method::Transfer => MainCan::Change,
                Method::Card => MainCan::End,
            },
        },
    })
}

fn shared(who: &SignedIn, sub: &AccountView, chosen: Option<Service>) -> Vec<Shared> {
    let services = sub.wallets.iter().filter_map(|theirs| {
        let mut own = who.account.wallets.iter();
        let mine = own.find(|mine| mine.service == theirs.service)?;
        Some(Shared {
            id: theirs.service.as_str(),
            service: Voice::service(theirs.service),
            mine: who.voice.credits(mine.available),
            theirs: who.voice.credits(theirs.available),
            is_chosen: chosen == Some(theirs.service),
        })
    });
    services.collect()
}
