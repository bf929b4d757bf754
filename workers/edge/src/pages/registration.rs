//! `/auto-topup/registrations/{id}`: where an account holder comes back to from the gateway's page. What is told comes from
//! the verified result alone, never from the coming back.

use super::auto_topup::HERE;
use super::catalogue::Key;
use super::onward::looks_again;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words::{self, Said, Tone};
use super::zone::{Trouble, Zone};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use std::sync::Arc;
use topup_rules::registration::RegistrationOutcome;
use topup_rules::topup::PaymentState;
use topup_store::RegistrationView;
use uuid::Uuid;

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new().route("/auto-topup/registrations/{id}", get(shown))
}

#[derive(Debug, Serialize)]
pub(super) struct RegistrationPage {
    pub(super) said: Said,
    /// What to do next.
    pub(super) todo: Option<String>,
    pub(super) service: &'static str,
    pub(super) threshold: String,
    pub(super) quantity: String,
    pub(super) card: Option<String>,
    pub(super) charge: String,
    /// What becomes of the charge.
    pub(super) given_back: Option<String>,
    /// The gateway's page, which can still be paid on.
    pub(super) checkout_url: Option<String>,
    /// To try again.
    pub(super) again: Option<String>,
    /// It is looked at again by itself.
    pub(super) is_looking: bool,
    pub(super) here: String,
}

async fn shown(
    State(zone): State<Arc<Zone>>,
    Path(id): Path<String>,
    who: SignedIn,
) -> Result<Response, Trouble> {
    let id: Uuid = id.parse().map_err(|_| Trouble::NotFound)?;
    let store = &zone.database()?.store;
    let account = who.account.account_id;
    let view = store.registration(account, id).await?.ok_or(Trouble::NotFound)?;
    if view.outcome.is_none() {
        store.hasten(account, &view.reference).await?;
    }
    let here = format!("{HERE}/registrations/{id}");
    let page = page(&who.voice, &view, here);
    let response = zone.page("registration.html", &zone.inside(&who, &page.here), &page)?;
    Ok(match page.is_looking {
        true => looks_again(response, view.agreed_at, who.now),
        false => response,
    })
}

pub(super) fn page(voice: &Voice, view: &RegistrationView, here: String) -> RegistrationPage {
    let is_parked = view.state == PaymentState::Parked;
    let (tone, tag, text, todo) = match view.outcome {
        None if is_parked => (Tone::Warn, Key("state-parked"), Key("topup-parked"), None),
        None => (
            Tone::Plain,
            Key("state-confirming"),
            Key("registration-open"),
            view.checkout_url.is_some().then_some(Key("registration-unpaid")),
        ),
        Some(RegistrationOutcome::Enabled) => (Tone::Good, Key("auto-on"), Key("registration-enabled"), None),
        Some(RegistrationOutcome::NotEnabled) => (
            Tone::Warn,
            Key("registration-not-enabled-tag"),
            Key("registration-not-enabled"),
            Some(Key("registration-not-enabled-todo")),
        ),
        Some(RegistrationOutcome::Failed) => (
            Tone::Bad,
            Key("state-failed"),
            Key("registration-failed"),
            Some(Key("registration-failed-todo")),
        ),
    };
    let text = match view.reason.as_deref().filter(|_| view.outcome.is_some()) {
        Some(reason) => format!("{} {}", voice.text(text), words::refusal(reason)),
        None => voice.text(text),
    };
    let is_paid = matches!(
        view.outcome,
        Some(RegistrationOutcome::Enabled | RegistrationOutcome::NotEnabled)
    );
    let given_back = match (view.is_refunded, view.is_refund_due) {
        (true, _) => Some(Key("charge-given-back")),
        (false, true) => Some(Key("charge-going-back")),
        (false, false) if is_paid => Some(Key("charge-kept")),
        (false, false) => None,
    };
    let is_over_without = matches!(
        view.outcome,
        Some(RegistrationOutcome::NotEnabled | RegistrationOutcome::Failed)
    );
    RegistrationPage {
        said: Said {
            tone,
            tag: voice.text(tag),
            text,
        },
        todo: todo.map(|todo| voice.text(todo)),
        service: Voice::service(view.service),
        threshold: voice.credits(view.threshold),
        quantity: voice.credits(view.quantity),
        card: card(voice, view),
        charge: voice.money(view.amount),
        given_back: given_back.map(|key| voice.text(key)),
        checkout_url: view.checkout_url.clone().filter(|_| view.outcome.is_none()),
        again: is_over_without.then(|| format!("{HERE}/{}", view.service)),
        is_looking: view.outcome.is_none() && !is_parked,
        here,
    }
}

fn card(voice: &Voice, view: &RegistrationView) -> Option<String> {
    view.card_last4.as_ref()?;
    Some(words::card_named(
        voice,
        view.card_brand.as_deref(),
        view.card_last4.as_deref(),
    ))
}
