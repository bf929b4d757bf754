//! Values as the interface writes and reads them: credits as decimal texts, money with its currency, names from paths.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Display;
use std::str::FromStr;
use topup_rules::credits::Credits;
use topup_rules::money::{Currency, Money};
use utoipa::openapi::schema::{Object, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

/// Credits as they are told: a decimal text, so that no reader takes them for a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditsText(pub Credits);

impl Serialize for CreditsText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl From<Credits> for CreditsText {
    fn from(credits: Credits) -> Self {
        Self(credits)
    }
}

fn decimal_text() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .pattern(Some(r"^-?\d+(\.\d{1,3})?$"))
        .examples([serde_json::json!("1.5")])
}

impl utoipa::PartialSchema for CreditsText {
    fn schema() -> RefOr<Schema> {
        let text = decimal_text().description(Some("Credits: a decimal with at most 3 places, as a string"));
        RefOr::T(Schema::Object(text.build()))
    }
}

impl utoipa::ToSchema for CreditsText {
    fn name() -> std::borrow::Cow<'static, str> {
        "Credits".into()
    }
}

/// Credits as they are given: a decimal text or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct CreditsGiven(pub Credits);

impl utoipa::PartialSchema for CreditsGiven {
    fn schema() -> RefOr<Schema> {
        let number: Object = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Number))
            .multiple_of(Some(0.001))
            .build();
        let either = OneOfBuilder::new()
            .item(decimal_text())
            .item(number)
            .description(Some(
                "Credits: a decimal with at most 3 places, as a string or a number",
            ));
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl utoipa::ToSchema for CreditsGiven {
    fn name() -> std::borrow::Cow<'static, str> {
        "CreditsGiven".into()
    }
}

/// Money: an integer of the currency's minor unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Money, example = json!({"amount_minor": 35247, "currency": "ZAR"}))]
pub struct MoneyView {
    /// In the currency's minor unit.
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self {
            amount_minor: money.amount_minor,
            currency: money.currency,
        }
    }
}

/// What credits are for.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Service, rename_all = "lowercase", example = "sms")]
pub enum ServiceName {
    /// Text messages.
    Sms,
    /// WhatsApp messages.
    Whatsapp,
}

/// How a wallet is topped up automatically.
#[derive(Debug, utoipa::ToSchema)]
#[schema(as = Method, rename_all = "lowercase", example = "card")]
pub enum MethodName {
    /// A saved card is charged.
    Card,
    /// Credits come from the main account.
    Transfer,
}

/// A name of the rules' as a path or a query says it: whatever can be read from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<T>(pub T);

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_rules::account::Method;
    use topup_rules::ids::Service;

    fn told<T: utoipa::PartialSchema>() -> serde_json::Value {
        serde_json::to_value(T::schema()).unwrap()["enum"].clone()
    }

    #[test]
    fn the_document_names_what_the_rules_know() {
        assert_eq!(told::<ServiceName>(), serde_json::to_value(Service::ALL).unwrap());
        assert_eq!(told::<MethodName>(), serde_json::to_value(Method::ALL).unwrap());
    }
}
