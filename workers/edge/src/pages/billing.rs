//! What receipts are made out to (P2): asked with a purchase and in the settings, kept for the next time.

use super::catalogue::Key;
use super::form::{Fields, Form};
use super::settings::{self, Forms};
use super::trouble::Trouble;
use super::visitor::{SignedPost, on_to};
use super::voice::Voice;
use super::zone::Zone;
use crate::invoicing::fits;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use std::sync::Arc;
use topup_rules::access::Act;
use topup_store::Billing;

/// Its fields.
pub(super) const NAMES: [&str; 3] = ["name", "address", "tax_number"];
/// In front of each field's name, in the settings.
pub(super) const PREFIX: &str = "billing-";

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new().route("/settings/billing", post(sent))
}

/// What is kept, where nothing was typed yet.
pub(super) fn kept(form: Form, billing: Option<&Billing>) -> Form {
    let Some(billing) = billing.filter(|_| !NAMES.iter().any(|name| form.has(name))) else {
        return form;
    };
    form.value("name", billing.name.clone())
        .value("address", billing.address.clone())
        .value("tax_number", billing.tax_number.clone().unwrap_or_default())
}

/// What was typed; none where nothing was. `Err`: it does not fit, as the form says.
pub(super) fn read(form: &mut Form, fields: &Fields, voice: &Voice) -> Result<Option<Billing>, ()> {
    let line = |name| fields.get(name).replace("\r\n", "\n");
    let billing = Billing {
        name: line("name"),
        address: line("address"),
        tax_number: Some(line("tax_number")).filter(|text| !text.is_empty()),
    };
    if billing.name.is_empty() && billing.address.is_empty() && billing.tax_number.is_none() {
        return Ok(None);
    }
    match fits(&billing) {
        Ok(()) => Ok(Some(billing)),
        Err(unfit) => {
            let text = match (unfit.field, billing.name.trim().is_empty()) {
                ("name", true) => voice.text(Key("billing-name-missing")),
                _ => voice.count(
                    Key("billing-unfit"),
                    i64::try_from(unfit.max_chars).unwrap_or(i64::MAX),
                ),
            };
            form.wrong(unfit.field, text);
            Err(())
        }
    }
}

async fn sent(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    who.may(Act::SetContact)?;
    let mut form = Form::new(PREFIX).typed(&fields, &NAMES);
    match read(&mut form, &fields, &who.voice) {
        Ok(Some(billing)) => {
            let store = &zone.database()?.store;
            store.set_billing(who.account.account_id, &billing).await?;
            return Ok(on_to("/settings?done=billing"));
        }
        Ok(None) => form.wrong("name", who.voice.text(Key("billing-name-missing"))),
        Err(()) => {}
    }
    settings::page(&zone, &who, Forms::of_billing(form)).await
}
