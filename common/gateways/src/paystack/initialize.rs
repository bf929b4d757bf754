//! Opening a payment on the gateway's own page.

use super::envelope::{self, Said, Unsaid, answered_unknown};
use super::fields::{name, page_url, text};
use crate::http::Exchange;
use crate::payment::{InitializeRequest, Initialized};
use serde::Serialize;

/// The body: what is to be paid, and how the customer may pay and comes back.
#[derive(Serialize)]
pub(super) struct Body<'a> {
    reference: &'a str,
    amount: i64,
    currency: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    channels: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
}

impl<'a> Body<'a> {
    pub(super) fn of(request: &'a InitializeRequest<'_>) -> Self {
        Self {
            reference: request.reference.as_str(),
            amount: request.amount.amount_minor,
            currency: request.amount.currency.as_str(),
            email: request.email,
            channels: request.channels.iter().map(|channel| channel.as_str()).collect(),
            callback_url: request.callback_url,
            metadata: super::metadata(request.metadata),
        }
    }
}

/// Reads the answer to `request`.
pub(super) fn read(exchange: Exchange, request: &InitializeRequest<'_>) -> Initialized {
    match envelope::read(exchange).and_then(|said| page(&said, request)) {
        Ok(opened) => opened,
        Err(Unsaid::Unknown { reason, end }) => Initialized::Unknown { reason, end },
        Err(Unsaid::OurTrouble(trouble)) => Initialized::OurTrouble(trouble),
    }
}

fn page(said: &Said, request: &InitializeRequest<'_>) -> Result<Initialized, Unsaid> {
    if said.duplicate() {
        // A page was opened before, and may have been paid on: its address is not told again.
        let reason = "the payment gateway knows this reference already".to_owned();
        return Err(answered_unknown(reason));
    }
    if said.refused() {
        return Ok(Initialized::Refused {
            reason: said.told("the payment gateway opens no page"),
        });
    }
    let data = said.body.get("data").filter(|_| said.taken());
    let data = data.filter(|data| text(data, "reference").is_none_or(|it| it == request.reference.as_str()));
    let opened = data.and_then(|data| {
        Some(Initialized::Page {
            url: page_url(data, "authorization_url")?,
            access_code: name(data, "access_code"),
        })
    });
    opened.ok_or_else(|| said.unknown())
}

#[cfg(test)]
mod tests;
