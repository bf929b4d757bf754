//! The shape of a payment in answers and webhooks, with the hazards seen in real ones: fields that are null, of
//! another type or padded, and in webhooks also missing. Which of them a payment has is drawn from its reference, and
//! only where the caller can do without: a hosted payment's card is always told whole.
//!
//! Answers bear every field that the gateway's published description promises; webhooks are not part of it.

use serde_json::{Value, json};

use crate::behaviour::Draw;
use crate::books::{Currency, PaidWith, PhoneWallet, Status, Transaction};
use crate::record::rfc3339;
use crate::world::World;

/// Where a payment is told of. The fields differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The answer to a charge: no `paid_at`, no `requested_amount`.
    Charge,
    /// The answer to a verification.
    Verification,
    /// An entry of the list.
    List,
    /// A webhook.
    Webhook,
}

/// A payment as JSON.
pub fn transaction(world: &World, transaction: &Transaction, occasion: Occasion) -> Value {
    let asked = &transaction.asked;
    let draw = world.draw(&asked.reference);
    let mut data = json!({
        "id": transaction.id,
        "domain": world.domain(),
        "status": transaction.status.word(),
        "reference": asked.reference,
        "amount": transaction.amount_minor,
        "currency": asked.currency.code(),
        "message": null,
        "gateway_response": transaction.gateway_response,
        "channel": transaction.channel().word(),
        "ip_address": null,
        "metadata": metadata(transaction, draw),
        "log": null,
        "fees": fees(transaction, draw),
        "customer": customer(world, &asked.email),
        "authorization": authorization(transaction, draw),
        "plan": null,
    });
    let created_at = json!(rfc3339(transaction.created_at));
    match occasion {
        Occasion::Charge => data["transaction_date"] = created_at,
        Occasion::Verification => {
            told_later(&mut data, transaction, &created_at);
            data["transaction_date"] = created_at;
            data["receipt_number"] = Value::Null;
            data["fees_breakdown"] = Value::Null;
            data["plan_object"] = json!({});
        }
        Occasion::List => {
            told_later(&mut data, transaction, &created_at);
            data["plan"] = json!({});
        }
        Occasion::Webhook => {
            told_later(&mut data, transaction, &created_at);
            data["plan"] = json!({});
            leave_out(&mut data, transaction, draw);
        }
    }
    data
}

/// What is told once the call itself is over.
fn told_later(data: &mut Value, transaction: &Transaction, created_at: &Value) {
    let paid_at = json!(transaction.paid_at.map(rfc3339));
    for (field, value) in [
        ("paid_at", paid_at.clone()),
        ("paidAt", paid_at),
        ("created_at", created_at.clone()),
        ("createdAt", created_at.clone()),
        ("requested_amount", transaction.requested_minor.into()),
        ("fees_split", Value::Null),
        ("order_id", Value::Null),
        ("pos_transaction_data", Value::Null),
        ("source", Value::Null),
        ("connect", Value::Null),
        ("split", json!({})),
        ("subaccount", json!({})),
    ] {
        data[field] = value;
    }
}

fn leave_out(data: &mut Value, transaction: &Transaction, draw: Draw<'_>) {
    let on_top = transaction.amount_minor > transaction.requested_minor;
    if let Some(fields) = data.as_object_mut() {
        for field in ["fees", "log", "connect", "order_id"] {
            if draw.one_in(2, field) && !(on_top && field == "fees") {
                fields.remove(field);
            }
        }
    }
}

/// A payment as it stands in the answer to a refund of it.
pub fn refunded(world: &World, transaction: &Transaction) -> Value {
    let paid_at = transaction.paid_at.map(rfc3339);
    json!({
        "id": transaction.id,
        "domain": world.domain(),
        "reference": transaction.asked.reference,
        "amount": transaction.amount_minor,
        "paid_at": paid_at,
        "channel": transaction.channel().word(),
        "currency": transaction.asked.currency.code(),
        "authorization": {"exp_month": null, "exp_year": null, "account_name": null},
        "customer": {"international_format_phone": null},
        "plan": {},
        "subaccount": {"currency": null},
        "split": {},
        "order_id": null,
        "paidAt": paid_at,
        "pos_transaction_data": null,
        "source": null,
        "fees_breakdown": null,
    })
}

/// A payment as it stands in the webhook of a dispute: without card and customer.
pub fn disputed(world: &World, disputed: &Transaction) -> Value {
    let mut data = transaction(world, disputed, Occasion::Webhook);
    data["authorization"] = json!({});
    data["customer"] = json!({"international_format_phone": null});
    data
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

/// What the caller sent comes back, an object even where it came written out as text; where it sent nothing, one of
/// several kinds of nothing.
fn metadata(transaction: &Transaction, draw: Draw<'_>) -> Value {
    match &transaction.asked.metadata {
        Some(Value::String(text)) if !text.is_empty() => {
            serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into())
        }
        Some(metadata) if !metadata.is_null() => metadata.clone(),
        Some(_) | None => draw.pick("metadata", &[json!(""), json!(0), Value::Null, json!({})]),
    }
}

/// What the gateway takes for it; where the customer bears that, it is what was paid on top, and always told.
fn fees(transaction: &Transaction, draw: Draw<'_>) -> Value {
    let on_top = transaction
        .amount_minor
        .saturating_sub(transaction.requested_minor);
    if on_top > 0 {
        return on_top.into();
    }
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
    match transaction.paid_with {
        PaidWith::Phone(wallet) => {
            // As it spells the one that its samples show.
            let (bank, brand) = match wallet {
                PhoneWallet::Mpesa => ("M-PESA", "M-pesa"),
                PhoneWallet::AirtelMoney
                | PhoneWallet::Mtn
                | PhoneWallet::Telecel
                | PhoneWallet::AirtelTigo => (wallet.name(), wallet.name()),
            };
            json!({
                "authorization_code": code, "bin": "254XXX", "last4": "X000", "exp_month": null,
                "exp_year": null, "channel": "mobile_money", "card_type": "", "bank": bank,
                "country_code": country_code, "brand": brand, "reusable": false, "signature": null,
                "account_name": null,
            })
        }
        PaidWith::Card { last4 } => {
            let mut card = json!({
                "authorization_code": code, "bin": "408408", "last4": last4, "exp_month": "12",
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
