//! `/auto-topup/registrations/{id}`: where an account holder comes back to from the gateway's page. What is told comes from
//! the verified result alone, never from the coming back.

use super::auto_topup::HERE;
use super::catalogue::Key;
use super::onward::looks_again;
use super::trouble::Trouble;
use super::visitor::SignedIn;
use super::voice::Voice;
use super::words::{self, Said, Tone};
use super::zone::Zone;
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
        Some(reason) => format!("{} {}", voice.text(text), words::told(voice, reason)),
        None => voice.text(text),
    };
    let is_paid = matches!(
        view.outcome,
        Some(RegistrationOutcome::Enabled | RegistrationOutcome::NotEnabled)
    );
    let given_back = if view.is_refunded {
        Some(Key("charge-given-back"))
    } else if view.is_refund_due {
        Some(Key("charge-going-back"))
    } else if view.has_refund_failed {
        Some(Key("charge-refund-failed"))
    } else {
        is_paid.then_some(Key("charge-kept"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::catalogue::Catalogue;
    use crate::pages::language::Language;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use std::sync::Arc;
    use topup_rules::credits::Credits;
    use topup_rules::ids::{AccountId, Reference, Service};
    use topup_rules::money::Money;

    fn enabled() -> RegistrationView {
        let id = Uuid::nil();
        RegistrationView {
            id,
            service: Service::Sms,
            threshold: Credits::from_milli(100_000),
            quantity: Credits::from_milli(500_000),
            terms_version: "1".to_owned(),
            agreed_at: Timestamp::UNIX_EPOCH,
            amount: Money::new(100, "ZAR".parse().expect("a currency")),
            reference: Reference::of_registration(AccountId::new(1).expect("positive"), id),
            state: PaymentState::Succeeded,
            outcome: Some(RegistrationOutcome::Enabled),
            reason: None,
            ended_at: Some(Timestamp::UNIX_EPOCH),
            checkout_url: None,
            card_last4: Some("4081".to_owned()),
            card_brand: None,
            is_refunded: false,
            is_refund_due: false,
            has_refund_failed: false,
        }
    }

    #[test]
    fn what_became_of_the_charge_is_said_as_it_is() {
        let said = |view: &RegistrationView| {
            let catalogue = Arc::new(Catalogue::new().expect("texts"));
            let voice = Voice::new(catalogue, Language::English, TimeZone::UTC);
            page(&voice, view, String::new()).given_back.unwrap_or_default()
        };
        let kept = enabled();
        let due = RegistrationView {
            is_refund_due: true,
            ..enabled()
        };
        let failed = RegistrationView {
            has_refund_failed: true,
            ..enabled()
        };
        let unpaid = RegistrationView {
            outcome: Some(RegistrationOutcome::Failed),
            ..enabled()
        };
        let made = RegistrationView {
            is_refunded: true,
            ..enabled()
        };
        assert_eq!(said(&kept), "It is not given back, and bought no credits.");
        assert_eq!(said(&due), "It is being given back to the card.");
        assert_eq!(
            said(&failed),
            "It was to be given back to the card, and that has not worked yet. We are seeing to it; you need not do \
             anything."
        );
        assert_eq!(said(&made), "It was given back to the card.");
        assert_eq!(said(&unpaid), "");
    }
}
