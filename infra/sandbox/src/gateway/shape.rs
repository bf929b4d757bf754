//! The shape of a payment in answers and webhooks, with the hazards seen in real ones: fields that are null,
//! missing, of another type or padded. Which of them a payment has is drawn from its reference, and only
//! where the caller can do without: a hosted payment's card is always told whole.

use serde_json::{Value, json};

use crate::behaviour::Draw;
use crate::books::{Channel, Currency, Status, Transaction};
use crate::record::rfc3339;
use crate::world::World;

/// Where a payment is told of. The fields differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The answer to a charge: no `paid_at`, no `requested_amount`.
    Charge,
    /// The answer to a verification, and the list.
    Verification,
    /// A webhook.
    Webhook,
}

/// A payment as JSON.
pub fn transaction(world: &World, transaction: &Transaction, occasion: Occasion) -> Value {
    let asked = &transaction.asked;
    let draw = world.draw(&asked.reference);
    let created_at = rfc3339(transaction.created_at);
    let mut data = json!({
        "id": transaction.id,
        "domain": world.domain(),
        "status": transaction.status.word(),
        "reference": asked.reference,
        "amount": transaction.amount_minor,
        "currency": asked.currency.code(),
        "message": null,
        "gateway_response": transaction.gateway_response,
        "channel": transaction.channel.word(),
        "ip_address": null,
        "metadata": metadata(transaction, draw),
        "customer": customer(world, &asked.email),
        "authorization": authorization(transaction, draw),
        "plan": null,
    });
    if !draw.one_in(4, "fees missing") {
        data["fees"] = fees(transaction, draw);
    }
    if !draw.one_in(2, "log missing") {
        data["log"] = Value::Null;
    }
    match occasion {
        Occasion::Charge => data["transaction_date"] = created_at.into(),
        Occasion::Verification => {
            data["transaction_date"] = created_at.clone().into();
            data["receipt_number"] = Value::Null;
            told_later(&mut data, transaction, created_at);
        }
        Occasion::Webhook => told_later(&mut data, transaction, created_at),
    }
    data
}

fn told_later(data: &mut Value, transaction: &Transaction, created_at: String) {
    let paid_at = transaction.paid_at.map(rfc3339);
    data["paid_at"] = json!(paid_at);
    data["paidAt"] = json!(paid_at);
    data["createdAt"] = json!(created_at);
    data["created_at"] = json!(created_at);
    data["requested_amount"] = transaction.requested_minor.into();
}

/// A customer as JSON.
pub fn customer(world: &World, email: &str) -> Value {
    json!({
        "id": 181_873_746,
        "first_name": null,
        "last_name": null,
        "email": email,
        "customer_code": format!("CUS_{}", world.draw(email).code("customer")),
        "phone": null,
        "metadata": null,
        "risk_action": "default",
        "international_format_phone": null,
    })
}

/// What the caller sent comes back; where it sent nothing, one of several kinds of nothing.
fn metadata(transaction: &Transaction, draw: Draw<'_>) -> Value {
    match &transaction.asked.metadata {
        Some(metadata) if !metadata.is_null() => metadata.clone(),
        Some(_) | None => draw.pick("metadata", &[json!(""), json!(0), Value::Null, json!({})]),
    }
}

fn fees(transaction: &Transaction, draw: Draw<'_>) -> Value {
    match transaction.status {
        Status::Success | Status::Reversed if !draw.one_in(4, "fees null") => {
            (transaction.amount_minor / 100).saturating_mul(3).into()
        }
        Status::Success
        | Status::Reversed
        | Status::Abandoned
        | Status::Ongoing
        | Status::Pending
        | Status::Failed => Value::Null,
    }
}

fn authorization(transaction: &Transaction, draw: Draw<'_>) -> Value {
    let Some(code) = &transaction.authorization_code else {
        return json!({});
    };
    let country_code = country(transaction.asked.currency);
    match transaction.channel {
        Channel::MobileMoney => json!({
            "authorization_code": code, "bin": "254XXX", "last4": "X000", "exp_month": null, "exp_year": null,
            "channel": "mobile_money", "card_type": "", "bank": "M-PESA", "country_code": country_code,
            "brand": "M-pesa", "reusable": false, "signature": null, "account_name": null,
        }),
        Channel::Card => {
            let mut card = json!({
                "authorization_code": code, "bin": "408408", "last4": "4081", "exp_month": "12",
                "exp_year": "2030", "channel": "card", "card_type": "visa ", "bank": "TEST BANK",
                "country_code": country_code, "brand": "visa", "reusable": true,
                "signature": signature(code), "account_name": null,
            });
            // Nobody has to keep a card that is already kept.
            if transaction.page.is_none() {
                card["exp_month"] = draw.pick("exp_month", &[json!("12"), json!(12), Value::Null]);
                card["card_type"] =
                    draw.pick("card_type", &[json!("visa "), json!("visa"), json!("visa DEBIT")]);
                card["signature"] = draw.pick("signature", &[json!(signature(code)), Value::Null]);
                card["reusable"] = draw.pick("reusable", &[json!(true), Value::Null]);
            }
            card
        }
    }
}

/// What stays the same for a card: here, for its code.
fn signature(code: &str) -> String {
    format!("SIG_{}", Draw::new(0, code).code("signature"))
}

fn country(currency: Currency) -> &'static str {
    match currency {
        Currency::Zar => "ZA",
        Currency::Kes => "KE",
        Currency::Ngn => "NG",
        Currency::Ghs => "GH",
        Currency::Usd => "US",
    }
}
