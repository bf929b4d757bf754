//! `/subs/{sub}/…`: what a main account does for a sub: automatic top-up by transfer, and credits moved by hand (E2, E5, E6,
//! X5).

use super::auto_topup::{OffView, off};
use super::auto_topup_card::{Figures, refuse};
use super::catalogue::Key;
use super::form::{Fields, Form};
use super::once;
use super::settings::prefix;
use super::subs::{HERE, Sent, page, sub_of};
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::voice::Voice;
use super::words;
use super::zone::Zone;
use crate::auto_topup::{disable, set_figures};
use crate::moving::{Direction, Move, Moving, REASON_DEFAULT, move_credits, moved_by};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;
use topup_rules::access::Act;
use topup_rules::account::Method;
use topup_rules::ids::{Service, WalletKey};
use topup_store::{AccountView, AdjustRefusal, ByHand, RequestBegun, SettingsChange};
use uuid::Uuid;

/// What is kept with a move that was made: where its form led to.
const SEE_OTHER: u16 = 303;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route("/subs/{sub}/auto-topup/{service}", post(by_transfer))
        .route("/subs/{sub}/auto-topup/{service}/disable", get(asked).post(ended))
        .route("/subs/{sub}/move", post(moved))
}

/// A wallet of the sub's.
fn wallet(sub: &AccountView, service: &str) -> Result<WalletKey, Trouble> {
    let mut wallets = sub.wallets.iter();
    let found = wallets.find(|wallet| wallet.service.as_str() == service);
    Ok(WalletKey {
        account: sub.account_id,
        service: found.ok_or(Trouble::NotFound)?.service,
    })
}

fn there(sub: &AccountView, done: &str) -> Response {
    on_to(&format!("{HERE}/{}?done={done}", sub.account_id))
}

async fn by_transfer(
    State(zone): State<Arc<Zone>>,
    Path((number, service)): Path<(String, String)>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    let sub = sub_of(&zone, &who, &number).await?;
    who.may_to(Act::SetAutoTopup, &sub)?;
    let wallet = wallet(&sub, &service)?;
    let mut form = Form::new(prefix(wallet.service)).typed(&fields, &["threshold", "quantity"]);
    if let Some(Figures { threshold, quantity }) = Figures::read(&mut form, &fields, &who.voice) {
        let (store, by) = (&zone.database()?.store, who.account.account_id);
        match set_figures(store, wallet, by, Method::Transfer, threshold, quantity).await? {
            SettingsChange::Done(_) => return Ok(there(&sub, "auto-topup")),
            SettingsChange::Refused(refusal) => refuse(&mut form, &who.voice, &refusal),
            SettingsChange::NoWallet => return Err(Trouble::NotFound),
        }
    }
    let sent = Sent {
        auto: Some((wallet.service, form)),
        moving: None,
    };
    page(&zone, &who, &sub, sent).await
}

async fn asked(
    State(zone): State<Arc<Zone>>,
    Path((number, service)): Path<(String, String)>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let sub = sub_of(&zone, &who, &number).await?;
    let wallet = wallet(&sub, &service)?;
    off_page(&zone, &who, &sub, wallet, Form::new(""))
}

fn off_page(
    zone: &Zone,
    who: &SignedIn,
    sub: &AccountView,
    wallet: WalletKey,
    form: Form,
) -> Result<Response, Trouble> {
    let mut wallets = sub.wallets.iter();
    let stands = wallets.find(|it| it.service == wallet.service);
    let method = stands
        .and_then(|it| it.auto_topup.as_ref())
        .map(|auto| auto.method);
    let (service, number) = (Voice::service(wallet.service), sub.account_id.to_string());
    let back = format!("{HERE}/{number}");
    let view = OffView {
        title: who.voice.with(
            Key("off-title-sub"),
            &[("service", service), ("account", &number)],
        ),
        text: who.voice.text(match method {
            Some(Method::Card) => Key("off-card-by-main"),
            Some(Method::Transfer) | None => Key("off-transfer"),
        }),
        action: format!("{back}/auto-topup/{}/disable", wallet.service),
        back,
        form,
    };
    off(zone, who, &view)
}

async fn ended(
    State(zone): State<Arc<Zone>>,
    Path((number, service)): Path<(String, String)>,
    SignedPost { who, fields: _ }: SignedPost,
) -> Result<Response, Trouble> {
    let sub = sub_of(&zone, &who, &number).await?;
    who.may_to(Act::DisableAutoTopup, &sub)?;
    let wallet = wallet(&sub, &service)?;
    let store = &zone.database()?.store;
    match disable(store, wallet, who.account.account_id).await? {
        SettingsChange::Done(_) => Ok(there(&sub, "auto-topup-off")),
        SettingsChange::Refused(refusal) => {
            let mut form = Form::new("");
            form.refuse(words::refusal(&who.voice, &refusal));
            off_page(&zone, &who, &sub, wallet, form)
        }
        SettingsChange::NoWallet => Err(Trouble::NotFound),
    }
}

async fn moved(
    State(zone): State<Arc<Zone>>,
    Path(number): Path<String>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    let sub = sub_of(&zone, &who, &number).await?;
    let service = wallet(&sub, fields.get("service"))?.service;
    let direction = match fields.get("direction") {
        "to-sub" => Direction::ToSub,
        "from-sub" => Direction::FromSub,
        _ => return Err(Trouble::Malformed),
    };
    let mut form = Form::new("move-").typed(&fields, &["credits", "direction"]);
    match fields.credits("credits", who.voice.language()) {
        None => form.wrong("credits", who.voice.text(Key("figure-wrong"))),
        Some(credits) => {
            let wanted = Move {
                main: who.account.account_id,
                sub: sub.account_id,
                direction,
                service,
                credits,
            };
            match move_once(&zone, &who, &fields, wanted).await? {
                None => return Ok(there(&sub, "moving")),
                Some(Moving::Done) => return Ok(there(&sub, "moved")),
                // That the reader may, was asked before.
                Some(Moving::Denied(_)) => return Err(Trouble::NotFound),
                Some(Moving::Refused(refusal)) => tell(&mut form, &who.voice, &refusal),
            }
        }
    }
    let sent = Sent {
        auto: None,
        moving: Some((Some(service), form)),
    };
    page(&zone, &who, &sub, sent).await
}

/// The rules' words, beside the field that they are about.
fn tell(form: &mut Form, voice: &Voice, refusal: &AdjustRefusal) {
    let text = words::refusal(voice, refusal);
    match refusal {
        AdjustRefusal::Zero
        | AdjustRefusal::NotPositive
        | AdjustRefusal::OutOfBounds(_)
        | AdjustRefusal::TooLittle { .. } => form.wrong("credits", text),
        AdjustRefusal::NoWallet(_) | AdjustRefusal::NotRelated { .. } | AdjustRefusal::NoReason => {
            form.refuse(text);
        }
    }
}

/// A form that is sent twice moves once: the ledger's entries are named after it and the moment of its first try. None:
/// the same form is just being dealt with, and nobody knows yet to what end.
async fn move_once(
    zone: &Zone,
    who: &SignedIn,
    fields: &Fields,
    wanted: Move,
) -> Result<Option<Moving>, Trouble> {
    let id = named(who, fields, wanted)?;
    let database = zone.database()?;
    let (store, login, key) = (&database.store, who.session.login, id.to_string());
    let at = match store.begin_request(login, &key, id.as_bytes()).await? {
        RequestBegun::New { begun_at } => begun_at,
        // What did not move anything is not kept.
        RequestBegun::Same { .. } => return Ok(Some(Moving::Done)),
        RequestBegun::InHand => return Ok(None),
        RequestBegun::Other => return Err(Trouble::Malformed),
    };
    let by_hand = ByHand {
        id,
        at,
        reason: REASON_DEFAULT.to_owned(),
        by: moved_by(wanted.main),
    };
    let moving = move_credits(database, &who.leave(), wanted, &by_hand).await;
    match &moving {
        Ok(Moving::Done) => store.end_request(login, &key, SEE_OTHER, None, &[]).await?,
        // It may be tried again at once, and finds itself if it was done.
        Ok(Moving::Denied(_) | Moving::Refused(_)) | Err(_) => store.release_request(login, &key).await?,
    }
    Ok(Some(moving?))
}

fn named(who: &SignedIn, fields: &Fields, wanted: Move) -> Result<Uuid, Trouble> {
    let service: Service = wanted.service;
    let direction = match wanted.direction {
        Direction::ToSub => "to-sub",
        Direction::FromSub => "from-sub",
    };
    let (sub, credits) = (wanted.sub.to_string(), wanted.credits.to_string());
    once::id(who, fields, &[&sub, service.as_str(), direction, &credits])
}
